/* SPDX-License-Identifier: MIT */
/* One task is linked, one ends, one stays while somebody walks: is the one that stays seen, and is
 * what is seen of the new one whole? */
#include "tests/model/list_model.h"

static struct header *cells[3];
static unsigned seen; /* guard: the walker */

static void setup(void)
{
    world_reset(MODEL_MAIN);
    seen = 0;
    cells[0] = spawn_linked(0);
    cells[1] = spawn_linked(1);
}

/* Made by the linker: the list alone publishes what is in it. */
static void link_new(void)
{
    cells[2] = spawn(2, false);
    assert(pirn__owned_link(&model_list, cells[2]));
}

static void run(unsigned thread)
{
    if (thread == 0)
        link_new();
    else if (thread == 1)
        end(cells[1]);
    else
        seen = walk(3);
}

static void check(void)
{
    assert(seen & 1u << 0);
    end_all();
    give_up(cells[2]); /* the Notified's */
    for (int i = 0; i < 3; i++)
        check_freed(i);
}

MODEL_SCENARIO("list_link_walk", 3)
