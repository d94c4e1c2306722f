/* SPDX-License-Identifier: MIT */
/* What watch and broadcast have in common. */
#include "task/sync/hub.h"

#include <errno.h>
#include <stdlib.h>

#include "task/base/assert.h"
#include "task/cx.h"

void pirn__hub_init(struct hub *h, void (*destroy)(struct hub *h))
{
    spin_init(&h->lock);
    h->tx_gone = false;
    h->holders = 1;
    h->receivers = 0;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&h->version, 0, memory_order_relaxed);
    h->waiting.first = h->waiting.last = NULL;
    h->watching.first = h->watching.last = NULL;
    ref_init(&h->senders, 1);
    h->destroy = destroy;
}

void pirn__hub_leave(struct hub *h, struct wake_list *wakes, bool last)
{
    spin_give(&h->lock);
    chan_flush(wakes);
    if (last)
        h->destroy(h);
}

/* guard: lock, which it gives back and takes again. */
static void flush_without_lock(struct hub *h, struct wake_list *wakes)
{
    spin_give(&h->lock);
    chan_flush(wakes);
    spin_take(&h->lock);
}

/* guard: lock, which it may give back and take again. Wakes who does not know the newest version; who
 * comes while the lock is given back does. @all: everybody. */
static void wake_waiting(struct hub *h, bool all, struct wake_list *wakes)
{
    struct chan_waiter *w;

    while ((w = h->waiting.first) != NULL && (all || w->want != (uint32_t)hub_version(h))) {
        if (wake_list_has_room(wakes))
            chan_list_end_first(&h->waiting, CHAN_GRANTED, wakes);
        else
            flush_without_lock(h, wakes);
    }
}

void pirn__hub_publish(struct hub *h, struct wake_list *wakes)
{
    /* mo: relaxed. Only the lock's holder writes it. */
    uint64_t version = atomic_load_explicit(&h->version, memory_order_relaxed);

    /* mo: release pairs with [hub-version] in hub_version(): what was sent is there. */
    atomic_store_explicit(&h->version, version + 1, memory_order_release);
    wake_waiting(h, false, wakes);
}

/* ---- senders ------------------------------------------------------------------------------------ */

/* guard: lock, which it may give back and take again. */
static void end_watching(struct hub *h, enum chan_verdict verdict, struct wake_list *wakes)
{
    while (!chan_list_end_all(&h->watching, verdict, wakes))
        flush_without_lock(h, wakes);
}

void pirn__hub_tx_unref(struct hub *h)
{
    struct wake_list wakes;
    bool last;

    if (!ref_sub(&h->senders, 1))
        return;
    wake_list_init(&wakes);
    spin_take(&h->lock);
    h->tx_gone = true;
    end_watching(h, CHAN_CANCELED, &wakes);
    wake_waiting(h, true, &wakes);
    last = hub_let_go(h);
    pirn__hub_leave(h, &wakes, last);
}

void pirn__hub_hold(struct hub *h)
{
    spin_take(&h->lock);
    h->holders++;
    spin_give(&h->lock);
}

void pirn__hub_let_go(struct hub *h)
{
    struct wake_list wakes;
    bool last;

    wake_list_init(&wakes);
    spin_take(&h->lock);
    last = hub_let_go(h);
    pirn__hub_leave(h, &wakes, last);
}

bool pirn__hub_upgrade(struct hub *h)
{
    return ref_add_unless_none(&h->senders);
}

size_t pirn__hub_receivers(struct hub *h)
{
    size_t n;

    spin_take(&h->lock);
    n = h->receivers;
    spin_give(&h->lock);
    return n;
}

/* ---- receivers ---------------------------------------------------------------------------------- */

struct hub_rx *pirn__hub_subscribe(struct hub *h, const struct hub_rx *like)
{
    struct hub_rx *rx = malloc(sizeof *rx);

    if (rx == NULL)
        return NULL;
    rx->hub = h;
    rx->waiter = NULL;
    rx->refs = 1;
    spin_take(&h->lock);
    rx->place = like != NULL ? like->place : hub_version(h);
    h->receivers++;
    h->holders++;
    spin_give(&h->lock);
    return rx;
}

uint64_t pirn__hub_rx_begin_free(struct hub_rx *rx)
{
    struct hub *h = rx->hub;
    struct chan_waiter *w;
    struct wake_list wakes;
    uint64_t version;

    wake_list_init(&wakes);
    spin_take(&h->lock);
    version = hub_version(h);
    w = rx->waiter;
    if (w != NULL) {
        if (w->verdict == CHAN_WAITS)
            chan_list_remove(&h->waiting, w);
        w->verdict = CHAN_CANCELED;
        pirn__wake_take(&wakes, &w->waker);
    }
    if (--h->receivers == 0)
        end_watching(h, CHAN_CLOSED, &wakes);
    pirn__hub_leave(h, &wakes, false);
    return version;
}

/* guard: lock. The handle or the waiter is over. Return: the memory to be freed, or NULL. */
static struct hub_rx *rx_unref(struct hub_rx *rx)
{
    return --rx->refs == 0 ? rx : NULL;
}

void pirn__hub_rx_end_free(struct hub_rx *rx)
{
    struct hub *h = rx->hub;
    struct wake_list wakes;
    bool last;

    wake_list_init(&wakes);
    spin_take(&h->lock);
    rx = rx_unref(rx);
    last = hub_let_go(h);
    pirn__hub_leave(h, &wakes, last);
    free(rx);
}

/* guard: lock. @w waits, again or for the first time. */
static void hub_begin_wait(struct hub_rx *rx, struct chan_waiter *w)
{
    struct hub *h = rx->hub;

    if (w->chan == NULL) {
        w->chan = rx;
        rx->waiter = w;
        rx->refs++;
        h->holders++;
    } else if (w->verdict == CHAN_WAITS) {
        return;
    }
    w->verdict = CHAN_WAITS;
    w->want = (uint32_t)hub_version(h);
    chan_list_append(&h->waiting, w);
}

/* guard: lock, which it gives back. @w is over. */
static void hub_end_wait(struct hub_rx *rx, struct chan_waiter *w)
{
    struct hub *h = rx->hub;
    struct wake_list wakes;
    bool last;

    wake_list_init(&wakes);
    if (w->verdict == CHAN_WAITS)
        chan_list_remove(&h->waiting, w);
    rx->waiter = NULL;
    rx = rx_unref(rx);
    last = hub_let_go(h);
    pirn__hub_leave(h, &wakes, last);
    free(rx);
}

void pirn__hub_drop_wait(void *state)
{
    struct chan_waiter *w = state;
    struct hub_rx *rx = w->chan;

    if (rx == NULL)
        return;
    spin_take(&rx->hub->lock);
    hub_end_wait(rx, w);
    chan_waker_drop(&w->waker);
}

int pirn__hub_late(struct hub_rx *rx, void *arg)
{
    (void)rx;
    (void)arg;
    return PIRN_PENDING;
}

int pirn__hub_wait(pirn_op *op, pirn_cx *cx, struct hub_rx *given, const pirn_op_kind *kind,
                   hub_look *look, void *arg)
{
    struct chan_waiter *w = pirn_op_state(op, cx, kind);
    struct hub_rx *rx = w->chan != NULL ? w->chan : given;
    struct hub *h = rx->hub;
    struct op_waker fresh;
    int r;

    chan_waker_make(&fresh, w, cx);
    spin_take(&h->lock);
    if (w->verdict == CHAN_CANCELED)
        r = -ECANCELED;
    else if (rx->waiter != NULL && rx->waiter != w)
        r = -EBUSY;
    else
        r = look(rx, arg);
    if (r == PIRN_PENDING) {
        hub_begin_wait(rx, w);
        chan_waker_swap(&w->waker, &fresh);
        spin_give(&h->lock);
        chan_waker_drop(&fresh);
        if (look != pirn__hub_late)
            cx_return_unit(cx);
        return r;
    }
    if (w->chan != NULL)
        hub_end_wait(rx, w);
    else
        spin_give(&h->lock);
    chan_waker_drop(&fresh);
    chan_waker_drop(&w->waker);
    pirn_op_done(op);
    return r;
}

/* ---- the end of the last receiver ------------------------------------------------------------------ */

static void drop_hub_watch(void *state)
{
    struct chan_waiter *w = state;
    struct hub *h = w->chan;

    if (h == NULL)
        return;
    spin_take(&h->lock);
    if (w->verdict == CHAN_WAITS)
        chan_list_remove(&h->watching, w);
    spin_give(&h->lock);
    pirn__hub_let_go(h);
    chan_waker_drop(&w->waker);
}

static const pirn_op_kind hub_watch_kind = {sizeof(pirn_op_kind), "closed", drop_hub_watch};

/* guard: lock. */
static int hub_watch_verdict(struct hub *h, struct chan_waiter *w, struct op_waker *fresh)
{
    if (w->verdict == CHAN_CANCELED)
        return -ECANCELED;
    if (w->verdict == CHAN_CLOSED || (w->chan == NULL && h->receivers == 0))
        return 0;
    if (w->chan == NULL) {
        w->chan = h;
        h->holders++;
        chan_list_append(&h->watching, w);
    }
    chan_waker_swap(&w->waker, fresh);
    return PIRN_PENDING;
}

int pirn__hub_closed_poll(pirn_op *op, pirn_cx *cx, struct hub *given)
{
    struct chan_waiter *w = pirn_op_state(op, cx, &hub_watch_kind);
    bool waited = w->chan != NULL;
    struct hub *h = waited ? w->chan : given;
    struct op_waker fresh;
    int r;

    chan_waker_make(&fresh, w, cx);
    spin_take(&h->lock);
    r = hub_watch_verdict(h, w, &fresh);
    spin_give(&h->lock);
    chan_waker_drop(&fresh);
    if (r == PIRN_PENDING)
        return r;
    if (waited)
        pirn__hub_let_go(h);
    chan_waker_drop(&w->waker);
    pirn_op_done(op);
    return r;
}
