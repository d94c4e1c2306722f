/* SPDX-License-Identifier: MIT */
/* The latest value of something.
 *
 * A value is a block of its own, counted: whoever copies one or looks at one holds it, and the lock is held
 * for the exchange of one pointer. A change works on a copy, without the lock, and is put in only if
 * nobody else was faster.
 *
 * In read-modify-writes: a send costs two, and memory; waiting for a change one, or none if there is one;
 * a look at a value three. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/watch.h>

#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/chan_value.h"
#include "task/sync/elem.h"
#include "task/sync/hub.h"

struct watch {
    struct hub hub; /* first */
    struct elem_type type;
    struct chan_value *value; /* guard: the hub's lock */
};

static struct watch *watch_of(const void *hub)
{
    return (struct watch *)(uintptr_t)hub;
}

static void watch_destroy(struct hub *h)
{
    struct watch *w = watch_of(h);

    pirn__value_unref(&w->type, w->value);
    free(w);
}

int pirn_watch_new(size_t elem_size, const void *initial,
                   int (*elem_clone)(void *to, const void *from), void (*elem_drop)(void *elem),
                   pirn_watch_tx **tx, pirn_watch_rx **rx)
{
    struct elem_type type = {elem_size, elem_clone, elem_drop};
    struct chan_value *value;
    struct hub_rx *first;
    struct watch *w;

    if (tx == NULL || rx == NULL || (initial == NULL && elem_size != 0))
        return pirn__error(-EINVAL, "pirn_watch_new: %s is NULL",
                           tx == NULL   ? "tx"
                           : rx == NULL ? "rx"
                                        : "initial");
    if (elem_drop != NULL && elem_clone == NULL)
        return pirn__error(-EINVAL, "pirn_watch_new: elem_drop without elem_clone");
    w = malloc(sizeof *w);
    value = pirn__value_new(&type);
    if (w != NULL)
        pirn__hub_init(&w->hub, watch_destroy);
    first = w != NULL && value != NULL ? pirn__hub_subscribe(&w->hub, NULL) : NULL;
    if (first == NULL) {
        pirn__value_free(value);
        free(w);
        return pirn__error(-ENOMEM, "pirn_watch_new: no memory");
    }
    elem_move(value->elem, initial, elem_size);
    w->type = type;
    w->value = value;
    *tx = (pirn_watch_tx *)&w->hub;
    *rx = (pirn_watch_rx *)first;
    return 0;
}

/* ---- handles ------------------------------------------------------------------------------------ */

static struct hub *hub_of_watch_tx(const pirn_watch_tx *tx)
{
    return (struct hub *)(uintptr_t)tx;
}

static struct hub_rx *watch_rx_inside(const pirn_watch_rx *rx)
{
    return (struct hub_rx *)(uintptr_t)rx;
}

pirn_watch_tx *pirn_watch_tx_ref(pirn_watch_tx *tx)
{
    if (tx != NULL)
        ref_add(&hub_of_watch_tx(tx)->senders, 1);
    return tx;
}

void pirn_watch_tx_unref(pirn_watch_tx *tx)
{
    if (tx != NULL)
        pirn__hub_tx_unref(hub_of_watch_tx(tx));
}

void pirn_watch_rx_free(pirn_watch_rx *rx)
{
    if (rx != NULL) {
        (void)pirn__hub_rx_begin_free(watch_rx_inside(rx));
        pirn__hub_rx_end_free(watch_rx_inside(rx));
    }
}

static int watch_add_receiver(struct hub *h, const struct hub_rx *like, pirn_watch_rx **out)
{
    struct hub_rx *rx;

    if (h == NULL || out == NULL)
        return pirn__error(-EINVAL, "pirn_watch_subscribe: %s is NULL",
                           h == NULL ? "the handle" : "out");
    rx = pirn__hub_subscribe(h, like);
    if (rx == NULL)
        return pirn__error(-ENOMEM, "pirn_watch_subscribe: no memory");
    *out = (pirn_watch_rx *)rx;
    return 0;
}

int pirn_watch_subscribe(pirn_watch_tx *tx, pirn_watch_rx **out)
{
    return watch_add_receiver(hub_of_watch_tx(tx), NULL, out);
}

int pirn_watch_rx_clone(const pirn_watch_rx *rx, pirn_watch_rx **out)
{
    return watch_add_receiver(rx != NULL ? watch_rx_inside(rx)->hub : NULL, watch_rx_inside(rx),
                              out);
}

size_t pirn_watch_tx_receivers(const pirn_watch_tx *tx)
{
    return tx != NULL ? pirn__hub_receivers(hub_of_watch_tx(tx)) : 0;
}

int pirn_watch_tx_closed_poll(pirn_op *op, pirn_cx *cx, pirn_watch_tx *tx)
{
    if (op->kind == NULL && tx == NULL)
        return pirn__error(-EINVAL, "pirn_watch_tx_closed: the sender is NULL");
    return pirn__hub_closed_poll(op, cx, hub_of_watch_tx(tx));
}

/* ---- values --------------------------------------------------------------------------------------- */

/* The latest value, held, and its version. */
static struct chan_value *watch_hold(struct watch *w, uint64_t *version)
{
    struct chan_value *v;

    spin_take(&w->hub.lock);
    v = w->value;
    ref_add(&v->refs, 1);
    *version = hub_version(&w->hub);
    spin_give(&w->hub.lock);
    return v;
}

/* Puts a value in, unless @expected is given and not the version any more, or, if @receivers, nobody
 * receives. */
static int exchange_value(struct watch *w, struct chan_value *v, const uint64_t *expected,
                          bool receivers)
{
    struct hub *h = &w->hub;
    struct chan_value *old;
    struct wake_list wakes;

    wake_list_init(&wakes);
    spin_take(&h->lock);
    if ((receivers && h->receivers == 0) || (expected != NULL && *expected != hub_version(h))) {
        spin_give(&h->lock);
        return expected != NULL ? -EAGAIN : PIRN_ECLOSED;
    }
    old = w->value;
    w->value = v;
    pirn__hub_publish(h, &wakes);
    pirn__hub_leave(h, &wakes, false);
    pirn__value_unref(&w->type, old);
    return 0;
}

static int watch_replace(pirn_watch_tx *tx, const void *elem, bool receivers)
{
    struct watch *w = watch_of(tx);
    struct chan_value *v;
    int r;

    if (w == NULL || (elem == NULL && w->type.size != 0))
        return pirn__error(-EINVAL, "pirn_watch_send: the %s is NULL",
                           w == NULL ? "sender" : "value");
    v = pirn__value_new(&w->type);
    if (v == NULL)
        return pirn__error(-ENOMEM, "pirn_watch_send: no memory");
    elem_move(v->elem, elem, w->type.size);
    r = exchange_value(w, v, NULL, receivers);
    if (r != 0)
        pirn__value_free(v);
    return r;
}

int pirn_watch_send(pirn_watch_tx *tx, const void *elem)
{
    return watch_replace(tx, elem, true);
}

int pirn_watch_put(pirn_watch_tx *tx, const void *elem)
{
    return watch_replace(tx, elem, false);
}

struct modification {
    bool (*modify)(void *elem, void *arg);
    void *elem, *arg;
    bool changed;
};

static void run_modify(void *arg)
{
    struct modification *m = arg;

    m->changed = m->modify(m->elem, m->arg);
}

/* One attempt. 1; 0: not changed; -EAGAIN: another sender was faster; an error, or CHAN_CLONE_FAULTED. */
static int try_modify(struct watch *w, struct modification *m)
{
    struct chan_value *copy = pirn__value_new(&w->type), *old;
    uint64_t version;
    int r;

    if (copy == NULL)
        return pirn__error(-ENOMEM, "pirn_watch_send_modify: no memory");
    old = watch_hold(w, &version);
    r = pirn__value_clone(&w->type, copy->elem, old->elem);
    pirn__value_unref(&w->type, old);
    if (r < 0) {
        pirn__value_free(copy);
        return r;
    }
    m->elem = copy->elem;
    if (!pirn__contain(run_modify, m))
        r = CHAN_CLONE_FAULTED;
    else if (m->changed)
        r = exchange_value(w, copy, &version, false);
    if (r == 0 && m->changed)
        return 1;
    pirn__value_unref(&w->type, copy);
    return r;
}

int pirn_watch_send_modify(pirn_watch_tx *tx, bool (*modify)(void *elem, void *arg), void *arg)
{
    struct modification m = {.modify = modify, .arg = arg};
    int r;

    if (tx == NULL || modify == NULL)
        return pirn__error(-EINVAL, "pirn_watch_send_modify: the %s is NULL",
                           tx == NULL ? "sender" : "function");
    do
        r = try_modify(watch_of(tx), &m);
    while (r == -EAGAIN);
    return pirn__value_result(r);
}

/* ---- looking -------------------------------------------------------------------------------------- */

/* A copy of the latest value; its version goes to *@seen. */
static int watch_copy(struct watch *w, void *elem, uint64_t *seen)
{
    struct chan_value *v;
    uint64_t version;
    int r;

    if (elem == NULL && w->type.size != 0)
        return pirn__error(-EINVAL, "pirn_watch_get: elem is NULL");
    v = watch_hold(w, &version);
    r = pirn__value_clone(&w->type, elem, v->elem);
    pirn__value_unref(&w->type, v);
    if (r == 0 && seen != NULL)
        *seen = version;
    return pirn__value_result(r);
}

int pirn_watch_get(pirn_watch_rx *rx, void *elem)
{
    struct hub_rx *r = watch_rx_inside(rx);

    if (r == NULL)
        return pirn__error(-EINVAL, "pirn_watch_get: the receiver is NULL");
    return watch_copy(watch_of(r->hub), elem, &r->place);
}

int pirn_watch_peek(const pirn_watch_rx *rx, void *elem)
{
    if (rx == NULL)
        return pirn__error(-EINVAL, "pirn_watch_peek: the receiver is NULL");
    return watch_copy(watch_of(watch_rx_inside(rx)->hub), elem, NULL);
}

int pirn_watch_tx_peek(const pirn_watch_tx *tx, void *elem)
{
    if (tx == NULL)
        return pirn__error(-EINVAL, "pirn_watch_tx_peek: the sender is NULL");
    return watch_copy(watch_of(tx), elem, NULL);
}

int pirn_watch_borrow(pirn_watch_rx *rx, pirn_watch_ref *ref)
{
    struct hub_rx *r = watch_rx_inside(rx);
    struct watch *w;
    struct chan_value *v;

    if (r == NULL || ref == NULL || ref->_value != NULL)
        return pirn__error(-EINVAL, "pirn_watch_borrow: %s",
                           r == NULL ? "the receiver is NULL" : "ref is NULL or not empty");
    w = watch_of(r->hub);
    spin_take(&w->hub.lock);
    w->hub.holders++;
    spin_give(&w->hub.lock);
    v = watch_hold(w, &r->place);
    ref->elem = v->elem;
    ref->_value = v;
    ref->_watch = w;
    return 0;
}

void pirn_watch_ref_release(pirn_watch_ref *ref)
{
    struct watch *w = ref != NULL ? ref->_watch : NULL;

    if (w == NULL)
        return;
    pirn__value_unref(&w->type, ref->_value);
    pirn__hub_let_go(&w->hub);
    ref->elem = NULL;
    ref->_value = NULL;
    ref->_watch = NULL;
}

/* ---- changes -------------------------------------------------------------------------------------- */

static const pirn_op_kind changed_kind = {sizeof(pirn_op_kind), "watch changed",
                                          pirn__hub_drop_wait};

static int look_for_change(struct hub_rx *rx, void *arg)
{
    uint64_t version = hub_version(rx->hub);

    (void)arg;
    if (version == rx->place)
        return rx->hub->tx_gone ? PIRN_ECLOSED : PIRN_PENDING;
    rx->place = version;
    return 0;
}

int pirn_watch_changed_poll(pirn_op *op, pirn_cx *cx, pirn_watch_rx *rx)
{
    int r;

    if (op->kind == NULL && rx == NULL)
        return pirn__error(-EINVAL, "pirn_watch_changed: the receiver is NULL");
    if (UNLIKELY(!cx_take_unit(cx))) {
        if (op->kind != NULL)
            return PIRN_PENDING;
        r = pirn__hub_wait(op, cx, watch_rx_inside(rx), &changed_kind, pirn__hub_late, NULL);
    } else if (op->kind == NULL &&
               hub_version(watch_rx_inside(rx)->hub) != watch_rx_inside(rx)->place) {
        return look_for_change(watch_rx_inside(rx), NULL);
    } else {
        r = pirn__hub_wait(op, cx, watch_rx_inside(rx), &changed_kind, look_for_change, NULL);
    }
    if (r == -EBUSY)
        return pirn__error(r, "pirn_watch_changed: another operation waits here");
    return r;
}

struct predicate {
    bool (*wanted)(const void *elem, void *arg);
    const void *elem;
    void *arg;
    bool holds;
};

static void run_predicate(void *arg)
{
    struct predicate *p = arg;

    p->holds = p->wanted(p->elem, p->arg);
}

/* Whether the latest value is wanted; it counts as seen. 1, and a copy of it, if there is room; 0; or an error of the
 * clone. */
static int look_for_wanted(struct hub_rx *rx, struct predicate *p, void *elem)
{
    struct watch *w = watch_of(rx->hub);
    struct chan_value *v = watch_hold(w, &rx->place);
    int r;

    p->elem = v->elem;
    p->holds = false;
    r = pirn__contain(run_predicate, p) ? 0 : CHAN_CLONE_FAULTED;
    if (p->holds && elem != NULL)
        r = pirn__value_clone(&w->type, elem, v->elem);
    pirn__value_unref(&w->type, v);
    return r != 0 ? pirn__value_result(r) : p->holds;
}

int pirn_watch_wait_for_poll(pirn_op *op, pirn_cx *cx, pirn_watch_rx *rx,
                             bool (*wanted)(const void *elem, void *arg), void *arg, void *elem)
{
    struct predicate p = {.wanted = wanted, .arg = arg};
    int r = 0;

    if (op->kind == NULL && (rx == NULL || wanted == NULL))
        return pirn__error(-EINVAL, "pirn_watch_wait_for: the %s is NULL",
                           rx == NULL ? "receiver" : "function");
    /* Pending, it looks once there is something new. */
    while (op->kind != NULL || (r = look_for_wanted(watch_rx_inside(rx), &p, elem)) == 0) {
        r = pirn_watch_changed_poll(op, cx, rx);
        if (r != 0)
            return r;
    }
    return r < 0 ? r : 0;
}

int pirn_watch_has_changed(const pirn_watch_rx *rx)
{
    struct hub_rx *r = watch_rx_inside(rx);
    int result;

    if (r == NULL)
        return pirn__error(-EINVAL, "pirn_watch_has_changed: the receiver is NULL");
    spin_take(&r->hub->lock);
    result = hub_version(r->hub) != r->place ? 1 : r->hub->tx_gone ? PIRN_ECLOSED : 0;
    spin_give(&r->hub->lock);
    return result;
}

void pirn_watch_mark(pirn_watch_rx *rx, bool changed)
{
    struct hub_rx *r = watch_rx_inside(rx);

    if (r != NULL)
        r->place = hub_version(r->hub) - changed;
}
