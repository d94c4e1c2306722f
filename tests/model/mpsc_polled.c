/* SPDX-License-Identifier: MIT */
/* A receive that waits is polled while the receiver's handle is freed and an element comes: does it take
 * that, or end, and never both with the channel? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(1);
    assert(mpsc_recv(1) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_mpsc_rx_free(rx);
    else if (thread == 1)
        (void)mpsc_recv(1);
    else
        (void)mpsc_send_now(1);
}

static void check(void)
{
    must_be_woken(1);
    if (waiting[1].result == PIRN_PENDING)
        assert(mpsc_recv(1) == -ECANCELED);
    pirn_mpsc_tx_unref(tx);
    chan_check(1);
}

MODEL_SCENARIO("mpsc_polled", 3)
