/* SPDX-License-Identifier: MIT */
/* One notification, two who wait, of whom one is dropped: does it arrive, once, with what was done before
 * it? */
#include "tests/model/notify_model.h"

static int told; /* plain: written before, read after */
static bool dropped;

static void setup(void)
{
    notify_reset();
    told = 0;
    dropped = false;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        told = 1;
        pirn_notify_one(note);
    } else if (listen_to(thread) == 0) {
        assert(told == 1);
    } else if (thread == 1) {
        dropped = true;
        pirn_op_drop(&waiting[1].op);
    }
}

static void check(void)
{
    int arrived = waiting[1].result == 0;

    assert(dropped == !arrived);
    if (waiting[2].result == PIRN_PENDING && is_woken(&waiting[2]))
        assert(listen_to(2) == 0);
    arrived += waiting[2].result == 0;
    arrived += stored();
    assert(arrived == 1);
    /* Nobody waits beside a permit. */
    if (waiting[2].result == PIRN_PENDING)
        assert(arrived == (waiting[1].result == 0));
    pirn_op_drop(&waiting[2].op);
    notify_check();
}

MODEL_SCENARIO("notify_one", 3)
