/* SPDX-License-Identifier: MIT */
/* A tree is cancelled from above while below somebody makes a token and waits for it, and the one in
 * between is freed: does the word reach him, with what was done before? */
#include "tests/model/cancel_model.h"

static int told; /* plain */

static void setup(void)
{
    tree_reset();
    told = 0;
    (void)pirn_cancel_token_ref(middle);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        told = 1;
        pirn_cancel_token_cancel(root);
    } else if (thread == 2) {
        pirn_cancel_token_unref(middle);
    } else {
        assert(pirn_cancel_token_new(middle, &leaf) == 0);
        pirn_cancel_token_unref(middle);
        if (hear(1, leaf) == 0)
            assert(told == 1);
    }
}

static void check(void)
{
    assert(pirn_cancel_token_is_cancelled(leaf));
    if (waiting[1].result == PIRN_PENDING) {
        assert(is_woken(&waiting[1]));
        assert(hear(1, leaf) == 0);
    }
    pirn_cancel_token_unref(leaf);
    pirn_cancel_token_unref(root);
    sync_check();
}

MODEL_SCENARIO("cancel_below", 3)
