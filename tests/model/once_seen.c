/* SPDX-License-Identifier: MIT */
/* Something is made while another one only looks whether it is: does it see what was made? */
#include "tests/model/sync_model.h"

#include "task/sync/once.c"
#include "task/sync/wait_queue.c"

static pirn_once *once;
static pirn_once_turn turn;
static int made; /* plain */

static void setup(void)
{
    sync_reset();
    made = 0;
    assert(pirn_once_new(&once) == 0);
    assert(pirn_once_enter_try(once, &turn) == 0);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        made = 1;
        pirn_once_done(&turn);
    } else if (pirn_once_is_done(once)) {
        assert(made == 1);
    }
}

static void check(void)
{
    pirn_once_unref(once);
    sync_check();
}

MODEL_SCENARIO("once_seen", 2)
