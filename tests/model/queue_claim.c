/* SPDX-License-Identifier: MIT */
/* An owner claims several tasks with one exchange while a thief steals: does nobody see a claimed task
 * but its owner, also when those left over go elsewhere? */
#include "tests/model/queue_model.h"

static void setup(void)
{
    queues_setup();
}

static void run(unsigned thread)
{
    struct header *out[QUEUE_STEAL_MAX], *h;
    uint32_t n;

    if (thread == 1) {
        steal_once(&queues[0]);
        return;
    }
    assert(push_task(&queues[0], 0) && push_task(&queues[0], 1));
    h = pirn__queue_take(&queues[0], true);
    if (h != NULL)
        see_task(h);
    assert(push_task(&queues[0], 2));
    while ((n = pirn__queue_take_many(&queues[0], out, QUEUE_STEAL_MAX)) != 0)
        for (uint32_t i = 0; i < n; i++)
            see_task(out[i]);
    assert(push_task(&queues[0], 3));
    take_all(&queues[0], true);
}

static void check(void)
{
    queues_check(4);
}

MODEL_SCENARIO("queue_claim", 2)
