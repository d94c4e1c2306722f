/* SPDX-License-Identifier: MIT */
/* Two senders change the value at once, and one looks at it: is no change lost, and no value freed that
 * is looked at? */
#include "tests/model/watch_chan_model.h"

static bool add_one(void *elem, void *arg)
{
    (void)arg;
    ++*(uint64_t *)elem;
    return true;
}

static void setup(void)
{
    watch_reset();
}

static void run(unsigned thread)
{
    if (thread < 2) {
        assert(pirn_watch_send_modify(tx, add_one, NULL) == 1);
    } else {
        uint64_t seen = watch_latest(rx);

        assert(seen >= 1 && seen <= 3);
    }
}

static void check(void)
{
    assert(watch_latest(rx) == 3);
    pirn_watch_rx_free(rx);
    pirn_watch_tx_unref(tx);
    chan_check(0);
}

MODEL_SCENARIO("chan_watch_modify", 3)
