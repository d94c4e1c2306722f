/* SPDX-License-Identifier: MIT */
/* A paused clock is resumed while its driver goes to sleep for as long as it is paused: does it
 * reckon again, and see what the clock shows? */
#include "tests/model/clock_model.h"

static pirn_time shown; /* guard: the driver */

static void setup(void)
{
    clock_setup();
    shown = 0;
}

static void run(unsigned thread)
{
    struct clock *c = &rt.base.clock;

    if (thread == 0) {
        assert(pirn__rt_clock_advance(c, 100));
        assert(pirn__rt_clock_resume(c));
        pirn__driver_unpark(&rt.driver);
        return;
    }
    for (;;) {
        rt.core.clock_seen = rt_clock_changes(c);
        if (!rt_clock_is_paused(c))
            break;
        (void)pirn__driver_park(&rt.driver, pending, &rt.core, PIRN_NEVER, NULL);
    }
    shown = pirn__rt_clock_read(c);
}

static void check(void)
{
    assert(shown == 107);
}

MODEL_SCENARIO("core_clock", 2)
