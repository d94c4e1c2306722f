/* SPDX-License-Identifier: MIT */
/* Closed while a permit comes back that somebody waits for: does he get the one or the other, and is
 * nothing lost? */
#include "tests/model/sema_model.h"

static void setup(void)
{
    sema_reset(2);
    assert(pirn_semaphore_acquire_try(sema, 1, &permits[0]) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        give_back(0);
    else if (thread == 1)
        pirn_semaphore_close(sema);
    else if (ask(2, 2) == 0)
        give_back(2);
}

static void check(void)
{
    if (waiting[2].result == PIRN_PENDING) {
        assert(is_woken(&waiting[2]));
        if (ask(2, 2) == 0)
            give_back(2);
        assert(waiting[2].result != PIRN_PENDING);
    }
    assert(waiting[2].result == 0 || waiting[2].result == PIRN_ECLOSED);
    assert(held == 1 + (waiting[2].result == 0));
    sema_check(2);
}

MODEL_SCENARIO("sema_close", 3)
