/* SPDX-License-Identifier: MIT */
/* One permit, its holder and two who ask: is it handed on with everything done under it, to each once? */
#include "tests/model/sema_model.h"

static void setup(void)
{
    sema_reset(1);
    assert(pirn_semaphore_acquire_try(sema, 1, &permits[0]) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        give_back(0);
    else if (ask(thread, 1) == 0 || ask(thread, 1) == 0)
        give_back(thread);
}

static void check(void)
{
    for (int i = 0; i < 2; i++)
        for (unsigned t = 1; t < 3; t++)
            if (is_woken(&waiting[t]))
                must_get(t, 1);
    must_get(1, 1);
    must_get(2, 1);
    assert(held == 3);
    sema_check(1);
}

MODEL_SCENARIO("sema_grant", 3)
