/* SPDX-License-Identifier: MIT */
/* The closer ends a task that is queued and that nobody will join, while its runner comes to it: who
 * gives the last reference up, and is the cell freed? */
#include "tests/model/task_model.h"

static struct header *cell;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return PIRN_PENDING;
}

static void setup(void)
{
    world_reset(1);
    cell = spawn(0, false);
    pirn__waker_clone(cell);
    (void)run_mail(0);
    pirn__waker_wake((struct task_waker){cell});
}

static void run(unsigned thread)
{
    if (thread == 0)
        shut_down(0, cell);
    else
        (void)run_mail(0);
}

static void check(void)
{
    check_gone(0);
}

MODEL_SCENARIO("shutdown_unjoined", 2)
