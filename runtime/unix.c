/* SPDX-License-Identifier: MIT */
/* Unix stream sockets: connecting by path, and what only they can carry. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pirn/unix.h>

#include "runtime/net.h"
#include "runtime/net/addr.h"
#include "runtime/net/connect.h"
#include "runtime/net/fd.h"
#include "runtime/net/rights.h"
#include "runtime/retry.h"
#include "task/base/error.h"

/* ---- connecting ---------------------------------------------------------------------------------- */

static const char unix_connect_name[] = "pirn_unix_connect_poll";

static const struct net_kind unix_connect_op = {
    .op = {.size = sizeof(pirn_op_kind), .name = unix_connect_name, .drop = pirn__connect_drop},
    .dir = IO_WRITE,
    .attempt = pirn__connect_try,
};

/* While the backlog is full: connect() says EAGAIN, and nothing says when to come again. */
struct connect_retry {
    struct retry retry; /* first */
    pirn_addr addr;
};

static void connect_retry_drop(void *state)
{
    pirn__retry_free(*(struct retry **)state);
}

static const pirn_op_kind connect_retry_kind = {
    .size = sizeof(pirn_op_kind),
    .name = unix_connect_name,
    .drop = connect_retry_drop,
};

/* One attempt. Return: 0 and *@out, connected or about to be; -EAGAIN: the backlog is full. */
static int unix_connect_once(struct io *io, const pirn_addr *a, pirn_stream **out)
{
    int fd = pirn__fd_socket(AF_UNIX, SOCK_STREAM);

    return fd < 0 ? fd : pirn__connect_begin(io, fd, STREAM_UNIX, &a->sa, a->len, out);
}

/* Waits for the next attempt, and makes it, until one is not -EAGAIN. */
static int connect_again(pirn_op *op, pirn_cx *cx, pirn_stream **out)
{
    struct connect_retry **state = pirn_op_state(op, cx, &connect_retry_kind);
    struct connect_retry *c = *state;
    int r;

    do {
        r = pirn__retry_poll(&c->retry, cx);
        if (r == PIRN_PENDING)
            return r;
        if (r == 0)
            r = unix_connect_once(c->retry.h->io, &c->addr, out);
    } while (r == -EAGAIN);
    pirn__retry_free(&c->retry);
    pirn_op_done(op);
    return r;
}

static int begin_again(pirn_op *op, pirn_cx *cx, const pirn_addr *a, pirn_stream **out)
{
    pirn_handle *h = pirn__runtime_resolve(NULL, unix_connect_name);
    struct connect_retry *c = (struct connect_retry *)(void *)pirn__retry_new(h, sizeof *c);
    struct connect_retry **state;

    if (c == NULL)
        return -ENOMEM;
    c->addr = *a;
    state = pirn_op_state(op, cx, &connect_retry_kind);
    *state = c;
    return connect_again(op, cx, out);
}

int pirn_unix_connect_poll(pirn_op *op, pirn_cx *cx, const char *path, pirn_stream **out)
{
    struct net_args a = {.n = 0};
    pirn_stream *s = NULL;
    pirn_addr addr;
    struct io *io;
    int r;

    if (op->kind == &connect_retry_kind) {
        r = connect_again(op, cx, &s);
    } else if (net_is_pending(op)) {
        return pirn__connect_finish(op, cx, &unix_connect_op, &a, out);
    } else {
        if (out == NULL)
            return pirn__error(-EINVAL, "%s: out is NULL", unix_connect_name);
        r = pirn__addr_of_path(path, &addr, unix_connect_name);
        if (r != 0)
            return r;
        io = pirn__net_io(NULL, unix_connect_name);
        if (io == NULL)
            return PIRN_ENORUNTIME;
        r = unix_connect_once(io, &addr, &s);
        if (r == -EAGAIN)
            r = begin_again(op, cx, &addr, &s);
    }
    if (r == PIRN_PENDING)
        return r;
    if (r != 0)
        return pirn__net_error(r, unix_connect_name);
    a.object = s;
    return pirn__connect_finish(op, cx, &unix_connect_op, &a, out);
}

int pirn_unix_pair(pirn_handle *h, pirn_stream **a, pirn_stream **b)
{
    static const char call[] = "pirn_unix_pair";
    const unsigned both = IO_WATCH_READ | IO_WATCH_WRITE;
    struct io *io = pirn__net_io(h, call);
    pirn_stream *one;
    int fds[2], r;

    if (io == NULL)
        return PIRN_ENORUNTIME;
    if (a == NULL || b == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return pirn__net_error(-errno, call);
    r = pirn__net_adopt(io, fds[0], STREAM_UNIX, both, &one, call);
    if (r != 0) {
        (void)close(fds[1]);
        return r;
    }
    r = pirn__net_adopt(io, fds[1], STREAM_UNIX, both, b, call);
    if (r != 0)
        pirn_stream_unref(one);
    else
        *a = one;
    return r;
}

/* ---- descriptors and credentials ----------------------------------------------------------------- */

static const struct net_kind send_fds_op =
    NET_KIND("pirn_unix_send_fds_poll", IO_WRITE, pirn__rights_try_send);
static const struct net_kind recv_fds_op =
    NET_KIND("pirn_unix_recv_fds_poll", IO_READ, pirn__rights_try_recv);

static int check_fds(const pirn_stream *s, const void *buf, size_t n, const int *fds, size_t count,
                     const char *call)
{
    if (s == NULL || buf == NULL || (fds == NULL && count != 0))
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (s->kind != STREAM_UNIX)
        return pirn__error(-EOPNOTSUPP, "%s: not a Unix socket", call);
    if (n == 0)
        return pirn__error(-EINVAL, "%s: no byte, and descriptors cannot travel alone", call);
    if (count > PIRN_UNIX_FDS)
        return pirn__error(-EINVAL, "%s: %zu descriptors, %d are possible", call, count,
                           PIRN_UNIX_FDS);
    return 0;
}

/* A call moves no more than this; what is left is the caller's to go on with. */
static uint32_t bytes_of(size_t n)
{
    return n < INT32_MAX ? (uint32_t)n : INT32_MAX;
}

int pirn_unix_send_fds_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, const void *buf, size_t n,
                            const int *fds, size_t count, size_t *sent)
{
    struct net_args a = {
        .from = buf, .n32 = bytes_of(n), .extra = (uint32_t)count, .fds_from = fds};
    int r = 0;

    if (!net_is_pending(op))
        r = check_fds(s, buf, n, fds, count, send_fds_op.op.name);
    if (r == 0)
        r = net_poll(op, cx, stream_reg(s), &send_fds_op, pirn__rights_try_send, &a);
    if (r == 0 && sent != NULL)
        *sent = a.n32;
    return r;
}

int pirn_unix_recv_fds_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s, void *buf, size_t n, int *fds,
                            size_t room, size_t *got, size_t *count)
{
    struct net_args a = {.buf = buf, .n32 = bytes_of(n), .extra = (uint32_t)room, .fds = fds};
    int r = 0;

    if (!net_is_pending(op))
        r = got == NULL || count == NULL
                ? pirn__error(-EINVAL, "%s: an argument is NULL", recv_fds_op.op.name)
                : check_fds(s, buf, n, fds, room, recv_fds_op.op.name);
    if (r == 0)
        r = net_poll(op, cx, stream_reg(s), &recv_fds_op, pirn__rights_try_recv, &a);
    if (r == 0) {
        *got = a.n32;
        *count = a.extra;
    }
    return r;
}

int pirn_unix_peer_cred(const pirn_stream *s, pirn_unix_cred *out)
{
    static const char call[] = "pirn_unix_peer_cred";
    struct ucred c;
    socklen_t n = sizeof c;

    if (s == NULL || out == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (s->kind != STREAM_UNIX && s->kind != STREAM_PIPE)
        return pirn__error(-EOPNOTSUPP, "%s: not a Unix socket", call);
    if (getsockopt(s->reg.fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0)
        return pirn__net_error(-errno, call);
    *out = (pirn_unix_cred){.pid = c.pid, .uid = c.uid, .gid = c.gid};
    return 0;
}
