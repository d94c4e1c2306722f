/* SPDX-License-Identifier: MIT */
/* The last handle goes while one waiter is polled and another one, which had been notified, is dropped:
 * is the memory freed once, after everybody? */
#include "tests/model/notify_model.h"

static void setup(void)
{
    notify_reset();
    assert(listen_to(1) == PIRN_PENDING);
    assert(listen_to(2) == PIRN_PENDING);
    pirn_notify_one(note);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_notify_unref(note);
    else if (thread == 1)
        pirn_op_drop(&waiting[1].op);
    else
        (void)listen_to(2);
}

static void check(void)
{
    if (waiting[2].result == PIRN_PENDING) {
        assert(is_woken(&waiting[2]));
        (void)listen_to(2);
    }
    assert(waiting[2].result == 0 || waiting[2].result == -ECANCELED);
    sync_check();
}

MODEL_SCENARIO("notify_end", 3)
