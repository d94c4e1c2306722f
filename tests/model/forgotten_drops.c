/* SPDX-License-Identifier: MIT */
/* Two wakers of a waiting task are dropped at once: is it reported, once, that nothing is left that
 * could wake it? */
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
    world_reset(MODEL_MAIN);
    cell = spawn(0, true);
    pirn__waker_clone(cell);
    pirn__waker_clone(cell);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    (void)thread;
    pirn__waker_drop((struct task_waker){cell});
}

static void check(void)
{
    assert(get(&ledgers[0].forgotten) == 1);
    shut_down(0, cell);
    assert(!take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("forgotten_drops", 2)
