/* SPDX-License-Identifier: MIT */
/* Two unpark a worker that sleeps on the driver, before, while or after it parks: does it see what both
 * did, and give the driver back? */
#include "tests/model/parker_model.h"

static void setup(void)
{
    parkers_setup();
}

static void run(unsigned thread)
{
    if (thread < 2) {
        unpark_for((int)thread, 0);
        return;
    }
    park_until(0, 0);
    park_until(1, 0);
}

static void check(void)
{
    assert(!atomic_load_explicit(&shared.taken, memory_order_relaxed));
}

MODEL_SCENARIO("parker_driver", 3)
