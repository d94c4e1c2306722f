/* SPDX-License-Identifier: MIT */
/* A plain thread that waits for a task, with a parker in its own memory: is it woken, does it see the
 * output, and does nobody touch the parker after the wait? */
#include "tests/model/os_model.h"

#include "tests/model/task_model.h"

#include "runtime/wait.c"

static struct header *cell;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}

static void setup(void)
{
    futex_reset();
    world_reset(0);
    cell = spawn(0, true);
}

/* As pirn_join_wait() without a deadline, the parker where a late touch is noticed. */
static void wait_for_it(void)
{
    struct parker *parker = model_alloc(sizeof *parker);
    pirn_waker w;

    atomic_store_explicit(&parker->woken, 0, memory_order_relaxed);
    w.vt = &parker_vt;
    w.data = parker;
    if (!pirn__join_register((struct join_handle){cell}, &w))
        assert(parker_sleep(parker, PIRN_NEVER));
    model_free(parker);
    assert(take_result(0, cell));
}

static void run(unsigned thread)
{
    if (thread == 0)
        (void)run_mail(0);
    else
        wait_for_it();
}

static void check(void)
{
    check_gone(0);
}

MODEL_SCENARIO("join_wait", 2)
