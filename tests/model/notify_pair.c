/* SPDX-License-Identifier: MIT */
/* Two notifications that become one permit: does who takes it see what both did before? */
#include "tests/model/notify_model.h"

static atomic_int events[2]; /* relaxed */

static void setup(void)
{
    notify_reset();
    set(&events[0], 0);
    set(&events[1], 0);
}

static int seen;

static void run(unsigned thread)
{
    if (thread < 2) {
        set(&events[thread], 1);
        pirn_notify_one(note);
        return;
    }
    seen = 0;
    for (int i = 0; i < 2; i++)
        if (listen_to(2) == 0)
            seen = get(&events[0]) + get(&events[1]);
}

/* What was not seen is told again. */
static void check(void)
{
    bool again = waiting[2].result == PIRN_PENDING ? is_woken(&waiting[2]) : stored();

    assert(seen == 2 || again);
    pirn_op_drop(&waiting[2].op);
    (void)stored();
    notify_check();
}

MODEL_SCENARIO("notify_pair", 3)
