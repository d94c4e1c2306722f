/* SPDX-License-Identifier: MIT */
/* Does a wake that comes while the task is polled lead to another poll? */
#include "tests/model/task_model.h"

static struct header *cell;
static _Atomic(struct header *) handed; /* a waker on its way from the poll to who wakes */
static atomic_int events;               /* relaxed */

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    if (ledgers[task].polls == 1) {
        pirn__waker_clone(cell);
        (void)atomic_exchange_explicit(&handed, cell, memory_order_release);
    }
    return get(&events) == 1 ? 0 : PIRN_PENDING;
}

static void wake_handed(void)
{
    struct header *h = atomic_exchange_explicit(&handed, NULL, memory_order_acquire);

    if (h == NULL)
        return;
    set(&events, 1);
    pirn__waker_wake((struct task_waker){h});
}

static void setup(void)
{
    world_reset(0);
    atomic_store_explicit(&handed, NULL, memory_order_relaxed);
    set(&events, 0);
    cell = spawn(0, true);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        (void)run_mail(0);
        (void)run_mail(0);
    } else {
        wake_handed();
    }
}

static void check(void)
{
    wake_handed();
    run_rest(0);
    assert(take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("wake_during_poll", 2)
