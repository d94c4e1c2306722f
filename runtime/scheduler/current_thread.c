/* SPDX-License-Identifier: MIT */
/* The core of the current-thread scheduler: its queues, its turns, its sleep, its end.
 *
 * Ready tasks of this thread are in `local`; what came from outside is pulled from the inject queue
 * whole and served when `local` is empty and at every global_queue_interval'th tick. A task that
 * yields waits in `deferred` until the driver has been looked at, so that yielding in a loop cannot
 * starve I/O. */
#include "runtime/scheduler/current_thread.h"

#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "runtime/scheduler/root.h"
#include "runtime/scheduler/watchdog.h"
#include "task/base/scope.h"
#include "task/harness.h"

/* ---- what tasks ask of a scheduler: task/sched.h ---------------------------------------------- */

static struct current_thread *ct_from(struct sched *s)
{
    return (struct current_thread *)(void *)s;
}

static bool op_here(struct sched *s)
{
    return ct_is_here(ct_from(s));
}

static void op_schedule(struct sched *s, struct notified n)
{
    struct current_thread *ct = ct_from(s);

    timing_stamp(ct->base.flags, n.cell);
    if (ct_is_here(ct)) {
        task_list_push(&ct->core.local, n);
        return;
    }
    if (!pirn__inject_push(&ct->inject, n)) {
        /* The task is idle, so it is linked, so the closer has it. */
        if (pirn__state_ref_dec(&n.cell->state, 1))
            pirn__harness_free(n.cell);
        return;
    }
    pirn__driver_unpark(&ct->driver);
}

static void op_requeue(struct sched *s, struct notified n, bool yield)
{
    struct current_thread *ct = ct_from(s);

    timing_stamp(ct->base.flags, n.cell);
    task_list_push(yield ? &ct->core.deferred : &ct->core.local, n);
}

const struct sched_ops pirn__ct_ops = {
    .here = op_here,
    .schedule = op_schedule,
    .requeue = op_requeue,
    HANDLE_SCHED_OPS,
};

/* ---- the core's slot --------------------------------------------------------------------------- */

struct core *pirn__ct_take_core(struct current_thread *ct)
{
    /* mo: acquire pairs with [core] in put_core: the core is as its last owner left it. seq_cst
     * pairs with [core] in waiter.c and use_fd. */
    struct core *core = atomic_exchange_explicit(&ct->slot, NULL, memory_order_seq_cst);

    /* mo: relaxed. If it was set just now, the descriptor is disarmed by the next taker. */
    if (core != NULL && atomic_load_explicit(&ct->fd_used, memory_order_relaxed)) {
        pirn__alarm_set(&ct->driver.alarm, PIRN_NEVER);
        pirn__driver_disarm(&ct->driver);
    }
    return core;
}

/* Whether a walker has asked since the last request that was met. */
static bool is_asked(const struct current_thread *ct)
{
    /* mo: seq_cst pairs with [park]: a walker asks, then looks at the driver and the core's slot; we
     * announce a sleep or put the core back, then look here. Relaxed: who has the core writes it. */
    return atomic_load_explicit(&ct->base.link_asked, memory_order_seq_cst) !=
           atomic_load_explicit(&ct->link_done, memory_order_relaxed);
}

/* Whether a foreign loop that waits on the descriptor has something to do. */
static bool needs_a_turn(struct core *core)
{
    return pirn__ct_has_work(core) || (pirn__ct_is_stopping(core->ct) && !core->stopped) ||
           (!core->fd_has_timers && pirn__timers_next(&core->spawner.timers) < core->told);
}

void pirn__ct_put_core(struct core *core)
{
    struct current_thread *ct = core->ct;
    bool used, news;

    core->root = NULL;
    poller_idle(&core->poller);
    do {
        pirn__spawner_give_back(&core->spawner);
        pirn__ct_serve_walkers(core);
        /* mo: relaxed: looked at again below. */
        used = atomic_load_explicit(&ct->fd_used, memory_order_relaxed);
        if (used) {
            pirn__driver_arm(&ct->driver);
            if (needs_a_turn(core))
                pirn__driver_unpark(&ct->driver);
            if (core->fd_has_timers)
                pirn__alarm_set(&ct->driver.alarm, pirn__ct_next_deadline(core));
        }
        /* mo: release pairs with [core] in take_core; seq_cst pairs with [core] in waiter.c: a
         * waiter counts itself, then tries to take the core. */
        atomic_store_explicit(&ct->slot, core, memory_order_seq_cst);
        /* mo: seq_cst pairs with [core] in use_fd, as is_asked() does in the walker: they set it,
         * then try to take the core; we put it back, then look. One of us does what is to be done. */
        news = is_asked(ct) || (!used && atomic_load_explicit(&ct->fd_used, memory_order_seq_cst));
    } while (UNLIKELY(news) && pirn__ct_take_core(ct) != NULL);
    pirn__waiters_tell_one(&ct->waiters);
}

void pirn__ct_use_fd(struct current_thread *ct)
{
    struct core *core;

    /* mo: seq_cst pairs with [core] in put_core. */
    atomic_store_explicit(&ct->fd_used, true, memory_order_seq_cst);
    core = pirn__ct_take_core(ct);
    if (core != NULL)
        pirn__ct_put_core(core);
}

/* ---- turns ---------------------------------------------------------------------------------------- */

void pirn__ct_take_injected(struct core *core)
{
    uint64_t n = pirn__inject_take_all(&core->ct->inject, &core->pulled);

    if (n != 0)
        stat_add(&core->remote_schedules, n);
}

struct header *pirn__ct_next_task(struct core *core)
{
    struct current_thread *ct = core->ct;
    struct header *h;

    if (UNLIKELY(--core->until_global == 0)) {
        core->until_global = ct->base.global_queue_interval;
        pirn__ct_take_injected(core);
        h = task_list_pop(&core->pulled);
        return h != NULL ? h : task_list_pop(&core->local);
    }
    h = task_list_pop(&core->local);
    if (LIKELY(h != NULL))
        return h;
    if (core->pulled.head == NULL)
        pirn__ct_take_injected(core);
    return task_list_pop(&core->pulled);
}

static void update_clock(struct core *core, struct wake_list *wakes)
{
    pirn_time now = pirn__rt_now(&core->ct->base);

    core->clock_turn = core->turns;
    core->poller.tick = pirn__handle_tick(&core->ct->base, now);
    pirn__timers_advance(&core->spawner.timers, now, wakes);
}

void pirn__ct_look_around(struct core *core)
{
    struct driver *driver = &core->ct->driver;
    struct wake_list wakes;

    wake_list_init(&wakes);
    update_clock(core, &wakes);
    if (io_has_sources(&driver->io))
        driver_look(driver, &wakes);
    pirn__wake_flush(&wakes);
}

/* From now to @at, by the runtime's clock. While that is paused: for ever; whoever moves it tells. */
static int64_t time_to(struct core *core, pirn_time at)
{
    const struct pirn_handle *h = &core->ct->base;
    pirn_time now;

    if (at == PIRN_NEVER || UNLIKELY(rt_clock_is_paused(&h->clock)))
        return PIRN_NEVER;
    now = pirn__rt_now(h);
    return at > now ? at - now : 0;
}

pirn_time pirn__ct_next_deadline(struct core *core)
{
    int64_t left;

    core->told = pirn__timers_next(&core->spawner.timers);
    left = time_to(core, core->told);
    return left == PIRN_NEVER ? PIRN_NEVER : left == 0 ? 0 : pirn__clock_now() + left;
}

void pirn__ct_timer_set(struct pirn_handle *h, struct timers *t)
{
    struct current_thread *ct = ct_of(h);

    (void)t; /* there is one */
    if (!ct_is_here(ct))
        pirn__driver_unpark(&ct->driver);
}

/* Tasks that were never polled, or never waited, are in queues only: link them for a walker. */
static void link_list(struct current_thread *ct, struct task_list *l)
{
    for (struct header *h = l->head; h != NULL; h = h->queue_next)
        if (!cell_is_linked(h))
            (void)pirn__owned_link(&ct->owned, h); /* shard 0, as `kind` has it */
}

static COLD void serve_walkers(struct core *core, uint32_t asked)
{
    struct current_thread *ct = core->ct;

    pirn__ct_take_injected(core);
    link_list(ct, &core->local);
    link_list(ct, &core->pulled);
    link_list(ct, &core->deferred);
    /* mo: release pairs with [asked] in the walker: it finds what we linked. */
    atomic_store_explicit(&ct->link_done, asked, memory_order_release);
    pirn__futex_wake(&ct->link_done, INT32_MAX);
}

void pirn__ct_serve_walkers(struct core *core)
{
    struct current_thread *ct = core->ct;
    /* mo: acquire pairs with [asked] in the walker; seq_cst pairs with [park]: a sleeper looks here
     * after announcing itself. */
    uint32_t asked = atomic_load_explicit(&ct->base.link_asked, memory_order_seq_cst);

    /* mo: relaxed. Only who has the core writes it. */
    if (UNLIKELY(asked != atomic_load_explicit(&ct->link_done, memory_order_relaxed)))
        serve_walkers(core, asked);
}

static bool linked_since(struct current_thread *ct, uint32_t asked)
{
    /* mo: acquire pairs with [asked] in serve_walkers. */
    uint32_t done = atomic_load_explicit(&ct->link_done, memory_order_acquire);

    return (int32_t)(done - asked) >= 0;
}

bool pirn__ct_link_queued(struct pirn_handle *h)
{
    struct current_thread *ct = ct_of(h);
    pirn_time patience = pirn__clock_now() + LINK_PATIENCE_MS * PIRN_MS;
    struct core *core;
    /* mo: seq_cst pairs with [park]: then a look at the driver. Release pairs with [asked]. */
    uint32_t asked = atomic_fetch_add_explicit(&h->link_asked, 1, memory_order_seq_cst) + 1;

    if (ct_is_here(ct)) {
        pirn__ct_serve_walkers(&ct->core);
        return true;
    }
    handle_call(h);
    pirn__driver_unpark(&ct->driver);
    while (!linked_since(ct, asked)) {
        uint32_t done;

        if (pirn__ct_has_stopped(ct))
            return true;
        core = pirn__ct_take_core(ct);
        if (core != NULL) {
            pirn__ct_serve_walkers(core);
            pirn__ct_put_core(core);
            break;
        }
        /* mo: relaxed. The next look acquires. */
        done = atomic_load_explicit(&ct->link_done, memory_order_relaxed);
        if ((int32_t)(done - asked) < 0 && !pirn__futex_wait(&ct->link_done, done, patience))
            return linked_since(ct, asked); /* one long poll */
    }
    return true;
}

void pirn__ct_maintain(struct core *core)
{
    /* The clock costs as much as a poll, and the driver far more. */
    if (core->turns - core->clock_turn >= core->ct->base.event_interval ||
        (core->deferred.head != NULL && io_has_sources(&core->ct->driver.io)))
        pirn__ct_look_around(core);
    timing_pause(&core->timing);
    pirn__ct_serve_walkers(core);
    task_list_append(&core->local, &core->deferred);
    pirn__spawner_give_back(&core->spawner);
}

bool pirn__ct_has_work(struct core *core)
{
    struct current_thread *ct = core->ct;

    return core->local.head != NULL || core->pulled.head != NULL || core->deferred.head != NULL ||
           !pirn__inject_is_empty(&ct->inject);
}

static bool has_reason(struct core *core)
{
    struct current_thread *ct = core->ct;

    if (pirn__ct_has_work(core) || (core->root != NULL && pirn__root_is_woken(core->root)) ||
        pirn__ct_is_stopping(ct))
        return true;
    return is_asked(ct) || pirn__timers_next(&core->spawner.timers) < core->sleep_until ||
           rt_clock_changes(&ct->base.clock) != core->clock_seen;
}

/* Asked after the sleep was announced. */
static bool pending(void *arg)
{
    struct core *core = arg;

    return has_reason(core) || pirn__handle_may_jump(&core->ct->base, &core->spawner.timers);
}

void pirn__ct_set_awake(struct current_thread *ct, bool awake)
{
    if (LIKELY(ct->base.watchdog == NULL))
        return;
    /* mo: seq_cst pairs with [watch] in the watchdog: who wakes says so, then looks at it. */
    atomic_store_explicit(&ct->awake, awake, memory_order_seq_cst);
    if (awake)
        pirn__watchdog_call(ct->base.watchdog);
}

/* Where sleeps have lately been short, and ended by other threads. */
static bool spare_sleep(struct core *core)
{
    return !core->woken_by_event && pirn__patience_look(&core->patience, pending, core);
}

/* Instead of a sleep, while the clock is paused: it goes on, unless an event has come. */
static bool jump(struct core *core)
{
    struct pirn_handle *h = &core->ct->base;

    if (LIKELY(!pirn__handle_may_jump(h, &core->spawner.timers)))
        return false;
    pirn__ct_look_around(core);
    if (!has_reason(core) && pirn__handle_jump(h, &core->spawner.timers))
        pirn__ct_look_around(core);
    return true;
}

void pirn__ct_park(struct core *core)
{
    struct current_thread *ct = core->ct;
    struct wake_list wakes;

    core->clock_seen = rt_clock_changes(&ct->base.clock);
    core->sleep_until = pirn__timers_next(&core->spawner.timers);
    if (has_reason(core) || UNLIKELY(jump(core)))
        return;
    if (spare_sleep(core))
        return;
    (void)scope_swap_id(0); /* hooks and sleep are no task's */
    poller_idle(&core->poller);
    pirn__report_thread(&ct->base, REPORT_PARK, 0);
    /* The hook may have woken or spawned: `pending` looks again. */
    stat_add(&core->parks, 1); /* before: whoever looks while we sleep finds it counted */
    pirn__ct_set_awake(ct, false);
    wake_list_init(&wakes);
    if (pirn__driver_park(&ct->driver, pending, core, time_to(core, core->sleep_until), &wakes)) {
        if (!core->woken_by_event)
            pirn__patience_slept(&core->patience);
        update_clock(core, &wakes);
        core->woken_by_event = !wake_list_is_empty(&wakes);
    } else {
        stat_add(&core->parks, (uint64_t)-1);
    }
    pirn__ct_set_awake(ct, true);
    pirn__wake_flush(&wakes);
    pirn__report_thread(&ct->base, REPORT_UNPARK, 0);
}

/* ---- the end ----------------------------------------------------------------------------------------- */

bool pirn__ct_is_stopping(const struct current_thread *ct)
{
    /* mo: seq_cst pairs with [park]: ask_stop sets it, then looks at the driver. */
    return atomic_load_explicit(&ct->stop, memory_order_seq_cst) != CT_RUNNING;
}

void pirn__ct_ask_stop(struct current_thread *ct)
{
    uint32_t running = CT_RUNNING;

    /* mo: seq_cst pairs with [park]: see is_stopping. Failure relaxed: it was asked before. */
    (void)atomic_compare_exchange_strong_explicit(&ct->stop, &running, CT_STOPPING,
                                                  memory_order_seq_cst, memory_order_relaxed);
    handle_call(&ct->base);
    pirn__driver_unpark(&ct->driver);
    pirn__waiters_tell_all(&ct->waiters);
}

void pirn__ct_note_stopped(struct current_thread *ct)
{
    /* mo: release pairs with [core]: who sees it need not take the core. */
    atomic_store_explicit(&ct->stop, CT_STOPPED, memory_order_seq_cst);
}

bool pirn__ct_has_stopped(const struct current_thread *ct)
{
    /* mo: acquire pairs with [core] in note_stopped; seq_cst: a walker asks, then looks here; who
     * stops notes it, then looks whether one has asked. */
    return atomic_load_explicit(&ct->stop, memory_order_seq_cst) == CT_STOPPED;
}

void pirn__ct_drain(struct core *core)
{
    struct current_thread *ct = core->ct;
    struct task t;
    struct header *h;

    /* Closed first, drained second: what comes too late is refused where it comes from. */
    core->stopped = true;
    pirn__owned_close(&ct->owned);
    pirn__inject_close(&ct->inject, &core->pulled);
    for (;;) {
        if ((h = task_list_pop(&core->local)) != NULL ||
            (h = task_list_pop(&core->pulled)) != NULL ||
            (h = task_list_pop(&core->deferred)) != NULL)
            pirn__harness_cancel_queued((struct notified){h}, &core->poller);
        else if (pirn__owned_pop(&ct->owned, &t))
            pirn__harness_shutdown(t, &core->poller);
        else
            break;
    }
    /* A walker that still waits is told that there is nothing more. */
    pirn__ct_serve_walkers(core);
    poller_idle(&core->poller);
}
