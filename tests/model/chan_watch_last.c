/* SPDX-License-Identifier: MIT */
/* A value is sent and the sender gone, while a receiver waits, and is freed in the end: does it see the
 * value, then the end? */
#include "tests/model/watch_chan_model.h"

static void setup(void)
{
    watch_reset();
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(watch_send(2) == 0);
        pirn_watch_tx_unref(tx);
    } else {
        while (watch_changed(1, rx) == 0)
            ;
    }
}

static void check(void)
{
    if (waiting[1].result == PIRN_PENDING) {
        must_be_woken(1);
        while (watch_changed(1, rx) == 0)
            ;
    }
    assert(waiting[1].result == PIRN_ECLOSED);
    assert(watch_latest(rx) == 2);
    pirn_watch_rx_free(rx);
    chan_check(0);
}

MODEL_SCENARIO("chan_watch_last", 2)
