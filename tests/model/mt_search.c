/* SPDX-License-Identifier: MIT */
/* A task is pushed while the only searcher gives up: who relied on it wakes nobody; does the searcher
 * see the task? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(1);
    workers[0].searching = pirn__idle_begin_search(&mt.idle);
    assert(workers[0].searching);
}

static void run(unsigned thread)
{
    struct header *h;

    if (thread == 0) {
        assert(push_task(0));
        return;
    }
    pirn__worker_sleep(&workers[0]);
    /* It has been woken for the task, or has seen it: there was nothing else. */
    h = pirn__worker_search(&workers[0]);
    assert(h != NULL);
    run_task(h);
}

static void check(void)
{
    assert(runs[0] == 1);
    mt_check();
}

MODEL_SCENARIO("mt_search", 2)
