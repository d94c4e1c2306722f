/* SPDX-License-Identifier: MIT */
/* The only waker of a task is dropped elsewhere while its poll returns pending: is it reported,
 * once, that nothing is left that could wake it? */
#include "tests/model/task_model.h"

static struct header *cell;
static _Atomic(struct header *) handed; /* a waker on its way from the poll to who drops it */

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    pirn__waker_clone(cell);
    (void)atomic_exchange_explicit(&handed, cell, memory_order_release);
    return PIRN_PENDING;
}

static void drop_handed(void)
{
    struct header *h = atomic_exchange_explicit(&handed, NULL, memory_order_acquire);

    if (h != NULL)
        pirn__waker_drop((struct task_waker){h});
}

static void setup(void)
{
    world_reset(0);
    atomic_store_explicit(&handed, NULL, memory_order_relaxed);
    cell = spawn(0, true);
}

static void run(unsigned thread)
{
    if (thread == 0)
        (void)run_mail(0);
    else
        drop_handed();
}

static void check(void)
{
    drop_handed();
    assert(get(&ledgers[0].forgotten) == 1);
    shut_down(0, cell);
    assert(!take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("forgotten_pending", 2)
