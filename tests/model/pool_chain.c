/* SPDX-License-Identifier: MIT */
/* Two tasks are pushed, the first of which blocks until the second has run, while two threads sleep
 * or are about to: is the second one woken? Then the pool closes. */
#include "tests/model/pool_model.h"

static atomic_int ended; /* relaxed: the pool alone orders */

static void task_runs(int task)
{
    if (task == 0)
        MODEL_WAIT_WHILE(atomic_load_explicit(&ended, memory_order_relaxed) == 0);
    (void)atomic_fetch_add_explicit(&ended, 1, memory_order_relaxed);
}

static void setup(void)
{
    atomic_store_explicit(&ended, 0, memory_order_relaxed);
    pool_setup(2, 2, PIRN_NEVER);
}

static void run(unsigned thread)
{
    if (thread != 0) {
        serve(&threads[thread - 1]);
        return;
    }
    push_task(0);
    push_task(1);
    MODEL_WAIT_WHILE(atomic_load_explicit(&ended, memory_order_relaxed) != POOL_TASKS);
    pirn__pool_close(&pool);
}

static void check(void)
{
    assert(runs[0] == 1 && runs[1] == 1);
    pool_check();
}

MODEL_SCENARIO("pool_chain", 3)
