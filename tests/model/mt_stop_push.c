/* SPDX-License-Identifier: MIT */
/* A worker that ends drains the shared queue while another thread spawns, and the one who asked for
 * the stop waits for it: is the task refused or ended, and in time? */
#include "tests/model/mt_tasks.h"

static struct poller poller;
static bool refused; /* guard: the spawner */

static void setup(void)
{
    mt_setup(1);
    refused = false;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(pirn__mt_shutdown(&mt.base, PIRN_NEVER, true) == 0);
        (void)refusals[0]; /* plain: the worker has ended what it will end */
    } else if (thread == 1) {
        while (!pirn__mt_is_stopping(&mt.base))
            (void)pirn__parker_park(&workers[0].parker, &mt.driver, true, PIRN_NEVER, NULL);
        pirn__worker_stop(&workers[0], &poller);
    } else {
        refused = !push_task(0);
    }
}

static void check(void)
{
    assert(refusals[0] == !refused);
    mt_check();
}

MODEL_SCENARIO("mt_stop_push", 3)
