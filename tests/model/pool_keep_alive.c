/* SPDX-License-Identifier: MIT */
/* Two push while the only thread, idle for long enough, goes, and no other can be made: does what
 * was accepted run, and does everybody else learn that there is nobody? */
#include "tests/model/pool_model.h"

static void task_runs(int task)
{
    (void)task;
}

static void setup(void)
{
    pool_setup(1, 2, 0);
}

static void run(unsigned thread)
{
    if (thread < 2)
        push_task((int)thread);
    else
        serve(&threads[0]);
}

static void check(void)
{
    pool_check();
}

MODEL_SCENARIO("pool_keep_alive", 3)
