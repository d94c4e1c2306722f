/* SPDX-License-Identifier: MIT */
/* An mpsc channel, and threads that use it. */
#ifndef PIRN_TESTS_MODEL_MPSC_MODEL_H
#define PIRN_TESTS_MODEL_MPSC_MODEL_H

#include "tests/model/chan_model.h"

#include "task/sync/mpsc.c"
#include "task/sync/mpsc_closed.c"
#include "task/sync/mpsc_recv.c"
#include "task/sync/mpsc_ring.c"
#include "task/sync/mpsc_send.c"

static pirn_mpsc_tx *tx;
static pirn_mpsc_rx *rx;
static uint64_t got[MODEL_MAIN + 1]; /* by thread: the last element it received */

static void mpsc_reset(size_t capacity)
{
    chan_reset();
    assert(pirn_mpsc_new(sizeof(uint64_t), capacity, drop_elem, &tx, &rx) == 0);
    for (int i = 0; i <= MODEL_MAIN; i++)
        got[i] = 0;
}

/* Thread @who's operation, or its next poll. */
static int mpsc_send(unsigned who, uint64_t elem)
{
    struct waiting *w = &waiting[who];

    w->result = pirn_mpsc_send_poll(&w->op, &w->cx, tx, &elem);
    return note_sent(w->result, elem);
}

static int mpsc_recv(unsigned who)
{
    struct waiting *w = &waiting[who];

    w->result = pirn_mpsc_recv_poll(&w->op, &w->cx, rx, &got[who]);
    return note_received(w->result, got[who]);
}

static int mpsc_send_now(uint64_t elem)
{
    return note_sent(pirn_mpsc_send_try(tx, &elem), elem);
}

static int mpsc_recv_now(void)
{
    uint64_t elem = 0;
    int r = pirn_mpsc_recv_try(rx, &elem);

    return note_received(r, elem);
}

static void mpsc_free(void)
{
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
}
#endif
