/* SPDX-License-Identifier: MIT */
/* The last blocking task ends while the driver of a paused clock goes to sleep because of it: does
 * the clock go on? */
#include "tests/model/clock_model.h"

static int result; /* plain: of the blocking task */
static int seen;   /* guard: the driver */

static void setup(void)
{
    clock_setup();
    result = seen = 0;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        result = 5;
        spin_take(&pool_lock);
        pool_quiet = true;
        spin_give(&pool_lock);
        pirn__driver_unpark(&rt.driver); /* by way of pirn__handle_timer_set() */
        return;
    }
    while (!pirn__handle_jump(&rt.base, NULL)) {
        rt.core.clock_seen = rt_clock_changes(&rt.base.clock);
        (void)pirn__driver_park(&rt.driver, pending, &rt.core, PIRN_NEVER, NULL);
    }
    seen = result;
}

static void check(void)
{
    assert(seen == 5);
}

MODEL_SCENARIO("core_jump", 2)
