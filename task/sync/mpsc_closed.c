/* SPDX-License-Identifier: MIT */
/* Senders that wait for the receiver's end. */
#include <errno.h>

#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/mpsc.h"

static void drop_watch(void *state)
{
    struct chan_waiter *w = state;
    struct mpsc *c = w->chan;
    struct wake_list wakes;
    bool last;

    if (c == NULL)
        return;
    wake_list_init(&wakes);
    spin_take(&c->lock);
    if (w->verdict == CHAN_WAITS)
        chan_list_remove(&c->watching, w);
    last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
    chan_waker_drop(&w->waker);
}

static const pirn_op_kind watch_kind = {sizeof(pirn_op_kind), "mpsc closed", drop_watch};

/* guard: lock. */
static int watch_verdict(struct mpsc *c, struct chan_waiter *w, struct op_waker *fresh)
{
    if (w->verdict == CHAN_CANCELED)
        return -ECANCELED;
    if (c->rx_closed)
        return 0;
    if (w->chan == NULL) {
        w->chan = c;
        c->holders++;
        chan_list_append(&c->watching, w);
    }
    chan_waker_swap(&w->waker, fresh);
    return PIRN_PENDING;
}

int pirn_mpsc_tx_closed_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx)
{
    struct chan_waiter *w;
    struct op_waker fresh;
    struct wake_list wakes;
    struct mpsc *c;
    bool waited, lent, last = false;
    int r;

    if (op->kind == NULL && tx == NULL)
        return pirn__error(-EINVAL, "pirn_mpsc_tx_closed: the sender is NULL");
    if (!cx_take_or_lend(cx, op->kind != NULL, &lent))
        return PIRN_PENDING;
    w = pirn_op_state(op, cx, &watch_kind);
    waited = w->chan != NULL;
    c = waited ? w->chan : mpsc_of_tx(tx);
    wake_list_init(&wakes);
    chan_waker_make(&fresh, w, cx);
    spin_take(&c->lock);
    r = watch_verdict(c, w, &fresh);
    if (r != PIRN_PENDING && waited)
        last = mpsc_let_go(c);
    pirn__mpsc_leave(c, &wakes, last);
    chan_waker_drop(&fresh);
    if (r == PIRN_PENDING) {
        cx_return_unless(cx, lent);
        return r;
    }
    chan_waker_drop(&w->waker);
    pirn_op_done(op);
    return r;
}
