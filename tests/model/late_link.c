/* SPDX-License-Identifier: MIT */
/* A task that waits for the first time while the list closes: is it found by the closer, or refused
 * and cancelled by its runner? */
#define MODEL_WITH_LIST
#include "tests/model/task_model.h"

static struct header *cell;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    pirn__waker_clone(cell);
    return PIRN_PENDING;
}

static void setup(void)
{
    world_reset(0);
    cell = spawn(0, true);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        (void)run_mail(0);
    } else {
        pirn__owned_close(&model_list);
        shut_down(0, cell);
    }
}

static void check(void)
{
    while (cancel_mail(0))
        ;
    assert(!take_result(0, cell));
    assert(ledgers[0].freed == 0);
    pirn__waker_wake((struct task_waker){cell}); /* outlives the list */
    check_gone(0);
}

MODEL_SCENARIO("late_link", 2)
