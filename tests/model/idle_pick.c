/* SPDX-License-Identifier: MIT */
/* Two want a sleeper woken while it wakes for a reason of its own: does one of the three wake it, and
 * is it counted once? */
#include "tests/model/os_model.h"

#include "runtime/scheduler/idle.c"

static struct idle idle;
static uint32_t sleepers[1];
static int woken[3]; /* guard: the thread */

static void setup(void)
{
    pirn__idle_init(&idle, 1, sleepers);
    pirn__idle_sleep(&idle, 0, false);
    woken[0] = woken[1] = woken[2] = 0;
}

static void run(unsigned thread)
{
    uint32_t worker = 7;

    if (thread < 2) {
        woken[thread] = pirn__idle_pick(&idle, &worker);
        assert(!woken[thread] || worker == 0);
    } else {
        woken[2] = pirn__idle_wake_self(&idle, 0, true);
        assert(!pirn__idle_sleeps(&idle, 0));
    }
}

static void check(void)
{
    assert(woken[0] + woken[1] + woken[2] == 1);
    assert(idle.count == 0 && !pirn__idle_all_asleep(&idle));
    assert(pirn__idle_searches_alone(&idle) && pirn__idle_end_search(&idle));
    pirn__idle_fini(&idle);
}

MODEL_SCENARIO("idle_pick", 3)
