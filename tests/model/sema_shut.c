/* SPDX-License-Identifier: MIT */
/* Closed while somebody begins to wait: is he told? */
#include "tests/model/sema_model.h"

static void setup(void)
{
    sema_reset(0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_semaphore_close(sema);
    else
        (void)ask(1, 1);
}

static void check(void)
{
    if (waiting[1].result == PIRN_PENDING) {
        assert(is_woken(&waiting[1]));
        (void)ask(1, 1);
    }
    assert(waiting[1].result == PIRN_ECLOSED);
    sema_check(0);
}

MODEL_SCENARIO("sema_shut", 2)
