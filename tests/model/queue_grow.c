/* SPDX-License-Identifier: MIT */
/* A ring that is full grows while a thief steals: does it find in the old one what it looks for, and
 * nothing there that is only in the new one? */
#include "tests/model/queue_model.h"

static void setup(void)
{
    queues_setup();
    assert(push_task(&queues[0], 0) && push_task(&queues[0], 1));
}

static void run(unsigned thread)
{
    if (thread == 1) {
        steal_once(&queues[0]);
        steal_once(&queues[0]);
        return;
    }
    assert(pirn__queue_grow(&queues[0], &ring_memory));
    assert(push_task(&queues[0], 2) && push_task(&queues[0], 3));
    take_all(&queues[0], false);
}

static void check(void)
{
    queues_check(4);
}

MODEL_SCENARIO("queue_grow", 2)
