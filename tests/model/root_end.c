/* SPDX-License-Identifier: MIT */
/* A block_on ends while one of its wakers wakes and another is dropped: is the root's memory freed
 * once, after all that they did with it? */
#include "tests/model/root_model.h"

static void setup(void)
{
    root_setup();
}

static void run(unsigned thread)
{
    if (thread == ROOT_THREAD)
        pirn__root_free(root);
    else if (thread == 0)
        wake_root();
    else
        root_drop(root);
}

static void check(void)
{
    assert(freed == 1);
}

MODEL_SCENARIO("root_end", 3)
