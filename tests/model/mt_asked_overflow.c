/* SPDX-License-Identifier: MIT */
/* A walker asks while a worker that has not answered moves tasks from its full queue to the shared
 * one, which another has served: are they linked? */
#include "tests/model/mt_asked_moved.h"

static void setup(void)
{
    mt_setup(2);
    assert(pirn__queue_push(&workers[0].queue, &cells[0]));
    assert(pirn__queue_push(&workers[0].queue, &cells[1]));
}

static void run(unsigned thread)
{
    if (thread == 0) {
        ask();
    } else if (thread == 1) {
        pirn__mt_push_local(&workers[0], &cells[2]);
        serve(&workers[0]);
    } else {
        serve(&workers[1]);
    }
}

static void check(void)
{
    unsigned found = take_shared();
    struct header *h;

    while ((h = pirn__queue_take(&workers[0].queue, false)) != NULL)
        found |= 1u << task_of(h);
    assert(found == 7);
    mt_check();
}

MODEL_SCENARIO("mt_asked_overflow", 3)
