/* SPDX-License-Identifier: MIT */
/* pirn_barrier: nobody goes on before all have come.
 *
 * The queue's value is how many of this round have arrived and wait. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/notify.h>

#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/wait_queue.h"

struct pirn_barrier {
    struct wait_queue queue; /* first */
    uint32_t parties;        /* immutable */
    uint32_t round;          /* guard: LOCKED; a waiter's `need` is the round it waits for */
};

int pirn_barrier_new(uint32_t parties, pirn_barrier **out)
{
    pirn_barrier *b;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_barrier_new: out is NULL");
    if (parties == 0)
        return pirn__error(-EINVAL, "pirn_barrier_new: of nobody");
    b = malloc(sizeof *b);
    if (b == NULL)
        return pirn__error(-ENOMEM, "pirn_barrier_new: no memory");
    pirn__wait_queue_init(&b->queue, 0);
    b->parties = parties;
    b->round = 0;
    *out = b;
    return 0;
}

pirn_barrier *pirn_barrier_ref(pirn_barrier *b)
{
    if (b != NULL)
        ref_add(&b->queue.handles, 1);
    return b;
}

void pirn_barrier_unref(pirn_barrier *b)
{
    if (b != NULL && queue_handle_sub(&b->queue))
        pirn__wait_queue_end(&b->queue);
}

/* Who leaves while its round has not come together is not counted any more. */
static void barrier_drop(void *state)
{
    struct waiter *w = state;
    const struct pirn_barrier *b;
    struct op_waker left;
    uint64_t word;

    if (w->queue == NULL)
        return;
    b = (const struct pirn_barrier *)(const void *)w->queue;
    if (pirn__waiter_leave(w, &word, &left) == WAITER_WAITING) {
        if (w->need == b->round)
            word -= QUEUE_ONE(1);
        pirn__waiter_left(w, word, &left);
    } else {
        queue_unref(w->queue);
    }
}

static const pirn_op_kind barrier_kind = {sizeof(pirn_op_kind), "pirn_barrier_poll", barrier_drop};

/* Return: it was the last one, and the round is over. */
static bool arrive(pirn_barrier *b, struct waiter *w, pirn_cx *cx)
{
    struct wait_queue *q = &b->queue;
    uint64_t word;

    waiter_make_waker(w, cx);
    word = queue_lock(q);
    if (QUEUE_VALUE(word) + 1 != b->parties) {
        w->need = b->round;
        waiter_enlist(q, &word, w, 0);
        queue_unlock(q, word + QUEUE_ONE(1));
        return false;
    }
    b->round++;
    word -= QUEUE_ONE(QUEUE_VALUE(word));
    pirn__wait_queue_resolve_all(q, word, WAITER_DONE);
    pirn__op_waker_drop(&w->waker);
    return true;
}

int pirn_barrier_poll(pirn_op *op, pirn_cx *cx, pirn_barrier *b, bool *leader)
{
    bool idle = !pirn_op_is_pending(op);
    enum waiter_state s;
    struct waiter *w;
    bool lent;
    int r;

    if (idle && b == NULL)
        return pirn__error(-EINVAL, "pirn_barrier_poll: the barrier is NULL");
    if (!cx_take_or_lend(cx, !idle, &lent))
        return PIRN_PENDING;
    w = idle ? waiter_begin(op, cx, &barrier_kind) : op_resume(op, cx, &barrier_kind);
    if (idle && arrive(b, w, cx)) {
        op_end(op);
        if (leader != NULL)
            *leader = true;
        return 0;
    }
    s = idle ? WAITER_WAITING : waiter_poll(w, cx);
    if (s == WAITER_WAITING) {
        cx_return_unless(cx, lent);
        return PIRN_PENDING;
    }
    r = waiter_finish(op, w, s);
    if (r == 0 && leader != NULL)
        *leader = false;
    return r;
}
