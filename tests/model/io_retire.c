/* SPDX-License-Identifier: MIT */
/* An operation that waits is polled again while an event comes and the owner gives the registration up:
 * does its memory go once, after the operation has left and the driver has done, and does the operation
 * read, or end, or is it woken? */
#include "tests/model/io_model.h"

static int result; /* plain: the reader's */

static void setup(void)
{
    io_reset(&seats_kind, 0);
    ref_add(&reg->pins, 1); /* the driver's turn, which memory outlasts */
    assert(read_poll(&waiters[0]) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        result = has_mail(&waiters[0]) ? read_poll(&waiters[0]) : PIRN_PENDING;
    } else if (thread == 1) {
        event();
        pirn__registration_unpin(reg);
    } else {
        pirn__registration_retire(reg);
    }
}

static void check(void)
{
    if (result == PIRN_PENDING) {
        assert(buried == 0);
        assert(has_mail(&waiters[0]));
        result = read_poll(&waiters[0]);
        assert(result == -ECANCELED);
    }
    assert(result == 0 || result == -ECANCELED);
    assert(buried == 1 && is_even(&waiters[0]));
}

MODEL_SCENARIO("io_retire", 3)
