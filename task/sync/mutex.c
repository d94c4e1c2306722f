/* SPDX-License-Identifier: MIT */
/* pirn_mutex: one at a time, first come, first served. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/lock.h>

#include "task/base/error.h"
#include "task/sync/guard.h"

struct pirn_mutex {
    struct wait_queue queue; /* first; value: 1 is unlocked */
};

static const pirn_op_kind mutex_kind = {sizeof(pirn_op_kind), "pirn_mutex_lock_poll",
                                        pirn__sema_drop};

int pirn_mutex_new(pirn_mutex **out)
{
    pirn_mutex *m;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_mutex_new: out is NULL");
    m = malloc(sizeof *m);
    if (m == NULL)
        return pirn__error(-ENOMEM, "pirn_mutex_new: no memory");
    pirn__wait_queue_init(&m->queue, 1);
    *out = m;
    return 0;
}

pirn_mutex *pirn_mutex_ref(pirn_mutex *m)
{
    if (m != NULL)
        ref_add(&m->queue.handles, 1);
    return m;
}

void pirn_mutex_unref(pirn_mutex *m)
{
    if (m != NULL && queue_handle_sub(&m->queue))
        pirn__wait_queue_end(&m->queue);
}

int pirn_mutex_lock_poll(pirn_op *op, pirn_cx *cx, pirn_mutex *m, pirn_guard *out)
{
    struct wait_queue *from;
    uint32_t got;
    int r;

    if (m == NULL && !pirn_op_is_pending(op))
        return pirn__error(-EINVAL, "pirn_mutex_lock_poll: the mutex is NULL");
    r = pirn__sema_poll(op, cx, &mutex_kind, (void *)m, 1, &from, &got);
    if (r == 0)
        guard_fill(out, from, got, GUARD_MUTEX);
    return r;
}

int pirn_mutex_lock_try(pirn_mutex *m, pirn_guard *out)
{
    int r;

    if (m == NULL)
        return pirn__error(-EINVAL, "pirn_mutex_lock_try: the mutex is NULL");
    r = pirn__sema_try(&m->queue, 1);
    if (r == 0)
        guard_fill(out, &m->queue, 1, GUARD_MUTEX);
    return r;
}
