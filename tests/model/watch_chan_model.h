/* SPDX-License-Identifier: MIT */
/* A watch, and threads that use it. Values are the numbers of elements; the first is 1. */
#ifndef PIRN_TESTS_MODEL_WATCH_CHAN_MODEL_H
#define PIRN_TESTS_MODEL_WATCH_CHAN_MODEL_H

#include "tests/model/chan_model.h"

#include "task/sync/chan_value.c"
#include "task/sync/hub.c"
#include "task/sync/watch.c"

void pirn__fault_raise(void)
{
    must_not_come_here();
    model_relax();
    for (;;)
        ;
}

static pirn_watch_tx *tx;
static pirn_watch_rx *rx;

static void watch_reset(void)
{
    uint64_t first = 1;

    chan_reset();
    assert(pirn_watch_new(sizeof first, &first, NULL, NULL, &tx, &rx) == 0);
}

static int watch_changed(unsigned who, pirn_watch_rx *at)
{
    struct waiting *w = &waiting[who];

    w->result = pirn_watch_changed_poll(&w->op, &w->cx, at);
    return w->result;
}

static int watch_send(uint64_t value)
{
    return pirn_watch_send(tx, &value);
}

static uint64_t watch_latest(pirn_watch_rx *at)
{
    uint64_t value = 0;

    assert(pirn_watch_get(at, &value) == 0);
    return value;
}
#endif
