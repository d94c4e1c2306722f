/* SPDX-License-Identifier: MIT */
/* As pool_keep_alive, but only one thread is allowed: one push waits for what becomes of the thread
 * that another tries to make. Does it wait for ever, or leave its task to nobody? */
#include "tests/model/pool_model.h"

static void task_runs(int task)
{
    (void)task;
}

static void setup(void)
{
    pool_setup(1, 1, 0);
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

MODEL_SCENARIO("pool_settle", 3)
