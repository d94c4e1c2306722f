/* SPDX-License-Identifier: MIT */
/* The owner ends while its child does, and is aborted and woken meanwhile: is its frame dropped once, after the
 * child's, its output whole, its result what the poll said? */
#include "tests/model/group_model.h"

static struct header *owner;

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    if (task == OWNER)
        return 0;
    child_looks();
    return PIRN_PENDING; /* until its group is cancelled */
}

/* A child's frame goes before its owner's, and is seen to. */
static void look(int task)
{
    if (task == CHILD)
        child_looks();
    else
        assert(ledgers[CHILD].frames_dropped == 1);
}

static void setup(void)
{
    world_reset(MODEL_MAIN);
    on_drop = look;
    owner = spawn(OWNER, true);
    group_setup(owner, 0);
    (void)spawn_child(CHILD);
    pirn__waker_clone(owner);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        (void)run_mail(OWNER);
    } else if (thread == 1) {
        (void)run_mail(CHILD);
        (void)run_mail(CHILD);
    } else {
        pirn__waker_wake((struct task_waker){owner});
    }
}

static void check(void)
{
    run_rest(CHILD);
    run_rest(OWNER);
    assert(take_result(OWNER, owner));
    check_gone(OWNER);
    check_gone(CHILD);
    assert(groups_released == 0);
    pirn__group_unref(group); /* the handle of who made it */
    assert(groups_released == 1);
}

MODEL_SCENARIO("settle_done", 3)
