/* SPDX-License-Identifier: MIT */
/* Three parties that give up the last references of a complete task: is it freed once, after all
 * that they did with it? */
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
    world_reset(1); /* whose wake is not from outside */
    cell = spawn(0, true);
    pirn__waker_clone(cell);
    pirn__waker_clone(cell);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn__join_drop((struct join_handle){cell});
    else if (thread == 1)
        pirn__waker_wake((struct task_waker){cell});
    else
        pirn__waker_drop((struct task_waker){cell});
}

static void check(void)
{
    assert(ledgers[0].outputs_dropped == 1);
    check_gone(0);
}

MODEL_SCENARIO("last_reference", 3)
