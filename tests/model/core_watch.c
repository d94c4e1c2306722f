/* SPDX-License-Identifier: MIT */
/* The thread that drives wakes while the watchdog goes to sleep: does it sleep while somebody drives? */
#include "tests/model/core_model.h"

#include "tests/model/watch_model.h"

static void setup(void)
{
    core_setup();
    watch_setup(&rt.base);
    atomic_store_explicit(&rt.awake, false, memory_order_relaxed);
}

static bool is_awake(struct pirn_handle *h)
{
    return atomic_load_explicit(&ct_of(h)->awake, memory_order_seq_cst);
}

static void run(unsigned thread)
{
    if (thread == 0)
        watch_once();
    else
        pirn__ct_set_awake(&rt, true);
}

static void check(void)
{
    assert(dog_is_up());
}

MODEL_SCENARIO("core_watch", 2)
