/* SPDX-License-Identifier: MIT */
/* The operations of a datagram socket. */
#include <errno.h>
#include <sys/socket.h>

#include <pirn/datagram.h>

#include "runtime/net.h"
#include "runtime/net/datagram.h"
#include "runtime/retry.h"
#include "task/base/error.h"

/* ---- sending ------------------------------------------------------------------------------------- */

static const struct net_kind send_op =
    NET_KIND("pirn_datagram_send_poll", IO_WRITE, pirn__datagram_try_send);
static const struct net_kind send_to_op =
    NET_KIND("pirn_datagram_send_to_poll", IO_WRITE, pirn__datagram_try_send_to);

static int check_message(const pirn_datagram *d, const void *buf, size_t n, const char *call)
{
    if (d == NULL || (buf == NULL && n != 0))
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (n > INT32_MAX)
        return pirn__error(-EMSGSIZE, "%s: a message of %zu bytes", call, n);
    return 0;
}

int pirn_datagram_send_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d, const void *buf, size_t n)
{
    struct net_args a = {.from = buf, .n32 = (uint32_t)n};
    int r = 0;

    if (!net_is_pending(op))
        r = check_message(d, buf, n, send_op.op.name);
    if (r == 0)
        r = net_poll(op, cx, datagram_reg(d), &send_op, pirn__datagram_try_send, &a);
    return r;
}

/* A message to a Unix socket whose queue is full. */
struct send_retry {
    struct retry retry; /* first */
    struct net_args args;
};

/* It has the writer's seat, so that the socket stays, and says if it is freed. */
struct send_retry_state {
    struct io_wait wait; /* first */
    struct send_retry *again;
};

static void send_retry_drop(void *state)
{
    struct send_retry_state *st = state;

    if (st->again != NULL)
        pirn__retry_free(&st->again->retry);
    pirn__io_wait_drop(&st->wait);
}

static const pirn_op_kind send_retry_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "pirn_datagram_send_to_poll",
    .drop = send_retry_drop,
};

/* Return: PIRN_PENDING, or the end of it. */
static int send_again_step(struct send_retry_state *st, struct registration *r, pirn_cx *cx)
{
    int e = pirn__io_sit(&st->wait, r, IO_WRITE, cx);

    if (e == 0)
        e = io_is_over(readiness_look(&r->ready));
    while (e == 0) {
        e = pirn__retry_poll(&st->again->retry, cx);
        if (e != 0)
            break;
        e = pirn__datagram_try_send_to(r, &st->again->args, 0);
        if (e != -EAGAIN)
            break;
        e = 0;
    }
    return e;
}

/* @a: what there was no room for; NULL: it waits already. @put_off: nothing was tried: the budget is used up,
 * and the task comes again. */
static int send_again(pirn_op *op, pirn_cx *cx, pirn_datagram *d, const struct net_args *a,
                      bool put_off)
{
    struct send_retry_state *st = pirn_op_state(op, cx, &send_retry_kind);
    struct registration *r = io_wait_at(&st->wait, datagram_reg(d));
    pirn_handle *h;
    int e = 0;

    if (a != NULL) {
        h = pirn__runtime_resolve(NULL, send_retry_kind.name);
        st->again =
            h != NULL ? (struct send_retry *)(void *)pirn__retry_new(h, sizeof *st->again) : NULL;
        e = h == NULL ? PIRN_ENORUNTIME : st->again == NULL ? -ENOMEM : 0;
        if (e == 0)
            st->again->args = *a;
    }
    if (e == 0 && put_off) {
        st->again->retry.until = 0;
        e = pirn__io_sit(&st->wait, r, IO_WRITE, cx);
        if (e == 0)
            return PIRN_PENDING;
    }
    if (e == 0)
        e = send_again_step(st, r, cx);
    if (e == PIRN_PENDING)
        return e;
    send_retry_drop(st);
    pirn_op_done(op);
    return e == 0 ? 0 : pirn__net_error(e, send_retry_kind.name);
}

static int check_target(const pirn_datagram *d, const struct sockaddr *sa, socklen_t len,
                        const char *call)
{
    if (sa == NULL || len < sizeof sa->sa_family)
        return pirn__error(-EINVAL, "%s: %s", call,
                           sa == NULL ? "the address is NULL" : "the address is too short");
    /* An IPv6 socket takes IPv4 addresses too, unless it was told not to: the kernel says. */
    if (sa->sa_family != d->family && !(sa->sa_family == AF_INET && d->family == AF_INET6))
        return pirn__error(-EAFNOSUPPORT, "%s: an address of family %u, the socket is of %d", call,
                           (unsigned)sa->sa_family, d->family);
    return 0;
}

int pirn_datagram_send_to_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d, const void *buf,
                               size_t n, const struct sockaddr *sa, socklen_t len)
{
    struct net_args a = {.from = buf, .n32 = (uint32_t)n, .extra = len, .sa = sa};
    int r = 0;

    if (op->kind == &send_retry_kind)
        return send_again(op, cx, d, NULL, false);
    if (!net_is_pending(op)) {
        r = check_message(d, buf, n, send_to_op.op.name);
        if (r == 0)
            r = check_target(d, sa, len, send_to_op.op.name);
        if (r != 0)
            return r;
        if (d->family == AF_UNIX) {
            if (!pirn__cx_take_unit(cx))
                return send_again(op, cx, d, &a, true);
            r = io_is_over(readiness_look(&d->reg.ready));
            if (r == 0)
                r = pirn__datagram_try_send_to(&d->reg, &a, 0);
            if (r == -EAGAIN)
                return send_again(op, cx, d, &a, false);
            return r == 0 ? 0 : pirn__net_error(r, send_to_op.op.name);
        }
    }
    return net_poll(op, cx, datagram_reg(d), &send_to_op, pirn__datagram_try_send_to, &a);
}

/* ---- receiving ----------------------------------------------------------------------------------- */

static const struct net_kind recv_op =
    NET_KIND("pirn_datagram_recv_poll", IO_READ, pirn__datagram_try_recv);
static const struct net_kind recv_from_op =
    NET_KIND("pirn_datagram_recv_from_poll", IO_READ, pirn__datagram_try_recv);
static const struct net_kind peek_from_op =
    NET_KIND("pirn_datagram_peek_from_poll", IO_READ, pirn__datagram_try_peek);

static int datagram_receive(pirn_op *op, pirn_cx *cx, pirn_datagram *d, const struct net_kind *kind,
                            void *buf, size_t n, size_t *got, pirn_addr *from)
{
    struct net_args a = {.buf = buf, .n32 = n < INT32_MAX ? (uint32_t)n : INT32_MAX, .addr = from};
    struct net_state *st;
    int r = 0;

    /* Outputs are those of the call that succeeds. */
    if (net_is_pending(op)) {
        st = pirn_op_state(op, cx, &kind->op);
        st->args.addr = from;
    } else if (d == NULL || got == NULL || (buf == NULL && n != 0)) {
        r = pirn__error(-EINVAL, "%s: an argument is NULL", kind->op.name);
    }
    if (r == 0)
        r = net_poll(op, cx, datagram_reg(d), kind, kind->attempt, &a);
    if (r == 0)
        *got = a.extra;
    return r;
}

int pirn_datagram_recv_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d, void *buf, size_t n,
                            size_t *got)
{
    return datagram_receive(op, cx, d, &recv_op, buf, n, got, NULL);
}

int pirn_datagram_recv_from_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d, void *buf, size_t n,
                                 size_t *got, pirn_addr *from)
{
    return datagram_receive(op, cx, d, &recv_from_op, buf, n, got, from);
}

int pirn_datagram_peek_from_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d, void *buf, size_t n,
                                 size_t *got, pirn_addr *from)
{
    return datagram_receive(op, cx, d, &peek_from_op, buf, n, got, from);
}
