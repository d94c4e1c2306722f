/* SPDX-License-Identifier: MIT */
/* A poll that wakes its own task, while somebody else wakes it as well: is there one poll more, not
 * two Notifieds, and is the other's event seen? */
#include "tests/model/task_model.h"

static struct header *cell;
static atomic_int events; /* relaxed */

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    if (ledgers[task].polls == 1) {
        pirn__waker_wake_by_ref(cell);
        pirn__waker_clone(cell);
        pirn__waker_wake((struct task_waker){cell});
        return PIRN_PENDING;
    }
    return get(&events) == 1 ? 0 : PIRN_PENDING;
}

static void setup(void)
{
    world_reset(0);
    set(&events, 0);
    cell = spawn(0, true);
    pirn__waker_clone(cell);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        (void)run_mail(0);
        (void)run_mail(0);
    } else {
        set(&events, 1);
        pirn__waker_wake((struct task_waker){cell});
    }
}

static void check(void)
{
    run_rest(0);
    assert(ledgers[0].polls >= 2);
    assert(take_result(0, cell));
    check_gone(0);
}

MODEL_SCENARIO("self_wake", 2)
