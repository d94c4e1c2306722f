/* SPDX-License-Identifier: MIT */
/* Two receivers copy an element while a third thing happens to it: overwritten by the next. Is it copied
 * whole, and dropped once? */
#include "tests/model/broadcast_model.h"

static void setup(void)
{
    broadcast_reset(1, true);
    assert(broadcast_send(1) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        assert(broadcast_send(2) == 0);
    else
        (void)broadcast_recv(thread, thread == 1 ? rx : other);
}

static void check(void)
{
    int taken = (int)(got[1] + got[2]);

    pirn_broadcast_rx_free(rx);
    pirn_broadcast_rx_free(other);
    pirn_broadcast_tx_unref(tx);
    pirn_op_drop(&waiting[1].op);
    pirn_op_drop(&waiting[2].op);
    /* Two were sent, and copies made; the receivers have some, the rest is dropped. */
    assert(get(&drops) == 2 + get(&clones) - taken);
    chan_check(0);
}

MODEL_SCENARIO("broadcast_clone", 3)
