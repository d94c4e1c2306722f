/* SPDX-License-Identifier: MIT */
/* A closer takes an idle owner whose Notified is queued, while its child ends elsewhere and the Notified
 * is run: is the owner ended once, where the child was, and never queued a second time? */
#include "tests/model/group_model.h"

static struct header *owner, *child;

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    return task == OWNER ? PIRN_PENDING : 0;
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
    child = spawn_child(CHILD);
    (void)run_mail(OWNER); /* it waits, and is linked */
    pirn__waker_wake_by_ref(owner);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        shut_down(OWNER, owner);
    } else if (thread == 1) {
        (void)run_mail(CHILD);
    } else {
        (void)cancel_mail(OWNER);
    }
}

static void check(void)
{
    run_rest(CHILD);
    while (cancel_mail(OWNER))
        ;
    assert(!take_result(OWNER, owner));
    check_gone(OWNER);
    check_gone(CHILD);
    pirn__group_unref(group);
    assert(groups_released == 1);
}

MODEL_SCENARIO("settle_closer", 3)
