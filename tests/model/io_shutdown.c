/* SPDX-License-Identifier: MIT */
/* An operation tries, clears and waits while the runtime shuts down and an event comes: does it end, now
 * or when woken, and do later ones? */
#include "tests/model/io_model.h"

static int result; /* plain: the reader's */

static void setup(void)
{
    io_reset(&seats_kind, READY_READ);
}

static void run(unsigned thread)
{
    struct wake_list wakes;
    uint32_t word;

    if (thread == 0) {
        result = read_poll(&waiters[0]);
    } else if (thread == 1) {
        wake_list_init(&wakes);
        word = pirn__readiness_set(&reg->ready, READY_WRITE); /* of something else */
        pirn__registration_tell(reg, word, READY_WRITE, &wakes);
    } else {
        wake_list_init(&wakes);
        word = pirn__readiness_end(&reg->ready, READY_SHUT);
        pirn__registration_tell(reg, word, READY_SHUT, &wakes);
    }
}

static void check(void)
{
    if (result == PIRN_PENDING) {
        assert(has_mail(&waiters[0]));
        result = read_poll(&waiters[0]);
    }
    assert(result == PIRN_ESHUTDOWN);
    assert(read_poll(&waiters[1]) == PIRN_ESHUTDOWN);
    pirn__registration_retire(reg);
    assert(buried == 1 && is_even(&waiters[0]));
}

MODEL_SCENARIO("io_shutdown", 3)
