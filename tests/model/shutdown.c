/* SPDX-License-Identifier: MIT */
/* The closer, a wake and the runner at once: is the frame dropped once, by one of them, after what
 * the last poll left in it and what the closer did before? */
#include "tests/model/task_model.h"

static struct header *cell;
static int polled;        /* plain: what a poll leaves */
static int closing;       /* plain: what the closer did */
static atomic_int events; /* relaxed */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    polled++;
    return get(&events) == 2 ? 0 : PIRN_PENDING;
}

static void see_all(void)
{
    assert(polled >= 1 && closing == 1);
}

static void setup(void)
{
    world_reset(1);
    on_cancel = see_all;
    polled = closing = 0;
    set(&events, 0);
    cell = spawn(0, true);
    pirn__waker_clone(cell);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        closing = 1;
        shut_down(0, cell);
    } else if (thread == 1) {
        (void)run_mail(0);
    } else {
        set(&events, 1);
        pirn__waker_wake((struct task_waker){cell});
    }
}

static void check(void)
{
    while (cancel_mail(0))
        ;
    assert(!take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("shutdown", 3)
