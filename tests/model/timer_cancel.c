/* SPDX-License-Identifier: MIT */
/* A timer is cancelled, and its memory goes, while one thread fires what is due and another inserts
 * and cancels beside it: is it either cancelled or fired, and does nobody touch it afterwards? */
#include "tests/model/timer_model.h"

static struct timer *mine, *beside;
static bool cancelled; /* guard: its owner */

static void setup(void)
{
    timers_reset();
    mine = timer_new();
    beside = timer_new();
    (void)pirn__timers_insert(&timers, mine, MODEL_TICK);
    cancelled = false;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        cancelled = pirn__timer_cancel(mine);
        model_free(mine);
    } else if (thread == 1) {
        fire(2 * MODEL_TICK);
    } else {
        (void)pirn__timers_insert(&timers, beside, 9 * MODEL_TICK);
        assert(pirn__timer_cancel(beside));
        model_free(beside);
    }
}

static void check(void)
{
    assert(wakes == !cancelled);
    assert(timers.wheel.count == 0 && pirn__timers_next(&timers) == PIRN_NEVER);
}

MODEL_SCENARIO("timer_cancel", 3)
