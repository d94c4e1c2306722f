/* SPDX-License-Identifier: MIT */
/* An unbounded channel whose rings have one slot: is every element received once, in order, and every ring
 * freed once, while they grow? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(PIRN_UNBOUNDED);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        for (uint64_t i = 1; i <= 3; i++)
            assert(mpsc_send_now(i) == 0);
    } else {
        for (int i = 0; i < 3; i++)
            (void)mpsc_recv_now();
    }
}

static void check(void)
{
    for (int i = 1; i < 3; i++)
        assert(fates[i] == FATE_RECEIVED || fates[i + 1] != FATE_RECEIVED);
    while (mpsc_recv_now() == 0)
        ;
    for (int i = 1; i <= 3; i++)
        assert(fates[i] == FATE_RECEIVED);
    mpsc_free();
    chan_check(3);
}

MODEL_SCENARIO("mpsc_grow", 2)
