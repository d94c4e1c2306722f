/* SPDX-License-Identifier: MIT */
/* The core's slot and those who wait for it, for the scenarios. */
#ifndef PIRN_TESTS_MODEL_CORE_MODEL_H
#define PIRN_TESTS_MODEL_CORE_MODEL_H

#include "tests/model/os_model.h"

#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/root.h"

/* No cell of another cache is freed here, and there is no root. */
#define pirn__spawner_give_back(spawner) ((void)(spawner))
#define pirn__root_is_woken(root)        (assert(!"part of the model"), (root) != NULL)
#if !defined(MODEL_CLOCK) /* by a scenario whose clock is paused */
#    define pirn__handle_may_jump(h, timers) ((void)(h), (void)(timers), false)
#    define pirn__handle_jump(h, timers)     ((void)(h), (void)(timers), false)
#endif
#if !defined(MODEL_LINKS) /* by a scenario that has queued tasks, and task/owned.c */
#    define pirn__owned_link(list, cell) (assert(!"part of the model"), (cell) != NULL)
#endif

#if defined(MODEL_GENMC) /* resolves every name of an object, used or not */
const pirn_waker_vt pirn__join_fd_vt = {0};
#endif

#include "runtime/driver/driver.c"
#include "runtime/scheduler/current_thread.c"
#include "runtime/scheduler/inject.c"
#include "runtime/scheduler/waiter.c"

static struct current_thread rt;

static void core_setup(void)
{
    fd_reset();
    futex_reset();
    atomic_store_explicit(&rt.driver.state, AWAKE, memory_order_relaxed);
    atomic_store_explicit(&rt.fd_used, false, memory_order_relaxed);
    atomic_store_explicit(&rt.slot, &rt.core, memory_order_relaxed);
    atomic_store_explicit(&rt.stop, CT_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&rt.base.link_asked, 0, memory_order_relaxed);
    atomic_store_explicit(&rt.link_done, 0, memory_order_relaxed);
    pirn__inject_init(&rt.inject);
    pirn__waiters_init(&rt.waiters);
    rt.core.ct = &rt;
    rt.core.root = NULL;
    rt.core.turns = 0;
    rt.core.clock_seen = 0;
    atomic_store_explicit(&rt.base.clock.changes, 0, memory_order_relaxed);
    task_list_init(&rt.core.local);
    task_list_init(&rt.core.pulled);
    task_list_init(&rt.core.deferred);
}

/* Waits for the core as pirn__ct_shutdown() does. */
static struct core *wait_for_core(struct core_waiter *w)
{
    struct core *core;

    for (;;) {
        pirn__waiters_add(&rt.waiters, w);
        core = pirn__ct_take_core(&rt);
        if (core != NULL)
            break;
        (void)pirn__waiter_sleep(w, PIRN_NEVER);
        (void)pirn__waiter_take(w);
    }
    pirn__waiters_remove(&rt.waiters, w, true);
    return core;
}
#endif
