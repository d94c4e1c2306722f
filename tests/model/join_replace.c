/* SPDX-License-Identifier: MIT */
/* A join that replaces the waker it left before the task ran, while the task completes: does the
 * last one fire, and none that was taken back? */
#include "tests/model/task_model.h"

static struct header *cell;
static struct counted counts[2];
static pirn_waker wakers[2];
static bool taken; /* guard: the joiner */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}

static void setup(void)
{
    world_reset(0);
    taken = false;
    counted_reset(&counts[0], &wakers[0]);
    counted_reset(&counts[1], &wakers[1]);
    cell = spawn(0, true);
    assert(!pirn__join_register((struct join_handle){cell}, &wakers[0]));
}

static void run(unsigned thread)
{
    struct join_handle j = {cell};

    if (thread == 0) {
        (void)run_mail(0);
    } else if (pirn__join_register(j, &wakers[1])) {
        taken = true;
        assert(take_result(0, cell));
    }
}

static void check(void)
{
    if (!taken) {
        assert(get(&counts[0].woken) == 0 && get(&counts[1].woken) == 1);
        assert(take_result(0, cell));
    }
    check_wakers(&counts[0]);
    check_wakers(&counts[1]);
    check_gone(0);
}

MODEL_SCENARIO("join_replace", 2)
