/* SPDX-License-Identifier: MIT */
/* pirn_once: something is made once, by one at a time until one succeeds; everybody else waits.
 *
 * The queue's value says how far it is. Who has the turn holds a reference. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/notify.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/wait_queue.h"

enum {
    ONCE_OPEN = 0, /* nobody has the turn, and nobody waits for it */
    ONCE_TAKEN = 1,
    ONCE_DONE = 2, /* for good */
};

enum {
    WAITS_FOR_IT = 0, /* a waiter's need */
    WAITS_FOR_A_TURN = 1,
};

struct pirn_once {
    struct wait_queue queue; /* first */
};

int pirn_once_new(pirn_once **out)
{
    pirn_once *o;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_once_new: out is NULL");
    o = malloc(sizeof *o);
    if (o == NULL)
        return pirn__error(-ENOMEM, "pirn_once_new: no memory");
    pirn__wait_queue_init(&o->queue, ONCE_OPEN);
    *out = o;
    return 0;
}

pirn_once *pirn_once_ref(pirn_once *o)
{
    if (o != NULL)
        ref_add(&o->queue.handles, 1);
    return o;
}

void pirn_once_unref(pirn_once *o)
{
    if (o != NULL && queue_handle_sub(&o->queue))
        pirn__wait_queue_end(&o->queue);
}

bool pirn_once_is_done(const pirn_once *o)
{
    if (o == NULL)
        CLIENT_BUG("pirn_once_is_done", "the once is NULL");
    return QUEUE_VALUE(queue_peek(&o->queue)) == ONCE_DONE;
}

/* ---- the turn ---------------------------------------------------------------------------------------- */

static bool wants_turn(const struct wait_link *l)
{
    return waiter_of((struct wait_link *)(uintptr_t)l)->need == WAITS_FOR_A_TURN;
}

/* To the oldest who wants it, with the reference of who gives it. */
static void pass_turn(struct wait_queue *q)
{
    uint64_t word = queue_lock(q) - QUEUE_REF(1);
    struct wait_link *l = q->list.next;
    struct wake_list wakes;
    bool last;

    wake_list_init(&wakes);
    while (l != &q->list && !wants_turn(l))
        l = l->next;
    if (l != &q->list)
        pirn__waiter_resolve(waiter_of(l), WAITER_GRANTED, &wakes);
    else
        word -= QUEUE_ONE(ONCE_TAKEN - ONCE_OPEN);
    last = QUEUE_REFS(word) == 0;
    queue_unlock(q, word);
    pirn__wake_flush(&wakes);
    if (last)
        pirn__wait_queue_free(q);
}

void pirn_once_failed(pirn_once_turn *t)
{
    pirn_once *o = t->once;

    t->once = NULL;
    if (o != NULL)
        pass_turn(&o->queue);
}

void pirn_once_done(pirn_once_turn *t)
{
    pirn_once *o = t->once;
    uint64_t word;

    if (o == NULL)
        return;
    t->once = NULL;
    word = queue_lock(&o->queue) + QUEUE_ONE(ONCE_DONE - ONCE_TAKEN);
    pirn__wait_queue_resolve_all(&o->queue, word, WAITER_DONE);
    queue_unref(&o->queue);
}

/* Return: 0: *@t is the turn, or empty: it is done; -EAGAIN: somebody has it. */
static int take_turn(pirn_once *o, pirn_once_turn *t)
{
    uint64_t word;

    do {
        word = queue_settled(&o->queue);
        if (QUEUE_VALUE(word) == ONCE_TAKEN)
            return -EAGAIN;
        if (QUEUE_VALUE(word) == ONCE_DONE) {
            (void)queue_peek(&o->queue); /* what was done is seen */
            t->once = NULL;
            return 0;
        }
    } while (
        !queue_change(&o->queue, &word, queue_with_ref(word) + QUEUE_ONE(ONCE_TAKEN - ONCE_OPEN)));
    t->once = o;
    return 0;
}

int pirn_once_enter_try(pirn_once *o, pirn_once_turn *out)
{
    if (o == NULL)
        return pirn__error(-EINVAL, "pirn_once_enter_try: the once is NULL");
    return take_turn(o, out);
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

static void once_drop(void *state)
{
    struct waiter *w = state;
    struct op_waker left;
    enum waiter_state s;
    uint64_t word;

    if (w->queue == NULL)
        return;
    s = pirn__waiter_leave(w, &word, &left);
    if (s == WAITER_WAITING)
        pirn__waiter_left(w, word, &left);
    else if (s == WAITER_GRANTED)
        pass_turn(w->queue);
    else
        queue_unref(w->queue);
}

static const pirn_op_kind enter_kind = {sizeof(pirn_op_kind), "pirn_once_enter_poll", once_drop};
static const pirn_op_kind once_kind = {sizeof(pirn_op_kind), "pirn_once_poll", once_drop};

/* Return: false: there is something to take instead. */
static bool wait_for_once(pirn_once *o, struct waiter *w, pirn_cx *cx, uint32_t need)
{
    struct wait_queue *q = &o->queue;
    uint64_t word;
    bool waits;

    waiter_make_waker(w, cx);
    word = queue_lock(q);
    waits =
        QUEUE_VALUE(word) != ONCE_DONE && (need == WAITS_FOR_IT || QUEUE_VALUE(word) == ONCE_TAKEN);
    if (waits) {
        w->need = need;
        waiter_enlist(q, &word, w, 0);
    }
    queue_unlock(q, word);
    if (!waits)
        pirn__op_waker_drop(&w->waker);
    return waits;
}

static int once_pends(pirn_cx *cx, bool lent)
{
    cx_return_unless(cx, lent);
    return PIRN_PENDING;
}

int pirn_once_enter_poll(pirn_op *op, pirn_cx *cx, pirn_once *o, pirn_once_turn *out)
{
    bool idle = !pirn_op_is_pending(op);
    enum waiter_state s;
    struct waiter *w;
    bool lent;
    int r;

    if (idle && o == NULL)
        return pirn__error(-EINVAL, "pirn_once_enter_poll: the once is NULL");
    if (!cx_take_or_lend(cx, !idle, &lent))
        return PIRN_PENDING;
    if (idle) {
        while (take_turn(o, out) != 0) {
            w = waiter_begin(op, cx, &enter_kind);
            if (wait_for_once(o, w, cx, WAITS_FOR_A_TURN))
                return once_pends(cx, lent);
            op_end(op);
        }
        return 0;
    }
    w = op_resume(op, cx, &enter_kind);
    s = waiter_poll(w, cx);
    if (s == WAITER_WAITING)
        return once_pends(cx, lent);
    if (s == WAITER_GRANTED) {
        out->once = (pirn_once *)(void *)w->queue;
        op_end(op);
        return 0;
    }
    r = waiter_finish(op, w, s);
    if (r == 0)
        out->once = NULL;
    return r;
}

int pirn_once_poll(pirn_op *op, pirn_cx *cx, pirn_once *o)
{
    bool idle = !pirn_op_is_pending(op);
    enum waiter_state s;
    struct waiter *w;
    bool lent;

    if (idle && o == NULL)
        return pirn__error(-EINVAL, "pirn_once_poll: the once is NULL");
    if (!cx_take_or_lend(cx, !idle, &lent))
        return PIRN_PENDING;
    if (idle && pirn_once_is_done(o))
        return 0;
    if (idle) {
        if (wait_for_once(o, waiter_begin(op, cx, &once_kind), cx, WAITS_FOR_IT))
            return once_pends(cx, lent);
        op_end(op);
        return 0;
    }
    w = op_resume(op, cx, &once_kind);
    s = waiter_poll(w, cx);
    return s == WAITER_WAITING ? once_pends(cx, lent) : waiter_finish(op, w, s);
}
