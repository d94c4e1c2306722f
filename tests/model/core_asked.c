/* SPDX-License-Identifier: MIT */
/* A walker asks whoever drives to link what is in queues only, while that one parks: is it served,
 * and does it then see what was done before? */
#include "tests/model/asked_model.h"

static void run(unsigned thread)
{
    if (thread == 0) {
        ask();
        return;
    }
    linked = 1;
    do {
        (void)pirn__driver_park(&rt.driver, pending, &rt.core, PIRN_NEVER, NULL);
        pirn__ct_serve_walkers(&rt.core);
    } while (atomic_load_explicit(&rt.link_done, memory_order_relaxed) == 0);
}

MODEL_SCENARIO("core_asked", 2)
