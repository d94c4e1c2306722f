/* SPDX-License-Identifier: MIT */
/* Cancelled from above and in the middle at once, while the root goes: is everything below told once, and
 * all memory freed? */
#include "tests/model/cancel_model.h"

static void setup(void)
{
    tree_reset();
    assert(pirn_cancel_token_new(middle, &leaf) == 0);
    assert(hear(0, leaf) == PIRN_PENDING);
    assert(hear(1, middle) == PIRN_PENDING);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn_cancel_token_cancel(root);
        pirn_cancel_token_unref(root);
    } else if (thread == 1) {
        pirn_cancel_token_cancel(middle);
        pirn_cancel_token_unref(middle);
    } else {
        pirn_op_drop(&waiting[1].op);
    }
}

static void check(void)
{
    assert(pirn_cancel_token_is_cancelled(leaf));
    assert(get(&waiting[0].count.woken) == 1);
    assert(hear(0, leaf) == 0);
    pirn_cancel_token_unref(leaf);
    sync_check();
}

MODEL_SCENARIO("cancel_twice", 3)
