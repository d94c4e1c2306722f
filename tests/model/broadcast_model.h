/* SPDX-License-Identifier: MIT */
/* A broadcast, and threads that use it. */
#ifndef PIRN_TESTS_MODEL_BROADCAST_MODEL_H
#define PIRN_TESTS_MODEL_BROADCAST_MODEL_H

#include "tests/model/chan_model.h"

#include "task/sync/broadcast.c"
#include "task/sync/chan_value.c"
#include "task/sync/hub.c"

void pirn__fault_raise(void)
{
    must_not_come_here();
    model_relax();
    for (;;)
        ;
}

static pirn_broadcast_tx *tx;
static pirn_broadcast_rx *rx, *other;
static uint64_t got[MODEL_MAIN + 1], missed[MODEL_MAIN + 1]; /* by thread */
static atomic_int clones, drops;                             /* relaxed: counts */

static int clone_elem(void *to, const void *from)
{
    *(uint64_t *)to = *(const uint64_t *)from;
    (void)atomic_fetch_add_explicit(&clones, 1, memory_order_relaxed);
    return 0;
}

/* Of the original or of a copy. */
static void count_drop(void *elem)
{
    *(uint64_t *)elem = 0; /* who copies it now races */
    (void)atomic_fetch_add_explicit(&drops, 1, memory_order_relaxed);
}

/* With a second receiver, of elements with a clone or without. */
static void broadcast_reset(size_t capacity, bool cloned)
{
    chan_reset();
    set(&clones, 0);
    set(&drops, 0);
    for (int i = 0; i <= MODEL_MAIN; i++)
        got[i] = missed[i] = 0;
    assert(pirn_broadcast_new(sizeof(uint64_t), capacity, cloned ? clone_elem : NULL,
                              cloned ? count_drop : NULL, &tx, &rx) == 0);
    assert(pirn_broadcast_subscribe(tx, &other) == 0);
}

/* One receive, until what comes is no lag. Counts, and looks at the order. */
static int broadcast_recv(unsigned who, pirn_broadcast_rx *at)
{
    struct waiting *w = &waiting[who];
    uint64_t elem = 0, lag = 0;

    w->result = pirn_broadcast_recv_poll(&w->op, &w->cx, at, &elem, &lag);
    if (w->result == PIRN_ELAGGED) {
        assert(lag > 0);
        missed[who] += lag;
        return broadcast_recv(who, at);
    }
    if (w->result == 0) {
        assert(elem == got[who] + missed[who] + 1);
        got[who]++;
    }
    return w->result;
}

static int broadcast_send(uint64_t elem)
{
    return pirn_broadcast_send(tx, &elem, NULL);
}
#endif
