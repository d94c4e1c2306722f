/* SPDX-License-Identifier: MIT */
/* Driving a current-thread runtime: block_on, turn, shutdown.
 *
 * Each takes the core, or waits for it, and runs the same loop. The loop sets one recovery point;
 * what a fault needs afterwards is in the core, not in locals. */
#include <errno.h>

#include "runtime/os/clock.h"
#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/entry.h"
#include "runtime/scheduler/root.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/relax.h"
#include "task/base/scope.h"
#include "task/harness.h"

/* Enters, and has the core if @core is not NULL. */
static void enter_runtime(struct entry *e, struct current_thread *ct, struct core *core)
{
    pirn__entry_begin(e, &ct->base);
    if (core == NULL)
        return;
    pirn__context.core = core;
    pirn__context.spawner = &core->spawner;
    pirn__scope.here = &ct->base.sched;
    pirn__scope.cx = &core->poller.cx;
    pirn__ct_set_driven(ct, true);
    pirn__ct_set_awake(ct, true);
    pirn__blocking_take_over(&ct->base.blocking);
}

static void leave_runtime(const struct entry *e)
{
    struct core *core = pirn__context.core;

    if (core != NULL) {
        pirn__ct_set_awake(core->ct, false);
        pirn__ct_set_driven(core->ct, false);
    }
    pirn__entry_end(e);
}

/* ---- the loop --------------------------------------------------------------------------------- */

/* After a poll, or what was to be one, also if it faulted. */
static void end_timing(struct core *core)
{
    if (timing_is_on(&core->timing) && stat_get(&core->poller.stats.polls) != core->polls)
        pirn__timing_end(&core->timing, &core->timed);
}

static void run_task(struct core *core, struct header *h)
{
    if (timing_is_on(&core->timing)) {
        core->polls = stat_get(&core->poller.stats.polls);
        pirn__timing_begin(&core->timing, h, &core->timed);
    }
    pirn__harness_run((struct local_notified){h}, &core->poller);
    end_timing(core);
}

static enum end run_root(struct core *core)
{
    struct root *root = core->root;
    struct current_thread *ct = core->ct;

    for (;;) {
        if (pirn__root_take_wake(root, NULL)) {
            bool ready;

            poller_idle(&core->poller);
            (void)scope_swap_id(0);
            core->in_root = true;
            ready = pirn__root_poll(root, ct->base.coop_budget);
            core->in_root = false;
            entry_check_guards();
            if (ready)
                return END_READY;
        }
        if (UNLIKELY(pirn__ct_is_stopping(ct)))
            return END_STOPPED;
        for (uint32_t n = ct->base.event_interval;
             n > 0 && !handle_is_called(&ct->base, &core->calls_seen); n--) {
            struct header *h;

            core->turns++;
            h = pirn__ct_next_task(core);
            if (h == NULL) {
                if (!root->woken)
                    pirn__ct_park(core);
                break;
            }
            run_task(core, h);
            entry_check_guards();
        }
        pirn__ct_maintain(core);
    }
}

/* Passes over what is ready; at least one. */
static enum end run_turn(struct core *core)
{
    struct current_thread *ct = core->ct;

    for (;;) {
        if (UNLIKELY(pirn__ct_is_stopping(ct)))
            return END_STOPPED;
        /* What becomes ready during a pass waits for the next one: `pass` survives a fault. */
        while (core->pass > 0 && !handle_is_called(&ct->base, &core->calls_seen)) {
            struct header *h;

            core->pass--;
            core->turns++;
            h = pirn__ct_next_task(core);
            if (h == NULL)
                break;
            run_task(core, h);
            entry_check_guards();
        }
        pirn__ct_maintain(core);
        pirn__ct_look_around(core);
        pirn__ct_take_injected(core);
        task_list_append(&core->local, &core->pulled);
        core->pass = stat_get(&core->local.len);
        if (core->pass == 0 && pirn__handle_jump(&ct->base, &core->spawner.timers))
            continue;
        if (core->pass == 0)
            return END_IDLE;
        if (core->passes != 0 &&
            (core->until == 0 || (core->until != PIRN_NEVER && pirn__clock_now() >= core->until)))
            return END_TIME;
        core->passes++;
    }
}

static enum end drive(struct core *core)
{
    enum end end;

    if (_setjmp(core->recovery.at) != 0) {
        pirn__scope.cx = &core->poller.cx;
        pirn__scope.task_id = 0;
        pirn__scope.runtime = &core->ct->base;
        pirn__scope.guards = NULL;
        pirn__context.set = NULL;
        if (core->in_root) {
            core->in_root = false;
            pirn__scope.recovery = NULL;
            return END_FAULTED;
        }
        pirn__harness_recover(&core->poller);
        end_timing(core);
    }
    pirn__scope.recovery = &core->recovery;
    end = core->root != NULL ? run_root(core) : run_turn(core);
    pirn__scope.recovery = NULL;
    return end;
}

/* The runtime stops, and this thread has its core. */
static void stop(struct core *core)
{
    if (!core->stopped) {
        pirn__blocking_close(&core->ct->base.blocking);
        pirn__ct_drain(core);
        pirn__handle_end_sources(&core->ct->base);
        pirn__ct_note_stopped(core->ct);
        pirn__ct_serve_walkers(core); /* one that asked since, and did not see that we stopped */
        pirn__waiters_tell_all(&core->ct->waiters);
    }
}

/* ---- block_on ------------------------------------------------------------------------------------ */

/* Until this thread has the core, or its root needs no more; or (not @to_stop) the runtime stops. */
static enum end wait_for_core(struct current_thread *ct, struct root *root, bool to_stop,
                              struct core **core)
{
    enum end end;
    bool told;

    for (;;) {
        pirn__waiters_add(&ct->waiters, &root->waiter);
        *core = pirn__ct_take_core(ct);
        if (*core != NULL) {
            pirn__waiters_remove(&ct->waiters, &root->waiter, true);
            return END_IDLE;
        }
        if (!to_stop && pirn__ct_is_stopping(ct)) {
            pirn__waiters_remove(&ct->waiters, &root->waiter, false);
            return END_STOPPED;
        }
        told = false;
        if (pirn__root_take_wake(root, &told)) {
            end = pirn__root_poll_contained(root, ct->base.coop_budget);
            if (end != END_IDLE) {
                pirn__waiters_remove(&ct->waiters, &root->waiter, false);
                return end;
            }
            continue; /* it may have woken itself, or the core may be free by now */
        }
        if (!told) /* else the core may be free: look again, in the list again */
            (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
    }
}

/* Children of the root are alive: tasks go on until they are gone, here if nobody else drives. */
static void settle_root(struct current_thread *ct, struct root *root, struct core **core,
                        struct entry *entry)
{
    while (!pirn__root_is_settled(root)) {
        if (*core == NULL) {
            if (wait_for_core(ct, root, true, core) != END_IDLE)
                return;
            leave_runtime(entry);
            enter_runtime(entry, ct, *core);
        } else if (!pirn__ct_is_stopping(ct)) {
            (*core)->root = root;
            (void)drive(*core);
        } else {
            stop(*core);
            /* What is left runs on the blocking pool's threads, or in another runtime. */
            if (!pirn__root_is_settled(root))
                (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
            (void)pirn__root_take_wake(root, NULL);
        }
    }
}

int pirn__ct_block_on(struct pirn_handle *h, const pirn_task_desc *d, void *frame, pirn_result *res,
                      void *out)
{
    struct current_thread *ct = ct_of(h);
    struct core *core = NULL;
    struct entry entry;
    struct root *root = pirn__root_open(h, &ct->driver, d, frame, out);
    enum end end;
    int r;

    if (root == NULL)
        return -ENOMEM;
    enter_runtime(&entry, ct, NULL);
    end = pirn__ct_is_stopping(ct) ? END_STOPPED : wait_for_core(ct, root, false, &core);
    leave_runtime(&entry);
    if (core == NULL && end == END_STOPPED)
        core = pirn__ct_take_core(ct); /* nobody else may come to end the tasks */
    enter_runtime(&entry, ct, core);
    if (core != NULL && end != END_STOPPED) {
        core->root = root;
        end = drive(core);
    }
    pirn__root_decide(root, end);
    settle_root(ct, root, &core, &entry);
    r = pirn__root_finish(root, res);
    if (core != NULL) {
        if (pirn__ct_is_stopping(ct))
            stop(core);
        /* The roots of others, and a descriptor, go on where this one stopped. */
        task_list_append(&core->local, &core->deferred);
    }
    leave_runtime(&entry);
    if (core != NULL)
        pirn__ct_put_core(core);
    pirn__root_close(root); /* last: with it our hold on the handle and its allocator may go */
    return r;
}

/* ---- turn ------------------------------------------------------------------------------------------ */

int pirn__ct_turn(struct current_thread *ct, pirn_time until, pirn_time *next_deadline)
{
    struct core *core;
    struct entry entry;
    enum end end;

    /* A walker or pirn_runtime_fd() has the core for a moment without driving: that is waited for. */
    for (unsigned tries = 0; (core = pirn__ct_take_core(ct)) == NULL; cpu_relax(tries++)) {
        if (pirn__ct_is_driven(ct))
            return pirn__error(-EBUSY, "pirn_runtime_turn: another thread drives");
        if (pirn__ct_has_stopped(ct)) /* its core may have been kept for good */
            return pirn__error(PIRN_ESHUTDOWN, "pirn_runtime_turn: the runtime has shut down");
    }
    pirn_handle_ref(&ct->base); /* free may come as soon as the core is put back */
    enter_runtime(&entry, ct, core);
    core->until = until;
    core->pass = core->passes = 0;
    core->fd_has_timers = next_deadline == NULL;
    end = drive(core);
    if (end == END_STOPPED)
        stop(core);
    else if (next_deadline != NULL)
        *next_deadline = pirn__ct_next_deadline(core);
    leave_runtime(&entry);
    pirn__ct_put_core(core);
    pirn_handle_unref(&ct->base);
    if (end == END_STOPPED)
        return pirn__error(PIRN_ESHUTDOWN, "pirn_runtime_turn: the runtime has shut down");
    return end == END_TIME;
}

/* ---- shutdown -------------------------------------------------------------------------------------- */

/* The core, when everybody has left; with STOPPED also NULL, unless it is wanted for good. */
static int take_core_to_stop(struct current_thread *ct, pirn_time deadline, bool for_good,
                             struct core **core)
{
    struct core_waiter waiter;
    bool in_time = true;

    pirn__waiter_init(&waiter);
    for (;;) {
        pirn__waiters_add(&ct->waiters, &waiter);
        *core = pirn__ct_take_core(ct);
        if (*core != NULL || (!for_good && pirn__ct_has_stopped(ct)) || !in_time)
            break;
        in_time = pirn__waiter_sleep(&waiter, deadline);
        (void)pirn__waiter_take(&waiter);
    }
    pirn__waiters_remove(&ct->waiters, &waiter, *core != NULL);
    return *core != NULL || in_time ? 0 : -ETIMEDOUT;
}

int pirn__ct_shutdown(struct pirn_handle *h, pirn_time deadline, bool for_good)
{
    struct current_thread *ct = ct_of(h);
    struct core *core;
    struct entry entry;
    int r;

    if (pirn__blocking_is_inside(&h->blocking))
        return pirn__error(-EDEADLK, "pirn_runtime_shutdown: inside a blocking task");
    pirn__ct_ask_stop(ct);
    r = take_core_to_stop(ct, deadline, for_good, &core);
    if (r != 0)
        return pirn__error(r, "pirn_runtime_shutdown: a poll still runs");
    pirn_handle_ref(h); /* as in a turn */
    if (core != NULL) { /* else somebody else has ended the tasks */
        enter_runtime(&entry, ct, core);
        stop(core);
        leave_runtime(&entry);
        if (for_good)
            pirn__spawner_give_back(&core->spawner);
        else
            pirn__ct_put_core(core);
    }
    r = pirn__blocking_shutdown(&h->blocking, deadline);
    pirn_handle_unref(h);
    return r;
}
