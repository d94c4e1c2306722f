/* SPDX-License-Identifier: MIT */
/* An operation under an executor of the caller's is polled again, with another waker, while a byte comes:
 * is the last waker woken, or the byte read, and is every waker woken or dropped? */
#include "tests/model/io_model.h"

static int result; /* plain: the reader's */

static void setup(void)
{
    io_reset(&seats_kind, 0);
    waiters[0].cx.cell = NULL;
    waiters[1].cx.cell = NULL;
    assert(read_poll(&waiters[0]) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        /* The same operation: its state, under the context of the other. */
        struct io_wait *wait = wait_of(&waiters[0]);
        uint32_t seen;

        result = io_ready(wait, reg, IO_READ, &waiters[1].cx, &seen);
        if (result == PIRN_PENDING)
            result = io_ready(wait, reg, IO_READ, &waiters[1].cx, &seen);
    } else {
        event();
    }
}

static void check(void)
{
    if (result == PIRN_PENDING)
        assert(has_mail(&waiters[1]));
    io_wait_end(wait_of(&waiters[0]));
    pirn__registration_retire(reg);
    assert(buried == 1);
    assert(is_even(&waiters[0]) && is_even(&waiters[1]));
}

MODEL_SCENARIO("io_foreign", 2)
