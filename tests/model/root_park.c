/* SPDX-License-Identifier: MIT */
/* Two wake a root whose thread drives and parks in the driver: does it sleep for ever while the root
 * is woken, and does the poll see what they did? */
#include "tests/model/root_model.h"

static void setup(void)
{
    root_setup();
}

static bool woken(void *arg)
{
    (void)arg;
    return pirn__root_is_woken(root);
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
        (void)pirn__driver_park(&driver, woken, NULL, PIRN_NEVER, NULL);
    }
}

static void check(void)
{
    pirn__root_free(root);
    assert(freed == 1);
}

MODEL_SCENARIO("root_park", 3)
