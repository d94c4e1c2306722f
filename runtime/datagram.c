/* SPDX-License-Identifier: MIT */
/* Sockets that send and receive messages: making them, and sharing them. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pirn/datagram.h>

#include "runtime/builder.h"
#include "runtime/net.h"
#include "runtime/net/addr.h"
#include "runtime/net/datagram.h"
#include "runtime/net/fd.h"
#include "runtime/net/sockopt.h"
#include "task/base/assert.h"
#include "task/base/error.h"

/* Registers @fd; closes it if it can't. */
static int own_datagram(struct io *io, int fd, int family, pirn_datagram **out, const char *call)
{
    int r = pirn__datagram_make(io, fd, family, out);

    if (r == 0)
        return 0;
    (void)close(fd);
    return pirn__net_error(r, call);
}

static int bind_datagram(struct io *io, int fd, const struct sockaddr *sa, socklen_t n,
                         pirn_datagram **out, const char *call)
{
    int r = bind(fd, sa, n) == 0 ? 0 : -errno;

    if (r == 0)
        return own_datagram(io, fd, sa->sa_family, out, call);
    (void)close(fd);
    return pirn__net_error(r, call);
}

int pirn_udp_bind(pirn_handle *h, const struct sockaddr *sa, socklen_t n, const pirn_udp_opts *o,
                  pirn_datagram **out)
{
    static const char call[] = "pirn_udp_bind";
    static const pirn_udp_opts defaults = PIRN_UDP_OPTS_INIT;
    struct io *io;
    int fd, r;

    if (o == NULL)
        o = &defaults;
    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    r = pirn__addr_check_inet(sa, n, call);
    if (r == 0)
        r = pirn__options_check("pirn_udp_opts", o, o->size, sizeof *o);
    if (r == 0)
        r = pirn__sockopt_check_udp(o, call);
    if (r != 0)
        return r;
    io = pirn__net_io(h, call);
    if (io == NULL)
        return PIRN_ENORUNTIME;
    fd = pirn__fd_socket(sa->sa_family, SOCK_DGRAM);
    if (fd < 0)
        return pirn__net_error(fd, call);
    r = pirn__sockopt_udp(fd, sa->sa_family, o);
    if (r == 0)
        return bind_datagram(io, fd, sa, n, out, call);
    (void)close(fd);
    return pirn__net_error(r, call);
}

int pirn_unix_datagram_bind(pirn_handle *h, const char *path, pirn_datagram **out)
{
    static const char call[] = "pirn_unix_datagram_bind";
    struct io *io;
    pirn_addr a;
    int fd, r;

    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    r = path != NULL ? pirn__addr_of_path(path, &a, call) : 0;
    if (r != 0)
        return r;
    io = pirn__net_io(h, call);
    if (io == NULL)
        return PIRN_ENORUNTIME;
    fd = pirn__fd_socket(AF_UNIX, SOCK_DGRAM);
    if (fd < 0)
        return pirn__net_error(fd, call);
    return path != NULL ? bind_datagram(io, fd, &a.sa, a.len, out, call)
                        : own_datagram(io, fd, AF_UNIX, out, call);
}

int pirn_unix_datagram_pair(pirn_handle *h, pirn_datagram **a, pirn_datagram **b)
{
    static const char call[] = "pirn_unix_datagram_pair";
    struct io *io = pirn__net_io(h, call);
    pirn_datagram *one;
    int fds[2], r;

    if (io == NULL)
        return PIRN_ENORUNTIME;
    if (a == NULL || b == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return pirn__net_error(-errno, call);
    r = own_datagram(io, fds[0], AF_UNIX, &one, call);
    if (r != 0) {
        (void)close(fds[1]);
        return r;
    }
    r = own_datagram(io, fds[1], AF_UNIX, b, call);
    if (r != 0)
        pirn_datagram_unref(one);
    else
        *a = one;
    return r;
}

int pirn_datagram_from_fd(pirn_handle *h, int fd, pirn_datagram **out)
{
    static const char call[] = "pirn_datagram_from_fd";
    struct io *io = pirn__net_io(h, call);
    bool changed;
    int family, r;

    if (io == NULL)
        return PIRN_ENORUNTIME;
    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    r = pirn__net_inspect(fd, SOCK_DGRAM, &family, call);
    if (r != 0)
        return r;
    r = pirn__fd_make_nonblocking(fd, &changed);
    if (r != 0)
        return pirn__net_error(r, call);
    r = pirn__datagram_make(io, fd, family, out);
    if (r == 0)
        return 0;
    if (changed)
        pirn__fd_make_blocking(fd);
    return pirn__net_error(r, call);
}

/* ---- sharing, asking ----------------------------------------------------------------------------- */

int pirn_datagram_connect(pirn_datagram *d, const struct sockaddr *sa, socklen_t n)
{
    static const char call[] = "pirn_datagram_connect";

    if (d == NULL || sa == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    /* As in sending: an IPv6 socket may take IPv4. */
    if (n >= sizeof sa->sa_family && sa->sa_family != AF_UNSPEC && sa->sa_family != d->family &&
        !(sa->sa_family == AF_INET && d->family == AF_INET6))
        return pirn__error(-EAFNOSUPPORT, "%s: an address of family %u, the socket is of %d", call,
                           (unsigned)sa->sa_family, d->family);
    return connect(d->reg.fd, sa, n) == 0 ? 0 : pirn__net_error(-errno, call);
}

pirn_datagram *pirn_datagram_ref(pirn_datagram *d)
{
    if (d == NULL)
        CLIENT_BUG("pirn_datagram_ref", "the socket is NULL");
    ref_add(&d->users, 1);
    return d;
}

void pirn_datagram_unref(pirn_datagram *d)
{
    if (d != NULL && ref_sub(&d->users, 1))
        pirn__registration_retire(&d->reg);
}

int pirn_datagram_fd(const pirn_datagram *d)
{
    if (d == NULL)
        CLIENT_BUG("pirn_datagram_fd", "the socket is NULL");
    return d->reg.fd;
}

int pirn_datagram_local_addr(const pirn_datagram *d, pirn_addr *out)
{
    static const char call[] = "pirn_datagram_local_addr";

    if (d == NULL || out == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    return pirn__net_name(d->reg.fd, false, out, call);
}

int pirn_datagram_peer_addr(const pirn_datagram *d, pirn_addr *out)
{
    static const char call[] = "pirn_datagram_peer_addr";

    if (d == NULL || out == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    return pirn__net_name(d->reg.fd, true, out, call);
}
