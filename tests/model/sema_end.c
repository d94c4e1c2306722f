/* SPDX-License-Identifier: MIT */
/* The last handle goes while one holds a permit and another one waits, and is dropped: is the memory
 * freed once, after everybody? */
#include "tests/model/sema_model.h"

static void setup(void)
{
    sema_reset(1);
    assert(pirn_semaphore_acquire_try(sema, 1, &permits[0]) == 0);
    assert(ask(1, 1) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        give_back(0);
    } else if (thread == 2) {
        pirn_semaphore_unref(sema);
    } else if (ask(1, 1) == 0) {
        give_back(1);
    } else if (waiting[1].result == PIRN_PENDING) {
        pirn_op_drop(&waiting[1].op);
    }
}

static void check(void)
{
    assert(waiting[1].result == 0 || waiting[1].result == PIRN_PENDING ||
           waiting[1].result == -ECANCELED);
    assert(held == 1 + (waiting[1].result == 0));
    sync_check();
}

MODEL_SCENARIO("sema_end", 3)
