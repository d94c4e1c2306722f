/* SPDX-License-Identifier: MIT */
/* Everybody is told while one who was armed looks, and another one leaves: is who was armed told, with
 * what was done before? */
#include "tests/model/notify_model.h"

static int told; /* plain */

static void setup(void)
{
    notify_reset();
    told = 0;
    assert(!pirn_notify_arm(&waiting[1].op, &waiting[1].cx, note));
    assert(!pirn_notify_arm(&waiting[2].op, &waiting[2].cx, note));
}

static void run(unsigned thread)
{
    if (thread == 0) {
        told = 1;
        pirn_notify_waiters(note);
    } else if (thread == 2) {
        pirn_op_drop(&waiting[2].op);
    } else if (listen_to(1) == 0) {
        assert(told == 1);
    }
}

static void check(void)
{
    if (waiting[1].result == PIRN_PENDING) {
        assert(is_woken(&waiting[1]));
        assert(listen_to(1) == 0);
    }
    assert(!stored());
    notify_check();
}

MODEL_SCENARIO("notify_all", 3)
