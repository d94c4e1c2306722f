/* SPDX-License-Identifier: MIT */
/* Somebody spawns from outside; a worker sleeps when it finds nothing: does it sleep for ever
 * while there is a task? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(1);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(push_task(0));
        return;
    }
    work(&workers[0], 1);
}

static void check(void)
{
    assert(runs[0] == 1);
    mt_check();
}

MODEL_SCENARIO("mt_sleep", 2)
