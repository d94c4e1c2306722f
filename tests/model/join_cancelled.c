/* SPDX-License-Identifier: MIT */
/* A join that registers a waker, then another, while the task is cancelled: does the last one fire,
 * and is none lost? */
#include "tests/model/task_model.h"

static struct header *cell;
static struct counted counts[2];
static pirn_waker wakers[2];
static bool taken; /* guard: the joiner */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return PIRN_PENDING;
}

static void setup(void)
{
    world_reset(0);
    taken = false;
    counted_reset(&counts[0], &wakers[0]);
    counted_reset(&counts[1], &wakers[1]);
    cell = spawn(0, true);
    pirn__waker_abort((struct abort_handle){cell});
}

static void run(unsigned thread)
{
    struct join_handle j = {cell};

    if (thread == 0) {
        (void)run_mail(0);
    } else if (pirn__join_register(j, &wakers[0]) || pirn__join_register(j, &wakers[1])) {
        taken = true;
        assert(!take_result(0, cell));
    }
}

static void check(void)
{
    if (!taken) {
        assert(get(&counts[1].woken) == 1);
        assert(!take_result(0, cell));
    }
    check_wakers(&counts[0]);
    check_wakers(&counts[1]);
    check_gone(0);
}

MODEL_SCENARIO("join_cancelled", 2)
