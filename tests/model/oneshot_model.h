/* SPDX-License-Identifier: MIT */
/* A oneshot, and threads that use it. */
#ifndef PIRN_TESTS_MODEL_ONESHOT_MODEL_H
#define PIRN_TESTS_MODEL_ONESHOT_MODEL_H

#include "tests/model/chan_model.h"

#include "task/sync/oneshot.c"

static pirn_oneshot_tx *tx;
static pirn_oneshot_rx *rx;

static void oneshot_reset(void)
{
    chan_reset();
    assert(pirn_oneshot_new(sizeof(uint64_t), drop_elem, &tx, &rx) == 0);
}

static int oneshot_send(uint64_t elem)
{
    return note_sent(pirn_oneshot_send(tx, &elem), elem);
}

static int oneshot_recv(unsigned who)
{
    struct waiting *w = &waiting[who];
    uint64_t elem = 0;

    w->result = pirn_oneshot_recv_poll(&w->op, &w->cx, rx, &elem);
    return note_received(w->result, elem);
}

static int oneshot_closed(unsigned who)
{
    struct waiting *w = &waiting[who];

    w->result = pirn_oneshot_tx_closed_poll(&w->op, &w->cx, tx);
    return w->result;
}
#endif
