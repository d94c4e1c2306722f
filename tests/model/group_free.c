/* SPDX-License-Identifier: MIT */
/* A thread frees a group and waits for its last child, whose frame points to what the thread has: does
 * it go on only when the child is gone, and does nobody touch the group then? */
#include "tests/model/group_model.h"

static int mine; /* plain: what the child points to; 0: there */
static atomic_int gone;
static struct settle settle;

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    assert(mine == 0);
    return 0;
}

static void look(int task)
{
    (void)task;
    assert(mine == 0);
}

static void tell(struct settle *s)
{
    (void)s;
    atomic_store_explicit(&gone, 1, memory_order_release);
}

static void setup(void)
{
    world_reset(MODEL_MAIN);
    on_drop = look;
    mine = 0;
    set(&gone, 0);
    group_setup(NULL, 0);
    (void)spawn_child(CHILD);
}

static void run(unsigned thread)
{
    if (thread == 1) {
        (void)run_mail(CHILD);
        return;
    }
    pirn__group_ref(group);
    (void)pirn__group_free(group);
    settle_begin(&settle, tell, NULL);
    pirn__group_tell(group, &settle);
    if (settle_give(&settle) || atomic_load_explicit(&gone, memory_order_acquire)) {
        mine = 1;
        pirn__group_drop_results(group);
        pirn__group_unref(group);
    } /* else this thread would sleep: the rest is in check */
}

static void check(void)
{
    run_rest(CHILD);
    if (mine == 0) {
        assert(get(&gone) == 1);
        pirn__group_drop_results(group);
        pirn__group_unref(group);
    }
    check_gone(CHILD);
    assert(ledgers[CHILD].outputs_made == ledgers[CHILD].outputs_dropped);
    assert(groups_released == 1);
}

MODEL_SCENARIO("group_free", 2)
