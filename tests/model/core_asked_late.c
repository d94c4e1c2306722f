/* SPDX-License-Identifier: MIT */
/* A walker asks whoever drives to link what is in queues only, while that one puts the core back: is
 * it served, or gets the core, and does it then see what was done before? */
#include "tests/model/asked_model.h"

static void run(unsigned thread)
{
    if (thread == 0) {
        ask();
        return;
    }
    linked = 1;
    pirn__ct_put_core(&rt.core);
}

MODEL_SCENARIO("core_asked_late", 2)
