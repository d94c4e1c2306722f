/* SPDX-License-Identifier: MIT */
/* Two unpark a worker that sleeps on its own word, before, while or after it parks: does it see what
 * both did? */
#include "tests/model/parker_model.h"

static void setup(void)
{
    parkers_setup();
    atomic_store_explicit(&shared.taken, true, memory_order_relaxed);
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
    assert(turns == 0);
}

MODEL_SCENARIO("parker_word", 3)
