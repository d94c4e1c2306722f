/* SPDX-License-Identifier: MIT */
/* A paused clock for the scenarios of a core: as it stands, over a pool that is one flag. */
#ifndef PIRN_TESTS_MODEL_CLOCK_MODEL_H
#define PIRN_TESTS_MODEL_CLOCK_MODEL_H

#define MODEL_CLOCK
#define pirn__handle_may_jump model_may_jump /* the library has them, too */
#define pirn__handle_jump     model_jump
#include "tests/model/core_model.h"

#include "task/base/relax.h"

#define cpu_relax(tries)  ((void)(tries), model_relax())
#define pirn__clock_now() ((pirn_time)7)

#include "runtime/time/clock.c"

static struct spin pool_lock;
static bool pool_quiet; /* guard: pool_lock */

bool pirn__handle_may_jump(struct pirn_handle *h, struct timers *t)
{
    bool quiet;

    (void)t;
    spin_take(&pool_lock);
    quiet = pool_quiet;
    spin_give(&pool_lock);
    return rt_clock_is_paused(&h->clock) && quiet;
}

bool pirn__handle_jump(struct pirn_handle *h, struct timers *t)
{
    return pirn__handle_may_jump(h, t);
}

static void clock_setup(void)
{
    core_setup();
    spin_init(&pool_lock);
    pool_quiet = false;
    pirn__rt_clock_init(&rt.base.clock, true);
}
#endif
