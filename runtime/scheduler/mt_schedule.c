/* SPDX-License-Identifier: MIT */
/* Where a task goes that is ready: what tasks ask of the multi-thread scheduler.
 *
 * On a worker's own thread: a woken task into the slot for the next to run, whatever that displaces
 * and everything else behind its queue. From anywhere else: into the shared queue. A task in the slot,
 * or alone in a queue, wakes nobody: its worker comes to it next, as a rule sooner than anybody could
 * be woken. If the poll that runs is a long one, a searcher or the watchdog finds it. */
#include "runtime/scheduler/multi_thread.h"
#include "task/base/scope.h"
#include "task/harness.h"

static struct multi_thread *mt_from(struct sched *s)
{
    return (struct multi_thread *)(void *)s;
}

/* ---- waking workers ------------------------------------------------------------------------------ */

void pirn__mt_notify(struct multi_thread *mt)
{
    uint32_t worker;

    if (pirn__idle_pick(&mt->idle, &worker))
        pirn__parker_unpark(&mt->workers[worker].parker, &mt->driver);
}

void pirn__mt_wake_all(struct multi_thread *mt)
{
    for (uint32_t i = 0; i < mt->base.workers; i++)
        pirn__parker_unpark(&mt->workers[i].parker, &mt->driver);
}

void pirn__mt_notify_from(struct worker *w)
{
    if (UNLIKELY(queue_has_surplus(&w->queue) && idle_wants_hint(&w->mt->idle)) &&
        !pirn__queue_is_empty(&w->queue))
        pirn__mt_notify(w->mt);
}

/* ---- pushing --------------------------------------------------------------------------------------- */

void pirn__mt_push_shared(struct multi_thread *mt, struct task_list *chain)
{
    if (chain->head == NULL)
        return;
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&mt->moved, stat_get(&chain->len), memory_order_relaxed);
    if (!pirn__global_push_list(&mt->global, chain))
        pirn__global_put_back(&mt->global, chain); /* the runtime stops: for the last to drain */
    pirn__mt_notify(mt);
}

/* The queue is full: half of it, and @h, go to the shared one. */
static COLD void overflow(struct worker *w, struct header *h)
{
    struct header *tasks[QUEUE_STEAL_MAX];
    struct task_list chain;
    uint32_t n;

    task_list_init(&chain);
    stat_add(&w->stats.overflows, 1);
    for (uint32_t taken = 0; taken < QUEUE_SLOTS / 2; taken += n) {
        n = pirn__queue_take_many(&w->queue, tasks, QUEUE_STEAL_MAX);
        if (n == 0)
            break;
        for (uint32_t i = 0; i < n; i++)
            task_list_push(&chain, (struct notified){tasks[i]});
    }
    task_list_push(&chain, (struct notified){h});
    pirn__mt_push_shared(w->mt, &chain);
}

void pirn__mt_push_local(struct worker *w, struct header *h)
{
    if (UNLIKELY(!pirn__queue_push(&w->queue, h)))
        overflow(w, h);
    pirn__mt_notify_from(w);
}

/* False: the runtime is stopping. */
static bool push_outside(struct multi_thread *mt, struct notified n)
{
    if (!pirn__global_push(&mt->global, n))
        return false;
    pirn__mt_notify(mt);
    return true;
}

void pirn__mt_submit(struct pirn_handle *h, struct unowned_task t)
{
    struct multi_thread *mt = mt_of(h);
    struct worker *w = worker_here(mt);
    struct notified n = {t.cell};

    timing_stamp(mt->base.flags, t.cell);
    if (w == NULL) {
        if (!push_outside(mt, n))
            pirn__spawner_refuse(h, n);
        return;
    }
    if (UNLIKELY(w->stopped)) {
        pirn__spawner_refuse(h, n);
        return;
    }
    stat_add(&w->stats.local_schedules, 1);
    if (UNLIKELY(!pirn__queue_push(&w->queue, t.cell))) {
        if (!pirn__queue_grow(&w->queue, &h->sched.alloc) || !pirn__queue_push(&w->queue, t.cell))
            overflow(w, t.cell);
    }
    pirn__mt_notify_from(w);
}

/* To be run next, if the slot is empty. */
static bool push_lifo(struct worker *w, struct header *h)
{
    /* mo: relaxed. Only we put something in: if it is empty it stays so. */
    if (atomic_load_explicit(&w->lifo, memory_order_relaxed) != NULL)
        return false;
    /* mo: release pairs with [lifo] in pirn__worker_take_lifo(): the task is there. */
    atomic_store_explicit(&w->lifo, h, memory_order_release);
    return true;
}

/* The slot is not empty: what is displaced goes behind the others. */
static void displace(struct worker *w, struct header *h)
{
    /* mo: release pairs with [lifo] in pirn__worker_take_lifo(): the task is there. Acquire pairs
     * with [lifo], of our own earlier push. */
    struct header *displaced = atomic_exchange_explicit(&w->lifo, h, memory_order_acq_rel);

    if (displaced != NULL)
        pirn__mt_push_local(w, displaced);
}

/* ---- task/sched.h ---------------------------------------------------------------------------------- */

static bool mt_here(struct sched *s)
{
    return worker_here(mt_from(s)) != NULL;
}

/* All that is more than a task into the empty slot. */
static NOINLINE void schedule_any(struct multi_thread *mt, struct notified n)
{
    struct worker *w = worker_here(mt);

    timing_stamp(mt->base.flags, n.cell);
    if (w != NULL) {
        stat_add(&w->stats.local_schedules, 1);
        if (w->lifo_off)
            pirn__mt_push_local(w, n.cell);
        else if (!push_lifo(w, n.cell))
            displace(w, n.cell);
        return;
    }
    /* Refused: the task is idle, so it is linked, so the closer has it. */
    if (!push_outside(mt, n) && pirn__state_ref_dec(&n.cell->state, 1))
        pirn__harness_free(n.cell);
}

static void mt_schedule(struct sched *s, struct notified n)
{
    struct multi_thread *mt = mt_from(s);
    struct worker *w = worker_here(mt);

    if (LIKELY(w != NULL && !w->lifo_off && !(mt->base.flags & PIRN_RT_LATENCY_HISTOGRAM)) &&
        push_lifo(w, n.cell))
        stat_add(&w->stats.local_schedules, 1);
    else
        schedule_any(mt, n);
}

static void mt_requeue(struct sched *s, struct notified n, bool yield)
{
    struct multi_thread *mt = mt_from(s);
    struct worker *w = worker_here(mt);

    timing_stamp(mt->base.flags, n.cell);
    if (LIKELY(w != NULL)) {
        if (yield && w->yield_mark == UINT64_MAX)
            w->yield_mark = queue_pushed(&w->queue);
        pirn__mt_push_local(w, n.cell);
    } else {                       /* after block_in_place passed the worker on */
        pirn__mt_link(mt, n.cell); /* no worker answers for it to a walker */
        if (!push_outside(mt, n))
            pirn__spawner_refuse(&mt->base, n);
    }
}

const struct sched_ops pirn__mt_ops = {
    .here = mt_here,
    .schedule = mt_schedule,
    .requeue = mt_requeue,
    HANDLE_SCHED_OPS,
};
