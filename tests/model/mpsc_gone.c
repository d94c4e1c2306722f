/* SPDX-License-Identifier: MIT */
/* The receiver's handle is freed, its operation dropped and an element sent, all at once: is the channel
 * freed once, after everybody? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(1);
    assert(mpsc_recv(1) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn_mpsc_rx_free(rx);
    } else if (thread == 1) {
        pirn_op_drop(&waiting[1].op);
    } else {
        (void)mpsc_send_now(1);
        pirn_mpsc_tx_unref(tx);
    }
}

static void check(void)
{
    chan_check(1);
}

MODEL_SCENARIO("mpsc_gone", 3)
