/* SPDX-License-Identifier: MIT */
/* Two workers end with tasks left in their slots and queues, claimed ones too: does the last one find
 * all of them as their owners left them, and does who waits for the end see it? */
#include "tests/model/mt_tasks.h"

static struct poller pollers[2];

static void setup(void)
{
    mt_setup(2);
    atomic_store_explicit(&mt.stop, MT_STOPPING, memory_order_relaxed);
    pirn__global_close(&mt.global);
}

static void run(unsigned thread)
{
    struct worker *w = &workers[thread];

    if (thread == 2) {
        assert(pirn__mt_shutdown(&mt.base, PIRN_NEVER, true) == 0);
        assert(refusals[0] == 1 && refusals[1] == 1 && refusals[2] == 1);
        return;
    }
    if (thread == 0) {
        w->queue.claimed[0] = &cells[0];
        w->queue.next = 0;
        w->queue.last = 1;
        assert(push_lifo(w, &cells[2]));
    } else {
        assert(pirn__queue_push(&w->queue, &cells[1]));
    }
    pirn__worker_stop(w, &pollers[thread]);
}

static void check(void)
{
    mt_check();
}

MODEL_SCENARIO("mt_last", 3)
