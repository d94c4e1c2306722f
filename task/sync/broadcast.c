/* SPDX-License-Identifier: MIT */
/* Every receiver gets every element that is sent while it exists.
 *
 * A ring of the newest elements, and each receiver's position in it. Plain elements lie in the ring, and
 * are copied under the lock. Elements with a clone are blocks of their own, counted: the ring holds each
 * until its last receiver has taken it or it is overwritten, and copying goes on without the lock.
 *
 * In read-modify-writes: one to send, one to receive; with a clone three to receive, and memory to send. */
#include <errno.h>
#include <stdlib.h>

#include <pirn/broadcast.h>

#include "task/base/error.h"
#include "task/cx.h"
#include "task/sync/chan_value.h"
#include "task/sync/elem.h"
#include "task/sync/hub.h"

/* Of elements with a clone. guard: the hub's lock. */
struct broadcast_slot {
    struct chan_value *value; /* NULL: nobody needs it any more */
    size_t receivers;         /* that have not had it, nor gone */
};

struct broadcast {
    struct hub hub; /* first; its version: how many were sent */
    struct elem_type type;
    size_t capacity;
    /* guard: the hub's lock. Slots, or bytes. */
    _Alignas(max_align_t) unsigned char ring[];
};

static struct broadcast *broadcast_of(const void *hub)
{
    return (struct broadcast *)(uintptr_t)hub;
}

static struct broadcast_slot *slot_at(struct broadcast *b, uint64_t at)
{
    return (struct broadcast_slot *)(void *)b->ring + at % b->capacity;
}

static unsigned char *bytes_at(struct broadcast *b, uint64_t at)
{
    return b->ring + at % b->capacity * b->type.size;
}

static void broadcast_destroy(struct hub *h)
{
    struct broadcast *b = broadcast_of(h);

    /* Every receiver has gone, and with the last one that it was sent to each element. */
    free(b);
}

static size_t slot_size(const struct elem_type *t)
{
    return t->clone != NULL ? sizeof(struct broadcast_slot) : t->size;
}

static struct broadcast *broadcast_new(const struct elem_type *t, size_t capacity)
{
    size_t each = slot_size(t);
    struct broadcast *b;

    if (each != 0 && capacity > (PTRDIFF_MAX - sizeof *b) / each)
        return NULL;
    b = malloc(sizeof *b + capacity * each);
    if (b == NULL)
        return NULL;
    pirn__hub_init(&b->hub, broadcast_destroy);
    b->type = *t;
    b->capacity = capacity;
    for (size_t i = 0; t->clone != NULL && i < capacity; i++)
        *slot_at(b, i) = (struct broadcast_slot){NULL, 0};
    return b;
}

int pirn_broadcast_new(size_t elem_size, size_t capacity,
                       int (*elem_clone)(void *to, const void *from), void (*elem_drop)(void *elem),
                       pirn_broadcast_tx **tx, pirn_broadcast_rx **rx)
{
    struct elem_type type = {elem_size, elem_clone, elem_drop};
    struct broadcast *b;
    struct hub_rx *first;

    if (tx == NULL || rx == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_new: %s is NULL", tx == NULL ? "tx" : "rx");
    if (capacity == 0)
        return pirn__error(-EINVAL, "pirn_broadcast_new: capacity is 0");
    if (elem_drop != NULL && elem_clone == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_new: elem_drop without elem_clone");
    b = broadcast_new(&type, capacity);
    first = b != NULL ? pirn__hub_subscribe(&b->hub, NULL) : NULL;
    if (first == NULL) {
        free(b);
        return pirn__error(-ENOMEM, "pirn_broadcast_new: no memory");
    }
    *tx = (pirn_broadcast_tx *)&b->hub;
    *rx = (pirn_broadcast_rx *)first;
    return 0;
}

/* ---- handles ------------------------------------------------------------------------------------ */

static struct hub *hub_of_broadcast_tx(const pirn_broadcast_tx *tx)
{
    return (struct hub *)(uintptr_t)tx;
}

static struct hub_rx *broadcast_rx_inside(const pirn_broadcast_rx *rx)
{
    return (struct hub_rx *)(uintptr_t)rx;
}

pirn_broadcast_tx *pirn_broadcast_tx_ref(pirn_broadcast_tx *tx)
{
    if (tx != NULL)
        ref_add(&hub_of_broadcast_tx(tx)->senders, 1);
    return tx;
}

void pirn_broadcast_tx_unref(pirn_broadcast_tx *tx)
{
    if (tx != NULL)
        pirn__hub_tx_unref(hub_of_broadcast_tx(tx));
}

static int broadcast_add_receiver(struct hub *h, pirn_broadcast_rx **out)
{
    struct hub_rx *rx;

    if (h == NULL || out == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_subscribe: %s is NULL",
                           h == NULL ? "the handle" : "out");
    rx = pirn__hub_subscribe(h, NULL);
    if (rx == NULL)
        return pirn__error(-ENOMEM, "pirn_broadcast_subscribe: no memory");
    *out = (pirn_broadcast_rx *)rx;
    return 0;
}

int pirn_broadcast_subscribe(pirn_broadcast_tx *tx, pirn_broadcast_rx **out)
{
    return broadcast_add_receiver(hub_of_broadcast_tx(tx), out);
}

int pirn_broadcast_resubscribe(const pirn_broadcast_rx *rx, pirn_broadcast_rx **out)
{
    return broadcast_add_receiver(rx != NULL ? broadcast_rx_inside(rx)->hub : NULL, out);
}

size_t pirn_broadcast_tx_receivers(const pirn_broadcast_tx *tx)
{
    return tx != NULL ? pirn__hub_receivers(hub_of_broadcast_tx(tx)) : 0;
}

size_t pirn_broadcast_rx_len(const pirn_broadcast_rx *rx)
{
    const struct hub_rx *r = broadcast_rx_inside(rx);

    return r != NULL ? (size_t)(hub_version(r->hub) - r->place) : 0;
}

int pirn_broadcast_tx_closed_poll(pirn_op *op, pirn_cx *cx, pirn_broadcast_tx *tx)
{
    if (op->kind == NULL && tx == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_tx_closed: the sender is NULL");
    return pirn__hub_closed_poll(op, cx, hub_of_broadcast_tx(tx));
}

pirn_broadcast_weak *pirn_broadcast_tx_downgrade(pirn_broadcast_tx *tx)
{
    if (tx != NULL)
        pirn__hub_hold(hub_of_broadcast_tx(tx));
    return (pirn_broadcast_weak *)tx;
}

pirn_broadcast_weak *pirn_broadcast_weak_ref(pirn_broadcast_weak *w)
{
    if (w != NULL)
        pirn__hub_hold((struct hub *)w);
    return w;
}

void pirn_broadcast_weak_unref(pirn_broadcast_weak *w)
{
    if (w != NULL)
        pirn__hub_let_go((struct hub *)w);
}

pirn_broadcast_tx *pirn_broadcast_weak_upgrade(pirn_broadcast_weak *w)
{
    return w != NULL && pirn__hub_upgrade((struct hub *)w) ? (pirn_broadcast_tx *)w : NULL;
}

/* ---- sending ------------------------------------------------------------------------------------- */

int pirn_broadcast_send(pirn_broadcast_tx *tx, const void *elem, size_t *receivers)
{
    struct broadcast *b = broadcast_of(tx);
    struct chan_value *value = NULL, *old = NULL;
    struct wake_list wakes;
    uint64_t at;
    size_t n;

    if (b == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_send: the sender is NULL");
    if (b->type.clone != NULL) {
        value = pirn__value_new(&b->type);
        if (value == NULL)
            return pirn__error(-ENOMEM, "pirn_broadcast_send: no memory");
        elem_move(value->elem, elem, b->type.size);
    }
    wake_list_init(&wakes);
    spin_take(&b->hub.lock);
    n = b->hub.receivers;
    if (n == 0) {
        spin_give(&b->hub.lock);
        pirn__value_free(value);
        return PIRN_ECLOSED;
    }
    at = hub_version(&b->hub);
    if (value != NULL) {
        old = slot_at(b, at)->value;
        *slot_at(b, at) = (struct broadcast_slot){value, n};
    } else {
        elem_move(bytes_at(b, at), elem, b->type.size);
    }
    pirn__hub_publish(&b->hub, &wakes);
    pirn__hub_leave(&b->hub, &wakes, false);
    pirn__value_unref(&b->type, old);
    if (receivers != NULL)
        *receivers = n;
    return 0;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

/* One receive. */
struct broadcast_receive {
    void *elem;
    struct chan_value *value; /* held: what is to be copied once the lock is given back */
    struct elem_type type;    /* of `value`: the channel may be gone by then */
    uint64_t missed;
};

/* guard: lock. A receiver has had what is at @at. Return: it, held. */
static struct chan_value *take_value(struct broadcast *b, uint64_t at)
{
    struct broadcast_slot *s = slot_at(b, at);
    struct chan_value *v = s->value;

    if (--s->receivers == 0)
        s->value = NULL; /* the slot's reference is the last receiver's */
    else
        ref_add(&v->refs, 1);
    return v;
}

static int look_for_element(struct hub_rx *rx, void *arg)
{
    struct broadcast *b = broadcast_of(rx->hub);
    struct broadcast_receive *r = arg;
    uint64_t sent = hub_version(&b->hub);

    if (sent - rx->place > b->capacity) {
        r->missed = sent - rx->place - b->capacity;
        rx->place += r->missed;
        return PIRN_ELAGGED;
    }
    if (sent == rx->place)
        return b->hub.tx_gone ? PIRN_ECLOSED : PIRN_PENDING;
    if (b->type.clone != NULL) {
        r->value = take_value(b, rx->place);
        r->type = b->type;
    } else {
        elem_move(r->elem, bytes_at(b, rx->place), b->type.size);
    }
    rx->place++;
    return 0;
}

static const pirn_op_kind broadcast_kind = {sizeof(pirn_op_kind), "broadcast receive",
                                            pirn__hub_drop_wait};

/* What was found, without the lock. */
static int broadcast_result(const struct broadcast_receive *r, int result, uint64_t *missed)
{
    if (result == PIRN_ELAGGED && missed != NULL)
        *missed = r->missed;
    if (result == 0 && r->value != NULL)
        return pirn__value_take(&r->type, r->value, r->elem);
    return result;
}

int pirn_broadcast_recv_poll(pirn_op *op, pirn_cx *cx, pirn_broadcast_rx *rx, void *elem,
                             uint64_t *missed)
{
    struct broadcast_receive r = {.elem = elem};
    int result;

    if (op->kind == NULL && rx == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_recv: the receiver is NULL");
    if (UNLIKELY(!cx_take_unit(cx))) {
        if (op->kind != NULL)
            return PIRN_PENDING;
        result =
            pirn__hub_wait(op, cx, broadcast_rx_inside(rx), &broadcast_kind, pirn__hub_late, NULL);
    } else {
        result =
            pirn__hub_wait(op, cx, broadcast_rx_inside(rx), &broadcast_kind, look_for_element, &r);
    }
    if (result == -EBUSY)
        return pirn__error(result, "pirn_broadcast_recv: another operation waits here");
    return broadcast_result(&r, result, missed);
}

int pirn_broadcast_recv_try(pirn_broadcast_rx *rx, void *elem, uint64_t *missed)
{
    struct hub_rx *inside = broadcast_rx_inside(rx);
    struct broadcast_receive r = {.elem = elem};
    struct broadcast *b;
    int result;

    if (inside == NULL)
        return pirn__error(-EINVAL, "pirn_broadcast_recv: the receiver is NULL");
    b = broadcast_of(inside->hub);
    spin_take(&b->hub.lock);
    result = look_for_element(inside, &r);
    spin_give(&b->hub.lock);
    return result == PIRN_PENDING ? -EAGAIN : broadcast_result(&r, result, missed);
}

/* Up to @until nobody else gives up this receiver's shares. Without the lock from time to time: the ring
 * may be long, and drops are the caller's code. */
static void give_up_rest(struct broadcast *b, struct hub_rx *rx, uint64_t until)
{
    enum {
        AT_A_TIME = 32
    };
    bool more;

    do {
        struct chan_value *gone = NULL, *v;

        spin_take(&b->hub.lock);
        for (int i = 0; i < AT_A_TIME && rx->place < until; i++) {
            uint64_t sent = hub_version(&b->hub);

            if (sent - rx->place > b->capacity) { /* overwritten since */
                rx->place = sent - b->capacity;
                continue;
            }
            v = slot_at(b, rx->place)->value;
            if (--slot_at(b, rx->place)->receivers == 0) {
                slot_at(b, rx->place)->value = NULL;
                v->next = gone;
                gone = v;
            }
            rx->place++;
        }
        more = rx->place < until;
        spin_give(&b->hub.lock);
        while ((v = gone) != NULL) {
            gone = v->next;
            pirn__value_unref(&b->type, v);
        }
    } while (more);
}

void pirn_broadcast_rx_free(pirn_broadcast_rx *rx)
{
    struct hub_rx *inside = broadcast_rx_inside(rx);
    struct broadcast *b;
    uint64_t until;

    if (inside == NULL)
        return;
    b = broadcast_of(inside->hub);
    until = pirn__hub_rx_begin_free(inside);
    if (b->type.clone != NULL)
        give_up_rest(b, inside, until);
    pirn__hub_rx_end_free(inside);
}
