/* SPDX-License-Identifier: MIT */
/* The completer, the join handle and a waker give up the last references: is the task freed once,
 * after all that they did with it? */
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
    cell = spawn(0, true);
    pirn__waker_clone(cell);
}

static void run(unsigned thread)
{
    if (thread == 0)
        (void)run_mail(0);
    else if (thread == 1)
        pirn__join_drop((struct join_handle){cell});
    else
        pirn__waker_drop((struct task_waker){cell});
}

static void check(void)
{
    assert(ledgers[0].outputs_made == 1 && ledgers[0].outputs_dropped == 1);
    check_gone(0);
}

MODEL_SCENARIO("last_reference_completing", 3)
