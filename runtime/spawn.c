/* SPDX-License-Identifier: MIT */
/* The spawn calls: check, find the runtime, copy the frame in, start. */
#include <errno.h>
#include <string.h>

#include <pirn/runtime.h>

#include "runtime/runtime.h"
#include "runtime/scheduler/local_set.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/harness.h"
#include "task/task.h"

pirn_handle *pirn__runtime_resolve(pirn_handle *h, const char *call)
{
    if (h == NULL)
        h = context_handle();
    if (UNLIKELY(h == NULL))
        (void)pirn__error(PIRN_ENORUNTIME, "%s: no handle given, and this thread is in no runtime",
                          call);
    return h;
}

/* How a spawn was asked for. */
struct spawn_call {
    const char *name;
    const void *site;
    bool blocking; /* as if PIRN_TASK_BLOCKING were set */
};

static bool is_blocking(const pirn_task_desc *d, const struct spawn_call *call)
{
    return call->blocking || (d->flags & PIRN_TASK_BLOCKING);
}

/* Checks, and makes the cell. Return: 0 and *@cell, the frame not filled in. */
static int prepare(pirn_handle *h, const pirn_task_desc *d, const struct spawn_call *call,
                   bool joined, bool tail, struct header **cell)
{
    struct cell_layout layout;
    struct sched *s;
    int r = pirn__task_prepare(d, &layout);

    if (UNLIKELY(r != 0))
        return r;
    h = pirn__runtime_resolve(h, call->name);
    if (UNLIKELY(h == NULL))
        return PIRN_ENORUNTIME;
    s = UNLIKELY(is_blocking(d, call)) ? &h->blocking.sched : &h->sched;
    *cell = pirn__spawner_cell(h, d, &layout, s, call->site, joined, tail);
    if (UNLIKELY(*cell == NULL))
        return pirn__error(-ENOMEM, "%s: no memory for a task cell", call->name);
    return 0;
}

struct pirn_handle *pirn__spawn_runtime(struct header *cell)
{
    struct blocking *b = blocking_of(cell->sched);

    return b != NULL ? b->rt : (struct pirn_handle *)(void *)cell->sched;
}

/* Not of a blocking task. */
static void submit(struct header *cell)
{
    struct pirn_handle *h = (struct pirn_handle *)(void *)cell->sched;

    pirn__spawner_tell(h, cell);
    h->flavor->submit(h, (struct unowned_task){cell});
}

/* *@out is there before the task can run, and what it was if it does not. */
static COLD int submit_blocking(struct header *cell, pirn_join **out, const char *call)
{
    struct blocking *b = blocking_of(cell->sched);
    char before[sizeof *out];
    int r;

    if (out != NULL) {
        memcpy(before, (void *)out, sizeof before);
        *out = (pirn_join *)(void *)cell;
    }
    r = pirn__blocking_submit(b, (struct unowned_task){cell}, call);
    if (r == 0)
        return 0;
    if (out != NULL)
        memcpy((void *)out, before, sizeof before);
    pirn__blocking_undo(b, (struct unowned_task){cell});
    return r;
}

static int spawn(pirn_handle *h, const pirn_task_desc *d, const void *frame, pirn_join **out,
                 const struct spawn_call *call)
{
    struct header *cell;
    int r = prepare(h, d, call, out != NULL, false, &cell);

    if (UNLIKELY(r != 0))
        return r;
    pirn__spawner_fill(cell, frame);
    if (UNLIKELY(is_blocking(d, call)))
        return submit_blocking(cell, out, call->name);
    if (out != NULL)
        *out = (pirn_join *)(void *)cell;
    submit(cell);
    return 0;
}

int pirn_spawn(pirn_handle *h, const pirn_task_desc *d, const void *frame, pirn_join **out)
{
    const struct spawn_call call = {"pirn_spawn", __builtin_return_address(0), false};

    return spawn(h, d, frame, out, &call);
}

int pirn_spawn_begin(pirn_handle *h, const pirn_task_desc *d, void **frame)
{
    const struct spawn_call call = {"pirn_spawn_begin", __builtin_return_address(0), false};
    struct header *cell;
    int r;

    if (frame == NULL)
        return pirn__error(-EINVAL, "pirn_spawn_begin: frame is NULL");
    r = prepare(h, d, &call, true, true, &cell); /* it may become a group's */
    if (r != 0)
        return r;
    pirn__spawner_fill(cell, NULL);
    *frame = cell_stage(cell);
    return 0;
}

/* The word of a task that was begun and not started is the initial one, and nobody else's. */
struct header *pirn__spawn_begun(void *frame, const char *call)
{
    struct header *cell;

    if (frame == NULL)
        CLIENT_BUG(call, "the frame is NULL");
    cell = cell_from_frame(frame);
    if (pirn__state_peek(&cell->state) != STATE_INITIAL)
        CLIENT_BUG(call, "the frame is not one of pirn_spawn_begin()");
    return cell;
}

int pirn_spawn_commit(void *frame, pirn_join **out)
{
    struct header *cell = pirn__spawn_begun(frame, "pirn_spawn_commit");
    struct pirn_handle *h = pirn__spawn_runtime(cell);
    struct blocking *b = blocking_of(cell->sched);

    if (out != NULL)
        *out = (pirn_join *)(void *)cell;
    else
        pirn__state_init(&cell->state, STATE_INITIAL_DETACHED);
    /* The caller need not have a handle: until now the cell held the runtime's memory for it. */
    pirn_handle_ref(h);
    if (UNLIKELY(b != NULL))
        pirn__blocking_commit(b, (struct unowned_task){cell});
    else
        submit(cell);
    pirn_handle_unref(h);
    return 0;
}

void pirn_spawn_cancel(void *frame)
{
    struct header *cell;

    if (frame == NULL)
        return;
    cell = pirn__spawn_begun(frame, "pirn_spawn_cancel");
    pirn__spawner_undo(pirn__spawn_runtime(cell), cell);
}

int pirn_spawn_local(const pirn_task_desc *d, const void *frame, pirn_join **out)
{
    const struct spawn_call call = {"pirn_spawn_local", __builtin_return_address(0), false};
    struct pirn_handle *h = context_handle();

    if (d != NULL && d->size >= sizeof *d && (d->flags & PIRN_TASK_BLOCKING))
        return pirn__error(-EINVAL, "pirn_task_desc.flags: pirn_spawn_local takes no "
                                    "PIRN_TASK_BLOCKING");
    if (pirn__context.set != NULL)
        return pirn__local_spawn(pirn__context.set, d, frame, out, call.site);
    if (h == NULL || h->owner != &pirn__context)
        return pirn__error(-EINVAL, "pirn_spawn_local: neither in a local set nor in a "
                                    "PIRN_RT_LOCAL runtime of this thread");
    return spawn(NULL, d, frame, out, &call);
}

int pirn_spawn_blocking(pirn_handle *h, const pirn_task_desc *d, const void *frame, pirn_join **out)
{
    const struct spawn_call call = {"pirn_spawn_blocking", __builtin_return_address(0), true};

    return spawn(h, d, frame, out, &call);
}

/* ---- pirn_spawn_fn ------------------------------------------------------------------------------- */

struct fn_frame {
    int (*fn)(void *arg);
    void *arg;
    void (*arg_drop)(void *);
};

static int fn_poll(void *frame, pirn_cx *cx, void *out)
{
    const struct fn_frame *f = frame;
    int r = f->fn(f->arg);

    (void)out;
    if (r > 0)
        return pirn_cx_fault(cx, r, "the function returned %d, which is neither 0 nor negative", r);
    return r;
}

static void fn_drop(void *frame)
{
    const struct fn_frame *f = frame;

    if (f->arg_drop != NULL)
        f->arg_drop(f->arg);
}

#define FN_FLAGS                                                                                   \
    ((uint32_t)(PIRN_TASK_BLOCKING | PIRN_TASK_TRY | PIRN_TASK_MANDATORY | PIRN_TASK_UNCONSTRAINED))
#define FN_DESC(f)                                                                                 \
    [f] = {                                                                                        \
        .size = sizeof(pirn_task_desc),                                                            \
        .name = "fn",                                                                              \
        .poll = fn_poll,                                                                           \
        .drop = fn_drop,                                                                           \
        .frame_size = sizeof(struct fn_frame),                                                     \
        .flags = (f),                                                                              \
    }

int pirn_spawn_fn(pirn_handle *h, uint32_t flags, int (*fn)(void *arg), void *arg,
                  void (*arg_drop)(void *), pirn_join **out)
{
    /* By their flags, which are the lowest bits; those of no use are refused by the check. */
    static const pirn_task_desc descs[] = {
        FN_DESC(0),  FN_DESC(1),  FN_DESC(2),  FN_DESC(3),  FN_DESC(4),  FN_DESC(5),
        FN_DESC(6),  FN_DESC(7),  FN_DESC(8),  FN_DESC(9),  FN_DESC(10), FN_DESC(11),
        FN_DESC(12), FN_DESC(13), FN_DESC(14), FN_DESC(15),
    };
    const struct spawn_call call = {"pirn_spawn_fn", __builtin_return_address(0), false};
    struct fn_frame frame = {fn, arg, arg_drop};

    _Static_assert(FN_FLAGS == sizeof descs / sizeof *descs - 1, "one per combination");
    if (fn == NULL)
        return pirn__error(-EINVAL, "pirn_spawn_fn: fn is NULL");
    if (flags & ~FN_FLAGS)
        return pirn__error(-EINVAL, "pirn_spawn_fn: unknown flags 0x%x", flags & ~FN_FLAGS);
    return spawn(h, &descs[flags], &frame, out, &call);
}
