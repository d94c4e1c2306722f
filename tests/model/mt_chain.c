/* SPDX-License-Identifier: MIT */
/* One searches while one task waits and a second is pushed, and each task keeps its worker for ever:
 * does the searcher, who was relied on, wake the sleeper for the other one? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(2);
    workers[0].searching = pirn__idle_begin_search(&mt.idle);
    pirn__idle_sleep(&mt.idle, 1, false);
    assert(push_task(0));
}

static void run(unsigned thread)
{
    struct worker *w = &workers[1];
    struct pool_thread self;
    struct runner r = {.worker = &workers[0], .thread = &self};
    struct header *h;

    if (thread == 0) {
        assert(push_task(1));
    } else if (thread == 1) {
        self.poller.polls = &self.poller.stats.polls;
        run_one(&r, pirn__worker_search(&workers[0]));
    } else {
        /* As in pirn__worker_sleep(), once that is announced. */
        do
            (void)pirn__parker_park(&w->parker, &mt.driver, true, PIRN_NEVER, NULL);
        while (pirn__idle_sleeps(&mt.idle, 1));
        w->searching = true;
        while ((h = pirn__worker_search(w)) == NULL)
            pirn__worker_sleep(w);
        run_task(h);
    }
}

static void check(void)
{
    assert(runs[0] == 1 && runs[1] == 1);
    mt_check();
}

MODEL_SCENARIO("mt_chain", 3)
