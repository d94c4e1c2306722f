/* SPDX-License-Identifier: MIT */
/* An abort, a wake and the runner at once: does the task end once, one way or the other, and does
 * the drop that an abort causes see what the aborter did? */
#include "tests/model/task_model.h"

static struct header *cell;
static int reason;        /* plain: the abort alone publishes it */
static atomic_int events; /* relaxed */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return get(&events) == 1 ? 0 : PIRN_PENDING;
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
    set(&events, 0);
    cell = spawn(0, true);
    pirn__waker_clone(cell); /* the aborter's */
    pirn__waker_clone(cell);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        (void)run_mail(0);
    } else if (thread == 1) {
        reason = 1;
        pirn__waker_abort((struct abort_handle){cell});
        pirn__waker_drop((struct task_waker){cell});
    } else {
        set(&events, 1);
        pirn__waker_wake((struct task_waker){cell});
    }
}

static void check(void)
{
    run_rest(0);
    (void)take_result(0, cell);
    assert(get(&ledgers[0].forgotten) == 0);
    check_gone(0);
}

MODEL_SCENARIO("abort_vs_run", 3)
