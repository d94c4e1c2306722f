/* SPDX-License-Identifier: MIT */
/* The multi-thread scheduler: workers with queues of their own, which steal from each other.
 *
 * A worker is what a thread of the pool runs as; block_in_place passes it on to another thread. The
 * thread that has it is its runner. Implemented by worker.c, worker_find.c, worker_sleep.c, mt_*.c, block_in_place.c. */
#ifndef PIRN_RUNTIME_SCHEDULER_MULTI_THREAD_H
#define PIRN_RUNTIME_SCHEDULER_MULTI_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/scheduler/global_queue.h"
#include "runtime/scheduler/idle.h"
#include "runtime/scheduler/local_queue.h"
#include "runtime/scheduler/park.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/spawner.h"
#include "runtime/scheduler/timing.h"
#include "runtime/scheduler/tuning.h"
#include "runtime/scheduler/waiter.h"

struct multi_thread;

enum {
    LIFO_MAX = 3 /* tasks from the slot that run one after the other, before the queue's turn */
};

/* Counters of a worker. mo: all relaxed, statistics: written by its runner, read for metrics. */
struct worker_stats {
    _Atomic(uint64_t) thread_id, busy_ns, parks, parks_unparks, noops, polls, local_schedules,
        overflows, steals, steal_operations, remote_schedules;
};

/* guard, of what is neither atomic nor shared by its own rules: the runner. */
struct worker {
    struct multi_thread *mt;
    uint32_t index;
    bool searching; /* counted as such in mt->idle */
    bool lifo_off;  /* until the slot is found empty; for good without mt->lifo */
    bool may_drive; /* as the watcher: it may take the driver, nobody has looked at it lately */
    bool woken_by_event; /* or by a timer: what ended its last sleep */
    bool stopped;        /* it drains the queues, as the last: what drops spawn is refused */
    uint32_t lifo_runs;  /* tasks from the slot since the last from elsewhere */
    uint32_t calls_seen; /* of base.calls */
    uint32_t until_event, until_global; /* polls, to the next maintenance and to the shared queue */
    uint64_t yield_mark; /* queue_pushed() when a task yielded; UINT64_MAX: none has */
    uint64_t polls_at_wake;
    uint64_t turns_seen, awakenings_seen; /* as the watcher */
    uint32_t overdue_seen;                /* whose timers it looked at last, of the others */
    pirn_time awake_since;
    struct tuning tuning;
    struct timing timing;
    struct spawner spawner;
    struct worker_stats stats;
    _Atomic(uint32_t) passed_on; /* no runner has it: the next that takes it may run it */
    _Atomic(uint32_t) link_done; /* the last of base.link_asked that it met */
    /* A task that was woken here, to be run next. Others take it when it waits behind a long poll. */
    _Alignas(CACHE_LINE) _Atomic(struct header *) lifo;
    struct local_queue queue;
    struct parker parker;
};

/* A thread as a worker's. On its stack. */
struct runner {
    struct worker *worker; /* NULL: passed on, or kept by a poll that blocks; then it has none */
    struct pool_thread *thread;
    struct worker
        *polled;    /* whose task is being polled; only while that is timed, as the next two */
    uint64_t polls; /* the worker's count of them before it */
    struct timed_poll timed;
};

enum mt_stop {
    MT_RUNNING = 0,
    MT_STOPPING,
    MT_STOPPED,
};

struct multi_thread {
    struct pirn_handle base;
    struct worker *workers; /* base.workers of them */
    bool lifo;              /* immutable, as the next */
    bool spin;              /* more than one CPU: who searches may do so for a while */
    struct global_queue global;
    struct idle idle;
    struct shared_driver driver;
    _Atomic(uint32_t) watcher;      /* a sleeping worker's index + 1, or 0: worker_sleep.c */
    _Atomic(uint64_t) awakenings;   /* sleeps that have ended; a statistic */
    struct waiter_list waiters;     /* roots, to be told of the stop */
    _Atomic(uint32_t) stop;         /* enum mt_stop; a futex */
    _Atomic(uint32_t) stopped;      /* workers that have ended their tasks */
    _Atomic(uint32_t) links_served; /* a futex: changes when a worker has met a walker's request */
    _Atomic(uint32_t) links_closed; /* the last of base.link_asked that nobody waits for any more */
    _Atomic(uint32_t) links_moving; /* who has tasks in hand, between two queues */
    _Atomic(uint32_t) in_place;     /* block_in_place calls whose worker was passed on */
    _Atomic(uint64_t) moved;        /* tasks that went from a worker to the shared queue */
    _Atomic(uint64_t) kept;         /* those that found no thread for it */
};

extern const struct sched_ops pirn__mt_ops;
extern const struct flavor_ops pirn__mt_flavor; /* runtime/scheduler/mt_flavor.c */

static inline struct multi_thread *mt_of(pirn_handle *h)
{
    return (struct multi_thread *)(void *)h;
}

/* The worker this thread runs, of @mt; NULL: none. */
static inline struct worker *worker_here(const struct multi_thread *mt)
{
    struct runner *r = pirn__context.runner;

    return LIKELY(r != NULL && r->worker != NULL && r->worker->mt == mt) ? r->worker : NULL;
}

/* ---- scheduling: runtime/scheduler/mt_schedule.c ---- */
/* flavor_ops.submit */
void pirn__mt_submit(struct pirn_handle *h, struct unowned_task t);
/* Wakes a sleeper if a task that was pushed wants one. */
void pirn__mt_notify(struct multi_thread *mt);
/* The same for a task that @w has pushed itself; cheaper. */
void pirn__mt_notify_from(struct worker *w);
/* Has every worker look up, to stop or for a walker. */
void pirn__mt_wake_all(struct multi_thread *mt);
/* Tasks that no worker keeps: into the shared queue, also if that is closed: somebody drains it yet,
 * for the caller is a worker that has not stopped, or counts as moving. Empties @chain. */
void pirn__mt_push_shared(struct multi_thread *mt, struct task_list *chain);
/* Behind the others in its own queue. */
void pirn__mt_push_local(struct worker *w, struct header *h);

/* ---- the loop: runtime/scheduler/worker.c ---- */
/* A thread of the pool runs a worker until the end, or until it is passed on. For pirn__pool_start(). */
void pirn__worker_run(struct pool_thread *t, void *worker);
/* By its runner: from now on whoever takes it over has it. Return of take_over: the caller does. */
void pirn__worker_pass_on(struct worker *w);
bool pirn__worker_take_over(struct worker *w);

/* Between polls, at least every event_interval of them. A task may be in the caller's hands. */
void pirn__worker_maintain(struct worker *w);

/* ---- sleep: runtime/scheduler/worker_sleep.c ---- */
/* Until there may be something to do. */
void pirn__worker_sleep(struct worker *w);
/* Tasks whose timers are due become ready. */
void pirn__worker_fire_timers(struct worker *w, pirn_time now);
/* So do those whose events have come, if nobody sleeps on the driver. */
void pirn__worker_look_at_driver(struct worker *w);
/* Whoever runs now may be in a long poll next: somebody who sleeps is to look after the driver and the
 * timers meanwhile. */
void pirn__mt_ensure_watch(struct multi_thread *mt);
/* flavor_ops.timer_set */
void pirn__mt_timer_set(struct pirn_handle *h, struct timers *t);

/* ---- finding tasks: runtime/scheduler/worker_find.c ---- */
/* The task in a worker's slot, which anybody may take; NULL: there is none. */
struct header *pirn__worker_take_lifo(struct worker *w);
/* The next to run from what the worker has, and from the shared queue when it is its turn; NULL. */
struct header *pirn__worker_next(struct worker *w);
/* @h has yielded, and has come up to its turn: the worker looks after itself first, and whatever came
 * from outside goes first. Return: what is to run. */
struct header *pirn__worker_before_yielded(struct worker *w, struct header *h);
/* Looks at other workers, for a while if nobody else does; NULL: nothing. */
struct header *pirn__worker_search(struct worker *w);
/* Whether the shared queue has something, sequentially consistent, after announcing sleep; or a
 * worker's says that it has more than the worker's own next: a hint. */
bool pirn__mt_has_work(struct multi_thread *mt);
/* Whether this worker has something that it need not look for; of its own, or in the shared queue too. */
bool pirn__worker_has_own(struct worker *w);
bool pirn__worker_has_work(struct worker *w);

/* ---- for walkers: runtime/scheduler/mt_links.c ---- */
/* flavor_ops.link_queued */
bool pirn__mt_link_queued(struct pirn_handle *h);
/* Something that walkers wait for has changed. */
void pirn__mt_links_changed(struct multi_thread *mt);
/* Links what is in the worker's queues, if a walker has asked. No task is in the caller's hands. */
void pirn__worker_serve_walkers(struct worker *w);
/* Whether a walker has asked that this worker has not served. */
bool pirn__worker_is_asked(const struct worker *w);
/* Holding the Notified, or RUNNING: links a task that is not linked. */
void pirn__mt_link(struct multi_thread *mt, struct header *h);
/* Around taking tasks out of a queue that is not one's own: they are linked before the end of it. */
void pirn__mt_begin_move(struct multi_thread *mt);
void pirn__mt_end_move(struct multi_thread *mt, struct header **tasks, uint32_t n);
bool pirn__mt_nothing_moves(const struct multi_thread *mt);
/* Whether a worker has to do so now. */
bool pirn__worker_moves_watched(const struct worker *w);

/* ---- the end: runtime/scheduler/mt_stop.c ---- */
void pirn__mt_ask_stop(struct pirn_handle *h);
bool pirn__mt_is_stopping(const struct pirn_handle *h);
bool pirn__mt_has_stopped(const struct multi_thread *mt);
/* A worker's part: ends tasks, and as the last one drains the queues. */
void pirn__worker_stop(struct worker *w, struct poller *p);
/* flavor_ops.shutdown */
int pirn__mt_shutdown(struct pirn_handle *h, pirn_time deadline, bool for_good);

#endif
