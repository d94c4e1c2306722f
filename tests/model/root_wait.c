/* SPDX-License-Identifier: MIT */
/* Two wake a root whose thread waits for the core, asleep on its signal word: does it sleep for ever
 * while the root is woken, and does the poll see what they did? */
#include "tests/model/root_model.h"

static void setup(void)
{
    root_setup();
}

static void run(unsigned thread)
{
    if (thread != ROOT_THREAD) {
        wake_root();
        return;
    }
    for (;;) {
        if (pirn__root_take_wake(root, NULL) && root_is_ready())
            break;
        (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
    }
}

static void check(void)
{
    pirn__root_free(root);
    assert(freed == 1);
}

MODEL_SCENARIO("root_wait", 3)
