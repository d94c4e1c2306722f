/* SPDX-License-Identifier: MIT */
/* One who asks is dropped, with nothing, with a part of it, or with all that was granted: does the next
 * one get it? */
#include "tests/model/sema_model.h"

static void setup(void)
{
    sema_reset(1);
    assert(pirn_semaphore_acquire_try(sema, 1, &permits[0]) == 0);
    assert(pirn_semaphore_add(sema, 1) == 0);
    assert(ask(1, 2) == PIRN_PENDING); /* has one, misses one */
}

static void run(unsigned thread)
{
    if (thread == 0)
        give_back(0);
    else if (thread == 1)
        pirn_op_drop(&waiting[1].op);
    else if (ask(2, 2) == 0)
        give_back(2);
}

static void check(void)
{
    must_get(2, 2);
    assert(held == 2);
    sema_check(2);
}

MODEL_SCENARIO("sema_drop", 3)
