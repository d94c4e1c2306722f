/* SPDX-License-Identifier: MIT */
/* A join that registers a waker and takes it back while the task completes: is the waker either
 * taken back or woken, never both, never neither? */
#include "tests/model/task_model.h"

static struct header *cell;
static struct counted counts;
static pirn_waker waker;
static bool early, taken_back; /* guard: the joiner */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}

static void setup(void)
{
    world_reset(0);
    early = taken_back = false;
    counted_reset(&counts, &waker);
    cell = spawn(0, true);
}

static void run(unsigned thread)
{
    struct join_handle j = {cell};

    if (thread == 0) {
        (void)run_mail(0);
        return;
    }
    early = pirn__join_register(j, &waker);
    if (!early)
        taken_back = pirn__join_unregister(j);
}

static void check(void)
{
    assert(get(&counts.woken) == !(early || taken_back));
    assert(take_result(0, cell));
    check_wakers(&counts);
    check_gone(0);
}

MODEL_SCENARIO("join_unregister", 2)
