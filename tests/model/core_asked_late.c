/* SPDX-License-Identifier: MIT */
/* A walker asks whoever drives to link what is in queues only, while that one puts the core back: is
 * it served, or gets the core, and does it then see what was done before? */
#define MODEL_LINKS
#include "tests/model/core_model.h"

#include "runtime/scheduler/walk.c"
#include "task/owned.c"

static int linked; /* plain: being served alone publishes it */

pirn_time pirn__clock_now(void)
{
    return 0;
}

pirn_time pirn__clock_coarse(void)
{
    return 0;
}

static void setup(void)
{
    core_setup();
    atomic_store_explicit(&rt.slot, NULL, memory_order_relaxed);
    pirn__owned_init(&rt.owned);
    linked = 0;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(link_queued(&rt));
        assert(linked == 1);
        return;
    }
    linked = 1;
    pirn__ct_put_core(&rt.core);
}

static void check(void)
{
    assert(atomic_load_explicit(&rt.link_done, memory_order_relaxed) == 1);
}

MODEL_SCENARIO("core_asked_late", 2)
