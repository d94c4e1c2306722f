/* SPDX-License-Identifier: MIT */
/* One who waits for the receiver's end, and the sender's handle freed at once with it: is it told? */
#include "tests/model/oneshot_model.h"

static void setup(void)
{
    oneshot_reset();
}

static void run(unsigned thread)
{
    if (thread == 0)
        pirn_oneshot_rx_free(rx);
    else
        (void)oneshot_closed(1);
}

static void check(void)
{
    must_be_woken(1);
    if (waiting[1].result == PIRN_PENDING)
        assert(oneshot_closed(1) == 0);
    assert(pirn_oneshot_tx_is_closed(tx));
    pirn_oneshot_tx_free(tx);
    chan_check(0);
}

MODEL_SCENARIO("oneshot_closed", 2)
