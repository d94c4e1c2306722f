/* SPDX-License-Identifier: MIT */
/* Groups as callers see them: made, filled, cancelled, freed. What a group is: task/group.h. */
#include <errno.h>
#include <string.h>

#include <pirn/group.h>
#include <pirn/time.h>

#include "runtime/group.h"
#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "runtime/runtime.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/cx.h"
#include "task/task.h"

#define FLAGS_KNOWN ((uint32_t)(PIRN_GROUP_FAIL_FAST | PIRN_GROUP_DISCARD))

_Static_assert((int)PIRN_GROUP_FAIL_FAST == GROUP_FAIL_FAST &&
                   (int)PIRN_GROUP_DISCARD == GROUP_DISCARD,
               "the flags go through as they are");

/* ---- life ------------------------------------------------------------------------------------ */

static void release(struct group *base)
{
    struct pirn_group *g = group_outer(base);
    struct pirn_handle *rt = g->rt;

    rt->sched.alloc.free(rt->sched.alloc.user, g, g->bytes);
    pirn_handle_unref(rt);
}

/* Room for the output of the owner's last poll, if that is not where it can stay. */
static size_t room_of(const pirn_cx *owner, size_t *align)
{
    const pirn_task_desc *d = owner != NULL && owner->cell != NULL ? owner->cell->desc : NULL;

    *align = _Alignof(struct pirn_group);
    if (d == NULL || d->out_size == 0 || !pirn__task_uses_scratch(d))
        return 0;
    if (d->out_align > *align)
        *align = d->out_align;
    return d->out_size;
}

/* ---- deadlines ---------------------------------------------------------------------------------- */

/* A task of the library's own waits for it. */
struct group_watch {
    struct group *group; /* with a reference */
    pirn_time at;
    pirn_op sleep;
};

static int watch_poll(void *frame, pirn_cx *cx, void *out)
{
    struct group_watch *w = frame;
    int r = pirn_sleep_poll(&w->sleep, cx, w->at);

    (void)out;
    if (r == 0)
        pirn__group_cancel(w->group, -ETIMEDOUT);
    return r;
}

static void watch_drop(void *frame)
{
    struct group_watch *w = frame;

    pirn__group_unref(w->group);
}

static const pirn_task_desc watch_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "pirn: group deadline",
    .poll = watch_poll,
    .drop = watch_drop,
    .frame_size = sizeof(struct group_watch),
};

static int begin_watch(struct pirn_group *g, pirn_time deadline)
{
    struct group_watch w = {.group = &g->base, .at = deadline};
    int r;

    if (deadline <= pirn_now()) {
        pirn__group_cancel(&g->base, -ETIMEDOUT);
        return 0;
    }
    pirn__group_ref(&g->base);
    r = pirn_spawn(g->rt, &watch_desc, &w, &g->watch);
    if (r != 0)
        pirn__group_unref(&g->base);
    return r;
}

static void end_watch(struct pirn_group *g)
{
    if (g->watch != NULL) {
        pirn_join_abort(g->watch);
        pirn_join_free(g->watch);
    }
}

/* ---- new and free ----------------------------------------------------------------------------- */

int pirn_group_new(pirn_handle *h, pirn_group *parent, pirn_time deadline, uint32_t flags,
                   pirn_group **out)
{
    pirn_cx *owner = pirn__cx_current();
    struct pirn_group *g;
    size_t align, room = room_of(owner, &align);
    size_t at = (sizeof *g + align - 1) / align * align;
    int r;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_group_new: out is NULL");
    if (flags & ~FLAGS_KNOWN)
        return pirn__error(-EINVAL, "pirn_group_new: unknown flags 0x%x", flags & ~FLAGS_KNOWN);
    h = pirn__runtime_resolve(h, "pirn_group_new");
    if (h == NULL)
        return PIRN_ENORUNTIME;
    g = h->sched.alloc.alloc(h->sched.alloc.user, at + room, align);
    if (g == NULL)
        return pirn__error(-ENOMEM, "pirn_group_new: no memory");
    g->rt = pirn_handle_ref(h);
    g->bytes = at + room;
    g->watch = NULL;
    pirn__group_init(&g->base, parent != NULL ? &parent->base : NULL, flags, release,
                     (char *)g + at);
    r = deadline != PIRN_NEVER ? begin_watch(g, deadline) : 0;
    if (r != 0) {
        (void)pirn__group_free(&g->base);
        return r;
    }
    if (owner != NULL) {
        pirn__groups_sweep(*owner->ops);
        pirn__group_tie(&g->base, owner);
    }
    *out = g;
    return 0;
}

/* Of a thread that waits for the last child. */
struct group_parker {
    struct settle settle;
    _Atomic(uint32_t) gone;
};

static void parker_told(struct settle *s)
{
    struct group_parker *p = s->waits;

    /* mo: release pairs with [children] in wait_for_children. After this store the parker may be gone; the
     * kernel does not mind. */
    atomic_store_explicit(&p->gone, 1, memory_order_release);
    pirn__futex_wake(&p->gone, 1);
}

/* Holding a reference, after pirn__group_free(). */
static void wait_for_children(struct group *g)
{
    struct group_parker p = {.gone = 0};

    settle_begin(&p.settle, parker_told, &p);
    pirn__group_tell(g, &p.settle);
    if (!settle_give(&p.settle))
        /* mo: acquire pairs with [children] in parker_told. */
        while (atomic_load_explicit(&p.gone, memory_order_acquire) == 0)
            (void)pirn__futex_wait(&p.gone, 0, PIRN_NEVER);
    pirn__group_drop_results(g);
}

void pirn_group_free(pirn_group *outer)
{
    struct group *g = outer != NULL ? &outer->base : NULL;
    pirn_cx *cx = pirn__cx_current();

    if (g == NULL)
        return;
    pirn__group_ref(g);
    if (!pirn__group_free(g))
        CLIENT_BUG("pirn_group_free", "the group was freed before");
    end_watch(outer);
    if (cx != NULL && cx->ops == g->owner)
        pirn__group_untie(g);
    else if (g->owner == NULL && pirn__scope.busy == 0)
        wait_for_children(g);
    pirn__group_unref(g);
}

/* ---- children ---------------------------------------------------------------------------------- */

/* The cell is in the group, and nobody else's to touch from here on but for what runs it. */
static int start_child(struct header *cell, struct group_node *n, struct pirn_handle *rt,
                       bool blocking)
{
    int r;

    if (LIKELY(!blocking)) {
        pirn__spawner_tell(rt, cell);
        rt->flavor->submit(rt, (struct unowned_task){cell});
        return 0;
    }
    r = pirn__blocking_submit(&rt->blocking, (struct unowned_task){cell}, "pirn_group_spawn");
    if (r != 0) {
        pirn__group_remove(n);
        pirn__blocking_undo(&rt->blocking, (struct unowned_task){cell});
    }
    return r;
}

int pirn_group_spawn(pirn_group *g, const pirn_task_desc *d, const void *frame, uint64_t *id)
{
    struct cell_layout l;
    struct group_node *n;
    struct header *cell;
    struct pirn_handle *rt;
    uint64_t its;
    bool blocking;
    int r;

    if (UNLIKELY(g == NULL))
        return pirn__error(-EINVAL, "pirn_group_spawn: the group is NULL");
    r = pirn__task_prepare(d, &l);
    if (UNLIKELY(r != 0))
        return r;
    rt = g->rt;
    blocking = d->flags & PIRN_TASK_BLOCKING;
    cell = pirn__spawner_cell(rt, d, &l, UNLIKELY(blocking) ? &rt->blocking.sched : &rt->sched,
                              __builtin_return_address(0), true, true);
    if (UNLIKELY(cell == NULL))
        return pirn__error(-ENOMEM, "pirn_group_spawn: no memory for a task cell");
    pirn__spawner_fill(cell, frame);
    n = pirn__spawner_tail(rt, cell, &l);
    its = cell->id;
    pirn__group_add(&g->base, n, cell);
    r = start_child(cell, n, rt, blocking);
    if (LIKELY(r == 0) && id != NULL)
        *id = its;
    return r;
}

void pirn_group_commit(pirn_group *g, void *frame, uint64_t *id)
{
    struct header *cell = pirn__spawn_begun(frame, "pirn_group_commit");
    struct pirn_handle *rt = pirn__spawn_runtime(cell);
    struct cell_layout l;

    if (g == NULL)
        CLIENT_BUG("pirn_group_commit", "the group is NULL");
    pirn__task_layout(cell->desc, &l);
    if (id != NULL)
        *id = cell->id;
    /* The caller need not have a handle: until now the cell held the runtime's memory for it. */
    pirn_handle_ref(rt);
    pirn__group_add(&g->base, pirn__spawner_tail(rt, cell, &l), cell);
    if (UNLIKELY(cell->desc->flags & PIRN_TASK_BLOCKING)) {
        pirn__blocking_commit(&rt->blocking, (struct unowned_task){cell});
    } else {
        pirn__spawner_tell(rt, cell);
        rt->flavor->submit(rt, (struct unowned_task){cell});
    }
    pirn_handle_unref(rt);
}

/* ---- what is done to them ------------------------------------------------------------------------ */

void pirn_group_cancel(pirn_group *g)
{
    if (g != NULL)
        pirn__group_cancel(&g->base, -ECANCELED);
}

void pirn_group_abort_all(pirn_group *g)
{
    if (g != NULL)
        pirn__group_abort_all(&g->base);
}

int pirn_group_abort(pirn_group *g, uint64_t id)
{
    if (g == NULL)
        return pirn__error(-EINVAL, "pirn_group_abort: the group is NULL");
    return pirn__group_abort(&g->base, id)
               ? 0
               : pirn__error(-ESRCH, "pirn_group_abort: no child of that id runs");
}

size_t pirn_group_len(const pirn_group *g)
{
    struct group *base = group_base(g);
    size_t n;

    if (g == NULL)
        return 0;
    spin_take(&base->lock);
    n = base->alive + base->untaken;
    spin_give(&base->lock);
    return n;
}

int pirn_group_cause(const pirn_group *g)
{
    struct group *base = group_base(g);
    int cause;

    spin_take(&base->lock);
    cause = base->cancelled ? base->cause : 0;
    spin_give(&base->lock);
    return cause;
}
