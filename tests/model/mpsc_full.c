/* SPDX-License-Identifier: MIT */
/* A full channel, one or two who wait for room, and a receiver that makes some: do they get it, in order,
 * and is nothing overwritten? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(1);
    assert(mpsc_send_now(1) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(mpsc_recv_now() == 0);
        (void)mpsc_recv_now();
    } else {
        (void)mpsc_send(thread, 1 + thread);
    }
}

static void check(void)
{
    /* As long as somebody waits there is no room but what is theirs. */
    for (int rounds = 0; rounds < 4; rounds++) {
        struct mpsc *c = mpsc_of_rx(rx);

        if (c->waiting.first != NULL)
            assert(pirn_mpsc_rx_len(rx) + c->permits == 1);
        for (unsigned i = 1; i <= 2; i++)
            if (waiting[i].result == PIRN_PENDING && is_woken(&waiting[i]))
                (void)mpsc_send(i, 1 + i);
        (void)mpsc_recv_now();
    }
    assert(waiting[1].result == 0 && waiting[2].result == 0);
    assert(fates[2] == FATE_RECEIVED && fates[3] == FATE_RECEIVED);
    mpsc_free();
    chan_check(3);
}

MODEL_SCENARIO("mpsc_full", 3)
