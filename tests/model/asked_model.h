/* SPDX-License-Identifier: MIT */
/* A walker that asks whoever has the core to link what is in queues only, for the scenarios. */
#ifndef PIRN_TESTS_MODEL_ASKED_MODEL_H
#define PIRN_TESTS_MODEL_ASKED_MODEL_H

#define MODEL_LINKS
#include "tests/model/core_model.h"

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

/* Thread 0 of both. */
static void ask(void)
{
    assert(pirn__ct_link_queued(&rt.base));
    assert(linked == 1);
}

static void check(void)
{
    assert(atomic_load_explicit(&rt.link_done, memory_order_relaxed) == 1);
}

#endif
