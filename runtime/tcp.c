/* SPDX-License-Identifier: MIT */
/* Connecting to an address. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pirn/tcp.h>

#include "runtime/builder.h"
#include "runtime/net.h"
#include "runtime/net/addr.h"
#include "runtime/net/connect.h"
#include "runtime/net/fd.h"
#include "runtime/net/sockopt.h"
#include "task/base/error.h"

static const char connect_name[] = "pirn_tcp_connect_poll";

static const struct net_kind connect_op = {
    .op = {.size = sizeof(pirn_op_kind), .name = connect_name, .drop = pirn__connect_drop},
    .dir = IO_WRITE,
    .attempt = pirn__connect_try,
};

static int check_connect(const struct sockaddr *sa, socklen_t n, const pirn_tcp_opts *o)
{
    const uint32_t of_listeners = PIRN_TCP_V6ONLY | PIRN_TCP_DUAL_STACK | PIRN_TCP_DEFER_ACCEPT |
                                  PIRN_TCP_FASTOPEN | PIRN_TCP_NO_REUSE_ADDR;
    int r = pirn__addr_check_inet(sa, n, connect_name);

    if (r == 0)
        r = pirn__options_check("pirn_tcp_opts", o, o->size, sizeof *o);
    if (r == 0)
        r = pirn__sockopt_check_tcp(o, connect_name);
    if (r == 0 && (o->backlog != 0 || (o->flags & of_listeners)))
        r = pirn__error(-EINVAL, "%s: opts.%s is for listeners", connect_name,
                        o->backlog != 0 ? "backlog" : "flags");
    if (r == 0 && o->local != NULL)
        r = pirn__addr_check_inet(o->local, o->local_len, connect_name);
    return r;
}

/* Return: the socket, its options set and bound if that is asked for; -errno. */
static int connect_socket(int family, const pirn_tcp_opts *o)
{
    int fd = pirn__fd_socket(family, SOCK_STREAM), r;

    if (fd < 0)
        return fd;
    r = pirn__sockopt_tcp(fd, o);
    if (r == 0 && (o->flags & PIRN_TCP_REUSE_PORT))
        r = pirn__fd_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    /* A local port is often one that was used a moment ago. */
    if (r == 0 && o->local != NULL)
        r = pirn__fd_set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && o->local != NULL && bind(fd, o->local, o->local_len) != 0)
        r = -errno;
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}

static int begin_connect(const struct sockaddr *sa, socklen_t n, const pirn_tcp_opts *o,
                         pirn_stream **out)
{
    static const pirn_tcp_opts defaults = PIRN_TCP_OPTS_INIT;
    struct io *io;
    int fd, r;

    if (o == NULL)
        o = &defaults;
    r = check_connect(sa, n, o);
    if (r != 0)
        return r;
    io = pirn__net_io(NULL, connect_name);
    if (io == NULL)
        return PIRN_ENORUNTIME;
    fd = connect_socket(sa->sa_family, o);
    r = fd < 0 ? fd : pirn__connect_begin(io, fd, STREAM_TCP, sa, n, out);
    return r == 0 ? 0 : pirn__net_error(r, connect_name);
}

int pirn_tcp_connect_with_poll(pirn_op *op, pirn_cx *cx, const struct sockaddr *sa, socklen_t n,
                               const pirn_tcp_opts *o, pirn_stream **out)
{
    struct net_args a = {.n = 0};
    pirn_stream *s = NULL;
    int r;

    if (!net_is_pending(op)) {
        if (out == NULL)
            return pirn__error(-EINVAL, "%s: out is NULL", connect_name);
        r = begin_connect(sa, n, o, &s);
        if (r != 0)
            return r;
        a.object = s;
    }
    return pirn__connect_finish(op, cx, &connect_op, &a, out);
}

int pirn_tcp_connect_poll(pirn_op *op, pirn_cx *cx, const struct sockaddr *sa, socklen_t n,
                          pirn_stream **out)
{
    return pirn_tcp_connect_with_poll(op, cx, sa, n, NULL, out);
}
