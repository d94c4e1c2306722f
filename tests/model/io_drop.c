/* SPDX-License-Identifier: MIT */
/* An operation that waits is dropped, and its memory goes, while an event comes and the owner gives the
 * registration up: does nobody touch it afterwards? */
#include "tests/model/io_model.h"

static struct waiter_op *dropped;

static void setup(void)
{
    io_reset(&seats_kind, 0);
    ref_add(&reg->pins, 1); /* the driver's turn */
    dropped = model_alloc(sizeof *dropped);
    waiter_reset(dropped);
    assert(read_poll(dropped) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__io_wait_drop(dropped->op.state);
        assert(is_even(dropped));
        model_free(dropped);
    } else if (thread == 1) {
        event();
        pirn__registration_unpin(reg);
    } else {
        pirn__registration_retire(reg);
    }
}

static void check(void)
{
    assert(buried == 1);
}

MODEL_SCENARIO("io_drop", 3)
