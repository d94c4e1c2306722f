/* SPDX-License-Identifier: MIT */
/* A receiver is freed while its operation is dropped and a value sent: is everything freed once, after
 * everybody? */
#include "tests/model/watch_chan_model.h"

static void setup(void)
{
    watch_reset();
    assert(watch_changed(1, rx) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn_watch_rx_free(rx);
    } else if (thread == 1) {
        pirn_op_drop(&waiting[1].op);
    } else {
        (void)watch_send(2);
        pirn_watch_tx_unref(tx);
    }
}

static void check(void)
{
    chan_check(0);
}

MODEL_SCENARIO("chan_watch_gone", 3)
