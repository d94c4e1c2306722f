/* SPDX-License-Identifier: MIT */
/* A worker takes its share of what came from outside and runs it, for long, while another goes to sleep:
 * does anybody come for the rest? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(2);
    assert(push_task(0));
    assert(push_task(1));
}

static void run(unsigned thread)
{
    struct header *h;

    if (thread == 0) {
        h = pull(&workers[0], PULL_MAX);
        assert(h != NULL);
    } else {
        do
            pirn__worker_sleep(&workers[1]);
        while ((h = pirn__worker_search(&workers[1])) == NULL);
    }
    run_task(h);
}

static void check(void)
{
    assert(runs[0] == 1 && runs[1] == 1);
    mt_check();
}

MODEL_SCENARIO("mt_left", 2)
