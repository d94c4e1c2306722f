/* SPDX-License-Identifier: MIT */
/* A join handle given up while its task completes: who drops the output? */
#include "tests/model/task_model.h"

static struct header *cell;
static struct counted counts;
static pirn_waker waker;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}

static void setup(void)
{
    world_reset(0);
    counted_reset(&counts, &waker);
    cell = spawn(0, true);
}

static void run(unsigned thread)
{
    if (thread == 0)
        (void)run_mail(0);
    else
        pirn__join_drop((struct join_handle){cell});
}

static void check(void)
{
    assert(ledgers[0].outputs_made == 1 && ledgers[0].outputs_dropped == 1);
    check_wakers(&counts);
    check_gone(0);
}

MODEL_SCENARIO("join_drop", 2)
