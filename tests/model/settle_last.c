/* SPDX-License-Identifier: MIT */
/* Two children end at once, on two threads, while a third has begun to settle their owner: does one of
 * them, and only one, queue it? */
#include "tests/model/group_model.h"

static struct header *owner;

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    if (task != OWNER)
        child_looks();
    return 0;
}

static void look(int task)
{
    if (task != OWNER)
        child_looks();
    else
        assert(ledgers[1].frames_dropped == 1 && ledgers[2].frames_dropped == 1);
}

static void setup(void)
{
    world_reset(MODEL_MAIN);
    on_drop = look;
    owner = spawn(OWNER, true);
    group_setup(owner, 0);
    (void)spawn_child(1);
    (void)spawn_child(2);
}

static void run(unsigned thread)
{
    (void)run_mail((int)thread);
}

static void check(void)
{
    run_rest(1);
    run_rest(2);
    run_rest(OWNER);
    assert(take_result(OWNER, owner));
    for (int i = 0; i <= 2; i++)
        check_gone(i);
    assert(ledgers[1].outputs_made == ledgers[1].outputs_dropped);
    assert(ledgers[2].outputs_made == ledgers[2].outputs_dropped);
    pirn__group_unref(group);
    assert(groups_released == 1);
}

MODEL_SCENARIO("settle_last", 3)
