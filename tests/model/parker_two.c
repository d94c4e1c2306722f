/* SPDX-License-Identifier: MIT */
/* Two workers park, of whom one gets the driver; one is unparked, and unparks the other: do both wake,
 * is one at a time on the driver, and does it find it as the other left it? */
#include "tests/model/parker_model.h"

static void setup(void)
{
    parkers_setup();
}

static void run(unsigned thread)
{
    if (thread == 2) {
        unpark_for(0, 0);
        return;
    }
    park_until((int)thread, (int)thread);
    if (thread == 0)
        unpark_for(1, 1);
}

static void check(void)
{
    assert(!atomic_load_explicit(&shared.taken, memory_order_relaxed));
}

MODEL_SCENARIO("parker_two", 3)
