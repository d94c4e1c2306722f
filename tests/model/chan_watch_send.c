/* SPDX-License-Identifier: MIT */
/* Two receivers that wait for a change while one comes: are both woken, and do they see the value and
 * what was done before it? */
#include "tests/model/watch_chan_model.h"

static pirn_watch_rx *other;
static int payload; /* plain */

static void setup(void)
{
    watch_reset();
    assert(pirn_watch_subscribe(tx, &other) == 0);
    payload = 0;
}

static pirn_watch_rx *of(unsigned thread)
{
    return thread == 1 ? rx : other;
}

static void run(unsigned thread)
{
    if (thread == 0) {
        payload = 1;
        assert(watch_send(2) == 0);
    } else if (watch_changed(thread, of(thread)) == 0) {
        assert(payload == 1);
        assert(watch_latest(of(thread)) == 2);
    }
}

static void check(void)
{
    for (unsigned i = 1; i <= 2; i++) {
        must_be_woken(i);
        if (waiting[i].result == PIRN_PENDING)
            assert(watch_changed(i, of(i)) == 0);
        pirn_watch_rx_free(of(i));
    }
    pirn_watch_tx_unref(tx);
    chan_check(0);
}

MODEL_SCENARIO("chan_watch_send", 3)
