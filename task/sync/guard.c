/* SPDX-License-Identifier: MIT */
/* pirn_guard: giving a lock back. */
#include "task/sync/guard.h"

#include "task/base/assert.h"

void pirn_guard_release(pirn_guard *g)
{
    struct wait_queue *q = g->lock;

    g->lock = NULL;
    if (q != NULL)
        pirn__sema_release(q, g->held, true);
}

void pirn_rwlock_downgrade(pirn_guard *g)
{
    uint32_t more = g->held - 1;

    if (g->lock == NULL || g->kind != GUARD_WRITE)
        CLIENT_BUG("pirn_rwlock_downgrade", "not a guard of a write lock");
    g->held = 1;
    g->kind = GUARD_READ;
    if (more != 0)
        pirn__sema_release(g->lock, more, false);
}
