/* SPDX-License-Identifier: MIT */
/* Two steal from a queue whose owner pushes on: is each task seen once? */
#include "tests/model/queue_model.h"

static void setup(void)
{
    queues_setup();
}

static void run(unsigned thread)
{
    if (thread != 0) {
        steal_once(&queues[0]);
        return;
    }
    assert(push_task(&queues[0], 0) && push_task(&queues[0], 1));
    if (!push_task(&queues[0], 2)) {
        take_all(&queues[0], false);
        assert(push_task(&queues[0], 2));
    }
    take_all(&queues[0], false);
}

static void check(void)
{
    queues_check(3);
}

MODEL_SCENARIO("queue_two_thieves", 3)
