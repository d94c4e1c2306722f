/* SPDX-License-Identifier: MIT */
/* A worker that wakes while all sleep makes a sleeper the watcher, then there is a task for that: does the
 * sleeper wake for the task, whatever it is just then, and is it counted as what it is? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(2);
    atomic_store_explicit(&mt.driver.driver.io.added, 1, memory_order_relaxed);
    pirn__idle_sleep(&mt.idle, 1, false);
}

static bool is_parked(const struct parker *p)
{
    uint32_t state = atomic_load_explicit(&p->state, memory_order_relaxed);

    return state == PARKER_PARKED || state == PARKED_ON_DRIVER;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        while (!pirn__idle_all_asleep(&mt.idle))
            model_relax();
        (void)pirn__idle_wake_self(&mt.idle, 1, false);
        pirn__mt_ensure_watch(&mt);
        while (!is_parked(&workers[0].parker)) /* again, if it was */
            model_relax();
        assert(push_task(0));
    } else {
        work(&workers[0], 1);
    }
}

static void check(void)
{
    uint32_t word = atomic_load_explicit(&mt.idle.word, memory_order_relaxed);

    assert(runs[0] == 1);
    assert(AWAKE(word) == 2 && SEARCHING(word) == 0);
    mt_check();
}

MODEL_SCENARIO("mt_watcher", 2)
