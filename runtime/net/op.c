/* SPDX-License-Identifier: MIT */
/* Operations that have to wait. */
#include "runtime/net/op.h"

#include <string.h>

#include "task/base/error.h"

int pirn__net_error(int err, const char *call)
{
    switch (err) {
    case -EBUSY:
        return pirn__error(err, "%s: another operation waits in this direction", call);
    case -ECANCELED:
        return pirn__error(err, "%s: the object was freed while the operation waited", call);
    case -EINVAL:
        return pirn__error(err,
                           "%s: the descriptor was made blocking, or the kernel refuses an "
                           "argument",
                           call);
    case -EBADF:
        return pirn__error(err, "%s: the descriptor is not open, or does not go that way", call);
    default:
        return pirn__error(err, "%s: %s", call, pirn_strerror(err));
    }
}

int pirn__net_errno(struct registration *r, enum io_dir dir, uint32_t seen)
{
    int err = errno;

    if (err != EAGAIN)
        return -err;
    io_drained(r, dir, seen);
    return -EAGAIN;
}

/* Out of budget, and its task has been told to come again: it keeps a seat meanwhile, so that the
 * registration stays. Return: PIRN_PENDING, or why it can't. */
static COLD int net_put_off(struct net_state *st, struct registration *r, enum io_dir dir,
                            pirn_cx *cx)
{
    int e = pirn__io_sit(&st->wait, r, dir, cx);

    if (e == 0)
        e = io_is_over(readiness_look(&r->ready));
    return e != 0 ? e : PIRN_PENDING;
}

static int net_end(pirn_op *op, struct net_state *st, const struct net_kind *kind,
                   struct net_args *a, int e)
{
    *a = st->args;
    io_wait_end(&st->wait);
    pirn_op_done(op);
    return LIKELY(e == 0) ? 0 : pirn__net_error(e, kind->op.name);
}

/* Tries as long as it is ready. */
static inline int net_go_on(pirn_op *op, pirn_cx *cx, struct net_state *st, struct registration *r,
                            const struct net_kind *kind, struct net_args *a)
{
    uint32_t seen;
    int e;

    while ((e = io_ready(&st->wait, r, kind->dir, cx, &seen)) == 0) {
        if (UNLIKELY(!pirn__cx_take_unit(cx))) {
            e = net_put_off(st, r, kind->dir, cx);
            break;
        }
        e = kind->attempt(r, &st->args, seen);
        if (e == -EAGAIN)
            cx_return_unit(cx);
        else if (e != NET_MORE)
            break;
    }
    return e == PIRN_PENDING ? e : net_end(op, st, kind, a, e);
}

int pirn__net_begin(pirn_op *op, pirn_cx *cx, struct registration *r, const struct net_kind *kind,
                    struct net_args *a)
{
    struct net_state *st = pirn_op_state(op, cx, &kind->op);
    uint32_t seen;
    int e;

    st->args = *a;
    e = pirn__io_sit(&st->wait, r, kind->dir, cx);
    if (UNLIKELY(e != 0))
        return net_end(op, st, kind, a, e);
    seen = readiness_look(&r->ready);
    if (LIKELY(!(seen & (kind->dir | READY_OVER))))
        return PIRN_PENDING;
    return net_go_on(op, cx, st, r, kind, a);
}

int pirn__net_resume(pirn_op *op, pirn_cx *cx, const struct net_kind *kind, struct net_args *a)
{
    struct net_state *st = pirn_op_state(op, cx, &kind->op);

    return net_go_on(op, cx, st, io_wait_at(&st->wait, NULL), kind, a);
}
