/* SPDX-License-Identifier: MIT */
/* Senders that send and go, and a receiver that waits until they have: does it get everything, then the
 * end? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(2);
    (void)pirn_mpsc_tx_ref(tx);
}

static void run(unsigned thread)
{
    if (thread < 2) {
        assert(mpsc_send_now(1 + thread) == 0);
        pirn_mpsc_tx_unref(tx);
    } else {
        while (mpsc_recv(2) == 0)
            ;
    }
}

static void check(void)
{
    must_be_woken(2);
    while (waiting[2].result != PIRN_ECLOSED)
        assert(mpsc_recv(2) != PIRN_PENDING);
    assert(fates[1] == FATE_RECEIVED && fates[2] == FATE_RECEIVED);
    pirn_mpsc_rx_free(rx);
    chan_check(2);
}

MODEL_SCENARIO("mpsc_last", 3)
