/* SPDX-License-Identifier: MIT */
/* The last child of a root goes while its thread sleeps, and a waker of the root's wakes: does the thread
 * come out of its sleep, see what the child left, and is the root's memory freed after the last touch? */
#include "tests/model/root_model.h"

static struct settle record;
static int left; /* plain: by the child */

static void setup(void)
{
    root_setup();
    left = 0;
    root->over = root->settling = true;
    atomic_store_explicit(&root->settled, false, memory_order_relaxed);
    record.waits = root; /* one of the two wakers given out is the record's */
}

static void run(unsigned thread)
{
    if (thread == 0) {
        left = 1;
        root_settled(&record);
    } else if (thread == 1) {
        root_wake(root);
    } else {
        while (!pirn__root_is_settled(root)) {
            (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
            (void)pirn__root_take_wake(root, NULL);
        }
        assert(left == 1);
        pirn__root_free(root);
    }
}

static void check(void)
{
    assert(freed == 1);
}

MODEL_SCENARIO("root_settle", 3)
