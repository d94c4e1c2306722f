/* SPDX-License-Identifier: MIT */
/* What a lock's guard holds: a part of a queue that counts, and a reference on it. */
#ifndef PIRN_TASK_SYNC_GUARD_H
#define PIRN_TASK_SYNC_GUARD_H

#include <pirn/lock.h>

#include "task/sync/sema.h"

enum guard_kind {
    GUARD_MUTEX,
    GUARD_READ,
    GUARD_WRITE,
};

static inline void guard_fill(pirn_guard *g, struct wait_queue *of, uint32_t held,
                              enum guard_kind kind)
{
    g->lock = of;
    g->held = held;
    g->kind = kind;
}

#endif
