/* SPDX-License-Identifier: MIT */
/* Task 0 owns a group; tasks 1 and 2 may be its children. What links a child lies beside its cell here. */
#ifndef PIRN_TESTS_MODEL_GROUP_MODEL_H
#define PIRN_TESTS_MODEL_GROUP_MODEL_H

#define MODEL_WITH_GROUPS
#define MODEL_WITH_OPS
#include "tests/model/task_model.h"

#include "task/group.c"
#include "task/group_owner.c"
#include "task/group_wait.c"
#include "task/wake.c"

enum {
    OWNER = 0,
    CHILD = 1
};

static struct group *group; /* in memory of its own, so that a touch after its end is seen */
static struct group_node nodes[TASKS_MAX];
static int room;            /* for the owner's output */
static int groups_released; /* plain */

static void group_gone(struct group *g)
{
    groups_released++;
    model_free(g);
}

/* A group that @owner settles; NULL: nobody. */
static void group_setup(struct header *owner, uint32_t flags)
{
    struct pirn_cx cx;

    groups_released = 0;
    group = model_alloc(sizeof *group);
    pirn__group_init(group, NULL, flags, group_gone, &room);
    if (owner != NULL) {
        cx.ops = &owner->end.ops;
        pirn__group_tie(group, &cx);
    }
}

/* A child in its mailbox. */
static struct header *spawn_child(int task)
{
    struct header *h = spawn(task, true);

    pirn__group_add(group, &nodes[task], h);
    return h;
}

/* A frame of a child looks at its owner's: it must be there, and what it does there come first. */
static void child_looks(void)
{
    assert(ledgers[OWNER].frames_dropped == 0);
}

#endif
