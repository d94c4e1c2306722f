/* SPDX-License-Identifier: MIT */
/* Sending into an mpsc channel, and setting room aside.
 *
 * Both need room; who finds none waits in line and is granted it. A sender that was granted room moves
 * its element in when it is polled next: until then the element is the caller's, and dropping the
 * operation gives the room to the next in line. */
#include <errno.h>
#include <stdlib.h>

#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/mpsc.h"

/* guard: lock. Return: 0: @n elements have room; -EAGAIN or PIRN_ECLOSED. */
static int has_room(struct mpsc *c, uint64_t n)
{
    uint64_t room;

    if (c->rx_closed)
        return PIRN_ECLOSED;
    if (c->waiting.first != NULL)
        return -EAGAIN;
    room = c->capacity != PIRN_UNBOUNDED ? pirn__mpsc_room(c) : pirn__mpsc_ring_room(c);
    /* mo: relaxed. Written under the lock. */
    c->quick_until = atomic_load_explicit(&c->tail, memory_order_relaxed) + room;
    return room >= n ? 0 : -EAGAIN;
}

/* guard: lock. @n permits are given out. */
static void set_aside(struct mpsc *c, uint64_t n)
{
    c->permits += n;
    c->quick_until = 0;
}

/* guard: lock. */
static void put_and_wake(struct mpsc *c, const void *elem, struct wake_list *wakes)
{
    mpsc_put(c, elem, c->elem_size);
    mpsc_wake_receiver(c, wakes);
}

/* guard: lock, which it gives back and takes again. The newest ring of an unbounded channel is full. */
static int grow(struct mpsc *c)
{
    size_t size = pirn__mpsc_ring_size(c->elem_size, c->newest);
    struct mpsc_ring *ring;
    int r;

    /* Memory may be anybody's code, and slow. */
    spin_give(&c->lock);
    ring = pirn__mpsc_ring_new(c->elem_size, size, 0);
    spin_take(&c->lock);
    r = has_room(c, 1);
    if (r == -EAGAIN && ring != NULL) {
        pirn__mpsc_ring_append(c, ring);
        return 0;
    }
    free(ring);
    return r == -EAGAIN ? -ENOMEM : r;
}

/* Return: 0; -EAGAIN: full, and it is no unbounded one; PIRN_ECLOSED, -ENOMEM. */
static NOINLINE int send_now(struct mpsc *c, const void *elem)
{
    struct wake_list wakes;
    int r;

    wake_list_init(&wakes);
    spin_take_in_turns(&c->lock);
    r = has_room(c, 1);
    if (r == -EAGAIN && c->capacity == PIRN_UNBOUNDED)
        r = grow(c);
    if (r == 0)
        put_and_wake(c, elem, &wakes);
    pirn__mpsc_leave(c, &wakes, false);
    return r == -ENOMEM ? pirn__error(r, "pirn_mpsc_send: no memory") : r;
}

/* One word into room that is known, and nobody to wake: what nearly every send is. Return: whether it
 * was that. */
static inline bool send_quickly(struct mpsc *c, const void *elem)
{
    bool quick = false;

    if (c->elem_size != sizeof(uint64_t))
        return false;
    spin_take_in_turns(&c->lock);
    /* mo: relaxed. Written under the lock. */
    if (LIKELY(atomic_load_explicit(&c->tail, memory_order_relaxed) < c->quick_until &&
               c->receiver == NULL)) {
        mpsc_put(c, elem, sizeof(uint64_t));
        quick = true;
    }
    spin_give(&c->lock);
    return quick;
}

/* ---- waiting for room -------------------------------------------------------------------------- */

static void drop_send(void *state)
{
    struct chan_waiter *w = state;
    struct mpsc *c = w->chan;
    struct wake_list wakes;
    bool last;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    if (w->verdict == CHAN_WAITS) {
        chan_list_remove(&c->waiting, w);
        pirn__mpsc_grant(c, &wakes); /* it may have been all that kept the next from it */
    } else if (w->verdict == CHAN_GRANTED) {
        pirn__mpsc_return_permits(c, w->want, &wakes);
    }
    last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
    chan_waker_drop(&w->waker);
}

static const pirn_op_kind send_kind = {sizeof(pirn_op_kind), "mpsc send", drop_send};
static const pirn_op_kind reserve_kind = {sizeof(pirn_op_kind), "mpsc reserve", drop_send};

/* What is done once there is room: @elem goes in, or *@permit is made. */
struct request {
    const pirn_op_kind *kind;
    const void *elem;
    pirn_mpsc_permit *permit;
    uint32_t n;
    bool late; /* it begins without a unit of budget */
};

/* guard: lock. In line. */
static void enlist(struct mpsc *c, struct chan_waiter *w, struct op_waker *fresh, uint32_t n)
{
    w->chan = c;
    w->want = n;
    c->holders++;
    c->quick_until = 0;
    chan_waker_swap(&w->waker, fresh);
    chan_list_append(&c->waiting, w);
}

/* guard: lock. No room. Return: 0: there is, after all; else the operation is in line. */
static int line_up(struct mpsc *c, struct chan_waiter *w, struct op_waker *fresh, uint32_t n)
{
    /* mo: relaxed. A receiver that makes room later sees the bit, for both change one word; room that was
     * made before is seen by the look that follows, [mpsc-head]. */
    (void)atomic_fetch_or_explicit(&c->head, HEAD_WANTED, memory_order_relaxed);
    if (c->waiting.first == NULL && pirn__mpsc_room(c) >= n)
        return 0;
    enlist(c, w, fresh, n);
    return PIRN_PENDING;
}

/* guard: lock. What has become of an operation that waits. Return: 0: there is room for it. */
static int verdict_of(struct mpsc *c, struct chan_waiter *w, struct op_waker *fresh)
{
    switch ((enum chan_verdict)w->verdict) {
    case CHAN_WAITS:
        chan_waker_swap(&w->waker, fresh);
        return PIRN_PENDING;
    case CHAN_GRANTED:
        c->permits -= w->want;
        return c->rx_gone ? PIRN_ECLOSED : 0;
    case CHAN_CLOSED:
        return PIRN_ECLOSED;
    case CHAN_CANCELED:
        break;
    }
    return -ECANCELED;
}

/* guard: lock. There is room. */
static void grant_request(struct mpsc *c, const struct request *q, struct wake_list *wakes)
{
    if (q->permit != NULL) {
        set_aside(c, q->n);
        c->holders++;
        q->permit->_tx = (pirn_mpsc_tx *)c;
        q->permit->_n = q->n;
    } else {
        put_and_wake(c, q->elem, wakes);
    }
}

static NOINLINE int wait_for_room(pirn_op *op, pirn_cx *cx, struct mpsc *given,
                                  const struct request *q)
{
    struct chan_waiter *w = pirn_op_state(op, cx, q->kind);
    struct mpsc *c = w->chan != NULL ? w->chan : given;
    bool waited = w->chan != NULL, last = false;
    struct op_waker fresh;
    struct wake_list wakes;
    int r;

    wake_list_init(&wakes);
    chan_waker_make(&fresh, w, cx);
    spin_take(&c->lock);
    r = waited ? verdict_of(c, w, &fresh) : has_room(c, q->n);
    if (r == 0 && !waited && q->late) { /* there is room: it is kept for it */
        enlist(c, w, &fresh, q->n);
        pirn__mpsc_grant(c, &wakes);
        r = PIRN_PENDING;
    }
    if (r == -EAGAIN)
        r = line_up(c, w, &fresh, q->n);
    if (r == 0)
        grant_request(c, q, &wakes);
    if (r != PIRN_PENDING && waited)
        last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
    chan_waker_drop(&fresh);
    if (r == PIRN_PENDING) {
        if (!q->late)
            cx_return_unit(cx);
        return r;
    }
    chan_waker_drop(&w->waker);
    pirn_op_done(op);
    return r;
}

/* ---- sending ----------------------------------------------------------------------------------- */

static NOINLINE int send_or_wait(pirn_op *op, pirn_cx *cx, struct mpsc *c, const void *elem)
{
    struct request q = {&send_kind, elem, NULL, 1, false};
    int r;

    if (op->kind == NULL) {
        if (c == NULL)
            return pirn__error(-EINVAL, "pirn_mpsc_send: the sender is NULL");
        r = send_now(c, elem);
        if (r != -EAGAIN)
            return r;
    }
    return wait_for_room(op, cx, c, &q);
}

/* The budget is used up: the operation is in line, whatever room there is. */
static NOINLINE int send_late(pirn_op *op, pirn_cx *cx, struct mpsc *c, const void *elem)
{
    struct request q = {&send_kind, elem, NULL, 1, true};

    if (op->kind != NULL)
        return PIRN_PENDING;
    if (c == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_send: the sender is NULL");
    return wait_for_room(op, cx, c, &q);
}

int pirn_mpsc_send_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx, const void *elem)
{
    struct mpsc *c = mpsc_of_tx(tx);
    bool lent;

    /* An unbounded channel has no line to wait in. */
    if (c != NULL && c->capacity == PIRN_UNBOUNDED) {
        (void)cx_take_or_lend(cx, false, &lent);
    } else if (!cx_take_unit(cx)) {
        return send_late(op, cx, c, elem);
    }
    if (LIKELY(op->kind == NULL && c != NULL && send_quickly(c, elem)))
        return 0;
    return send_or_wait(op, cx, c, elem);
}

int pirn_mpsc_send_try(pirn_mpsc_tx *tx, const void *elem)
{
    struct mpsc *c = mpsc_of_tx(tx);

    if (tx == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_send: the sender is NULL");
    return LIKELY(send_quickly(c, elem)) ? 0 : send_now(c, elem);
}

/* ---- permits ----------------------------------------------------------------------------------- */

static int check_reserve(const pirn_mpsc_tx *tx, size_t n, const pirn_mpsc_permit *permit)
{
    if (tx == NULL || permit == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_reserve: the %s is NULL",
                           tx == NULL ? "sender" : "permit");
    if (mpsc_of_tx(tx)->capacity == PIRN_UNBOUNDED)
        return pirn__error(-EINVAL, "pirn_mpsc_reserve: the channel is unbounded");
    if (n == 0 || n > mpsc_of_tx(tx)->capacity || n > UINT32_MAX)
        return pirn__error(-EINVAL, "pirn_mpsc_reserve: %zu of %zu", n, mpsc_of_tx(tx)->capacity);
    if (permit->_tx != NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_reserve: the permit is not empty");
    return 0;
}

int pirn_mpsc_reserve_many_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx, size_t n,
                                pirn_mpsc_permit *permit)
{
    struct chan_waiter *w;
    struct request q;
    int r;

    if (op->kind == NULL && (r = check_reserve(tx, n, permit)) != 0)
        return r;
    q = (struct request){&reserve_kind, NULL, permit, (uint32_t)n, false};
    if (!cx_take_unit(cx)) {
        if (op->kind != NULL)
            return PIRN_PENDING;
        q.late = true;
    }
    w = op->kind != NULL ? pirn_op_state(op, cx, &reserve_kind) : NULL;
    if (w != NULL)
        q.n = w->want; /* the first call's arguments count */
    return wait_for_room(op, cx, mpsc_of_tx(tx), &q);
}

int pirn_mpsc_reserve_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx, pirn_mpsc_permit *permit)
{
    return pirn_mpsc_reserve_many_poll(op, cx, tx, 1, permit);
}

int pirn_mpsc_reserve_many_try(pirn_mpsc_tx *tx, size_t n, pirn_mpsc_permit *permit)
{
    struct mpsc *c = mpsc_of_tx(tx);
    int r = check_reserve(tx, n, permit);

    if (r != 0)
        return r;
    spin_take(&c->lock);
    r = has_room(c, n);
    if (r == 0) {
        set_aside(c, n);
        c->holders++;
        permit->_tx = tx;
        permit->_n = n;
    }
    spin_give(&c->lock);
    return r;
}

int pirn_mpsc_reserve_try(pirn_mpsc_tx *tx, pirn_mpsc_permit *permit)
{
    return pirn_mpsc_reserve_many_try(tx, 1, permit);
}

int pirn_mpsc_permit_send(pirn_mpsc_permit *permit, const void *elem)
{
    struct mpsc *c = permit != NULL ? mpsc_of_tx(permit->_tx) : NULL;
    struct wake_list wakes;
    bool last = false;
    int r = 0;

    if (c == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_permit_send: the permit is empty");
    wake_list_init(&wakes);
    permit->_n--;
    spin_take(&c->lock);
    c->permits--;
    if (c->rx_gone) {
        r = PIRN_ECLOSED;
    } else {
        put_and_wake(c, elem, &wakes);
    }
    if (permit->_n == 0) {
        permit->_tx = NULL;
        last = mpsc_let_go(c);
    }
    pirn__mpsc_leave(c, &wakes, last);
    return r;
}

void pirn_mpsc_permit_release(pirn_mpsc_permit *permit)
{
    struct mpsc *c = permit != NULL ? mpsc_of_tx(permit->_tx) : NULL;
    struct wake_list wakes;
    bool last;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    pirn__mpsc_return_permits(c, permit->_n, &wakes);
    last = mpsc_let_go(c);
    permit->_tx = NULL;
    permit->_n = 0;
    pirn__mpsc_leave(c, &wakes, last);
}
