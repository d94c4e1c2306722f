/* SPDX-License-Identifier: MIT */
/* One in line is dropped, perhaps with room it was granted: does the next one get that? */
#include "tests/model/mpsc_model.h"

static void setup(void)
{
    mpsc_reset(1);
    assert(mpsc_send_now(1) == 0);
    assert(mpsc_send(1, 2) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        assert(mpsc_recv_now() == 0);
    } else if (thread == 1) {
        pirn_op_drop(&waiting[1].op);
        waiting[1].result = -ECANCELED;
        end_elem(2, FATE_KEPT);
    } else {
        (void)mpsc_send(2, 3);
    }
}

static void check(void)
{
    must_be_woken(2);
    if (waiting[2].result == PIRN_PENDING)
        assert(mpsc_send(2, 3) == 0);
    assert(mpsc_recv_now() == 0 && fates[3] == FATE_RECEIVED);
    mpsc_free();
    chan_check(3);
}

MODEL_SCENARIO("mpsc_drop", 3)
