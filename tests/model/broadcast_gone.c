/* SPDX-License-Identifier: MIT */
/* A receive that waits is polled while its receiver is freed and an element sent: does it end, or take
 * the element, but nothing of a receiver that has gone? */
#include "tests/model/broadcast_model.h"

static void setup(void)
{
    broadcast_reset(2, true);
    assert(broadcast_recv(1, rx) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_broadcast_rx_free(rx);
    else if (thread == 1)
        (void)broadcast_recv(1, rx);
    else
        assert(broadcast_send(1) == 0);
}

static void check(void)
{
    must_be_woken(1);
    if (waiting[1].result == PIRN_PENDING)
        assert(broadcast_recv(1, rx) == -ECANCELED);
    pirn_broadcast_rx_free(other);
    pirn_broadcast_tx_unref(tx);
    assert(get(&drops) == 1 + get(&clones) - (int)got[1]);
    chan_check(0);
}

MODEL_SCENARIO("broadcast_gone", 3)
