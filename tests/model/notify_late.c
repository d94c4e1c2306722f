/* SPDX-License-Identifier: MIT */
/* A task that waits, by a waker that is not counted, is notified while something else wakes it and it is
 * polled: is it told, once, and is its cell not touched when it has ended? */
#define MODEL_WITH_TASK
#include "tests/model/notify_model.h"

static struct header *cell;
static pirn_op task_op;
static bool ended;

static int step(int task, pirn_cx *cx)
{
    int r = pirn_notify_poll(&task_op, cx, note);

    (void)task;
    ended = r == 0;
    return r;
}

static void setup(void)
{
    notify_reset();
    task_op.kind = NULL;
    ended = false;
    cell = spawn(0, false);
    (void)run_mail(0);
    pirn__waker_clone(cell);
}

/* Neither drives. */
static void run(unsigned thread)
{
    if (thread == 0) {
        pirn_notify_one(note);
    } else {
        pirn__waker_wake((struct task_waker){cell});
        (void)run_mail(0);
    }
}

static void check(void)
{
    run_rest(0);
    assert(ended && !stored());
    check_gone(0);
    notify_check();
}

MODEL_SCENARIO("notify_late", 2)
