/* SPDX-License-Identifier: MIT */
/* The waiter leaves while it is woken: is its waker woken or dropped, once, and is its memory nobody's
 * when it has left? */
#include "tests/model/slot_model.h"

static struct slot_waiter *own; /* memory that goes */

static void setup(void)
{
    slot_reset();
    own = model_alloc(sizeof *own);
    own->waker.vt = NULL;
    assert(pirn__slot_set(&slot, own, &waiting[0].cx));
}

static void run(unsigned thread)
{
    if (thread < 2) {
        make_true((int)thread);
        return;
    }
    pirn__slot_clear(&slot, own);
    model_free(own);
}

static void check(void)
{
    assert(atomic_load_explicit(&slot.word, memory_order_relaxed) == SLOT_EMPTY);
    sync_check();
}

MODEL_SCENARIO("slot_clear", 3)
