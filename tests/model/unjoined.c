/* SPDX-License-Identifier: MIT */
/* A task without a join handle completes while its wakers go: one is dropped, one wakes too late. Is
 * the output dropped, and the cell freed once? */
#include "tests/model/task_model.h"

static struct header *cell;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}

static void setup(void)
{
    world_reset(0);
    cell = spawn(0, false);
    pirn__waker_clone(cell);
    pirn__waker_clone(cell);
}

static void run(unsigned thread)
{
    if (thread == 0)
        (void)run_mail(0);
    else if (thread == 1)
        pirn__waker_drop((struct task_waker){cell});
    else
        pirn__waker_wake((struct task_waker){cell});
}

static void check(void)
{
    assert(ledgers[0].outputs_made == 1 && ledgers[0].outputs_dropped == 1);
    check_gone(0);
}

MODEL_SCENARIO("unjoined", 3)
