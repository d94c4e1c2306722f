/* SPDX-License-Identifier: MIT */
/* Several want the core: does each get it, one at a time, as the last one left it, and is nobody
 * asleep while it is free? */
#include "tests/model/core_model.h"

static struct core_waiter waiters[2];

static void setup(void)
{
    core_setup();
    pirn__waiter_init(&waiters[0]);
    pirn__waiter_init(&waiters[1]);
}

static void run(unsigned thread)
{
    struct core *core = wait_for_core(&waiters[thread]);

    core->turns++; /* plain: the slot alone publishes it */
    pirn__ct_put_core(core);
}

static void check(void)
{
    assert(rt.core.turns == 2);
    assert(atomic_load_explicit(&rt.slot, memory_order_relaxed) == &rt.core);
    assert(rt.waiters.first == NULL);
}

MODEL_SCENARIO("core_slot", 2)
