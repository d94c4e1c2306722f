/* SPDX-License-Identifier: MIT */
/* Receiving from an mpsc channel.
 *
 * A receive that finds something takes it without the lock. One that finds nothing takes the lock, looks
 * again, and leaves itself for the next sender to wake; from then on it keeps the channel's memory and
 * takes elements under the lock only, so that the receiver may be freed at any time. */
#include <errno.h>

#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/mpsc.h"

/* One receive, of a task or of a thread. */
struct receive {
    void *elems;
    size_t max, taken;
    bool wanted; /* somebody waits for the room */
    bool late;   /* it begins without a unit of budget */
};

static void drop_receive(void *state)
{
    struct chan_waiter *w = state;
    struct mpsc *c = w->chan;
    struct wake_list wakes;
    bool last;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    if (c->receiver == w)
        c->receiver = NULL;
    last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
    chan_waker_drop(&w->waker);
}

static const pirn_op_kind receive_kind = {sizeof(pirn_op_kind), "mpsc receive", drop_receive};

/* guard: lock. Takes what there is. Return: 0, an error, or PIRN_PENDING: nothing yet. */
static int mpsc_look(struct mpsc *c, const struct chan_waiter *w, struct receive *r)
{
    if (w->chan != NULL && c->rx_gone)
        return -ECANCELED;
    if (c->receiver != NULL && c->receiver != w)
        return -EBUSY;
    if (r->late)
        return PIRN_PENDING;
    r->taken = pirn__mpsc_take(c, r->elems, r->max, &r->wanted);
    if (r->taken != 0)
        return 0;
    return mpsc_is_closed(c) ? PIRN_ECLOSED : PIRN_PENDING;
}

/* guard: lock. @w is to be woken. */
static void wait_here(struct mpsc *c, struct chan_waiter *w, struct op_waker *fresh)
{
    c->holders += w->chan == NULL;
    w->chan = c;
    chan_waker_swap(&w->waker, fresh);
    c->receiver = w;
}

/* guard: lock. @w is over. Return: as mpsc_let_go(). */
static bool wait_no_more(struct mpsc *c, const struct chan_waiter *w)
{
    if (w->chan == NULL)
        return false;
    if (c->receiver == w)
        c->receiver = NULL;
    return mpsc_let_go(c);
}

/* Nothing was there, or the operation is pending already. */
static NOINLINE int receive_or_wait(pirn_op *op, pirn_cx *cx, struct mpsc *given, struct receive *r)
{
    struct chan_waiter *w = pirn_op_state(op, cx, &receive_kind);
    struct mpsc *c = w->chan != NULL ? w->chan : given;
    struct op_waker fresh;
    struct wake_list wakes;
    bool last = false;
    int result;

    wake_list_init(&wakes);
    chan_waker_make(&fresh, w, cx);
    spin_take(&c->lock);
    result = mpsc_look(c, w, r);
    if (result == PIRN_PENDING) {
        wait_here(c, w, &fresh);
    } else {
        if (r->wanted)
            pirn__mpsc_grant(c, &wakes);
        last = wait_no_more(c, w);
    }
    pirn__mpsc_leave(c, &wakes, last);
    chan_waker_drop(&fresh);
    if (result == PIRN_PENDING) {
        if (!r->late)
            cx_return_unit(cx);
        return result;
    }
    chan_waker_drop(&w->waker);
    pirn_op_done(op);
    if (result == -EBUSY)
        return pirn__error(result, "pirn_mpsc_recv: another operation waits here");
    return result;
}

/* One word, from the ring that is at hand: what nearly every receive is. Return: whether it was that. */
static inline bool take_quickly(struct mpsc *c, void *elem, bool *wanted)
{
    /* mo: relaxed. Others change the lowest bit only. */
    uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed) / HEAD_ONE;
    const struct mpsc_ring *r = c->oldest;

    if (head == c->tail_seen && head == (c->tail_seen = mpsc_tail(c)))
        return false;
    /* mo: relaxed: see pirn__mpsc_ring_append(). */
    if (c->elem_size != sizeof(uint64_t) ||
        atomic_load_explicit(&r->end, memory_order_relaxed) == head)
        return false;
    elem_move(elem, c->take_from, sizeof(uint64_t));
    c->take_from = mpsc_slot_after(r, c->take_from, sizeof(uint64_t));
    *wanted = mpsc_publish_head(c, head, 1);
    return true;
}

static NOINLINE int receive(pirn_op *op, pirn_cx *cx, struct mpsc *c, struct receive *r)
{
    if (op->kind == NULL) {
        if (c == NULL)
            return pirn__error(-EINVAL, "pirn_mpsc_recv: the receiver is NULL");
        r->taken = pirn__mpsc_take(c, r->elems, r->max, &r->wanted);
        if (r->wanted)
            (void)pirn__mpsc_made_room(c);
        if (r->taken != 0)
            return 0;
    }
    return receive_or_wait(op, cx, c, r);
}

static NOINLINE int receive_one(pirn_op *op, pirn_cx *cx, struct mpsc *c, void *elem)
{
    struct receive r = {.elems = elem, .max = 1};

    return receive(op, cx, c, &r);
}

/* The budget is used up: the operation waits, whatever there is, and looks when it is polled again. */
static NOINLINE int receive_late(pirn_op *op, pirn_cx *cx, struct mpsc *c, struct receive *r)
{
    if (op->kind != NULL)
        return PIRN_PENDING;
    if (c == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_recv: the receiver is NULL");
    r->late = true;
    return receive_or_wait(op, cx, c, r);
}

static NOINLINE int receive_one_late(pirn_op *op, pirn_cx *cx, struct mpsc *c)
{
    struct receive r = {.max = 1};

    return receive_late(op, cx, c, &r);
}

int pirn_mpsc_recv_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_rx *rx, void *elem)
{
    struct mpsc *c = mpsc_of_rx(rx);
    bool wanted;

    if (!cx_take_unit(cx))
        return receive_one_late(op, cx, c);
    if (LIKELY(op->kind == NULL && c != NULL && take_quickly(c, elem, &wanted)))
        return UNLIKELY(wanted) ? pirn__mpsc_made_room(c) : 0;
    return receive_one(op, cx, c, elem);
}

int pirn_mpsc_recv_many_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_rx *rx, void *elems, size_t max,
                             size_t *n)
{
    struct receive r = {.elems = elems, .max = max};
    int result = 0;

    if (max != 0) {
        if (!cx_take_unit(cx))
            return receive_late(op, cx, mpsc_of_rx(rx), &r);
        result = receive(op, cx, mpsc_of_rx(rx), &r);
    }
    if (result == 0)
        *n = r.taken;
    return result;
}

int pirn_mpsc_recv_many_try(pirn_mpsc_rx *rx, void *elems, size_t max, size_t *n)
{
    struct mpsc *c = mpsc_of_rx(rx);
    size_t taken;
    bool wanted, closed;

    if (c == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_recv_try: the receiver is NULL");
    taken = pirn__mpsc_take(c, elems, max, &wanted);
    if (taken == 0) {
        /* Closed first, then empty: what came in between is not overlooked. */
        spin_take(&c->lock);
        closed = mpsc_is_closed(c);
        spin_give(&c->lock);
        taken = pirn__mpsc_take(c, elems, max, &wanted);
        if (taken == 0 && max != 0)
            return closed ? PIRN_ECLOSED : -EAGAIN;
    }
    if (wanted)
        (void)pirn__mpsc_made_room(c);
    *n = taken;
    return 0;
}

int pirn_mpsc_recv_try(pirn_mpsc_rx *rx, void *elem)
{
    size_t n;

    return pirn_mpsc_recv_many_try(rx, elem, 1, &n);
}
