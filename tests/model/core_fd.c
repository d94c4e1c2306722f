/* SPDX-License-Identifier: MIT */
/* The descriptor is asked for while the core is put back, and work comes: is the descriptor readable
 * in the end? */
#include "tests/model/core_model.h"

static struct header cell;

static void setup(void)
{
    core_setup();
    atomic_store_explicit(&rt.slot, NULL, memory_order_relaxed);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__ct_put_core(&rt.core);
    } else if (thread == 1) {
        pirn__ct_use_fd(&rt);
    } else {
        assert(pirn__inject_push(&rt.inject, (struct notified){&cell}));
        pirn__driver_unpark(&rt.driver);
    }
}

static void check(void)
{
    assert(atomic_load_explicit(&rt.slot, memory_order_relaxed) == &rt.core);
    assert(fd_is_readable());
}

MODEL_SCENARIO("core_fd", 3)
