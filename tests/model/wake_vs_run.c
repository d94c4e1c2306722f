/* SPDX-License-Identifier: MIT */
/* Does the poll that a wake causes see what the waker did, and does no wake get lost? */
#include "tests/model/task_model.h"

static struct header *cell;
static int payload;       /* plain: the wake alone publishes it */
static atomic_int events; /* relaxed */

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    if (ledgers[task].polls == 1)
        return PIRN_PENDING;
    assert(payload == 1);
    return get(&events) == 1 ? 0 : PIRN_PENDING;
}

static void setup(void)
{
    world_reset(1);
    payload = 0;
    set(&events, 0);
    cell = spawn(0, true);
    pirn__waker_clone(cell);
    (void)run_mail(0);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        payload = 1;
        pirn__waker_wake_by_ref(cell);
        set(&events, 1);
        pirn__waker_wake((struct task_waker){cell});
    } else {
        (void)run_mail(0);
        (void)run_mail(0);
    }
}

static void check(void)
{
    run_rest(0);
    assert(take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("wake_vs_run", 2)
