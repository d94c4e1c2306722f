/* SPDX-License-Identifier: MIT */
/* An operation reads what an event told of, and clears, while a second byte comes: a second operation
 * that waits afterwards is told of it, or reads it. */
#include "tests/model/io_model.h"

static int first, second; /* plain: the reader's */

static void setup(void)
{
    io_reset(&seats_kind, 0);
    event();
}

static void run(unsigned thread)
{
    if (thread == 0) {
        uint32_t seen = readiness_look(&reg->ready);

        first = atomic_load_explicit(&kernel, memory_order_relaxed);
        assert(first > 0);
        (void)atomic_fetch_add_explicit(&kernel, -first, memory_order_relaxed);
        io_drained(reg, IO_READ, seen); /* it moved less than was asked for */
        second = first < 2 ? read_poll(&waiters[0]) : 0;
    } else {
        event();
    }
}

static void check(void)
{
    if (second == PIRN_PENDING) {
        assert(has_mail(&waiters[0]));
        second = read_poll(&waiters[0]);
    }
    assert(second == 0 && atomic_load_explicit(&kernel, memory_order_relaxed) == 0);
    pirn__registration_retire(reg);
    assert(buried == 1 && is_even(&waiters[0]));
}

MODEL_SCENARIO("io_two_events", 2)
