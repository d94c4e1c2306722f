/* SPDX-License-Identifier: MIT */
/* The spawn calls: check, find the runtime, copy the frame in, start. */
#include <errno.h>

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
};

/* Checks, and makes the cell. Return: 0 and *@cell, the frame not filled in. */
static int prepare(pirn_handle *h, const pirn_task_desc *d, const struct spawn_call *call,
                   bool joined, struct header **cell)
{
    struct cell_layout layout;
    int r = pirn__task_prepare(d, &layout);

    if (UNLIKELY(r != 0))
        return r;
    h = pirn__runtime_resolve(h, call->name);
    if (UNLIKELY(h == NULL))
        return PIRN_ENORUNTIME;
    *cell = pirn__spawner_cell(h, d, &layout, &h->sched, call->site, joined);
    if (UNLIKELY(*cell == NULL))
        return pirn__error(-ENOMEM, "%s: no memory for a task cell", call->name);
    return 0;
}

static void submit(struct header *cell)
{
    struct pirn_handle *h = (struct pirn_handle *)(void *)cell->sched;

    pirn__spawner_tell(h, cell);
    h->flavor->submit(h, (struct unowned_task){cell});
}

static int spawn(pirn_handle *h, const pirn_task_desc *d, const void *frame, pirn_join **out,
                 const struct spawn_call *call)
{
    struct header *cell;
    int r = prepare(h, d, call, out != NULL, &cell);

    if (UNLIKELY(r != 0))
        return r;
    pirn__spawner_fill(cell, frame);
    if (out != NULL)
        *out = (pirn_join *)(void *)cell;
    submit(cell);
    return 0;
}

int pirn_spawn(pirn_handle *h, const pirn_task_desc *d, const void *frame, pirn_join **out)
{
    const struct spawn_call call = {"pirn_spawn", __builtin_return_address(0)};

    return spawn(h, d, frame, out, &call);
}

int pirn_spawn_begin(pirn_handle *h, const pirn_task_desc *d, void **frame)
{
    const struct spawn_call call = {"pirn_spawn_begin", __builtin_return_address(0)};
    struct header *cell;
    int r;

    if (frame == NULL)
        return pirn__error(-EINVAL, "pirn_spawn_begin: frame is NULL");
    r = prepare(h, d, &call, true, &cell);
    if (r != 0)
        return r;
    pirn__spawner_fill(cell, NULL);
    *frame = cell_stage(cell);
    return 0;
}

/* The word of a task that was begun and not started is the initial one, and nobody else's. */
static struct header *begun(void *frame, const char *call)
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
    struct header *cell = begun(frame, "pirn_spawn_commit");
    struct pirn_handle *h = (struct pirn_handle *)(void *)cell->sched;

    if (out != NULL)
        *out = (pirn_join *)(void *)cell;
    else
        pirn__state_init(&cell->state, STATE_INITIAL_DETACHED);
    /* The caller need not have a handle: until now the cell held the runtime's memory for it. */
    pirn_handle_ref(h);
    submit(cell);
    pirn_handle_unref(h);
    return 0;
}

void pirn_spawn_cancel(void *frame)
{
    struct header *cell;

    if (frame == NULL)
        return;
    cell = begun(frame, "pirn_spawn_cancel");
    pirn__spawner_undo((struct pirn_handle *)(void *)cell->sched, cell);
}

int pirn_spawn_local(const pirn_task_desc *d, const void *frame, pirn_join **out)
{
    const struct spawn_call call = {"pirn_spawn_local", __builtin_return_address(0)};
    struct pirn_handle *h = context_handle();

    if (pirn__context.set != NULL)
        return pirn__local_spawn(pirn__context.set, d, frame, out, call.site);
    if (h == NULL || h->owner != &pirn__context)
        return pirn__error(-EINVAL, "pirn_spawn_local: neither in a local set nor in a "
                                    "PIRN_RT_LOCAL runtime of this thread");
    return spawn(NULL, d, frame, out, &call);
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

int pirn_spawn_fn(pirn_handle *h, uint32_t flags, int (*fn)(void *arg), void *arg,
                  void (*arg_drop)(void *), pirn_join **out)
{
    static const pirn_task_desc plain = {
        .size = sizeof plain,
        .name = "fn",
        .poll = fn_poll,
        .drop = fn_drop,
        .frame_size = sizeof(struct fn_frame),
    };
    static const pirn_task_desc unconstrained = {
        .size = sizeof unconstrained,
        .name = "fn",
        .poll = fn_poll,
        .drop = fn_drop,
        .frame_size = sizeof(struct fn_frame),
        .flags = PIRN_TASK_UNCONSTRAINED,
    };
    const struct spawn_call call = {"pirn_spawn_fn", __builtin_return_address(0)};
    struct fn_frame frame = {fn, arg, arg_drop};

    if (fn == NULL)
        return pirn__error(-EINVAL, "pirn_spawn_fn: fn is NULL");
    if (flags & ~(uint32_t)PIRN_TASK_UNCONSTRAINED)
        return pirn__error(-EINVAL, "pirn_spawn_fn: unknown flags 0x%x",
                           flags & ~(uint32_t)PIRN_TASK_UNCONSTRAINED);
    return spawn(h, flags != 0 ? &unconstrained : &plain, &frame, out, &call);
}
