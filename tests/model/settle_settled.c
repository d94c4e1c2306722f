/* SPDX-License-Identifier: MIT */
/* A task settles on one thread, its child ends on another, a third closes its list: is it ended by one of
 * them, as its poll said, and does that one see what the other two left? */
#include "tests/model/group_model.h"

static struct header *owner;
static int left; /* plain: by the child, in its owner's frame */

static int step(int task, pirn_cx *cx)
{
    (void)cx;
    if (task == OWNER)
        return ledgers[OWNER].polls == 1 ? PIRN_PENDING : 0;
    return 0;
}

static void look(int task)
{
    if (task == CHILD)
        left = 1;
    else
        assert(left == 1 && ledgers[CHILD].frames_dropped == 1);
}

static void setup(void)
{
    world_reset(1); /* so that only T17 passes on what the child left */
    on_drop = look;
    left = 0;
    owner = spawn(OWNER, true);
    group_setup(owner, 0);
    (void)spawn_child(CHILD);
    (void)run_mail(OWNER); /* it is linked */
    pirn__waker_wake_by_ref(owner);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        shut_down(OWNER, owner);
    } else if (thread == 1) {
        (void)run_mail(CHILD);
        (void)run_mail(CHILD);
    } else {
        (void)run_mail(OWNER); /* it settles, or is skipped */
        (void)run_mail(OWNER);
    }
}

static void check(void)
{
    run_rest(CHILD);
    run_rest(OWNER);
    /* Once the poll has ended, a closer does not change how. */
    assert(take_result(OWNER, owner) == (ledgers[OWNER].polls == 2));
    check_gone(OWNER);
    check_gone(CHILD);
    pirn__group_unref(group);
    assert(groups_released == 1);
}

MODEL_SCENARIO("settle_settled", 3)
