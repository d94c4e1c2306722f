/* SPDX-License-Identifier: MIT */
/* An owner pushes and takes, round its whole ring, while a thief steals twice: is each task seen once,
 * with what its pusher did? */
#include "tests/model/queue_model.h"

static void setup(void)
{
    queues_setup();
}

static void run(unsigned thread)
{
    struct header *h;

    if (thread == 1) {
        steal_once(&queues[0]);
        steal_once(&queues[0]);
        return;
    }
    assert(push_task(&queues[0], 0) && push_task(&queues[0], 1));
    h = pirn__queue_take(&queues[0], false);
    if (h != NULL)
        see_task(h);
    /* One has gone, whoever took it. */
    assert(push_task(&queues[0], 2));
    take_all(&queues[0], false);
    assert(push_task(&queues[0], 3));
    take_all(&queues[0], false);
}

static void check(void)
{
    queues_check(4);
}

MODEL_SCENARIO("queue_steal", 2)
