/* SPDX-License-Identifier: MIT */
/* A receive that waits is dropped, its handle freed, and the element sent, all at once: is everything
 * freed once, after everybody? */
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
        pirn_op_drop(&waiting[1].op);
    else
        pirn_oneshot_rx_free(rx);
}

static void check(void)
{
    assert(fates[1] != FATE_RECEIVED);
    chan_check(1);
}

MODEL_SCENARIO("oneshot_drop", 3)
