/* SPDX-License-Identifier: MIT */
/* An owner whose ring is full takes half of it out, as for the shared queue, while a thief steals: is
 * each task seen once, and is there room afterwards? */
#include "tests/model/queue_model.h"

static void setup(void)
{
    queues_setup();
}

static void run(unsigned thread)
{
    struct header *out[QUEUE_STEAL_MAX];
    uint32_t n;

    if (thread == 1) {
        steal_once(&queues[0]);
        return;
    }
    assert(push_task(&queues[0], 0) && push_task(&queues[0], 1));
    if (!push_task(&queues[0], 2)) {
        n = pirn__queue_take_many(&queues[0], out, 1);
        for (uint32_t i = 0; i < n; i++)
            see_task(out[i]);
        assert(push_task(&queues[0], 2));
    }
    take_all(&queues[0], false);
}

static void check(void)
{
    queues_check(3);
}

MODEL_SCENARIO("queue_overflow", 2)
