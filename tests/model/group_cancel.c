/* SPDX-License-Identifier: MIT */
/* A child is spawned while its group is cancelled and another child fails fast: is it cancelled by one of
 * them, or from the start, whichever comes first? */
#include "tests/model/group_model.h"

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return PIRN_PENDING;
}

static void setup(void)
{
    world_reset(MODEL_MAIN);
    group_setup(NULL, GROUP_DISCARD);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        pirn__group_cancel(group, -1);
    } else {
        (void)spawn_child(CHILD);
        (void)run_mail(CHILD);
    }
}

static void check(void)
{
    run_rest(CHILD);
    check_gone(CHILD);
    assert(ledgers[CHILD].polls <= 1);
    assert(group->alive == 0 && ring_is_empty(&group->running) && ring_is_empty(&group->leaving));
    assert(pirn__group_free(group));
    assert(groups_released == 1);
}

MODEL_SCENARIO("group_cancel", 2)
