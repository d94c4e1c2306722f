/* SPDX-License-Identifier: MIT */
/* An operation tries, gets EAGAIN, clears and waits, while a byte comes: does it read it, or is it
 * woken? Then another comes while it reads the first: is that still told? */
#include "tests/model/io_model.h"

static int result; /* plain: the reader's */

static void setup(void)
{
    io_reset(&seats_kind, READY_READ);
}

static void run(unsigned thread)
{
    if (thread == 0)
        result = read_poll(&waiters[0]);
    else
        event();
}

static void check(void)
{
    if (result == PIRN_PENDING) {
        assert(has_mail(&waiters[0]));
        result = read_poll(&waiters[0]);
    }
    assert(result == 0);
    assert(readiness_look(&reg->ready) & READY_READ); /* it was not short of what it asked */
    io_drained(reg, IO_READ, readiness_look(&reg->ready));
    assert(read_poll(&waiters[0]) == PIRN_PENDING);
    event();
    assert(has_mail(&waiters[0]) && read_poll(&waiters[0]) == 0);
    pirn__registration_retire(reg);
    assert(buried == 1 && is_even(&waiters[0]));
}

MODEL_SCENARIO("io_event", 2)
