/* SPDX-License-Identifier: MIT */
/* A task that waits, by a waker that is not counted, is notified while it is shut down: is it woken only
 * while its cell is there, and freed once? */
#define MODEL_WITH_TASK
#include "tests/model/notify_model.h"

static struct header *cell;
static pirn_op task_op;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    return pirn_notify_poll(&task_op, cx, note);
}

static void setup(void)
{
    notify_reset();
    task_op.kind = NULL;
    model_drives[0] = false;
    cell = spawn(0, true);
    (void)run_mail(0);
}

/* The first one notifies, the second is the scheduler, the third one closes it. */
static void run(unsigned thread)
{
    if (thread == 0)
        pirn_notify_one(note);
    else if (thread == 1)
        (void)run_mail(0);
    else
        shut_down(0, cell);
}

static void check(void)
{
    bool done;

    run_rest(0);
    done = take_result(0, cell);
    check_gone(0);
    assert(done + stored() == 1);
    notify_check();
}

MODEL_SCENARIO("notify_task", 3)
