/* SPDX-License-Identifier: MIT */
/* One leaves its waker and looks, twice, while two others make something true: does it see both, or is
 * it woken? */
#include "tests/model/slot_model.h"

static bool seen;

static void setup(void)
{
    slot_reset();
}

static void run(unsigned thread)
{
    if (thread < 2) {
        make_true((int)thread);
        return;
    }
    seen = look(&waiting[0].cx, 2) || look(&waiting[1].cx, 2);
}

/* A look that comes after a wake of the first waker is in place of that wake. */
static void check(void)
{
    assert(seen || is_woken(&waiting[1]));
    pirn__slot_clear(&slot, &waiter);
    sync_check();
}

MODEL_SCENARIO("slot_set", 3)
