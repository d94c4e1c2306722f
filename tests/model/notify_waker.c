/* SPDX-License-Identifier: MIT */
/* Notified while the waiter is polled by another executor than before: is one of the two woken, and the
 * other's waker dropped? */
#include "tests/model/notify_model.h"

static void setup(void)
{
    notify_reset();
    assert(listen_to(1) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_notify_one(note);
    else
        waiting[1].result = pirn_notify_poll(&waiting[1].op, &waiting[2].cx, note);
}

static void check(void)
{
    if (waiting[1].result == PIRN_PENDING) {
        assert(is_woken(&waiting[2]));
        assert(listen_to(1) == 0);
    }
    notify_check();
}

MODEL_SCENARIO("notify_waker", 2)
