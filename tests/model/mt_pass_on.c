/* SPDX-License-Identifier: MIT */
/* A runner passes its worker on, and wants it back, while two threads come for it: does one at a time
 * have it, as the last left it? */
#include "tests/model/mt_tasks.h"

static int taken[3]; /* guard: the thread */

static void setup(void)
{
    mt_setup(1);
    taken[0] = taken[1] = taken[2] = 0;
}

static void run(unsigned thread)
{
    struct worker *w = &workers[0];

    if (thread == 0) {
        w->lifo_runs = 1; /* plain: passing it on alone publishes it */
        pirn__worker_pass_on(w);
    }
    taken[thread] = pirn__worker_take_over(w);
    if (!taken[thread])
        return;
    w->lifo_runs++;
    if (thread == 1)
        pirn__worker_pass_on(w);
}

static void check(void)
{
    int takers = taken[0] + taken[1] + taken[2];

    assert((int)workers[0].lifo_runs == 1 + takers);
    assert(takers >= 1 && (taken[1] || takers == 1) && takers <= 2);
    mt_check();
}

MODEL_SCENARIO("mt_pass_on", 3)
