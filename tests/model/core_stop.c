/* SPDX-License-Identifier: MIT */
/* The runtime is asked to stop while one thread drives and parks and another waits for the core: do
 * both see it? */
#include "tests/model/core_model.h"

static struct core_waiter waiter;

static void setup(void)
{
    core_setup();
    atomic_store_explicit(&rt.slot, NULL, memory_order_relaxed);
    pirn__waiter_init(&waiter);
}

static void wait_in_vain(void)
{
    for (;;) {
        pirn__waiters_add(&rt.waiters, &waiter);
        assert(pirn__ct_take_core(&rt) == NULL);
        if (pirn__ct_is_stopping(&rt))
            break;
        (void)pirn__waiter_sleep(&waiter, PIRN_NEVER);
        (void)pirn__waiter_take(&waiter);
    }
    pirn__waiters_remove(&rt.waiters, &waiter, false);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__ct_ask_stop(&rt);
    } else if (thread == 1) {
        while (!pirn__ct_is_stopping(&rt))
            (void)pirn__driver_park(&rt.driver, pending, &rt.core, PIRN_NEVER, NULL);
    } else {
        wait_in_vain();
    }
}

static void check(void)
{
    assert(pirn__ct_is_stopping(&rt) && rt.waiters.first == NULL);
}

MODEL_SCENARIO("core_stop", 3)
