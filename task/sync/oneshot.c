/* SPDX-License-Identifier: MIT */
/* A channel for one element.
 *
 * Everything is under one lock for a few instructions, until only the receiver's handle is left: then the
 * channel is no longer shared, and needs none. In read-modify-writes, a send costs one, a receive none if
 * it comes later, two if it waits; waking its task is one more.
 *
 * Memory: freed with the last holder: the sender, the receiver, each operation that waits or has been
 * woken and not been polled since. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/oneshot.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/spin.h"
#include "task/cx.h"
#include "task/sync/chan_wait.h"
#include "task/sync/elem.h"

enum oneshot_stage {
    ONESHOT_SHARED,
    /* Only the receiver's handle is left. Whoever ended this had the lock, and does not give it back: it was
     * the last touch but the handle's own. */
    ONESHOT_READY, /* the element is there */
    ONESHOT_OVER,  /* it was received */
};

/* guard: lock, but for what is immutable. One cache line, with an element of a word. */
struct oneshot {
    struct spin lock;
    _Atomic(uint8_t) stage; /* enum oneshot_stage; once it is not SHARED: guard: the receiver */
    /* A word of its own: compilers that test several of these at once read neighbours along, and the lock's
     * byte changes while its holder reads. */
    _Alignas(8) uint32_t holders;
    bool sent : 1;  /* the element is in it, or was */
    bool taken : 1; /* and is not any more */
    bool tx_gone : 1, rx_closed : 1, rx_gone : 1;
    void (*elem_drop)(void *elem); /* immutable */
    size_t elem_size;              /* immutable */
    struct chan_waiter *ends[2];   /* by enum oneshot_end: who waits there, not woken since */
    _Alignas(max_align_t) unsigned char elem[];
};

enum oneshot_end {
    ONESHOT_RX, /* for the element */
    ONESHOT_TX, /* for the receiver's end */
};

static struct oneshot *oneshot_of_tx(const pirn_oneshot_tx *tx)
{
    return (struct oneshot *)(uintptr_t)tx;
}

static struct oneshot *oneshot_of_rx(const pirn_oneshot_rx *rx)
{
    return (struct oneshot *)(uintptr_t)rx;
}

int pirn_oneshot_new(size_t elem_size, void (*elem_drop)(void *elem), pirn_oneshot_tx **tx,
                     pirn_oneshot_rx **rx)
{
    struct oneshot *o;

    if (tx == NULL || rx == NULL)
        return pirn__error(-EINVAL, "pirn_oneshot_new: %s is NULL", tx == NULL ? "tx" : "rx");
    o = elem_size <= PTRDIFF_MAX - sizeof *o ? malloc(sizeof *o + elem_size) : NULL;
    if (o == NULL)
        return pirn__error(-ENOMEM, "pirn_oneshot_new: no memory");
    spin_init(&o->lock);
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&o->stage, ONESHOT_SHARED, memory_order_relaxed);
    o->sent = o->taken = false;
    o->tx_gone = o->rx_closed = o->rx_gone = false;
    o->holders = 2;
    o->elem_drop = elem_drop;
    o->elem_size = elem_size;
    o->ends[ONESHOT_RX] = o->ends[ONESHOT_TX] = NULL;
    *tx = (pirn_oneshot_tx *)o;
    *rx = (pirn_oneshot_rx *)o;
    return 0;
}

static enum oneshot_stage oneshot_stage_of(const struct oneshot *o)
{
    /* mo: acquire pairs with [oneshot] in leave_to_receiver: it was the last touch. */
    return (enum oneshot_stage)atomic_load_explicit(&o->stage, memory_order_acquire);
}

/* guard: lock, which stays taken: only the receiver's handle is left, and this call's caller, who touches
 * nothing any more. */
static void leave_to_receiver(struct oneshot *o, enum oneshot_stage stage)
{
    /* mo: release pairs with [oneshot] in stage_of. */
    atomic_store_explicit(&o->stage, (uint8_t)stage, memory_order_release);
}

/* The lock, for the receiver, unless it needs none. */
static enum oneshot_stage lock_if_shared(struct oneshot *o)
{
    enum oneshot_stage stage;

    for (unsigned tries = 0; (stage = oneshot_stage_of(o)) == ONESHOT_SHARED; tries++) {
        if (spin_try(&o->lock))
            break;
        cpu_relax(tries);
    }
    return stage;
}

/* guard: lock. */
static void wake_end(struct oneshot *o, enum oneshot_end end, struct wake_list *wakes)
{
    struct chan_waiter *w = o->ends[end];

    if (w != NULL) {
        o->ends[end] = NULL;
        pirn__wake_take(wakes, &w->waker);
    }
}

/* Gives the lock back; frees the channel if the caller, who is no holder any more, was the last. */
static void leave_oneshot(struct oneshot *o, bool last, struct wake_list *wakes)
{
    spin_give(&o->lock);
    chan_flush(wakes);
    if (last)
        free(o);
}

/* ---- the sender ------------------------------------------------------------------------------- */

/* The sender's end, with an element or without. */
static int end_sender(struct oneshot *o, const void *elem)
{
    struct wake_list wakes;
    int r = 0;

    wake_list_init(&wakes);
    if (lock_if_shared(o) != ONESHOT_SHARED || o->tx_gone)
        CLIENT_BUG("pirn_oneshot_send", "the sender was used or freed before");
    o->tx_gone = true;
    if (o->rx_closed) {
        r = PIRN_ECLOSED;
    } else {
        if (elem != NULL) {
            elem_move(o->elem, elem, o->elem_size);
            o->sent = true;
        }
        wake_end(o, ONESHOT_RX, &wakes);
    }
    wake_end(o, ONESHOT_TX, &wakes);
    if (--o->holders == 1 && o->sent && !o->rx_gone)
        leave_to_receiver(o, ONESHOT_READY); /* nobody waited: nobody is woken */
    else
        leave_oneshot(o, o->holders == 0, &wakes);
    return r;
}

int pirn_oneshot_send(pirn_oneshot_tx *tx, const void *elem)
{
    if (tx == NULL)
        return pirn__error(-EINVAL, "pirn_oneshot_send: the sender is NULL");
    /* An event needs no address. */
    return end_sender(oneshot_of_tx(tx), elem != NULL ? elem : "");
}

void pirn_oneshot_tx_free(pirn_oneshot_tx *tx)
{
    if (tx != NULL)
        (void)end_sender(oneshot_of_tx(tx), NULL);
}

bool pirn_oneshot_tx_is_closed(const pirn_oneshot_tx *tx)
{
    struct oneshot *o = oneshot_of_tx(tx);
    bool closed;

    if (o == NULL)
        return true;
    spin_take(&o->lock);
    closed = o->rx_closed;
    spin_give(&o->lock);
    return closed;
}

/* ---- the receiver ------------------------------------------------------------------------------ */

void pirn_oneshot_rx_close(pirn_oneshot_rx *rx)
{
    struct oneshot *o = oneshot_of_rx(rx);
    struct wake_list wakes;

    if (o == NULL || lock_if_shared(o) != ONESHOT_SHARED)
        return;
    wake_list_init(&wakes);
    o->rx_closed = true;
    wake_end(o, ONESHOT_RX, &wakes);
    wake_end(o, ONESHOT_TX, &wakes);
    leave_oneshot(o, false, &wakes);
}

/* guard: lock, which it gives back. */
static void free_shared(struct oneshot *o)
{
    struct wake_list wakes;
    bool left;

    wake_list_init(&wakes);
    if (o->rx_gone)
        CLIENT_BUG("pirn_oneshot_rx_free", "the receiver was freed before");
    o->rx_closed = true;
    o->rx_gone = true;
    wake_end(o, ONESHOT_RX, &wakes);
    wake_end(o, ONESHOT_TX, &wakes);
    left = o->sent && !o->taken && o->elem_drop != NULL;
    leave_oneshot(o, !left && --o->holders == 0, &wakes);
    if (left) {
        /* Ours alone since rx_gone. */
        elem_discard(o->elem_drop, o->elem);
        spin_take(&o->lock);
        leave_oneshot(o, --o->holders == 0, &wakes);
    }
}

void pirn_oneshot_rx_free(pirn_oneshot_rx *rx)
{
    struct oneshot *o = oneshot_of_rx(rx);

    if (o == NULL)
        return;
    switch (lock_if_shared(o)) {
    case ONESHOT_SHARED:
        free_shared(o);
        return;
    case ONESHOT_READY:
        elem_discard(o->elem_drop, o->elem);
        break;
    case ONESHOT_OVER:
        break;
    }
    free(o);
}

/* Not shared any more. */
static int take_unshared(struct oneshot *o, enum oneshot_stage stage, void *elem)
{
    if (stage == ONESHOT_OVER)
        return -EINVAL;
    elem_move(elem, o->elem, o->elem_size);
    /* mo: relaxed. Only the receiver reads it from here on. */
    atomic_store_explicit(&o->stage, ONESHOT_OVER, memory_order_relaxed);
    return 0;
}

/* guard: lock, which it gives back, or nobody needs any more. A receive has ended with @r. */
static void leave_received(struct oneshot *o, int r)
{
    if (r == 0 && o->tx_gone && o->holders == 1)
        leave_to_receiver(o, ONESHOT_OVER);
    else
        spin_give(&o->lock);
}

/* guard: lock. Return: PIRN_PENDING: nothing sent, and something may be. */
static int take_element(struct oneshot *o, void *elem)
{
    if (o->taken)
        return -EINVAL;
    if (o->sent) {
        elem_move(elem, o->elem, o->elem_size);
        o->taken = true;
        return 0;
    }
    return o->tx_gone || o->rx_closed ? PIRN_ECLOSED : PIRN_PENDING;
}

/* guard: lock. What has come of the wait at @end, for one whose own handle may be gone. */
static int oneshot_look(struct oneshot *o, enum oneshot_end end, const struct chan_waiter *w,
                        void *elem)
{
    bool own_gone = end == ONESHOT_RX ? o->rx_gone : o->tx_gone;

    if (w->chan != NULL && own_gone)
        return -ECANCELED;
    if (o->ends[end] != NULL && o->ends[end] != w)
        return -EBUSY;
    if (end == ONESHOT_RX)
        return take_element(o, elem);
    return o->rx_closed ? 0 : PIRN_PENDING;
}

static void drop_oneshot_wait(struct chan_waiter *w, enum oneshot_end end)
{
    struct oneshot *o = w->chan;
    struct wake_list wakes;

    if (o == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&o->lock);
    if (o->ends[end] == w)
        o->ends[end] = NULL;
    leave_oneshot(o, --o->holders == 0, &wakes);
    chan_waker_drop(&w->waker);
}

static void drop_oneshot_recv(void *state)
{
    drop_oneshot_wait(state, ONESHOT_RX);
}

static void drop_oneshot_closed(void *state)
{
    drop_oneshot_wait(state, ONESHOT_TX);
}

static const pirn_op_kind oneshot_kinds[2] = {
    {sizeof(pirn_op_kind), "oneshot receive", drop_oneshot_recv},
    {sizeof(pirn_op_kind), "oneshot closed", drop_oneshot_closed},
};

static int oneshot_error(int r)
{
    if (r == -EBUSY)
        return pirn__error(r, "pirn_oneshot: another operation waits here");
    if (r == -EINVAL)
        return pirn__error(r, "pirn_oneshot_recv: received before");
    return r;
}

/* guard: lock, which it gives back. The operation has ended with @r. */
static void end_oneshot_wait(struct oneshot *o, enum oneshot_end end, const struct chan_waiter *w,
                             int r)
{
    bool last = false;

    if (w->chan != NULL) {
        if (o->ends[end] == w)
            o->ends[end] = NULL;
        last = --o->holders == 0;
    }
    if (end == ONESHOT_RX)
        leave_received(o, r);
    else
        spin_give(&o->lock);
    if (last)
        free(o);
}

/* Under the lock: looks, and waits. */
static int oneshot_wait(pirn_op *op, pirn_cx *cx, struct oneshot *given, enum oneshot_end end,
                        void *elem, bool lent)
{
    struct chan_waiter *w = pirn_op_state(op, cx, &oneshot_kinds[end]);
    struct oneshot *o = w->chan != NULL ? w->chan : given;
    struct op_waker fresh;
    enum oneshot_stage stage;
    int r;

    chan_waker_make(&fresh, w, cx);
    stage = lock_if_shared(o); /* it is shared if the operation waits, or is the sender's */
    r = stage != ONESHOT_SHARED ? take_unshared(o, stage, elem) : oneshot_look(o, end, w, elem);
    if (r == PIRN_PENDING) {
        o->holders += w->chan == NULL;
        w->chan = o;
        chan_waker_swap(&w->waker, &fresh);
        o->ends[end] = w;
        spin_give(&o->lock);
        chan_waker_drop(&fresh);
        cx_return_unless(cx, lent);
        return r;
    }
    if (stage == ONESHOT_SHARED)
        end_oneshot_wait(o, end, w, r);
    chan_waker_drop(&fresh);
    chan_waker_drop(&w->waker);
    pirn_op_done(op);
    return oneshot_error(r);
}

int pirn_oneshot_tx_closed_poll(pirn_op *op, pirn_cx *cx, pirn_oneshot_tx *tx)
{
    bool lent;

    if (op->kind == NULL && tx == NULL)
        return pirn__error(-EINVAL, "pirn_oneshot_tx_closed: the sender is NULL");
    if (!cx_take_or_lend(cx, op->kind != NULL, &lent))
        return PIRN_PENDING;
    return oneshot_wait(op, cx, oneshot_of_tx(tx), ONESHOT_TX, NULL, lent);
}

/* The lock, also of one that was left to the receiver: then there are two again who may touch it, the
 * handle and an operation. */
static void lock_for_both(struct oneshot *o)
{
    enum oneshot_stage stage = lock_if_shared(o);

    if (stage == ONESHOT_SHARED)
        return;
    if (stage == ONESHOT_OVER)
        o->taken = true;
    /* mo: relaxed. Whoever left it to us left the lock taken, which we give back. */
    atomic_store_explicit(&o->stage, ONESHOT_SHARED, memory_order_relaxed);
}

/* The budget is used up: the operation waits, whatever was sent, and looks when it is polled again. */
static NOINLINE int oneshot_recv_late(pirn_op *op, pirn_cx *cx, struct oneshot *o)
{
    struct chan_waiter *w;
    struct op_waker fresh;
    bool busy;

    if (op->kind != NULL)
        return PIRN_PENDING;
    if (o == NULL)
        return pirn__error(-EINVAL, "pirn_oneshot_recv: the receiver is NULL");
    w = pirn_op_state(op, cx, &oneshot_kinds[ONESHOT_RX]);
    chan_waker_make(&fresh, w, cx);
    lock_for_both(o);
    busy = o->ends[ONESHOT_RX] != NULL;
    if (!busy) {
        o->holders++;
        w->chan = o;
        chan_waker_swap(&w->waker, &fresh);
        o->ends[ONESHOT_RX] = w;
    }
    spin_give(&o->lock);
    chan_waker_drop(&fresh);
    if (!busy)
        return PIRN_PENDING;
    pirn_op_done(op);
    return oneshot_error(-EBUSY);
}

int pirn_oneshot_recv_poll(pirn_op *op, pirn_cx *cx, pirn_oneshot_rx *rx, void *elem)
{
    struct oneshot *o = oneshot_of_rx(rx);
    enum oneshot_stage stage;

    if (!cx_take_unit(cx))
        return oneshot_recv_late(op, cx, o);
    if (op->kind == NULL) {
        if (o == NULL)
            return pirn__error(-EINVAL, "pirn_oneshot_recv: the receiver is NULL");
        stage = oneshot_stage_of(o);
        if (stage != ONESHOT_SHARED)
            return oneshot_error(take_unshared(o, stage, elem));
    }
    return oneshot_wait(op, cx, o, ONESHOT_RX, elem, false);
}

int pirn_oneshot_recv_try(pirn_oneshot_rx *rx, void *elem)
{
    struct oneshot *o = oneshot_of_rx(rx);
    enum oneshot_stage stage;
    int r;

    if (o == NULL)
        return pirn__error(-EINVAL, "pirn_oneshot_recv: the receiver is NULL");
    stage = lock_if_shared(o);
    if (stage != ONESHOT_SHARED)
        return oneshot_error(take_unshared(o, stage, elem));
    r = take_element(o, elem);
    leave_received(o, r);
    return r == PIRN_PENDING ? -EAGAIN : oneshot_error(r);
}
