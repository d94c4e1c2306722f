/* SPDX-License-Identifier: MIT */
/* An abort that comes while the task is polled: does the runner drop the frame, having seen what the
 * aborter did? */
#include "tests/model/task_model.h"

static struct header *cell;
static int reason; /* plain: the abort alone publishes it */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return PIRN_PENDING;
}

static void see_reason(void)
{
    assert(reason == 1);
}

static void setup(void)
{
    world_reset(0);
    on_cancel = see_reason;
    reason = 0;
    cell = spawn(0, true);
    pirn__waker_clone(cell); /* the aborter's */
}

static void run(unsigned thread)
{
    if (thread == 0) {
        (void)run_mail(0);
        (void)run_mail(0);
    } else {
        reason = 1;
        pirn__waker_abort((struct abort_handle){cell});
        pirn__waker_drop((struct task_waker){cell});
    }
}

static void check(void)
{
    run_rest(0);
    assert(!take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("abort_during_poll", 2)
