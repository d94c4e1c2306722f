/* SPDX-License-Identifier: MIT */
/* The life of an mpsc channel: its handles, its closing from either side, who is granted room. */
#include "task/sync/mpsc.h"

#include <errno.h>
#include <stdlib.h>

#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/elem.h"

_Static_assert(offsetof(struct mpsc, head) == 3 * CACHE_LINE,
               "senders and the receiver write to lines of their own");

int pirn_mpsc_new(size_t elem_size, size_t capacity, void (*elem_drop)(void *elem),
                  pirn_mpsc_tx **tx, pirn_mpsc_rx **rx)
{
    struct mpsc_ring *ring;
    struct mpsc *c;

    if (tx == NULL || rx == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_new: %s is NULL", tx == NULL ? "tx" : "rx");
    if (capacity == 0)
        return pirn__error(-EINVAL, "pirn_mpsc_new: capacity is 0");
    ring = pirn__mpsc_ring_new(
        elem_size, capacity != PIRN_UNBOUNDED ? capacity : pirn__mpsc_ring_size(elem_size, NULL),
        0);
    c = ring != NULL ? aligned_alloc(CACHE_LINE, sizeof *c) : NULL;
    if (c == NULL) {
        free(ring);
        return pirn__error(-ENOMEM, "pirn_mpsc_new: no memory");
    }
    c->elem_size = elem_size;
    c->capacity = capacity;
    c->elem_drop = elem_drop;
    ref_init(&c->senders, 1);
    spin_init(&c->lock);
    c->rx_closed = c->rx_gone = c->tx_gone = false;
    c->holders = 2;
    c->permits = 0;
    c->newest = c->oldest = ring;
    c->put_to = c->take_from = ring->elems;
    c->quick_until = c->tail_seen = 0;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&c->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&c->head, 0, memory_order_relaxed);
    c->receiver = NULL;
    c->waiting.first = c->waiting.last = NULL;
    c->watching.first = c->watching.last = NULL;
    *tx = (pirn_mpsc_tx *)c;
    *rx = (pirn_mpsc_rx *)c;
    return 0;
}

void pirn__mpsc_leave(struct mpsc *c, struct wake_list *wakes, bool last)
{
    spin_give(&c->lock);
    chan_flush(wakes);
    if (last)
        free(c);
}

/* ---- room ---------------------------------------------------------------------------------------- */

uint64_t pirn__mpsc_room(struct mpsc *c)
{
    /* mo: relaxed. Written under the lock. */
    uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);

    return c->capacity - (tail - mpsc_head(c)) - c->permits;
}

void pirn__mpsc_grant(struct mpsc *c, struct wake_list *wakes)
{
    struct chan_waiter *w;

    while ((w = c->waiting.first) != NULL && w->want <= pirn__mpsc_room(c)) {
        if (!wake_list_has_room(wakes)) {
            spin_give(&c->lock);
            chan_flush(wakes);
            spin_take(&c->lock);
            continue;
        }
        c->permits += w->want;
        chan_list_end_first(&c->waiting, CHAN_GRANTED, wakes);
    }
    /* mo: relaxed. The bit changes under the lock alone. */
    if (c->waiting.first == NULL &&
        (atomic_load_explicit(&c->head, memory_order_relaxed) & HEAD_WANTED)) {
        /* mo: relaxed. Whoever waits next sets the bit again, and looks at the head. */
        (void)atomic_fetch_and_explicit(&c->head, ~(uint64_t)HEAD_WANTED, memory_order_relaxed);
    }
}

int pirn__mpsc_made_room(struct mpsc *c)
{
    struct wake_list wakes;

    wake_list_init(&wakes);
    spin_take(&c->lock);
    pirn__mpsc_grant(c, &wakes);
    pirn__mpsc_leave(c, &wakes, false);
    return 0;
}

void pirn__mpsc_return_permits(struct mpsc *c, uint64_t n, struct wake_list *wakes)
{
    c->permits -= n;
    if (mpsc_is_closed(c))
        mpsc_wake_receiver(c, wakes);
    pirn__mpsc_grant(c, wakes);
}

/* ---- ends ---------------------------------------------------------------------------------------- */

/* Ends what waits to send and what watches the receiver. Takes the lock, and leaves it taken, with the
 * last wakes in @wakes. */
static void end_senders(struct mpsc *c, enum chan_verdict senders, enum chan_verdict watchers,
                        struct wake_list *wakes)
{
    while (!chan_list_end_all(&c->waiting, senders, wakes) ||
           !chan_list_end_all(&c->watching, watchers, wakes)) {
        spin_give(&c->lock);
        chan_flush(wakes);
        spin_take(&c->lock);
    }
}

void pirn_mpsc_rx_close(pirn_mpsc_rx *rx)
{
    struct mpsc *c = mpsc_of_rx(rx);
    struct wake_list wakes;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    c->rx_closed = true;
    c->quick_until = 0;
    if (mpsc_is_closed(c)) /* first: afterwards the list may be full */
        mpsc_wake_receiver(c, &wakes);
    end_senders(c, CHAN_CLOSED, CHAN_CLOSED, &wakes);
    pirn__mpsc_leave(c, &wakes, false);
}

void pirn_mpsc_rx_free(pirn_mpsc_rx *rx)
{
    struct mpsc *c = mpsc_of_rx(rx);
    struct wake_list wakes;
    bool last;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    if (c->rx_gone)
        CLIENT_BUG("pirn_mpsc_rx_free", "the receiver was freed before");
    c->rx_closed = true;
    c->rx_gone = true;
    c->quick_until = 0;
    mpsc_wake_receiver(c, &wakes);
    end_senders(c, CHAN_CLOSED, CHAN_CLOSED, &wakes);
    spin_give(&c->lock);
    chan_flush(&wakes);
    /* Nobody puts anything in from here on, and a receive that was pending takes nothing out. */
    pirn__mpsc_discard(c);
    spin_take(&c->lock);
    last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
}

pirn_mpsc_tx *pirn_mpsc_tx_ref(pirn_mpsc_tx *tx)
{
    if (tx != NULL)
        ref_add(&mpsc_of_tx(tx)->senders, 1);
    return tx;
}

void pirn_mpsc_tx_unref(pirn_mpsc_tx *tx)
{
    struct mpsc *c = mpsc_of_tx(tx);
    struct wake_list wakes;
    bool last;

    if (c == NULL || !ref_sub(&c->senders, 1))
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    c->tx_gone = true;
    if (mpsc_is_closed(c)) /* first: afterwards the list may be full */
        mpsc_wake_receiver(c, &wakes);
    end_senders(c, CHAN_CANCELED, CHAN_CANCELED, &wakes);
    last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
}

/* ---- weak handles --------------------------------------------------------------------------------- */

/* One more holder, which is none that keeps the channel open. */
static pirn_mpsc_weak *hold_weakly(struct mpsc *c)
{
    spin_take(&c->lock);
    c->holders++;
    spin_give(&c->lock);
    return (pirn_mpsc_weak *)c;
}

pirn_mpsc_weak *pirn_mpsc_tx_downgrade(pirn_mpsc_tx *tx)
{
    return tx != NULL ? hold_weakly(mpsc_of_tx(tx)) : NULL;
}

pirn_mpsc_weak *pirn_mpsc_weak_ref(pirn_mpsc_weak *w)
{
    return w != NULL ? hold_weakly((struct mpsc *)w) : NULL;
}

pirn_mpsc_tx *pirn_mpsc_weak_upgrade(pirn_mpsc_weak *w)
{
    struct mpsc *c = (struct mpsc *)w;

    return c != NULL && ref_add_unless_none(&c->senders) ? (pirn_mpsc_tx *)c : NULL;
}

void pirn_mpsc_weak_unref(pirn_mpsc_weak *w)
{
    struct mpsc *c = (struct mpsc *)w;
    struct wake_list wakes;
    bool last;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
}

/* ---- what can be asked ------------------------------------------------------------------------------ */

static size_t count_elements(struct mpsc *c)
{
    uint64_t head = mpsc_head(c);

    /* Later than the head: never less. */
    return (size_t)(mpsc_tail(c) - head);
}

size_t pirn_mpsc_tx_len(const pirn_mpsc_tx *tx)
{
    return tx != NULL ? count_elements(mpsc_of_tx(tx)) : 0;
}

size_t pirn_mpsc_rx_len(const pirn_mpsc_rx *rx)
{
    return rx != NULL ? count_elements(mpsc_of_rx(rx)) : 0;
}

size_t pirn_mpsc_tx_capacity(const pirn_mpsc_tx *tx)
{
    struct mpsc *c = mpsc_of_tx(tx);
    size_t room;

    if (c == NULL)
        return 0;
    if (c->capacity == PIRN_UNBOUNDED)
        return PIRN_UNBOUNDED;
    spin_take(&c->lock);
    room = (size_t)pirn__mpsc_room(c);
    spin_give(&c->lock);
    return room;
}

size_t pirn_mpsc_tx_max_capacity(const pirn_mpsc_tx *tx)
{
    return tx != NULL ? mpsc_of_tx(tx)->capacity : 0;
}

bool pirn_mpsc_tx_is_closed(const pirn_mpsc_tx *tx)
{
    struct mpsc *c = mpsc_of_tx(tx);
    bool closed;

    if (c == NULL)
        return true;
    spin_take(&c->lock);
    closed = c->rx_closed;
    spin_give(&c->lock);
    return closed;
}

bool pirn_mpsc_rx_is_closed(const pirn_mpsc_rx *rx)
{
    struct mpsc *c = mpsc_of_rx(rx);
    bool closed;

    if (c == NULL)
        return true;
    spin_take(&c->lock);
    closed = c->rx_closed || c->tx_gone;
    spin_give(&c->lock);
    return closed;
}

bool pirn_mpsc_same_channel(const pirn_mpsc_tx *a, const pirn_mpsc_tx *b)
{
    return a == b;
}
