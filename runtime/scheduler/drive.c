/* SPDX-License-Identifier: MIT */
/* Driving a current-thread runtime: block_on, turn, shutdown.
 *
 * Each takes the core, or waits for it, and runs the same loop. The loop sets one recovery point;
 * what a fault needs afterwards is in the core, not in locals. */
#include <errno.h>
#include <stdio.h>

#include "runtime/os/clock.h"
#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/root.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/relax.h"
#include "task/base/scope.h"
#include "task/harness.h"

/* What entering a runtime overwrites on this thread. */
struct entry {
    struct context context;
    struct pirn_cx *cx;
    struct recovery *recovery;
    uint64_t task_id;
    unsigned busy;
    void *runtime, *guards;
};

static void enter_runtime(struct entry *e, struct current_thread *ct, struct core *core)
{
    *e = (struct entry){pirn__context,       pirn__scope.cx,   pirn__scope.recovery,
                        pirn__scope.task_id, pirn__scope.busy, pirn__scope.runtime,
                        pirn__scope.guards};
    pirn__scope.runtime = &ct->base;
    pirn__scope.guards = NULL; /* those outside cannot end inside */
    pirn__context = (struct context){.core = core};
    if (core != NULL)
        pirn__context.spawner = &core->spawner;
    pirn__scope.cx = core != NULL ? &core->poller.cx : NULL;
    pirn__scope.task_id = 0;
    pirn__scope.busy++;
    pirn__scope.recovery = NULL; /* until drive() sets one */
    if (core != NULL)
        pirn__ct_set_driven(ct, true);
}

static void leave_runtime(const struct entry *e)
{
    if (pirn__context.core != NULL)
        pirn__ct_set_driven(pirn__context.core->ct, false);
    pirn__context = e->context;
    pirn__scope.cx = e->cx;
    pirn__scope.recovery = e->recovery;
    pirn__scope.task_id = e->task_id;
    pirn__scope.busy = e->busy;
    pirn__scope.runtime = e->runtime;
    pirn__scope.guards = e->guards;
}

enum end {
    END_READY,   /* the root is */
    END_FAULTED, /* the root has; code and text are in the scope */
    END_STOPPED, /* the runtime is to stop */
    END_IDLE,    /* nothing is ready */
    END_TIME,    /* the turn is over */
};

/* A poll that was left inside its guard would leave every later one there. */
static inline void check_guards(void)
{
    if (UNLIKELY(pirn__scope.guards != NULL))
        CLIENT_BUG("pirn_handle_enter", "a poll returned without pirn_enter_exit()");
}

/* ---- the loop --------------------------------------------------------------------------------- */

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
            check_guards();
            if (ready)
                return END_READY;
        }
        if (UNLIKELY(pirn__ct_is_stopping(ct)))
            return END_STOPPED;
        for (uint32_t n = ct->base.event_interval; n > 0; n--) {
            struct header *h;

            core->turns++;
            h = pirn__ct_next_task(core);
            if (h == NULL) {
                if (!root->woken)
                    pirn__ct_park(core);
                break;
            }
            pirn__harness_run((struct local_notified){h}, &core->poller);
            check_guards();
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
        while (core->pass > 0) {
            struct header *h;

            core->pass--;
            core->turns++;
            h = pirn__ct_next_task(core);
            if (h == NULL)
                break;
            pirn__harness_run((struct local_notified){h}, &core->poller);
            check_guards();
        }
        pirn__ct_maintain(core);
        pirn__ct_take_injected(core);
        task_list_append(&core->local, &core->pulled);
        core->pass = stat_get(&core->local.len);
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
        pirn__ct_drain(core);
        pirn__ct_note_stopped(core->ct);
        pirn__ct_serve_walkers(core); /* one that asked since, and did not see that we stopped */
        pirn__waiters_tell_all(&core->ct->waiters);
    }
}

/* ---- block_on ------------------------------------------------------------------------------------ */

struct contained_poll {
    struct root *root;
    uint32_t budget;
};

static void poll_contained(void *arg)
{
    struct contained_poll *c = arg;

    (void)pirn__root_poll(c->root, c->budget);
}

/* Until this thread has the core, or its root needs no more. */
static enum end wait_for_core(struct current_thread *ct, struct root *root, struct core **core)
{
    struct contained_poll c = {root, ct->base.coop_budget};
    bool told;

    for (;;) {
        pirn__waiters_add(&ct->waiters, &root->waiter);
        *core = pirn__ct_take_core(ct);
        if (*core != NULL) {
            pirn__waiters_remove(&ct->waiters, &root->waiter, true);
            return END_IDLE;
        }
        if (pirn__ct_is_stopping(ct)) {
            pirn__waiters_remove(&ct->waiters, &root->waiter, false);
            return END_STOPPED;
        }
        told = false;
        if (pirn__root_take_wake(root, &told)) {
            bool whole = pirn__contain(poll_contained, &c);

            if (!whole || root->ready) {
                pirn__waiters_remove(&ct->waiters, &root->waiter, false);
                return whole ? END_READY : END_FAULTED;
            }
            continue; /* it may have woken itself, or the core may be free by now */
        }
        if (!told) /* else the core may be free: look again, in the list again */
            (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
    }
}

static void drop_output(void *arg)
{
    struct root *root = arg;

    root->desc->out_drop(root->out);
}

/* The frame's end, and what is to be said of it. */
static int finish_root(struct current_thread *ct, struct root *root, enum end end, bool out_given,
                       pirn_result *res)
{
    struct sched *s = &ct->base.sched;
    struct task_facts facts = {.desc = root->desc};
    pirn_result r = {PIRN_DONE, root->code, 0};
    char text[SCOPE_TEXT_BYTES] = ""; /* of the first fault: the drop may raise others */
    bool whole;

    if (end == END_FAULTED) {
        r = (pirn_result){PIRN_FAULTED, pirn__fault_code(), 0};
        (void)snprintf(text, sizeof text, "%s", pirn__fault_text());
    }
    whole = pirn__root_drop(root, s);
    if (!whole && end == END_READY) {
        r = (pirn_result){PIRN_FAULTED, pirn__fault_code(), 0};
        (void)snprintf(text, sizeof text, "%s", pirn__fault_text());
    } else if (!whole) {
        s->ops->contained(s);
    }
    if (end == END_READY && root->code == 0 && root->desc->out_drop != NULL &&
        root->desc->out_size != 0 && (!out_given || !whole) &&
        !pirn__contain_busy(drop_output, root))
        s->ops->contained(s);
    if (end == END_STOPPED)
        return pirn__error(PIRN_ESHUTDOWN, "pirn_block_on: the runtime shuts down");
    if (r.outcome == PIRN_FAULTED) {
        s->ops->faulted(s, &facts, r.code, text);
        (void)pirn__error(0, "%s", text);
    }
    if (res != NULL)
        *res = r;
    return 0;
}

int pirn__ct_block_on(struct pirn_handle *h, const pirn_task_desc *d, void *frame, pirn_result *res,
                      void *out)
{
    struct current_thread *ct = ct_of(h);
    const pirn_alloc *a = &ct->base.sched.alloc;
    size_t align = d->out_align != 0 ? d->out_align : _Alignof(max_align_t);
    void *room = out;
    struct core *core = NULL;
    struct entry entry;
    struct root *root;
    enum end end;
    int r;

    if (out == NULL && d->out_size != 0) {
        room = a->alloc(a->user, d->out_size, align);
        if (room == NULL)
            return pirn__error(-ENOMEM, "pirn_block_on: no memory");
    }
    root = pirn__root_new(&ct->base, &ct->driver, d, frame, d->out_size != 0 ? room : NULL);
    if (root == NULL) {
        if (room != out)
            a->free(a->user, room, d->out_size);
        return pirn__error(-ENOMEM, "pirn_block_on: no memory");
    }
    enter_runtime(&entry, ct, NULL);
    end = pirn__ct_is_stopping(ct) ? END_STOPPED : wait_for_core(ct, root, &core);
    leave_runtime(&entry);
    if (core == NULL && end == END_STOPPED)
        core = pirn__ct_take_core(ct); /* nobody else may come to end the tasks */
    enter_runtime(&entry, ct, core);
    if (core != NULL && end != END_STOPPED) {
        core->root = root;
        end = drive(core);
    }
    r = finish_root(ct, root, end, out != NULL, res);
    if (core != NULL) {
        if (pirn__ct_is_stopping(ct))
            stop(core);
        /* The roots of others, and a descriptor, go on where this one stopped. */
        task_list_append(&core->local, &core->deferred);
    }
    leave_runtime(&entry);
    if (core != NULL)
        pirn__ct_put_core(core);
    if (room != out)
        a->free(a->user, room, d->out_size);
    pirn__root_free(root); /* last: with it our hold on the handle and its allocator may go */
    return r;
}

/* ---- turn ------------------------------------------------------------------------------------------ */

int pirn__ct_turn(struct current_thread *ct, pirn_time until)
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
    end = drive(core);
    if (end == END_STOPPED)
        stop(core);
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

    pirn__ct_ask_stop(ct);
    r = take_core_to_stop(ct, deadline, for_good, &core);
    if (r != 0)
        return pirn__error(r, "pirn_runtime_shutdown: a poll still runs");
    if (core == NULL)
        return 0;               /* somebody else has done it */
    pirn_handle_ref(&ct->base); /* as in a turn */
    enter_runtime(&entry, ct, core);
    stop(core);
    leave_runtime(&entry);
    if (for_good)
        pirn__spawner_give_back(&core->spawner);
    else
        pirn__ct_put_core(core);
    pirn_handle_unref(&ct->base);
    return 0;
}
