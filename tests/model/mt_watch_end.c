/* SPDX-License-Identifier: MIT */
/* The watchdog is to end while it goes to sleep and a worker wakes: does it see it? */
#include "tests/model/mt_tasks.h"

#include "tests/model/watch_model.h"

static void setup(void)
{
    mt_setup(1);
    watch_setup(&mt.base);
    pirn__idle_sleep(&mt.idle, 0, false);
}

static bool is_awake(struct pirn_handle *h)
{
    return !pirn__idle_all_asleep(&mt_of(h)->idle);
}

static void run(unsigned thread)
{
    uint32_t worker;

    if (thread == 0) {
        sleep_with_the_others(&dog);
    } else if (thread == 1) {
        assert(pirn__idle_pick(&mt.idle, &worker));
        pirn__watchdog_call(&dog);
    } else {
        atomic_store_explicit(&dog.state, ENDING, memory_order_relaxed);
        pirn__futex_wake(&dog.state, 1);
    }
}

static void check(void)
{
    assert(is_ending(&dog));
    mt_check();
}

MODEL_SCENARIO("mt_watch_end", 3)
