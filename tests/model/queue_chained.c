/* SPDX-License-Identifier: MIT */
/* One steals into its own queue, and another steals from that meanwhile: is each task seen once, with
 * what its first pusher did? */
#include "tests/model/queue_model.h"

static void setup(void)
{
    queues_setup();
}

static void run(unsigned thread)
{
    struct header *out[QUEUE_STEAL_MAX];
    uint32_t n;

    if (thread == 0) {
        assert(push_task(&queues[0], 0) && push_task(&queues[0], 1));
        take_all(&queues[0], false);
    } else if (thread == 1) {
        n = pirn__queue_steal(&queues[0], out);
        for (uint32_t i = 0; i < n; i++)
            assert(pirn__queue_push(&queues[1], out[i]));
        take_all(&queues[1], false);
    } else {
        steal_once(&queues[1]);
    }
}

static void check(void)
{
    queues_check(2);
}

MODEL_SCENARIO("queue_chained", 3)
