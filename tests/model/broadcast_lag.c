/* SPDX-License-Identifier: MIT */
/* Two receivers and a sender that overtakes them: is what each got and what it missed together everything,
 * and is who waits woken? */
#include "tests/model/broadcast_model.h"

static void setup(void)
{
    broadcast_reset(1, false);
}

static pirn_broadcast_rx *of(unsigned thread)
{
    return thread == 1 ? rx : other;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(broadcast_send(1) == 0);
        assert(broadcast_send(2) == 0);
        pirn_broadcast_tx_unref(tx);
    } else {
        while (broadcast_recv(thread, of(thread)) == 0)
            ;
    }
}

static void check(void)
{
    for (unsigned i = 1; i <= 2; i++) {
        if (waiting[i].result == PIRN_PENDING) {
            must_be_woken(i);
            while (broadcast_recv(i, of(i)) == 0)
                ;
        }
        assert(waiting[i].result == PIRN_ECLOSED);
        assert(got[i] + missed[i] == 2);
        pirn_broadcast_rx_free(of(i));
    }
    chan_check(0);
}

MODEL_SCENARIO("broadcast_lag", 3)
