/* SPDX-License-Identifier: MIT */
/* Accepting: which errors are the connection's, which are the moment's, and how none is lost. */
#include "runtime/net/listener.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/io.h"
#include "runtime/net/fd.h"

static void listener_release(struct registration *r)
{
    /* mo: relaxed. The last operation has left; what it did is ordered by that. */
    int fd = atomic_load_explicit(&listener_of(r)->left_over, memory_order_relaxed);

    if (fd >= 0)
        (void)close(fd);
    io_free(r->io, listener_of(r), sizeof(struct pirn_listener));
}

static const struct registration_kind listener_registration = {
    .release = listener_release,
};

int pirn__listener_make(struct io *io, int fd, enum stream_kind kind, struct pirn_listener **out)
{
    struct pirn_listener *l = io_alloc(io, sizeof *l, _Alignof(struct pirn_listener));
    int r;

    if (l == NULL)
        return -ENOMEM;
    l->kind = kind;
    l->backoff = (pirn_op){0};
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&l->left_over, -1, memory_order_relaxed);
    r = pirn__registration_add(&l->reg, io, fd, IO_WATCH_READ | IO_OWNS, READY_READ,
                               &listener_registration);
    if (r != 0) {
        io_free(io, l, sizeof *l);
        return r;
    }
    *out = l;
    return 0;
}

bool pirn__listener_is_shortage(int err)
{
    return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM || err == -ENOSPC;
}

/* Errors of a connection that is gone, which Linux hands on through accept(): the next may be well. */
static bool is_of_connection(int err)
{
    switch (err) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM: /* a firewall's rule */
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static int accept_fd(struct pirn_listener *l)
{
    int fd;

    /* mo: relaxed. Whoever gets the number owns it; the kernel keeps what is behind it. */
    fd = atomic_exchange_explicit(&l->left_over, -1, memory_order_relaxed);
    if (fd >= 0)
        return fd;
    do {
        fd = accept4(l->reg.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EINTR || is_of_connection(errno)));
    return fd;
}

int pirn__listener_try_accept(struct registration *r, struct net_args *a, uint32_t seen)
{
    struct pirn_listener *l = listener_of(r);
    struct pirn_stream *s;
    int fd, e;

    if (pirn__fd_is_blocking(r->fd))
        return -EINVAL;
    fd = accept_fd(l);
    if (fd < 0)
        return pirn__net_errno(r, IO_READ, seen);
    e = pirn__stream_of_socket(r->io, fd, l->kind, &s);
    if (e == 0) {
        a->object = s;
        return 0;
    }
    /* mo: relaxed, as in accept_fd(). */
    fd = pirn__listener_is_shortage(e)
             ? atomic_exchange_explicit(&l->left_over, fd, memory_order_relaxed)
             : fd;
    /* Two threads accept at once, and there is room for one that could not become a stream. */
    if (fd >= 0)
        (void)close(fd);
    return e;
}
