/* SPDX-License-Identifier: MIT */
/* A worker that wakes makes a sleeper the watcher while somebody spawns from outside: does the sleeper
 * wake for the task, whatever it is just then? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(2); /* the second is awake, and does nothing */
    atomic_store_explicit(&mt.driver.driver.io.added, 1, memory_order_relaxed);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn__mt_ensure_watch(&mt);
    else if (thread == 1)
        assert(push_task(0));
    else
        work(&workers[0], 1);
}

static void check(void)
{
    uint32_t word = atomic_load_explicit(&mt.idle.word, memory_order_relaxed);

    assert(runs[0] == 1);
    assert(AWAKE(word) == 2 && SEARCHING(word) == 0);
    mt_check();
}

MODEL_SCENARIO("mt_watcher", 3)
