/* SPDX-License-Identifier: MIT */
/* Blocking tasks: how they come to the pool's threads, what they are run in, how they end with the
 * runtime.
 *
 * They are linked when they are spawned, into a list that is for walkers alone: it is never closed,
 * for the pool's queue is, and whatever it still holds then is run or cancelled out of it. */
#include "runtime/scheduler/blocking.h"

#include <errno.h>

#include "runtime/blocking/claims.h"
#include "runtime/os/clock.h"
#include "runtime/scheduler/context.h"
#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/rt_handle.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/fault.h"
#include "task/harness.h"
#include "task/state.h"

/* ---- what tasks ask of a scheduler: task/sched.h ----------------------------------------------- */

static struct blocking *of_sched(struct sched *s)
{
    return (struct blocking *)(void *)s;
}

static bool blocking_here(struct sched *s)
{
    (void)s; /* nobody drives it: a wake keeps its reference */
    return false;
}

static bool blocking_stopping(const struct sched *s)
{
    const struct blocking *b = (const struct blocking *)(const void *)s;

    return b->rt->flavor->is_stopping(b->rt);
}

/* A blocking task is queued, or runs, or is complete: no wake finds it idle. */
static void blocking_schedule(struct sched *s, struct notified n)
{
    (void)s;
    ASSERT_SLOW(n.cell == NULL);
    if (pirn__state_ref_dec(&n.cell->state, 1))
        pirn__harness_free(n.cell);
}

static void blocking_requeue(struct sched *s, struct notified n, bool yield)
{
    (void)yield;
    blocking_schedule(s, n);
}

/* Whether what is submitted is run soon. */
static bool somebody_drives(struct pirn_handle *rt)
{
    if (rt->flavor->is_stopping(rt))
        return false; /* who stops it cancels the pool's queue as well */
    return rt->flavor != &pirn__ct_flavor || pirn__ct_is_driven(ct_of(rt));
}

/* All threads may be busy for long: the frame is dropped by who runs the other tasks, or if there is
 * nobody, by the next thread that becomes free. Never here, in the middle of an abort. */
static void blocking_cancelled(struct sched *s, struct header *h)
{
    struct blocking *b = of_sched(s);

    if (!somebody_drives(b->rt))
        pirn__pool_hurry(&b->pool, h);
    /* Asked again: who begins to drive takes over what he sees hurried. */
    if (somebody_drives(b->rt) && pirn__pool_take_out(&b->pool, h))
        b->rt->flavor->submit(b->rt, (struct unowned_task){h});
}

void pirn__blocking_take_over(struct blocking *b)
{
    struct notified n;

    while (pirn__pool_take_hurried(&b->pool, &n))
        b->rt->flavor->submit(b->rt, (struct unowned_task){n.cell});
}

/* Its poll is over: what is left of it runs where everything else does. */
static void blocking_resume(struct sched *s, struct notified n)
{
    struct pirn_handle *rt = of_sched(s)->rt;

    rt->flavor->submit(rt, (struct unowned_task){n.cell});
}

static void blocking_end_here(struct sched *s, struct settle *settled)
{
    pirn__spawner_end_here(of_sched(s)->rt, settled);
}

static bool blocking_link(struct sched *s, struct header *h)
{
    return pirn__owned_link(&of_sched(s)->owned, h);
}

static bool blocking_unlink(struct sched *s, struct header *h)
{
    struct blocking *b = of_sched(s);

    /* The last of a task's end but telling its joiner, unless something of the caller's follows. */
    if (h->desc->out_drop == NULL && !(s->watch & WATCH_TERMINATE))
        pirn__pool_note_end(&b->pool, h);
    return pirn__owned_unlink(&b->owned, h);
}

static void blocking_free_cell(struct sched *s, struct header *h)
{
    struct blocking *b = of_sched(s);

    if (!cell_is_linked(h) || pirn__owned_retire(&b->owned, h))
        pirn__spawner_reuse(b->rt, h);
}

static void blocking_faulted(struct sched *s, const struct task_facts *f, int code,
                             const char *text)
{
    pirn__handle_faulted(&of_sched(s)->rt->sched, f, code, text);
}

static void blocking_contained(struct sched *s)
{
    pirn__report_contained(of_sched(s)->rt);
}

static void blocking_forgotten(struct sched *s, const struct task_facts *f)
{
    pirn__report_forgotten(of_sched(s)->rt, f);
}

static void blocking_terminated(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(of_sched(s)->rt, REPORT_TERMINATE, f);
}

static void blocking_before_poll(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(of_sched(s)->rt, REPORT_BEFORE_POLL, f);
}

static void blocking_after_poll(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(of_sched(s)->rt, REPORT_AFTER_POLL, f);
}

const struct sched_ops pirn__blocking_ops = {
    .here = blocking_here,
    .stopping = blocking_stopping,
    .schedule = blocking_schedule,
    .requeue = blocking_requeue,
    .cancelled = blocking_cancelled,
    .resume = blocking_resume,
    .end_here = blocking_end_here,
    .link = blocking_link,
    .unlink = blocking_unlink,
    .free_cell = blocking_free_cell,
    .faulted = blocking_faulted,
    .contained = blocking_contained,
    .forgotten = blocking_forgotten,
    .terminated = blocking_terminated,
    .before_poll = blocking_before_poll,
    .after_poll = blocking_after_poll,
    .join_fd_vt = &pirn__join_fd_vt,
    .join_fd_free = pirn__join_fd_free,
    .join_fd_forward = pirn__join_fd_forward,
    .join_fd_signal = pirn__join_fd_signal,
};

/* ---- what the pool's threads call --------------------------------------------------------------- */

/* A job may have made the poller its own: said again before each task. */
static void claim_poller(struct blocking *b, struct poller *p)
{
    p->budget = PIRN_UNLIMITED;
    p->blocking = true;
    p->cx.sched = &b->sched;
    /* mo: relaxed, for walkers. */
    atomic_store_explicit(&p->worker, CELL_NO_WORKER, memory_order_relaxed);
}

static void prepare_thread(void *user, struct pool_thread *t)
{
    struct blocking *b = user;

    pirn__poller_init(&t->poller, &b->sched, PIRN_UNLIMITED);
    claim_poller(b, &t->poller);
}

void pirn__blocking_tell_start(struct blocking *b, struct pool_thread *t, uint32_t worker)
{
    if (t->told)
        return;
    t->told = true;
    t->began_as = worker;
    pirn__report_thread(b->rt, REPORT_START, worker);
}

static void thread_begins(void *user, struct pool_thread *t)
{
    struct blocking *b = user;

    t->told = false;
    if (!t->for_job) /* a worker tells with its index */
        pirn__blocking_tell_start(b, t, PIRN_NO_WORKER);
}

static void thread_ends(void *user, struct pool_thread *t)
{
    struct blocking *b = user;

    if (t->told)
        pirn__report_thread(b->rt, REPORT_STOP, t->began_as);
}

/* Whoever drives may be waiting for this with a clock that stands. */
static void thread_is_idle(void *user, struct pool_thread *t)
{
    struct blocking *b = user;

    (void)t;
    if (UNLIKELY(rt_clock_is_altered(&b->rt->clock)))
        pirn__handle_timer_set(b->rt, NULL);
}

/* The scope of a blocking poll. There is no poll that lends its budget or its clock to what is
 * called: the task may wait, and see time pass. */
static void set_scope(struct blocking *b, struct pirn_cx *cx, struct recovery *recovery)
{
    pirn__context = (struct context){.core = NULL};
    pirn__scope.runtime = b->rt;
    pirn__scope.guards = NULL;
    pirn__scope.cx = NULL;
    pirn__scope.here = NULL;
    pirn__scope.blocking = cx;
    pirn__scope.task_id = 0;
    pirn__scope.busy = 0;
    pirn__scope.recovery = recovery;
}

static void run_blocking(void *user, struct pool_thread *t, struct notified n, bool cancel)
{
    struct blocking *b = user;

    claim_poller(b, &t->poller);
    t->poller.tick = pirn__handle_tick(b->rt, pirn__clock_coarse());
    set_scope(b, &t->poller.cx, &t->recovery);
    t->recovery.guards = NULL;
    if (_setjmp(t->recovery.at) != 0) {
        set_scope(b, &t->poller.cx, &t->recovery);
        pirn__harness_recover(&t->poller);
    } else if (cancel) {
        pirn__harness_cancel_queued(n, &t->poller);
    } else {
        pirn__harness_run((struct local_notified){n.cell}, &t->poller);
    }
    if (pirn__scope.guards != NULL)
        CLIENT_BUG("pirn_handle_enter", "a blocking task returned without pirn_enter_exit()");
    poller_idle(&t->poller);
    set_scope(b, NULL, NULL);
    pirn__scope.runtime = NULL;
}

/* ---- life ---------------------------------------------------------------------------------------- */

void pirn__blocking_init(struct blocking *b, struct pirn_handle *rt)
{
    const struct pool_setup setup = {
        .alloc = &b->sched.alloc,
        .max_threads = rt->max_blocking_threads,
        .max_queue = rt->max_blocking_queue,
        .keep_alive = rt->keep_alive,
        .stack_bytes = rt->stack_bytes,
        .thread_name = rt->thread_name,
        .user = b,
        .prepare = prepare_thread,
        .thread_begin = thread_begins,
        .thread_end = thread_ends,
        .thread_idle = thread_is_idle,
        .run = run_blocking,
    };

    b->sched = (struct sched){&pirn__blocking_ops, rt->sched.watch, rt->sched.alloc};
    b->rt = rt;
    pirn__owned_init(&b->owned);
    pirn__pool_init(&b->pool, &setup);
}

void pirn__blocking_fini(struct blocking *b)
{
    pirn__pool_fini(&b->pool);
}

/* ---- spawns --------------------------------------------------------------------------------------- */

static int refused(int r, const char *call)
{
    if (r == -ENOMEM)
        return pirn__error(r, "%s: no memory for a blocking thread", call);
    return pirn__error(r,
                       "%s: no blocking thread, and none can be made; or PIRN_TASK_TRY and the "
                       "queue is full",
                       call);
}

/* The spawn hook has told of a task that there will not be. */
static void tell_undone(struct blocking *b, const struct header *h)
{
    struct task_facts facts;

    if (b->rt->hooks.on_task_spawn == NULL)
        return;
    pirn__harness_facts(h, &facts);
    facts.state = STATE_COMPLETE | STATE_CANCELLED;
    pirn__report_task(b->rt, REPORT_TERMINATE, &facts);
}

/* Linked before, so that a walker sees what is queued. */
static int push_linked(struct blocking *b, struct header *h, unsigned flags)
{
    bool linked;

    pirn__spawner_tell(b->rt, h);
    /* mo: relaxed, both: for walkers, before it is linked. */
    atomic_store_explicit(&h->site,
                          (atomic_load_explicit(&h->site, memory_order_relaxed) & CELL_SITE_MASK) |
                              (uint64_t)CELL_NO_WORKER << CELL_SITE_BITS,
                          memory_order_relaxed);
    /* A group's child may be aborted already: who does looks, in the pool, whether it is queued. */
    pirn__pool_enter(&b->pool);
    cell_set_shard(h, 0);
    pirn__pool_leave(&b->pool);
    linked = pirn__owned_link(&b->owned, h);
    ASSERT(linked); /* the list is never closed */
    return pirn__pool_push(&b->pool, (struct notified){h}, flags);
}

static unsigned push_flags(const struct header *h)
{
    return h->desc->flags & PIRN_TASK_TRY ? POOL_BOUNDED : 0;
}

int pirn__blocking_submit(struct blocking *b, struct unowned_task t, const char *call)
{
    struct header *h = t.cell;
    unsigned flags = push_flags(h);
    int r;

    /* The hook hears of none that is certain to be refused. */
    if (flags != 0 && b->rt->hooks.on_task_spawn != NULL && pirn__pool_is_full(&b->pool))
        return refused(-EAGAIN, call);
    r = push_linked(b, h, flags);
    if (r == PIRN_ESHUTDOWN) {
        pirn__spawner_refuse(b->rt, (struct notified){h});
        return 0;
    }
    if (r != 0) {
        tell_undone(b, h);
        return refused(r, call);
    }
    return 0;
}

void pirn__blocking_commit(struct blocking *b, struct unowned_task t)
{
    if (push_linked(b, t.cell, push_flags(t.cell)) != 0)
        pirn__spawner_refuse(b->rt, (struct notified){t.cell});
}

void pirn__blocking_undo(struct blocking *b, struct unowned_task t)
{
    struct header *h = t.cell;
    size_t refs = pirn__state_peek(&h->state) & STATE_JOIN_INTEREST ? 3 : 2;

    /* mo: relaxed, a statistic: it was counted as spawned. */
    (void)atomic_fetch_add_explicit(&b->rt->stray.undone, 1, memory_order_relaxed);
    if (cell_is_linked(h))
        (void)pirn__owned_unlink(&b->owned, h);
    /* A walker may have a reference yet. */
    if (pirn__state_ref_dec(&h->state, refs))
        pirn__harness_free(h);
}

/* ---- the end -------------------------------------------------------------------------------------- */

void pirn__blocking_close(struct blocking *b)
{
    struct notified n;

    pirn__pool_close(&b->pool);
    /* The threads may be busy for long: what they need not run is ended here. */
    while (pirn__pool_take_closed(&b->pool, &n))
        pirn__spawner_refuse(b->rt, n);
}

int pirn__blocking_shutdown(struct blocking *b, pirn_time deadline)
{
    int r;

    pirn__blocking_close(b);
    r = pirn__pool_join(&b->pool, deadline);
    return r == 0 ? 0 : pirn__error(r, "pirn_runtime_shutdown: a blocking task still runs");
}

bool pirn__blocking_is_inside(const struct blocking *b)
{
    return pirn__pool_is_own_thread(&b->pool);
}

void pirn__blocking_metrics(const struct blocking *b, pirn_metrics *m)
{
    /* mo: relaxed, both, statistics. */
    m->blocking_threads = atomic_load_explicit(&b->pool.threads, memory_order_relaxed);
    m->idle_blocking_threads = atomic_load_explicit(&b->pool.idle, memory_order_relaxed);
    m->blocking_queue_depth = stat_get(&b->pool.depth);
}
