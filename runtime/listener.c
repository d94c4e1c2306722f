/* SPDX-License-Identifier: MIT */
/* Making listeners, and the operation that accepts: what it does when descriptors run out. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pirn/tcp.h>
#include <pirn/time.h>
#include <pirn/unix.h>

#include "runtime/builder.h"
#include "runtime/net.h"
#include "runtime/net/addr.h"
#include "runtime/net/fd.h"
#include "runtime/net/listener.h"
#include "runtime/net/sockopt.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/op.h"

enum {
    DEFAULT_BACKLOG = 1024
};
#define BACKOFF_FIRST PIRN_MS
#define BACKOFF_LAST  PIRN_SEC

/* ---- making -------------------------------------------------------------------------------------- */

/* Binds, listens, registers; closes @fd if one of them fails. */
static int listen_on(struct io *io, int fd, const struct sockaddr *sa, socklen_t n,
                     uint32_t backlog, pirn_listener **out, const char *call)
{
    int r = bind(fd, sa, n) == 0 && listen(fd, backlog != 0 ? (int)backlog : DEFAULT_BACKLOG) == 0
                ? 0
                : -errno;

    if (r == 0)
        r = pirn__listener_make(io, fd, pirn__net_stream_kind(sa->sa_family), out);
    if (r == 0)
        return 0;
    (void)close(fd);
    return pirn__net_error(r, call);
}

int pirn_tcp_listen(pirn_handle *h, const struct sockaddr *sa, socklen_t n, const pirn_tcp_opts *o,
                    pirn_listener **out)
{
    static const char call[] = "pirn_tcp_listen";
    static const pirn_tcp_opts defaults = PIRN_TCP_OPTS_INIT;
    struct io *io;
    int fd, r;

    if (o == NULL)
        o = &defaults;
    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    r = pirn__addr_check_inet(sa, n, call);
    if (r == 0)
        r = pirn__options_check("pirn_tcp_opts", o, o->size, sizeof *o);
    if (r == 0)
        r = pirn__sockopt_check_tcp(o, call);
    if (r != 0)
        return r;
    if (o->local != NULL)
        return pirn__error(-EINVAL, "%s: opts.local is for connections", call);
    io = pirn__net_io(h, call);
    if (io == NULL)
        return PIRN_ENORUNTIME;
    fd = pirn__fd_socket(sa->sa_family, SOCK_STREAM);
    if (fd < 0)
        return pirn__net_error(fd, call);
    r = pirn__sockopt_listener(fd, sa->sa_family, o);
    if (r != 0) {
        (void)close(fd);
        return pirn__net_error(r, call);
    }
    return listen_on(io, fd, sa, n, o->backlog, out, call);
}

int pirn_unix_listen(pirn_handle *h, const char *path, uint32_t backlog, pirn_listener **out)
{
    static const char call[] = "pirn_unix_listen";
    struct io *io;
    pirn_addr a;
    int fd, r;

    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    r = pirn__addr_of_path(path, &a, call);
    if (r != 0)
        return r;
    io = pirn__net_io(h, call);
    if (io == NULL)
        return PIRN_ENORUNTIME;
    fd = pirn__fd_socket(AF_UNIX, SOCK_STREAM);
    if (fd < 0)
        return pirn__net_error(fd, call);
    return listen_on(io, fd, &a.sa, a.len, backlog & INT32_MAX, out, call);
}

int pirn_listener_from_fd(pirn_handle *h, int fd, pirn_listener **out)
{
    static const char call[] = "pirn_listener_from_fd";
    struct io *io = pirn__net_io(h, call);
    int family, listens = 0, r;
    bool changed;

    if (io == NULL)
        return PIRN_ENORUNTIME;
    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    r = pirn__net_inspect(fd, SOCK_STREAM, &family, call);
    if (r != 0)
        return r;
    if (pirn__fd_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens) != 0 || !listens)
        return pirn__error(-EINVAL, "%s: the socket does not listen", call);
    r = pirn__fd_make_nonblocking(fd, &changed);
    if (r != 0)
        return pirn__net_error(r, call);
    r = pirn__listener_make(io, fd, pirn__net_stream_kind(family), out);
    if (r == 0)
        return 0;
    if (changed)
        pirn__fd_make_blocking(fd);
    return pirn__net_error(r, call);
}

int pirn_listener_addr(const pirn_listener *l, pirn_addr *out)
{
    if (l == NULL || out == NULL)
        return pirn__error(-EINVAL, "pirn_listener_addr: an argument is NULL");
    return pirn__net_name(l->reg.fd, false, out, "pirn_listener_addr");
}

int pirn_listener_fd(const pirn_listener *l)
{
    if (l == NULL)
        CLIENT_BUG("pirn_listener_fd", "the listener is NULL");
    return l->reg.fd;
}

void pirn_listener_free(pirn_listener *l)
{
    if (l != NULL)
        pirn__registration_retire(&l->reg);
}

/* ---- accepting ----------------------------------------------------------------------------------- */

static const struct net_kind accept_op =
    NET_KIND("pirn_listener_accept_poll", IO_READ, pirn__listener_try_accept);

/* Of an accept that waits for descriptors. It has the reader's seat, which keeps other accepts away from
 * the listener's timer, and the listener in memory. */
struct backoff_state {
    struct io_wait wait; /* first */
    pirn_time until;
    int64_t delay_ns;
    int err; /* what ran out */
};
_Static_assert(sizeof(struct backoff_state) <= PIRN_OP_STATE, "fits into an op");

static void backoff_drop(void *state)
{
    struct backoff_state *st = state;

    /* Before the seat is left: with it the listener may go. */
    if (io_wait_is_seated(&st->wait))
        pirn_op_drop(&listener_of(io_wait_at(&st->wait, NULL))->backoff);
    pirn__io_wait_drop(&st->wait);
}

static const pirn_op_kind backoff_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "pirn_listener_accept_poll",
    .drop = backoff_drop,
};

static int backoff_more(struct backoff_state *st, int err)
{
    st->err = err;
    st->delay_ns = st->delay_ns == 0 ? BACKOFF_FIRST : st->delay_ns * 2;
    if (st->delay_ns > BACKOFF_LAST)
        st->delay_ns = BACKOFF_LAST;
    st->until = pirn_after(st->delay_ns);
    return PIRN_PENDING;
}

/* One round: sits, sleeps, tries. Return: PIRN_PENDING: polled later, or, if the time has changed, again;
 * else the end of it, -EAGAIN for one that is to wait for connections. */
static int backoff_step(struct backoff_state *st, struct registration *r, pirn_cx *cx,
                        struct net_args *a)
{
    int e = pirn__io_sit(&st->wait, r, IO_READ, cx);

    if (e == 0)
        e = io_is_over(readiness_look(&r->ready));
    if (e != 0)
        return e;
    e = pirn_sleep_poll(&listener_of(r)->backoff, cx, st->until);
    if (e == PIRN_PENDING)
        return e;
    if (e != 0)
        return st->err; /* without a runtime there is no timer */
    e = pirn__listener_try_accept(r, a, readiness_look(&r->ready));
    return pirn__listener_is_shortage(e) ? backoff_more(st, e) : e;
}

/* @err: what ran out just now; 0: it backs off already. */
static int backoff_poll(pirn_op *op, pirn_cx *cx, struct registration *r, int err,
                        struct net_args *a)
{
    struct backoff_state *st = pirn_op_state(op, cx, &backoff_kind);
    pirn_time until;
    int e;

    if (err != 0)
        (void)backoff_more(st, err);
    do {
        until = st->until;
        e = backoff_step(st, r, cx, a);
    } while (e == PIRN_PENDING && until != st->until);
    if (e == PIRN_PENDING)
        return e;
    backoff_drop(st);
    pirn_op_done(op);
    return e;
}

static int accept_step(pirn_op *op, pirn_cx *cx, struct registration *r, struct net_args *a)
{
    int e = -EAGAIN;

    if (UNLIKELY(op->kind == &backoff_kind))
        e = backoff_poll(op, cx, r, 0, a);
    if (LIKELY(e == -EAGAIN))
        e = net_poll(op, cx, r, &accept_op, pirn__listener_try_accept, a);
    return UNLIKELY(pirn__listener_is_shortage(e)) ? backoff_poll(op, cx, r, e, a) : e;
}

/* A pending one's listener is the first call's, and may be given up any time. Between the two kinds of
 * waiting the operation has no seat to keep it. */
static int accept_pending(pirn_op *op, pirn_cx *cx, struct net_args *a)
{
    struct registration *r = io_wait_at(op_state_of(op), NULL);
    int e;

    ref_add(&r->pins, 1);
    e = accept_step(op, cx, r, a);
    pirn__registration_unpin(r);
    return e;
}

int pirn_listener_accept_poll(pirn_op *op, pirn_cx *cx, pirn_listener *l, pirn_stream **out)
{
    struct net_args a = {.n = 0};
    int r;

    if (net_is_pending(op))
        r = accept_pending(op, cx, &a);
    else if (UNLIKELY(l == NULL || out == NULL))
        return pirn__error(-EINVAL, "pirn_listener_accept_poll: an argument is NULL");
    else
        r = accept_step(op, cx, listener_reg(l), &a);
    if (LIKELY(r == 0))
        *out = a.object;
    return r < 0 ? pirn__net_error(r, "pirn_listener_accept_poll") : r;
}

int pirn_listener_accept_try(pirn_listener *l, pirn_stream **out)
{
    struct net_args a = {.n = 0};
    uint32_t seen;
    int r;

    if (l == NULL || out == NULL)
        return pirn__error(-EINVAL, "pirn_listener_accept_try: an argument is NULL");
    seen = readiness_look(&l->reg.ready);
    r = seen & READY_SHUT ? PIRN_ESHUTDOWN : pirn__listener_try_accept(&l->reg, &a, seen);
    if (r == 0)
        *out = a.object;
    return r == 0 ? 0 : pirn__net_error(r, "pirn_listener_accept_try");
}
