/* SPDX-License-Identifier: MIT */
/* A task waits for the results of a group whose children end: is it woken for each, does it get each
 * once, with what the child did before, and then hear of the end? */
#include "tests/model/group_model.h"

static struct header *waiter;
static struct op wait_op, *listed; /* as in the task: its waker is borrowed */
static struct group_wait *const wait_state = (struct group_wait *)(void *)wait_op.state;
static int done[TASKS_MAX]; /* plain: what each child did */
static int got, ended;      /* guard: the waiter's RUNNING */

static int wait_for_more(pirn_cx *cx)
{
    struct group_node *n = NULL;
    int r = 0;

    while ((r = pirn__group_wait(group, wait_state, cx, GROUP_NEXT, &n)) == 0) {
        pirn_result res;
        int out = -1;

        pirn__group_deliver(n, &res, &out);
        assert(res.outcome == PIRN_DONE && done[out] == 1);
        got++;
    }
    if (r == PIRN_PENDING)
        return r;
    assert(r == PIRN_EOF && got == 2);
    ended++;
    return 0;
}

static int step(int task, pirn_cx *cx)
{
    if (task == OWNER)
        return wait_for_more(cx);
    done[task] = 1;
    return 0;
}

static void setup(void)
{
    world_reset(MODEL_MAIN);
    got = ended = 0;
    done[1] = done[2] = 0;
    wait_op.link = &listed;
    wait_op.flags = 0;
    wait_state->link.next = NULL;
    wait_state->group = NULL;
    waiter = spawn(OWNER, true);
    group_setup(NULL, 0);
    (void)spawn_child(1);
    (void)spawn_child(2);
}

static void run(unsigned thread)
{
    (void)run_mail((int)thread);
    if (thread == OWNER)
        (void)run_mail(OWNER);
}

static void check(void)
{
    run_rest(1);
    run_rest(2);
    run_rest(OWNER);
    assert(ended == 1);
    assert(take_result(OWNER, waiter));
    for (int i = 0; i <= 2; i++)
        check_gone(i);
    assert(pirn__group_free(group));
    assert(groups_released == 1);
}

MODEL_SCENARIO("group_next", 3)
