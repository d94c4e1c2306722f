/* SPDX-License-Identifier: MIT */
/* The runtime is asked to stop while a worker goes to sleep: does the worker see it? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(1);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__mt_ask_stop(&mt.base);
        return;
    }
    while (!pirn__mt_is_stopping(&mt.base))
        pirn__worker_sleep(&workers[0]);
}

static void check(void)
{
    assert(!pirn__global_push(&mt.global, (struct notified){&cells[0]}));
    mt_check();
}

MODEL_SCENARIO("mt_stop_sleep", 2)
