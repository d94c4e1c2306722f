/* SPDX-License-Identifier: MIT */
/* A receive that waits is polled while its handle is freed and the element sent: is it received or dropped,
 * never both? */
#include "tests/model/oneshot_model.h"

static void setup(void)
{
    oneshot_reset();
    assert(oneshot_recv(1) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0)
        (void)oneshot_send(1);
    else if (thread == 1)
        (void)oneshot_recv(1);
    else
        pirn_oneshot_rx_free(rx);
}

static void check(void)
{
    must_be_woken(1);
    if (waiting[1].result == PIRN_PENDING)
        assert(oneshot_recv(1) == -ECANCELED);
    chan_check(1);
}

MODEL_SCENARIO("oneshot_polled", 3)
