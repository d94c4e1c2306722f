/* SPDX-License-Identifier: MIT */
/* A worker puts tasks into its slot, takes the next and runs out of luck, while two others rescue what
 * they find there: is each task seen once, with what its waker did? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(2);
}

static void wake_here(struct worker *w, int task)
{
    payloads[task] = 1;
    if (!push_lifo(w, &cells[task]))
        displace(w, &cells[task]);
}

static void run(unsigned thread)
{
    struct worker *w = &workers[0];
    struct header *h;

    if (thread != 0) {
        h = thread == 1 ? steal_lifo(&workers[1], w) : pirn__worker_take_lifo(w);
        if (h != NULL)
            run_task(h);
        return;
    }
    wake_here(w, 0);
    wake_here(w, 1);
    while ((h = next_of_own(w)) != NULL)
        run_task(h);
}

static void check(void)
{
    assert(runs[0] == 1 && runs[1] == 1);
    mt_check();
}

MODEL_SCENARIO("mt_lifo", 3)
