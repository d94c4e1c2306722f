/* SPDX-License-Identifier: MIT */
/* Two walkers and a task that ends: does the one that leaves first wait until the other one cannot
 * stand on the cell any more? */
#include "tests/model/list_model.h"

static struct header *cell;

static void setup(void)
{
    world_reset(MODEL_MAIN);
    cell = spawn_linked(0);
}

static void run(unsigned thread)
{
    if (thread == 0)
        end(cell);
    else
        (void)walk(2);
}

static void check(void)
{
    check_freed(0);
}

MODEL_SCENARIO("list_two_walkers", 3)
