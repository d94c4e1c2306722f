/* SPDX-License-Identifier: MIT */
/* pirn_rwlock: many readers or one writer, first come, first served.
 *
 * A reader holds one part of as many as there may be readers, a writer all of them. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/lock.h>

#include "task/base/error.h"
#include "task/sync/guard.h"

struct pirn_rwlock {
    struct wait_queue queue; /* first; value: parts that nobody holds */
    uint32_t max_readers;    /* immutable */
};

static const pirn_op_kind read_kind = {sizeof(pirn_op_kind), "pirn_rwlock_read_poll",
                                       pirn__sema_drop};
static const pirn_op_kind write_kind = {sizeof(pirn_op_kind), "pirn_rwlock_write_poll",
                                        pirn__sema_drop};

int pirn_rwlock_new(uint32_t max_readers, pirn_rwlock **out)
{
    pirn_rwlock *l;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_rwlock_new: out is NULL");
    if (max_readers == PIRN_UNLIMITED)
        max_readers = SEMA_MAX;
    if (max_readers == 0 || max_readers > SEMA_MAX)
        return pirn__error(-EINVAL, "pirn_rwlock_new: %u readers, must be 1 to %u", max_readers,
                           (unsigned)SEMA_MAX);
    l = malloc(sizeof *l);
    if (l == NULL)
        return pirn__error(-ENOMEM, "pirn_rwlock_new: no memory");
    pirn__wait_queue_init(&l->queue, max_readers);
    l->max_readers = max_readers;
    *out = l;
    return 0;
}

pirn_rwlock *pirn_rwlock_ref(pirn_rwlock *l)
{
    if (l != NULL)
        ref_add(&l->queue.handles, 1);
    return l;
}

void pirn_rwlock_unref(pirn_rwlock *l)
{
    if (l != NULL && queue_handle_sub(&l->queue))
        pirn__wait_queue_end(&l->queue);
}

static int poll_rwlock(pirn_op *op, pirn_cx *cx, pirn_rwlock *l, enum guard_kind kind,
                       pirn_guard *out)
{
    const pirn_op_kind *k = kind == GUARD_WRITE ? &write_kind : &read_kind;
    struct wait_queue *from;
    uint32_t n = 1, got;
    int r;

    if (!pirn_op_is_pending(op)) {
        if (l == NULL)
            return pirn__error(-EINVAL, "%s: the lock is NULL", k->name);
        if (kind == GUARD_WRITE)
            n = l->max_readers;
    }
    r = pirn__sema_poll(op, cx, k, (void *)l, n, &from, &got);
    if (r == 0)
        guard_fill(out, from, got, kind);
    return r;
}

int pirn_rwlock_read_poll(pirn_op *op, pirn_cx *cx, pirn_rwlock *l, pirn_guard *out)
{
    return poll_rwlock(op, cx, l, GUARD_READ, out);
}

int pirn_rwlock_write_poll(pirn_op *op, pirn_cx *cx, pirn_rwlock *l, pirn_guard *out)
{
    return poll_rwlock(op, cx, l, GUARD_WRITE, out);
}

static int try_rwlock(pirn_rwlock *l, enum guard_kind kind, pirn_guard *out)
{
    uint32_t n;
    int r;

    if (l == NULL)
        return pirn__error(-EINVAL, "pirn_rwlock: the lock is NULL");
    n = kind == GUARD_WRITE ? l->max_readers : 1;
    r = pirn__sema_try(&l->queue, n);
    if (r == 0)
        guard_fill(out, &l->queue, n, kind);
    return r;
}

int pirn_rwlock_read_try(pirn_rwlock *l, pirn_guard *out)
{
    return try_rwlock(l, GUARD_READ, out);
}

int pirn_rwlock_write_try(pirn_rwlock *l, pirn_guard *out)
{
    return try_rwlock(l, GUARD_WRITE, out);
}
