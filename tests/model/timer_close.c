/* SPDX-License-Identifier: MIT */
/* Timers are closed while one is inserted and another is due: does each end, and is the one that
 * waits told? */
#include "tests/model/timer_model.h"

static struct timer *waiting, *late;

static void setup(void)
{
    timers_reset();
    waiting = timer_new();
    late = timer_new();
    late->waker.vt = NULL; /* who inserts it looks at it next */
    (void)pirn__timers_insert(&timers, waiting, MODEL_TICK);
}

static void run(unsigned thread)
{
    struct wake_list l;

    if (thread == 0) {
        wake_list_init(&l);
        pirn__timers_close(&timers, &l);
    } else if (thread == 1) {
        fire(2 * MODEL_TICK);
    } else {
        (void)pirn__timers_insert(&timers, late, MODEL_TICK);
    }
}

static void check(void)
{
    assert(wakes == 1);
    assert(pirn__timer_look(waiting) != TIMER_WAITS);
    assert(pirn__timer_look(late) != TIMER_WAITS);
    assert(timers.wheel.count == 0);
    (void)pirn__timer_cancel(waiting);
    (void)pirn__timer_cancel(late);
    model_free(waiting);
    model_free(late);
}

MODEL_SCENARIO("timer_close", 3)
