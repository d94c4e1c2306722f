/* SPDX-License-Identifier: MIT */
/* The life of a worker: run what is ready, look after itself now and then, sleep when there is
 * nothing.
 *
 * The loop sets one recovery point, in the thread's record; what a fault needs afterwards is in the
 * worker and the runner, not in locals. */
#include "runtime/os/clock.h"
#include "runtime/os/thread.h"
#include "runtime/scheduler/entry.h"
#include "runtime/scheduler/multi_thread.h"
#include "runtime/scheduler/watchdog.h"
#include "task/base/scope.h"
#include "task/harness.h"

/* ---- between polls ------------------------------------------------------------------------------- */

static void note_time(struct worker *w, pirn_time now)
{
    w->spawner.poller->tick = pirn__handle_tick(&w->mt->base, now);
}

void pirn__worker_maintain(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    pirn_time now = pirn__clock_now();
    uint64_t polls = stat_get(&w->stats.polls);

    timing_pause(&w->timing);
    w->until_event = mt->base.event_interval;
    w->yield_mark = UINT64_MAX;
    pirn__tuning_end(&w->tuning, now, polls);
    tuning_begin(&w->tuning, now, polls);
    note_time(w, now);
    pirn__worker_fire_timers(w, now);
    pirn__spawner_give_back(&w->spawner);
}

/* Memory that came back goes where it belongs, before a sleep. */
static void tidy_memory(struct worker *w)
{
    struct pirn_handle *rt = &w->mt->base;
    struct slab *surplus;

    pirn__spawner_give_back(&w->spawner);
    surplus = pirn__cache_trim(&w->spawner.cells);
    if (surplus != NULL)
        pirn__cache_free_slabs(&rt->sched.alloc, surplus);
}

/* ---- sleep ------------------------------------------------------------------------------------------ */

static void park(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    uint64_t polls = stat_get(&w->stats.polls);
    pirn_time now;

    pirn__worker_maintain(w);
    pirn__worker_serve_walkers(w);
    tidy_memory(w);
    if (pirn__worker_has_work(w))
        return;
    (void)scope_swap_id(0); /* hooks and sleep are no task's */
    poller_idle(w->spawner.poller);
    pirn__report_thread(&mt->base, REPORT_PARK, w->index);
    if (!pirn__worker_has_work(w)) { /* the hook may have spawned */
        now = pirn__clock_now();
        stat_add(&w->stats.busy_ns, (uint64_t)(now - w->awake_since));
        stat_add(&w->stats.parks, 1);
        stat_add(&w->stats.parks_unparks, 1);
        if (polls == w->polls_at_wake)
            stat_add(&w->stats.noops, 1);
        pirn__worker_sleep(w);
        stat_add(&w->stats.parks_unparks, 1);
        w->awake_since = pirn__clock_now();
        w->polls_at_wake = polls;
        note_time(w, w->awake_since);
        tuning_begin(&w->tuning, w->awake_since, polls);
        if (mt->base.watchdog != NULL)
            pirn__watchdog_call(mt->base.watchdog);
    }
    pirn__report_thread(&mt->base, REPORT_UNPARK, w->index);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* After a poll, or what was to be one, also if it faulted. */
static void note_end(struct runner *r)
{
    struct worker *w = r->worker;

    if (w == NULL || !timing_is_on(&w->timing))
        return;
    /* Another thread may have it now, and with it the figures; the task may have been cancelled, or
     * have ended elsewhere. */
    if (w == r->polled && stat_get(&w->stats.polls) != r->polls)
        pirn__timing_end(&w->timing, &r->timed);
}

static void run_one(struct runner *r, struct header *h)
{
    struct worker *w = r->worker;

    if (w->searching) {
        w->searching = false;
        if (pirn__idle_end_search(&w->mt->idle))
            pirn__mt_notify(w->mt);
    } else if (UNLIKELY(queue_has_surplus(&w->queue))) {
        pirn__mt_notify_from(w);
    }
    if (timing_is_on(&w->timing)) {
        r->polled = w;
        r->polls = stat_get(&w->stats.polls);
        pirn__timing_begin(&w->timing, h, &r->timed);
    }
    pirn__harness_run((struct local_notified){h}, &r->thread->poller);
    note_end(r);
    entry_check_guards();
}

/* Until the runtime stops, or the worker is passed on in a poll. */
static void run(struct runner *r)
{
    struct worker *w;

    while ((w = r->worker) != NULL) {
        struct header *h;

        if (UNLIKELY(w->until_event-- == 0 || handle_is_called(&w->mt->base, &w->calls_seen))) {
            pirn__worker_maintain(w);
            pirn__worker_look_at_driver(w);
            pirn__worker_serve_walkers(w);
            if (pirn__mt_is_stopping(&w->mt->base))
                return;
        }
        h = pirn__worker_next(w);
        if (h == NULL) {
            timing_pause(&w->timing);
            h = pirn__worker_search(w);
        }
        if (w->yield_mark != UINT64_MAX && w->yield_mark < pirn__queue_position(&w->queue))
            h = pirn__worker_before_yielded(w, h);
        if (LIKELY(h != NULL)) {
            run_one(r, h);
            continue;
        }
        if (pirn__mt_is_stopping(&w->mt->base))
            return;
        park(w);
    }
}

bool pirn__worker_take_over(struct worker *w)
{
    /* mo: acquire pairs with [worker] in pass_on: the worker is as its last runner left it. */
    return atomic_exchange_explicit(&w->passed_on, 0, memory_order_acquire) != 0;
}

void pirn__worker_pass_on(struct worker *w)
{
    /* mo: release pairs with [worker] in take_over. */
    atomic_store_explicit(&w->passed_on, 1, memory_order_release);
}

/* run(), again after each fault. */
static void run_guarded(struct runner *r)
{
    struct pool_thread *t = r->thread;

    if (_setjmp(t->recovery.at) != 0) {
        pirn__scope.cx = &t->poller.cx;
        pirn__scope.task_id = 0;
        pirn__scope.busy = 1;
        pirn__scope.guards = NULL;
        pirn__context.set = NULL;
        pirn__harness_recover(&t->poller);
        note_end(r);
    }
    pirn__scope.recovery = &t->recovery;
    run(r);
    pirn__scope.recovery = NULL;
}

static void begin_run(struct runner *r)
{
    struct worker *w = r->worker;
    struct pirn_handle *rt = &w->mt->base;
    struct poller *p = &r->thread->poller;

    pirn__context = (struct context){.spawner = &w->spawner, .runner = r};
    pirn__scope.runtime = rt;
    pirn__scope.here = &rt->sched;
    pirn__scope.cx = &p->cx;
    pirn__scope.task_id = 0;
    pirn__scope.busy = 1;
    pirn__scope.guards = NULL;
    pirn__poller_init(p, &rt->sched, rt->coop_budget);
    p->blocking = false;
    p->polls = &w->stats.polls;
    /* mo: relaxed, for people. */
    atomic_store_explicit(&p->worker, w->index, memory_order_relaxed);
    w->spawner.poller = p;
    /* mo: relaxed, a statistic. */
    atomic_store_explicit(&w->stats.thread_id, pirn__thread_id(), memory_order_relaxed);
    w->awake_since = pirn__clock_now();
    note_time(w, w->awake_since);
    tuning_begin(&w->tuning, w->awake_since, stat_get(&w->stats.polls));
}

static void end_run(struct runner *r)
{
    poller_idle(&r->thread->poller);
    r->thread->poller.polls = &r->thread->poller.stats.polls;
    pirn__context = (struct context){.core = NULL};
    pirn__scope.runtime = NULL;
    pirn__scope.here = NULL;
    pirn__scope.cx = NULL;
    pirn__scope.task_id = 0;
    pirn__scope.busy = 0;
    /* mo: relaxed, for people. */
    atomic_store_explicit(&r->thread->poller.worker, CELL_NO_WORKER, memory_order_relaxed);
}

void pirn__worker_run(struct pool_thread *t, void *arg)
{
    struct worker *w = arg;
    struct runner r = {.worker = w, .thread = t};

    pirn__blocking_tell_start(&w->mt->base.blocking, t, w->index);
    if (!pirn__worker_take_over(w))
        return; /* whoever passed it on has taken it back */
    begin_run(&r);
    run_guarded(&r);
    if (r.worker != NULL)
        pirn__worker_stop(w, &t->poller);
    end_run(&r);
}
