/* SPDX-License-Identifier: MIT */
/* Who gets what is free, and who what comes back. */
#include "task/sync/sema.h"

#include <errno.h>
#include <stdlib.h>

#include "task/base/assert.h"
#include "task/cx.h"

/* ---- giving back ----------------------------------------------------------------------------------- */

static uint64_t with_more(uint64_t word, uint32_t n)
{
    if (UNLIKELY(n > UINT32_MAX - QUEUE_VALUE(word)))
        CLIENT_BUG("pirn_semaphore", "more permits come back than were ever there");
    return word + QUEUE_ONE(n);
}

/* Hands @n out, oldest first; the rest becomes free. LOCKED with @word, less what the caller has given
 * up: by the time of the unlock it does not touch the queue any more. */
static void hand_out(struct wait_queue *q, uint64_t word, uint32_t n)
{
    struct wake_list wakes;
    bool last;

    wake_list_init(&wakes);
    while (n != 0 && !link_is_alone(&q->list)) {
        struct waiter *w = waiter_of(q->list.next);
        uint32_t part = n < w->need ? n : w->need;

        if (part == w->need && !wake_list_has_room(&wakes)) {
            /* A reference is left: the waiter's. But it may go while the lock is given back. */
            queue_unlock(q, word + QUEUE_REF(1));
            pirn__wake_flush(&wakes);
            word = queue_lock(q) - QUEUE_REF(1);
            continue;
        }
        w->need -= part;
        n -= part;
        if (w->need == 0)
            pirn__waiter_resolve(w, WAITER_GRANTED, &wakes);
    }
    if (n != 0)
        word = with_more(word, n);
    last = QUEUE_REFS(word) == 0;
    queue_unlock(q, word);
    pirn__wake_flush(&wakes);
    if (last)
        pirn__wait_queue_free(q);
}

void pirn__sema_release(struct wait_queue *q, uint32_t n, bool and_ref)
{
    uint64_t word, next;

    do {
        word = queue_settled(q);
        next = and_ref ? word - QUEUE_REF(1) : word;
        next = word & QUEUE_WAITERS ? word | QUEUE_LOCKED : with_more(next, n);
    } while (!queue_change(q, &word, next));
    if (word & QUEUE_WAITERS)
        hand_out(q, and_ref ? word - QUEUE_REF(1) : word, n);
    else if (QUEUE_REFS(next) == 0)
        pirn__wait_queue_free(q);
}

/* ---- getting ------------------------------------------------------------------------------------------- */

int pirn__sema_try(struct wait_queue *q, uint32_t n)
{
    uint64_t word;

    do {
        word = queue_settled(q);
        if (UNLIKELY(word & QUEUE_CLOSED))
            return PIRN_ECLOSED;
        if (QUEUE_VALUE(word) < n)
            return -EAGAIN;
    } while (!queue_change(q, &word, queue_with_ref(word) - QUEUE_ONE(n)));
    return 0;
}

/* Takes what is free, and waits for the rest. Return: as pirn__sema_try(), -EAGAIN: waits. @late: also if it
 * got all, which is kept for it. */
static int wait_for_rest(struct wait_queue *q, struct waiter *w, pirn_cx *cx, uint32_t n, bool late)
{
    uint32_t free_now;
    uint64_t word;
    int r = 0;

    waiter_make_waker(w, cx);
    word = queue_lock(q);
    free_now = QUEUE_VALUE(word);
    if (word & QUEUE_CLOSED) {
        r = PIRN_ECLOSED;
    } else if (free_now >= n && late) {
        word -= QUEUE_ONE(n);
        pirn__waiter_granted_at_once(q, &word, w, n);
    } else if (free_now >= n) {
        word = queue_with_ref(word) - QUEUE_ONE(n);
    } else {
        word -= QUEUE_ONE(free_now);
        w->need = n - free_now;
        waiter_enlist(q, &word, w, n);
        r = -EAGAIN;
    }
    queue_unlock(q, word);
    if (late && r == 0)
        r = -EAGAIN;
    else if (r == -EAGAIN)
        return r;
    pirn__op_waker_drop(&w->waker);
    return r;
}

/* Over without success: what it had in part goes back. */
static int give_up(pirn_op *op, struct waiter *w, enum waiter_state s)
{
    uint32_t part = waiter_asked(w) - w->need;

    if (part != 0)
        pirn__sema_release(w->queue, part, false);
    return waiter_finish(op, w, s);
}

/* The budget is used up: in line all the same, and what it gets is kept. */
static NOINLINE int get_in_line(pirn_op *op, pirn_cx *cx, const pirn_op_kind *kind,
                                struct wait_queue *q, uint32_t n)
{
    int r = wait_for_rest(q, waiter_begin(op, cx, kind), cx, n, true);

    if (r == -EAGAIN)
        return PIRN_PENDING;
    op_end(op);
    return r;
}

int pirn__sema_poll(pirn_op *op, pirn_cx *cx, const pirn_op_kind *kind, struct wait_queue *q,
                    uint32_t n, struct wait_queue **from, uint32_t *got)
{
    enum waiter_state s;
    struct waiter *w;
    int r = -EAGAIN;

    if (!cx_take_unit(cx))
        return op->kind != NULL ? PIRN_PENDING : get_in_line(op, cx, kind, q, n);
    if (op->kind == NULL) {
        r = pirn__sema_try(q, n);
        if (r == -EAGAIN) {
            r = wait_for_rest(q, waiter_begin(op, cx, kind), cx, n, false);
            if (r != -EAGAIN)
                op_end(op);
        }
    } else {
        w = op_resume(op, cx, kind);
        s = waiter_poll(w, cx);
        if (s == WAITER_GRANTED) {
            q = w->queue;
            n = waiter_asked(w);
            op_end(op);
            r = 0;
        } else if (s != WAITER_WAITING) {
            r = give_up(op, w, s);
        }
    }
    if (r == 0) {
        *from = q;
        *got = n;
    } else if (r == -EAGAIN) {
        cx_return_unit(cx);
        r = PIRN_PENDING;
    }
    return r;
}

void pirn__sema_drop(void *state)
{
    struct waiter *w = state;
    struct wait_queue *q = w->queue;
    struct op_waker left;
    enum waiter_state s;
    uint64_t word;

    if (q == NULL)
        return;
    s = pirn__waiter_leave(w, &word, &left);
    if (s == WAITER_WAITING) {
        hand_out(q, word - QUEUE_REF(1), waiter_asked(w) - w->need);
        pirn__op_waker_drop(&left);
    } else {
        pirn__sema_release(q, s == WAITER_GRANTED ? waiter_asked(w) : waiter_asked(w) - w->need,
                           true);
    }
}
