/* SPDX-License-Identifier: MIT */
/* One receiver is freed while another one receives and elements come: is each dropped once, as soon as
 * nobody needs it? */
#include "tests/model/broadcast_model.h"

static void setup(void)
{
    broadcast_reset(2, true);
    assert(broadcast_send(1) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        assert(broadcast_send(2) == 0);
    else if (thread == 1)
        (void)broadcast_recv(1, rx);
    else
        pirn_broadcast_rx_free(other);
}

static void check(void)
{
    assert(got[1] == 1 && missed[1] == 0);
    assert(broadcast_recv(1, rx) == 0);
    /* Nobody needs either any more, and the receiver has one of each. */
    assert(get(&drops) == get(&clones));
    pirn_broadcast_tx_unref(tx);
    pirn_broadcast_rx_free(rx);
    assert(get(&drops) == get(&clones));
    chan_check(0);
}

MODEL_SCENARIO("broadcast_free", 3)
