/* SPDX-License-Identifier: MIT */
/* Two tasks are pushed while two threads, idle for long enough, go: does one go that was claimed, or
 * that somebody is about to call? */
#include "tests/model/pool_model.h"

static void task_runs(int task)
{
    (void)task;
}

static void setup(void)
{
    pool_setup(2, 2, 0);
}

static void run(unsigned thread)
{
    if (thread != 0) {
        serve(&threads[thread - 1]);
        return;
    }
    push_task(0);
    push_task(1);
}

static void check(void)
{
    pool_check();
}

MODEL_SCENARIO("pool_claimed", 3)
