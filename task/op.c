/* SPDX-License-Identifier: MIT */
/* Leaf operations: idle or pending, listed in the task that polled them.
 *
 * guard, of everything here: whoever polls or drops the frame; nothing is atomic. */
#include "task/op.h"

#include <string.h>

#include "task/base/assert.h"
#include "task/cx.h"

_Static_assert(sizeof(struct op) == sizeof(pirn_op), "an op has the size its header promises");

static struct op *op_inside(pirn_op *op)
{
    return (struct op *)(void *)op;
}

void *pirn_op_state(pirn_op *op, pirn_cx *cx, const pirn_op_kind *k)
{
    struct op *o = op_inside(op);

    if (k == NULL || k->size < sizeof *k)
        CLIENT_BUG("pirn_op_state", "a kind of no known size");
    if (o->kind == k) {
        if (UNLIKELY(o->link == NULL))
            op_list(o, (struct op **)(void *)cx->ops);
        return o->state;
    }
    if (o->kind != NULL)
        CLIENT_BUG("pirn_op_state", "the op is pending in a call of another kind");
    memset(o->state, 0, sizeof o->state);
    op_begin(o, k, (struct op **)(void *)cx->ops);
    return o->state;
}

void pirn_op_done(pirn_op *op)
{
    struct op *o = op_inside(op);

    op_unlist(o);
    o->kind = NULL;
}

void pirn__op_drop_listed(void *arg)
{
    struct op *o = arg;
    const pirn_op_kind *k = o->kind;

    /* Idle before the drop runs: if that faults, or drops the op again, nothing happens twice. */
    op_unlist(o);
    o->kind = NULL;
    if (k != NULL && k->drop != NULL)
        k->drop(o->state);
}

void pirn_op_drop(pirn_op *op)
{
    if (op != NULL && op->kind != NULL)
        pirn__op_drop_listed(op);
}

bool pirn_op_is_pending(const pirn_op *op)
{
    return op != NULL && op->kind != NULL;
}

pirn_op *pirn__op_before_frame(pirn_op *ops)
{
    struct op *o = op_inside(ops);

    while (o != NULL && (o->flags & OP_LAST))
        o = o->next;
    return (pirn_op *)(void *)o;
}

void pirn__op_rehead(pirn_op **ops)
{
    if (*ops != NULL)
        op_inside(*ops)->link = (struct op **)(void *)ops;
}

bool pirn__op_before_wait(pirn_op *ops, struct header *h)
{
    bool armed = false;

    for (struct op *o = op_inside(ops); o != NULL; o = o->next) {
        if (o->flags & OP_PUT_OFF) {
            o->flags &= ~(uint64_t)OP_PUT_OFF;
            ((const struct op_kind *)(const void *)o->kind)->wait(o->state, h);
        }
        armed = armed || (o->flags & OP_ARMED);
    }
    return armed;
}

/* ---- pirn_defer ---------------------------------------------------------------------------- */

struct deferred {
    void (*fn)(void *arg);
    void *arg;
};

static void run_deferred(void *state)
{
    const struct deferred *d = state;

    d->fn(d->arg);
}

static const pirn_op_kind deferred_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "defer",
    .drop = run_deferred,
};

void pirn_defer(pirn_op *op, pirn_cx *cx, void (*fn)(void *arg), void *arg)
{
    struct deferred *d;

    if (fn == NULL)
        CLIENT_BUG("pirn_defer", "a NULL function");
    d = pirn_op_state(op, cx, &deferred_kind);
    /* The first call's arguments count. */
    if (d->fn == NULL) {
        d->fn = fn;
        d->arg = arg;
    }
}
