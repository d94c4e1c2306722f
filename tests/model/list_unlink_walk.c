/* SPDX-License-Identifier: MIT */
/* Two tasks end while somebody walks: does the walker read no cell whose memory is used again, and
 * does all memory come back? */
#include "tests/model/list_model.h"

static struct header *cells[2];

static void setup(void)
{
    world_reset(MODEL_MAIN);
    cells[0] = spawn_linked(0);
    cells[1] = spawn_linked(1);
}

static void run(unsigned thread)
{
    if (thread < 2)
        end(cells[thread]);
    else
        (void)walk(2);
}

static void check(void)
{
    check_freed(0);
    check_freed(1);
}

MODEL_SCENARIO("list_unlink_walk", 3)
