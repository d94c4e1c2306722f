/* SPDX-License-Identifier: MIT */
/* The receiver is closed, then freed, while the sender sends: who has the element? */
#include "tests/model/oneshot_model.h"

static int sent;

static void setup(void)
{
    oneshot_reset();
}

static void run(unsigned thread)
{
    if (thread == 0) {
        sent = oneshot_send(1);
    } else {
        pirn_oneshot_rx_close(rx);
        pirn_oneshot_rx_free(rx);
    }
}

static void check(void)
{
    assert(sent == 0 || sent == PIRN_ECLOSED);
    assert(fates[1] == (sent == 0 ? FATE_DROPPED : FATE_KEPT));
    chan_check(1);
}

MODEL_SCENARIO("oneshot_close", 2)
