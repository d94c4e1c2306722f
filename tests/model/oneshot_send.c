/* SPDX-License-Identifier: MIT */
/* A send and a receive that may wait: does the element arrive, and what was done before it? */
#include "tests/model/oneshot_model.h"

static int payload; /* plain */

static void setup(void)
{
    oneshot_reset();
    payload = 0;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        payload = 1;
        assert(oneshot_send(1) == 0);
    } else if (oneshot_recv(1) == 0) {
        assert(payload == 1);
        pirn_oneshot_rx_free(rx);
    }
}

static void check(void)
{
    if (waiting[1].result == PIRN_PENDING) {
        must_be_woken(1);
        assert(oneshot_recv(1) == 0);
        pirn_oneshot_rx_free(rx);
    }
    chan_check(1);
}

MODEL_SCENARIO("oneshot_send", 2)
