/* SPDX-License-Identifier: MIT */
/* Do two wakes at once, each with an event of its own, lead to a poll that has seen both? */
#include "tests/model/task_model.h"

static struct header *cell;
static atomic_int events[2]; /* relaxed */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return get(&events[0]) + get(&events[1]) == 2 ? 0 : PIRN_PENDING;
}

static void setup(void)
{
    world_reset(2);
    set(&events[0], 0);
    set(&events[1], 0);
    cell = spawn(0, true);
    pirn__waker_clone(cell);
    pirn__waker_clone(cell);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    if (thread == 2) {
        (void)run_mail(0);
        return;
    }
    set(&events[thread], 1);
    if (thread == 0) {
        pirn__waker_wake((struct task_waker){cell});
    } else {
        pirn__waker_wake_by_ref(cell);
        pirn__waker_drop((struct task_waker){cell});
    }
}

static void check(void)
{
    run_rest(0);
    assert(take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("two_wakers", 3)
