/* SPDX-License-Identifier: MIT */
/* pirn_notify: one stored permit, or those who wait now.
 *
 * The queue's value is the permit: 1 only while nobody waits. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/notify.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/wait_queue.h"

struct pirn_notify {
    struct wait_queue queue; /* first */
};

int pirn_notify_new(pirn_notify **out)
{
    pirn_notify *n;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_notify_new: out is NULL");
    n = malloc(sizeof *n);
    if (n == NULL)
        return pirn__error(-ENOMEM, "pirn_notify_new: no memory");
    pirn__wait_queue_init(&n->queue, 0);
    *out = n;
    return 0;
}

pirn_notify *pirn_notify_ref(pirn_notify *n)
{
    if (n != NULL)
        ref_add(&n->queue.handles, 1);
    return n;
}

void pirn_notify_unref(pirn_notify *n)
{
    if (n != NULL && queue_handle_sub(&n->queue))
        pirn__wait_queue_end(&n->queue);
}

/* ---- notifying --------------------------------------------------------------------------------------- */

static void notify_one_of(struct wait_queue *q, enum waiter_state order)
{
    uint64_t word;
    struct wake_list wakes;
    bool grants;

    /* Also a permit that is there is stored once more: who takes it sees what we did before. */
    do {
        word = queue_settled(q);
        grants = word & QUEUE_WAITERS;
    } while (!queue_change(q, &word, grants ? word | QUEUE_LOCKED : word | QUEUE_ONE(1)));
    if (!grants)
        return;
    wake_list_init(&wakes);
    pirn__waiter_resolve(waiter_of(order == WAITER_GRANTED_LAST ? q->list.prev : q->list.next),
                         order, &wakes);
    queue_unlock(q, word);
    pirn__wake_flush(&wakes);
}

static void check_notify(const pirn_notify *n, const char *call)
{
    if (UNLIKELY(n == NULL))
        CLIENT_BUG(call, "the notify is NULL");
}

void pirn_notify_one(pirn_notify *n)
{
    check_notify(n, "pirn_notify_one");
    notify_one_of(&n->queue, WAITER_GRANTED);
}

void pirn_notify_last(pirn_notify *n)
{
    check_notify(n, "pirn_notify_last");
    notify_one_of(&n->queue, WAITER_GRANTED_LAST);
}

void pirn_notify_waiters(pirn_notify *n)
{
    check_notify(n, "pirn_notify_waiters");
    pirn__wait_queue_resolve_all(&n->queue, queue_lock(&n->queue), WAITER_DONE);
}

/* ---- being notified ------------------------------------------------------------------------------------ */

static void notify_drop(void *state)
{
    struct waiter *w = state;
    struct op_waker left;
    enum waiter_state s;
    uint64_t word;

    if (w->queue == NULL)
        return;
    s = pirn__waiter_leave(w, &word, &left);
    if (s == WAITER_WAITING) {
        pirn__waiter_left(w, word, &left);
        return;
    }
    if (s == WAITER_GRANTED || s == WAITER_GRANTED_LAST)
        notify_one_of(w->queue, s);
    queue_unref(w->queue);
}

static const pirn_op_kind notify_kind = {sizeof(pirn_op_kind), "pirn_notify_poll", notify_drop};

static bool take_permit(struct wait_queue *q)
{
    uint64_t word;

    do {
        word = queue_settled(q);
        if (QUEUE_VALUE(word) == 0)
            return false;
    } while (!queue_change(q, &word, word - QUEUE_ONE(1)));
    return true;
}

/* Waits, or finds a permit. @keep: then it becomes one that was granted. Return: there was one. */
static INLINE bool wait_for_notify(struct wait_queue *q, struct waiter *w, pirn_cx *cx, bool keep)
{
    uint64_t word;
    bool found;

    waiter_make_waker(w, cx);
    word = queue_lock(q);
    found = QUEUE_VALUE(word) != 0;
    if (found) {
        word -= QUEUE_ONE(1);
        if (keep)
            pirn__waiter_granted_at_once(q, &word, w, 0);
    } else {
        waiter_enlist(q, &word, w, 0);
    }
    queue_unlock(q, word);
    if (found)
        pirn__op_waker_drop(&w->waker);
    return found;
}

/* The budget is used up: in line all the same, so that it is told, and what it is told or finds is kept. */
static NOINLINE int wait_in_line(pirn_op *op, pirn_cx *cx, pirn_notify *n)
{
    if (op->kind != NULL)
        return PIRN_PENDING;
    if (n == NULL)
        return pirn__error(-EINVAL, "pirn_notify_poll: the notify is NULL");
    (void)wait_for_notify(&n->queue, waiter_begin(op, cx, &notify_kind), cx, true);
    return PIRN_PENDING;
}

int pirn_notify_poll(pirn_op *op, pirn_cx *cx, pirn_notify *n)
{
    enum waiter_state s;
    struct waiter *w;

    if (!cx_take_unit(cx))
        return wait_in_line(op, cx, n);
    if (op->kind == NULL) {
        if (n == NULL)
            return pirn__error(-EINVAL, "pirn_notify_poll: the notify is NULL");
        if (take_permit(&n->queue))
            return 0;
        w = waiter_begin(op, cx, &notify_kind);
        if (wait_for_notify(&n->queue, w, cx, false)) {
            op_end(op);
            return 0;
        }
    } else {
        w = op_resume(op, cx, &notify_kind);
        s = waiter_poll(w, cx);
        if (s != WAITER_WAITING)
            return waiter_finish(op, w, s);
    }
    cx_return_unit(cx);
    return PIRN_PENDING;
}

bool pirn_notify_arm(pirn_op *op, pirn_cx *cx, pirn_notify *n)
{
    check_notify(n, "pirn_notify_arm");
    if (op->kind == NULL)
        return wait_for_notify(&n->queue, waiter_begin(op, cx, &notify_kind), cx, true);
    return waiter_poll(op_resume(op, cx, &notify_kind), cx) != WAITER_WAITING;
}
