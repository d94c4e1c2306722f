/* SPDX-License-Identifier: MIT */
/* A permit is out while the channel is closed: is what it sends received, and does the receiver learn of
 * the end when it comes back, not before? */
#include "tests/model/mpsc_model.h"

static pirn_mpsc_permit permit;

static void setup(void)
{
    mpsc_reset(2);
    permit._tx = NULL;
    assert(pirn_mpsc_reserve_many_try(tx, 2, &permit) == 0);
}

static void run(unsigned thread)
{
    uint64_t elem = 1;

    if (thread == 0) {
        assert(note_sent(pirn_mpsc_permit_send(&permit, &elem), 1) == 0);
        pirn_mpsc_permit_release(&permit);
    } else if (thread == 1) {
        pirn_mpsc_tx_unref(tx);
    } else {
        pirn_mpsc_rx_close(rx);
        while (mpsc_recv(2) == 0)
            ;
        assert(waiting[2].result == PIRN_PENDING || fates[1] == FATE_RECEIVED);
    }
}

static void check(void)
{
    must_be_woken(2);
    while (waiting[2].result != PIRN_ECLOSED)
        assert(mpsc_recv(2) != PIRN_PENDING);
    assert(fates[1] == FATE_RECEIVED);
    pirn_mpsc_rx_free(rx);
    chan_check(1);
}

MODEL_SCENARIO("mpsc_permit", 3)
