/* SPDX-License-Identifier: MIT */
/* A walk in chunks of one, whose resting place ends meanwhile: is the cell that it holds a reference
 * to freed after it, once, and is every task that stays seen once? */
#include "tests/model/list_model.h"

static struct header *cells[2];
static unsigned seen; /* guard: the walker */

static void setup(void)
{
    world_reset(MODEL_MAIN);
    seen = 0;
    cells[0] = spawn_linked(0);
    cells[1] = spawn_linked(1);
}

static void run(unsigned thread)
{
    if (thread == 0)
        end(cells[1]);
    else
        seen = walk(1);
}

static void check(void)
{
    assert(seen & 1u << 0);
    end_all();
    check_freed(0);
    check_freed(1);
}

MODEL_SCENARIO("list_pin", 2)
