/* SPDX-License-Identifier: MIT */
/* Local sets: a scheduler of its own, polled inside somebody else's poll.
 *
 * Its tasks never leave its thread. Wakes from elsewhere go through an inject queue and wake whoever
 * polls the set. Its memory, like a runtime's, stays as long as a cell of it is out. */
#include "runtime/scheduler/local_set.h"

#include <errno.h>

#include "runtime/scheduler/context.h"
#include "runtime/scheduler/inject.h"
#include "runtime/scheduler/rt_handle.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/fault.h"
#include "task/harness.h"
#include "task/task.h"
#include "task/waker.h"

enum {
    TASKS_PER_POLL = 61,
    REMOTE_INTERVAL = 31,
};
#define BIAS (UINT64_C(1) << 62)

struct pirn_local_set {
    struct sched sched;
    struct pirn_handle *handle; /* immutable: a reference */
    struct context *thread;     /* immutable: whose */
    struct inject inject;
    pirn_waker_cell outer; /* whoever polls the set */
    ref_count refs;        /* the owner's, and after the free one for each cell that is out */
    struct owned owned;    /* of all its tasks: they are linked when they are spawned */
    struct pirn_local_set *next, *prev; /* guard: h->sets_lock. In h->sets, newest first */
    uint64_t number;                    /* immutable: the order they were made in */
    _Atomic(uint64_t) spawned;          /* written by the thread; read for metrics */
    /* guard, from here on: the thread */
    struct task_list local, pulled;
    struct cell_cache cells;
    uint32_t until_remote, left; /* ticks to the inject queue; polls left in this poll */
    bool closed;
    bool running; /* its tasks, further up this stack */
    struct poller poller;
};

static struct pirn_local_set *set_of(struct sched *s)
{
    return (struct pirn_local_set *)(void *)s;
}

static bool on_thread(const struct pirn_local_set *s)
{
    return s->thread == &pirn__context;
}

/* ---- task/sched.h ------------------------------------------------------------------------------ */

static bool local_here(struct sched *s)
{
    return on_thread(set_of(s)) && !set_of(s)->closed;
}

static bool local_stopping(const struct sched *s)
{
    const struct pirn_local_set *set = (const struct pirn_local_set *)(const void *)s;

    return set->handle->flavor->is_stopping(set->handle);
}

static void wake_cell(void *cell)
{
    pirn_waker_cell_wake(cell);
}

/* Whoever polls the set may be the caller's own executor: its waker is contained. */
static void wake_outer(struct pirn_local_set *s)
{
    if (!pirn__contain(wake_cell, &s->outer))
        pirn__report_contained(s->handle);
}

static void local_schedule(struct sched *sched, struct notified n)
{
    struct pirn_local_set *s = set_of(sched);

    if (on_thread(s) && !s->closed) {
        task_list_push(&s->local, n);
        if (pirn__context.set != s)
            wake_outer(s);
    } else if (pirn__inject_push(&s->inject, n)) {
        wake_outer(s);
    } else if (pirn__state_ref_dec(&n.cell->state, 1)) {
        pirn__harness_free(n.cell); /* the set is closed, and has dropped the frame */
    }
}

static void local_resume(struct sched *sched, struct notified n)
{
    struct pirn_local_set *s = set_of(sched);

    if (on_thread(s) && !s->closed) {
        local_schedule(sched, n);
    } else if (pirn__inject_push(&s->inject, n)) {
        wake_outer(s);
    } else {
        pirn__spawner_refuse(s->handle, n); /* the set is freed, and its thread may be anywhere */
    }
}

static void local_end_here(struct sched *s, struct settle *settled)
{
    pirn__spawner_end_here(set_of(s)->handle, settled);
}

static void local_requeue(struct sched *s, struct notified n, bool yield)
{
    (void)yield; /* the whole set yields to its outer task after TASKS_PER_POLL polls */
    task_list_push(&set_of(s)->local, n);
}

static bool local_link(struct sched *s, struct header *h)
{
    return pirn__owned_link(&set_of(s)->owned, h);
}

static bool local_unlink(struct sched *s, struct header *h)
{
    return pirn__owned_unlink(&set_of(s)->owned, h);
}

static void set_unref(struct pirn_local_set *s, uint64_t n)
{
    struct pirn_handle *h = s->handle;

    if (!ref_sub(&s->refs, n))
        return;
    pirn__cache_fini(&s->cells);
    h->sched.alloc.free(h->sched.alloc.user, s, sizeof *s);
    pirn_handle_unref(h);
}

void pirn__local_reuse(void *set, struct header *h)
{
    struct pirn_local_set *s = set;
    struct cell_layout l;

    if (h->owned.kind & CELL_LARGE) {
        pirn__task_layout(h->desc, &l);
        s->sched.alloc.free(s->sched.alloc.user, (char *)h - l.header_offset, l.bytes);
        set_unref(s, 1);
    } else if (local_here(&s->sched)) {
        struct slab *slab = pirn__cache_give(&s->cells, h);

        if (slab != NULL)
            pirn__cache_free_slabs(&s->sched.alloc, slab);
    } else if (!pirn__cache_give_remote(&s->cells, h)) {
        set_unref(s, 1);
    }
}

static void local_free_cell(struct sched *sched, struct header *h)
{
    if (pirn__owned_retire(&set_of(sched)->owned, h))
        pirn__local_reuse(set_of(sched), h);
}

static void local_faulted(struct sched *s, const struct task_facts *f, int code, const char *text)
{
    struct pirn_handle *h = set_of(s)->handle;

    pirn__report_fault(h, f, code, text);
    if (h->unhandled == PIRN_UNHANDLED_SHUTDOWN)
        h->flavor->ask_stop(h);
}

static void local_contained(struct sched *s)
{
    pirn__report_contained(set_of(s)->handle);
}

static void local_forgotten(struct sched *s, const struct task_facts *f)
{
    pirn__report_forgotten(set_of(s)->handle, f);
}

static void local_terminated(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(set_of(s)->handle, REPORT_TERMINATE, f);
}

static void local_before_poll(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(set_of(s)->handle, REPORT_BEFORE_POLL, f);
}

static void local_after_poll(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(set_of(s)->handle, REPORT_AFTER_POLL, f);
}

static const struct sched_ops local_ops = {
    .here = local_here,
    .stopping = local_stopping,
    .schedule = local_schedule,
    .requeue = local_requeue,
    .resume = local_resume,
    .end_here = local_end_here,
    .link = local_link,
    .unlink = local_unlink,
    .free_cell = local_free_cell,
    .faulted = local_faulted,
    .contained = local_contained,
    .forgotten = local_forgotten,
    .terminated = local_terminated,
    .before_poll = local_before_poll,
    .after_poll = local_after_poll,
    .join_fd_vt = &pirn__join_fd_vt,
    .join_fd_free = pirn__join_fd_free,
    .join_fd_forward = pirn__join_fd_forward,
    .join_fd_signal = pirn__join_fd_signal,
};

/* ---- what others see of it ---------------------------------------------------------------------- */

static void register_set(struct pirn_local_set *s)
{
    struct pirn_handle *h = s->handle;

    lock_take(&h->sets_lock);
    s->number = ++h->sets_made;
    s->next = h->sets;
    if (s->next != NULL)
        s->next->prev = s;
    h->sets = s;
    lock_give(&h->sets_lock);
}

static void add_totals(const struct pirn_local_set *s, struct local_totals *t)
{
    const struct poll_stats *p = &s->poller.stats;

    t->finished += stat_get(&p->finished);
    t->spawned += stat_get(&s->spawned);
    t->polls += stat_get(&p->polls);
    t->faults += stat_get(&p->faults);
    t->budget_yields += stat_get(&p->budget_yields);
    t->cell_bytes += stat_get(&s->cells.bytes);
    t->retired_cells += stat_get(&s->owned.limbo_count);
    t->queued += stat_get(&s->local.len) + stat_get(&s->pulled.len);
}

/* Its tasks have ended; what it has counted stays with the runtime. */
static void unregister_set(struct pirn_local_set *s)
{
    struct pirn_handle *h = s->handle;
    struct local_totals *past = &h->past_sets;

    lock_take(&h->sets_lock);
    *(s->prev != NULL ? &s->prev->next : &h->sets) = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    add_totals(s, past);
    past->cell_bytes = past->retired_cells = past->queued = 0;
    lock_give(&h->sets_lock);
}

void pirn__local_totals(struct pirn_handle *h, struct local_totals *t)
{
    lock_take(&h->sets_lock);
    *t = h->past_sets;
    for (const struct pirn_local_set *s = h->sets; s != NULL; s = s->next)
        add_totals(s, t);
    lock_give(&h->sets_lock);
}

struct pirn_local_set *pirn__local_next(struct pirn_handle *h, uint64_t *below)
{
    struct pirn_local_set *s;

    lock_take(&h->sets_lock);
    for (s = h->sets; s != NULL && s->number >= *below; s = s->next) {
    }
    if (s != NULL) {
        ref_add(&s->refs, 1);
        *below = s->number;
    }
    lock_give(&h->sets_lock);
    return s;
}

void pirn__local_unref(struct pirn_local_set *s)
{
    set_unref(s, 1);
}

struct owned *pirn__local_list(struct pirn_local_set *s)
{
    return &s->owned;
}

/* ---- life ------------------------------------------------------------------------------------- */

int pirn_local_set_new(pirn_handle *h, pirn_local_set **out)
{
    struct pirn_local_set *s;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_local_set_new: out is NULL");
    if (h == NULL)
        h = context_handle();
    if (h == NULL)
        return pirn__error(PIRN_ENORUNTIME, "pirn_local_set_new: no handle given, and this thread "
                                            "is in no runtime");
    s = h->sched.alloc.alloc(h->sched.alloc.user, sizeof *s, _Alignof(struct pirn_local_set));
    if (s == NULL)
        return pirn__error(-ENOMEM, "pirn_local_set_new: no memory");
    *s = (struct pirn_local_set){
        .sched = {.ops = &local_ops, .watch = h->sched.watch, .alloc = h->sched.alloc},
        .handle = pirn_handle_ref(h),
        .thread = &pirn__context,
        .until_remote = REMOTE_INTERVAL,
    };
    pirn__inject_init(&s->inject);
    pirn__owned_init(&s->owned);
    pirn__cache_init(&s->cells, &s->sched.alloc);
    pirn__poller_init(&s->poller, &s->sched, h->coop_budget);
    ref_init(&s->refs, 1);
    register_set(s);
    *out = s;
    return 0;
}

static struct header *take_cell(struct pirn_local_set *s, const struct cell_layout *l)
{
    const pirn_alloc *a = &s->sched.alloc;
    unsigned class;
    struct header *h;
    struct slab *slab;

    if (l->header_offset != 0 || l->bytes > CELL_BYTES_MAX) {
        char *base = a->alloc(a->user, l->bytes, l->align);

        if (base == NULL)
            return NULL;
        ref_add(&s->refs, 1);
        h = (struct header *)(base + l->header_offset);
        h->owned.kind = CELL_LARGE;
        return h;
    }
    class = pirn__cache_class(l->bytes);
    h = pirn__cache_take(&s->cells, class, l->bytes);
    if (h != NULL)
        return h;
    slab = pirn__cache_new_slab(a);
    if (slab == NULL)
        return NULL;
    pirn__cache_add(&s->cells, slab);
    return pirn__cache_take(&s->cells, class, l->bytes);
}

int pirn__local_spawn(pirn_local_set *s, const pirn_task_desc *d, const void *frame,
                      pirn_join **out, const void *site)
{
    struct cell_layout l;
    struct header *h;
    int r = pirn__task_prepare(d, &l);

    if (r != 0)
        return r;
    if (d->flags & PIRN_TASK_BLOCKING)
        return pirn__error(-EINVAL, "pirn_task_desc.flags: a local set takes no "
                                    "PIRN_TASK_BLOCKING");
    h = take_cell(s, &l);
    if (h == NULL)
        return pirn__error(-ENOMEM, "local set: no memory for a task cell");
    pirn__task_init(h, d, &s->sched, pirn__spawner_id(s->handle), site, s->poller.tick,
                    out != NULL);
    pirn__spawner_fill(h, frame);
    if (out != NULL)
        *out = (pirn_join *)(void *)h;
    pirn__spawner_tell(s->handle, h);
    stat_add(&s->spawned, 1);
    /* Linked at once, so that a walker from elsewhere finds it; refused, it ends here. */
    if (pirn__owned_link(&s->owned, h))
        local_schedule(&s->sched, (struct notified){h});
    else
        pirn__harness_cancel_queued((struct notified){h}, &s->poller);
    return 0;
}

int pirn_local_set_spawn(pirn_local_set *s, const pirn_task_desc *d, const void *frame,
                         pirn_join **out)
{
    if (s == NULL)
        return pirn__error(-EINVAL, "pirn_local_set_spawn: the set is NULL");
    if (!on_thread(s))
        return pirn__error(-EPERM, "pirn_local_set_spawn: the set belongs to another thread");
    return pirn__local_spawn(s, d, frame, out, __builtin_return_address(0));
}

/* ---- polling ------------------------------------------------------------------------------------ */

static struct header *next_task(struct pirn_local_set *s)
{
    struct header *h;

    if (--s->until_remote == 0) {
        s->until_remote = REMOTE_INTERVAL;
        (void)pirn__inject_take_all(&s->inject, &s->pulled);
        h = task_list_pop(&s->pulled);
        if (h != NULL)
            return h;
    }
    h = task_list_pop(&s->local);
    if (h != NULL)
        return h;
    if (s->pulled.head == NULL)
        (void)pirn__inject_take_all(&s->inject, &s->pulled);
    return task_list_pop(&s->pulled);
}

/* What is left when a fault jumps out is in the set. */
static void run_some(void *arg)
{
    struct pirn_local_set *s = arg;

    pirn__scope.cx = &s->poller.cx;
    for (; s->left > 0; s->left--) {
        struct header *h = next_task(s);

        if (h == NULL)
            return;
        pirn__harness_run((struct local_notified){h}, &s->poller);
    }
}

static void recover(void *arg)
{
    struct pirn_local_set *s = arg;

    pirn__scope.cx = &s->poller.cx;
    pirn__harness_recover(&s->poller);
}

/* The set's own way of being inside a runtime. */
static void run_contained(struct pirn_local_set *s, void (*fn)(void *arg))
{
    struct pirn_local_set *outer = pirn__context.set;
    void *runtime = pirn__scope.runtime;

    pirn__context.set = s;
    pirn__scope.runtime = s->handle;
    s->running = true;
    while (!pirn__contain_busy(fn, s))
        (void)pirn__contain_busy(recover, s);
    s->running = false;
    pirn__context.set = outer;
    pirn__scope.runtime = runtime;
}

static uint64_t still_alive(const struct pirn_local_set *s)
{
    return stat_get(&s->spawned) - stat_get(&s->poller.stats.finished);
}

int pirn_local_set_poll(pirn_local_set *s, pirn_cx *cx)
{
    if (s == NULL)
        return pirn__error(-EINVAL, "pirn_local_set_poll: the set is NULL");
    if (!on_thread(s))
        return pirn__error(-EPERM, "pirn_local_set_poll: the set belongs to another thread");
    if (s->running)
        return pirn__error(-EDEADLK, "pirn_local_set_poll: inside a task of the set");
    /* Set before the queues are looked at: no wake is lost. */
    pirn_waker_cell_set(&s->outer, cx);
    s->left = TASKS_PER_POLL;
    run_contained(s, run_some);
    if (still_alive(s) == 0)
        return 0;
    if (s->local.head != NULL || s->pulled.head != NULL || !pirn__inject_is_empty(&s->inject))
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void drain_set(void *arg)
{
    struct pirn_local_set *s = arg;
    struct header *h;
    struct task t;

    pirn__scope.cx = &s->poller.cx;
    for (;;) {
        if ((h = task_list_pop(&s->local)) != NULL || (h = task_list_pop(&s->pulled)) != NULL)
            pirn__harness_cancel_queued((struct notified){h}, &s->poller);
        else if (pirn__owned_pop(&s->owned, &t))
            pirn__harness_shutdown(t, &s->poller);
        else
            return;
    }
}

void pirn_local_set_free(pirn_local_set *s)
{
    uint64_t out;

    if (s == NULL)
        return;
    if (!on_thread(s))
        CLIENT_BUG("pirn_local_set_free", "the set belongs to another thread");
    if (s->running)
        CLIENT_BUG("pirn_local_set_free", "from a task of the set itself");
    pirn__owned_close(&s->owned);
    pirn__inject_close(&s->inject, &s->pulled);
    run_contained(s, drain_set);
    s->closed = true;
    unregister_set(s);
    /* Woken, not taken: a wake from elsewhere may be at it just now. Who polled the set finds out. */
    wake_outer(s);
    /* As in pirn__ct_release(). */
    ref_add(&s->refs, BIAS);
    out = pirn__cache_close(&s->cells);
    set_unref(s, BIAS - out + 1); /* with the owner's */
}
