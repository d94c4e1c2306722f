/* SPDX-License-Identifier: MIT */
/* A task that waits for a permit, by a waker that is not counted, gets it while something else wakes it
 * and it is polled and ends: is its cell not touched any more? */
#define MODEL_WITH_TASK
#include "tests/model/sema_model.h"

static struct header *cell;
static pirn_op task_op;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    return pirn_semaphore_acquire_poll(&task_op, cx, sema, 1, &permits[1]);
}

static void setup(void)
{
    sema_reset(1);
    assert(pirn_semaphore_acquire_try(sema, 1, &permits[0]) == 0);
    task_op.kind = NULL;
    cell = spawn(0, false);
    (void)run_mail(0);
    pirn__waker_clone(cell);
}

/* Neither drives. */
static void run(unsigned thread)
{
    if (thread == 0) {
        give_back(0);
    } else {
        pirn__waker_wake((struct task_waker){cell});
        (void)run_mail(0);
    }
}

static void check(void)
{
    run_rest(0);
    check_gone(0);
    assert(permits[1].semaphore == sema);
    give_back(1);
    sema_check(1);
}

MODEL_SCENARIO("sema_late", 2)
