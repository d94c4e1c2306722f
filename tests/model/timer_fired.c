/* SPDX-License-Identifier: MIT */
/* A timer fires on one thread, and its task runs at once on another: does it find the timer fired,
 * and may its memory go, while the first is not done? A third fires what is due as well. */
#include "tests/model/timer_model.h"

static struct timer *mine;
static bool found; /* guard: the task */

static void setup(void)
{
    timers_reset();
    mine = timer_new();
    (void)pirn__timers_insert(&timers, mine, 3 * MODEL_TICK);
    found = false;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        bool woken = atomic_load_explicit(&mail, memory_order_acquire);

        found = pirn__timer_look(mine) == TIMER_FIRED; /* also polled for another reason */
        assert(found || !woken);
        if (!found)
            return;
        assert(!pirn__timer_cancel(mine));
        model_free(mine);
    } else {
        fire(4 * MODEL_TICK);
    }
}

static void check(void)
{
    assert(wakes == 1);
    assert(timers.wheel.count == 0);
    if (!found) {
        assert(pirn__timer_look(mine) == TIMER_FIRED);
        assert(!pirn__timer_cancel(mine));
        model_free(mine);
    }
}

MODEL_SCENARIO("timer_fired", 3)
