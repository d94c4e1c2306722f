/* SPDX-License-Identifier: MIT */
/* Who is about to sleep reads until when; meanwhile two others insert timers: has it read the first
 * of them, or is it told of that? */
#include "tests/model/timer_model.h"

static struct timer *inserted[2];
static atomic_bool asleep; /* as a driver's state */
static bool told[2];       /* guard: who inserts */
static pirn_time until;    /* guard: the sleeper */

static void setup(void)
{
    timers_reset();
    atomic_store_explicit(&asleep, false, memory_order_relaxed);
    for (int i = 0; i < 2; i++) {
        inserted[i] = timer_new();
        told[i] = false;
    }
}

static void run(unsigned thread)
{
    if (thread < 2) {
        if (pirn__timers_insert(&timers, inserted[thread], (1 + thread) * MODEL_TICK))
            told[thread] = atomic_load_explicit(&asleep, memory_order_seq_cst);
        return;
    }
    atomic_store_explicit(&asleep, true, memory_order_seq_cst);
    until = pirn__timers_next(&timers);
}

static void check(void)
{
    assert(until <= MODEL_TICK || told[0]);
    for (int i = 0; i < 2; i++) {
        (void)pirn__timer_cancel(inserted[i]);
        model_free(inserted[i]);
    }
}

MODEL_SCENARIO("timer_tell", 3)
