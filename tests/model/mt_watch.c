/* SPDX-License-Identifier: MIT */
/* A worker wakes while the watchdog goes to sleep with the others: does it sleep while somebody is
 * awake? */
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
        watch_once();
    } else {
        /* By who wakes it, then, having woken, by itself. */
        assert(pirn__idle_pick(&mt.idle, &worker));
        pirn__watchdog_call(mt.base.watchdog);
    }
}

static void check(void)
{
    assert(dog_is_up());
    mt_check();
}

MODEL_SCENARIO("mt_watch", 2)
