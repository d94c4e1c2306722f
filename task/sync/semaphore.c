/* SPDX-License-Identifier: MIT */
/* pirn_semaphore: permits, first come, first served. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/semaphore.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/sync/sema.h"

struct pirn_semaphore {
    struct wait_queue queue; /* first; value: permits that are free */
};

_Static_assert(PIRN_SEMAPHORE_MAX == (int)SEMA_MAX, "what the header promises");

static const pirn_op_kind acquire_kind = {sizeof(pirn_op_kind), "pirn_semaphore_acquire_poll",
                                          pirn__sema_drop};

int pirn_semaphore_new(uint32_t permits, pirn_semaphore **out)
{
    pirn_semaphore *s;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_semaphore_new: out is NULL");
    if (permits > SEMA_MAX)
        return pirn__error(-EINVAL, "pirn_semaphore_new: %u permits, at most %u", permits,
                           (unsigned)SEMA_MAX);
    s = malloc(sizeof *s);
    if (s == NULL)
        return pirn__error(-ENOMEM, "pirn_semaphore_new: no memory");
    pirn__wait_queue_init(&s->queue, permits);
    *out = s;
    return 0;
}

pirn_semaphore *pirn_semaphore_ref(pirn_semaphore *s)
{
    if (s != NULL)
        ref_add(&s->queue.handles, 1);
    return s;
}

void pirn_semaphore_unref(pirn_semaphore *s)
{
    if (s != NULL && queue_handle_sub(&s->queue))
        pirn__wait_queue_end(&s->queue);
}

/* ---- acquiring --------------------------------------------------------------------------------------- */

static int check_acquire(const pirn_semaphore *s, uint32_t n, const char *call)
{
    if (s == NULL)
        return pirn__error(-EINVAL, "%s: the semaphore is NULL", call);
    if (n == 0 || n > SEMA_MAX)
        return pirn__error(-EINVAL, "%s: %u permits, must be 1 to %u", call, n, (unsigned)SEMA_MAX);
    return 0;
}

static void fill_permit(pirn_permit *p, struct wait_queue *q, uint32_t n)
{
    p->semaphore = (pirn_semaphore *)(void *)q;
    p->count = n;
}

int pirn_semaphore_acquire_poll(pirn_op *op, pirn_cx *cx, pirn_semaphore *s, uint32_t n,
                                pirn_permit *out)
{
    struct wait_queue *from;
    uint32_t got;
    int r;

    if (!pirn_op_is_pending(op) && (r = check_acquire(s, n, "pirn_semaphore_acquire_poll")) != 0)
        return r;
    r = pirn__sema_poll(op, cx, &acquire_kind, (void *)s, n, &from, &got);
    if (r == 0)
        fill_permit(out, from, got);
    return r;
}

int pirn_semaphore_acquire_try(pirn_semaphore *s, uint32_t n, pirn_permit *out)
{
    int r = check_acquire(s, n, "pirn_semaphore_acquire_try");

    if (r == 0)
        r = pirn__sema_try(&s->queue, n);
    if (r == 0)
        fill_permit(out, &s->queue, n);
    return r;
}

/* ---- permits ------------------------------------------------------------------------------------------- */

void pirn_permit_release(pirn_permit *p)
{
    pirn_semaphore *s = p->semaphore;

    p->semaphore = NULL;
    if (s != NULL)
        pirn__sema_release(&s->queue, p->count, true);
}

void pirn_permit_forget(pirn_permit *p)
{
    pirn_semaphore *s = p->semaphore;

    p->semaphore = NULL;
    if (s != NULL)
        queue_unref(&s->queue);
}

int pirn_permit_split(pirn_permit *p, uint32_t n, pirn_permit *out)
{
    struct wait_queue *q;
    uint64_t word;

    if (p->semaphore == NULL || n == 0 || n >= p->count)
        return pirn__error(-EINVAL, "pirn_permit_split: %u of %u", n,
                           p->semaphore != NULL ? p->count : 0);
    q = &p->semaphore->queue;
    do
        word = queue_settled(q);
    while (!queue_change(q, &word, queue_with_ref(word)));
    p->count -= n;
    fill_permit(out, q, n);
    return 0;
}

int pirn_permit_merge(pirn_permit *p, pirn_permit *other)
{
    if (other->semaphore == NULL)
        return 0;
    if (p->semaphore != NULL && p->semaphore != other->semaphore)
        return pirn__error(-EINVAL, "pirn_permit_merge: of another semaphore");
    if (p == other)
        return pirn__error(-EINVAL, "pirn_permit_merge: with itself");
    if (p->semaphore == NULL) {
        *p = *other;
        other->semaphore = NULL;
        return 0;
    }
    if (other->count > SEMA_MAX - p->count)
        return pirn__error(-EOVERFLOW, "pirn_permit_merge: more than %u", (unsigned)SEMA_MAX);
    p->count += other->count;
    pirn_permit_forget(other);
    return 0;
}

/* ---- how many there are ---------------------------------------------------------------------------------- */

int pirn_semaphore_add(pirn_semaphore *s, uint32_t n)
{
    if (s == NULL)
        return pirn__error(-EINVAL, "pirn_semaphore_add: the semaphore is NULL");
    if (n > SEMA_MAX || QUEUE_VALUE(queue_peek(&s->queue)) > SEMA_MAX - n)
        return pirn__error(-EOVERFLOW, "pirn_semaphore_add: more than %u", (unsigned)SEMA_MAX);
    if (n != 0)
        pirn__sema_release(&s->queue, n, false);
    return 0;
}

static void check_semaphore(const pirn_semaphore *s, const char *call)
{
    if (s == NULL)
        CLIENT_BUG(call, "the semaphore is NULL");
}

uint32_t pirn_semaphore_forget(pirn_semaphore *s, uint32_t n)
{
    uint32_t found;
    uint64_t word;

    check_semaphore(s, "pirn_semaphore_forget");
    do {
        word = queue_settled(&s->queue);
        found = QUEUE_VALUE(word) < n ? QUEUE_VALUE(word) : n;
    } while (!queue_change(&s->queue, &word, word - QUEUE_ONE(found)));
    return found;
}

uint32_t pirn_semaphore_available(const pirn_semaphore *s)
{
    check_semaphore(s, "pirn_semaphore_available");
    return QUEUE_VALUE(queue_peek(&s->queue));
}

void pirn_semaphore_close(pirn_semaphore *s)
{
    uint64_t word;

    check_semaphore(s, "pirn_semaphore_close");
    word = queue_lock(&s->queue);
    pirn__wait_queue_resolve_all(&s->queue, word | QUEUE_CLOSED, WAITER_CLOSED);
}

bool pirn_semaphore_is_closed(const pirn_semaphore *s)
{
    check_semaphore(s, "pirn_semaphore_is_closed");
    return queue_peek(&s->queue) & QUEUE_CLOSED;
}
