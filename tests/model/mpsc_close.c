/* SPDX-License-Identifier: MIT */
/* The receiver is freed while one sends and one waits to send: where is each element? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(2);
    assert(mpsc_send_now(1) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_mpsc_rx_free(rx);
    else
        (void)mpsc_send(thread, 1 + thread);
}

static void check(void)
{
    assert(fates[1] == FATE_DROPPED);
    for (unsigned i = 1; i <= 2; i++) {
        if (waiting[i].result == PIRN_PENDING) {
            must_be_woken(i);
            assert(mpsc_send(i, 1 + i) == PIRN_ECLOSED);
        }
        assert(fates[1 + i] == (waiting[i].result == 0 ? FATE_DROPPED : FATE_KEPT));
    }
    pirn_mpsc_tx_unref(tx);
    chan_check(3);
}

MODEL_SCENARIO("mpsc_close", 3)
