/* SPDX-License-Identifier: MIT */
/* Something is made by who has the turn, or fails the first time, while two others want it: is it made by
 * one at a time, once, and seen by all? */
#include "tests/model/sync_model.h"

#include "task/sync/once.c"
#include "task/sync/wait_queue.c"

static pirn_once *once;
static pirn_once_turn turns[MODEL_MAIN];
static int tries, made; /* guard: the turn; `made` is plain for all when it is done */

static void setup(void)
{
    sync_reset();
    tries = 0;
    made = 0;
    assert(pirn_once_new(&once) == 0);
    for (unsigned i = 0; i < MODEL_MAIN; i++)
        turns[i].once = NULL;
    assert(pirn_once_enter_try(once, &turns[0]) == 0);
}

/* With the turn, or when it is made. */
static void make(unsigned thread)
{
    if (turns[thread].once == NULL) {
        assert(made == 1);
    } else if (tries++ == 0) {
        pirn_once_failed(&turns[thread]);
    } else {
        made++;
        pirn_once_done(&turns[thread]);
    }
}

static void want(unsigned thread)
{
    struct waiting *w = &waiting[thread];

    w->result = pirn_once_enter_poll(&w->op, &w->cx, once, &turns[thread]);
    if (w->result == 0)
        make(thread);
}

static void run(unsigned thread)
{
    if (thread == 0) {
        make(0);
        return;
    }
    want(thread);
    if (thread == 1 && waiting[1].result == PIRN_PENDING)
        pirn_op_drop(&waiting[1].op);
}

static void check(void)
{
    if (waiting[2].result == PIRN_PENDING) {
        assert(is_woken(&waiting[2]));
        want(2);
    }
    want(1);
    assert(made == 1 && pirn_once_is_done(once));
    assert(QUEUE_REFS(queue_peek(&once->queue)) == 1);
    pirn_once_unref(once);
    sync_check();
}

MODEL_SCENARIO("once_done", 3)
