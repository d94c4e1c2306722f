/* SPDX-License-Identifier: MIT */
/* The list closes while one task ends and one is linked: does each reference have one owner, and is
 * nothing left in the list? */
#include "tests/model/list_model.h"

static struct header *cells[2];

static void setup(void)
{
    world_reset(MODEL_MAIN);
    cells[0] = spawn_linked(0);
    pirn__waker_clone(cells[0]); /* its runner's */
    cells[1] = spawn(1, false);  /* the Notified's is its runner's */
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__owned_close(&model_list);
        end_all();
    } else if (thread == 1) {
        end(cells[0]);
        give_up(cells[0]);
    } else {
        if (!pirn__owned_link(&model_list, cells[1]))
            give_up(cells[1]);
        give_up(cells[1]);
    }
}

static void check(void)
{
    struct task t;

    assert(!pirn__owned_pop(&model_list, &t));
    check_freed(0);
    check_freed(1);
}

MODEL_SCENARIO("list_close", 3)
