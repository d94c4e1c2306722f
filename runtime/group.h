/* SPDX-License-Identifier: MIT */
/* A group as the faces have it: what task/group.h has, and the runtime its children run on. */
#ifndef PIRN_RUNTIME_GROUP_H
#define PIRN_RUNTIME_GROUP_H

#include <pirn/group.h>

#include "task/group.h"

struct pirn_group {
    struct group base;
    struct pirn_handle *rt; /* immutable: a reference */
    size_t bytes;           /* immutable: of this, and the room for an output behind it */
    pirn_join *watch; /* immutable: the task that waits for the deadline; NULL: there is none */
};

static inline struct pirn_group *group_outer(struct group *base)
{
    return container_of(base, struct pirn_group, base);
}

/* Its lock is not part of what a caller may not change. */
static inline struct group *group_base(const pirn_group *g)
{
    return (struct group *)(uintptr_t)&g->base;
}

#endif
