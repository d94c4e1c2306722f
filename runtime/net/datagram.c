/* SPDX-License-Identifier: MIT */
/* How is a message sent and received, whole or not at all? */
#include "runtime/net/datagram.h"

#include <errno.h>
#include <sys/socket.h>

#include "runtime/io/io.h"
#include "runtime/net/addr.h"

static void datagram_release(struct registration *r)
{
    io_free(r->io, datagram_of(r), sizeof(struct pirn_datagram));
}

static const struct registration_kind datagram_registration = {
    .release = datagram_release,
};

int pirn__datagram_make(struct io *io, int fd, int family, struct pirn_datagram **out)
{
    struct pirn_datagram *d = io_alloc(io, sizeof *d, _Alignof(struct pirn_datagram));
    int r;

    if (d == NULL)
        return -ENOMEM;
    ref_init(&d->users, 1);
    d->family = family;
    r = pirn__registration_add(&d->reg, io, fd, IO_WATCH_READ | IO_WATCH_WRITE | IO_OWNS,
                               READY_READ | READY_WRITE, &datagram_registration);
    if (r != 0) {
        io_free(io, d, sizeof *d);
        return r;
    }
    *out = d;
    return 0;
}

static ssize_t send_message(const struct registration *r, const struct net_args *a,
                            const struct sockaddr *sa, socklen_t len)
{
    ssize_t sent;

    do {
        sent = sendto(r->fd, a->from, a->n32, MSG_DONTWAIT | MSG_NOSIGNAL, sa, len);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

int pirn__datagram_try_send(struct registration *r, struct net_args *a, uint32_t seen)
{
    return send_message(r, a, NULL, 0) >= 0 ? 0 : pirn__net_errno(r, IO_WRITE, seen);
}

int pirn__datagram_try_send_to(struct registration *r, struct net_args *a, uint32_t seen)
{
    if (send_message(r, a, a->sa, a->extra) >= 0)
        return 0;
    /* It is the receiver's queue that is full: nothing will say that there is room, and there is room for
     * other receivers. */
    if (datagram_of(r)->family == AF_UNIX)
        return -errno;
    return pirn__net_errno(r, IO_WRITE, seen);
}

static int receive_message(struct registration *r, struct net_args *a, uint32_t seen, int flags)
{
    struct iovec iov = {.iov_base = a->buf, .iov_len = a->n32};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t got;

    if (a->addr != NULL) {
        msg.msg_name = &a->addr->storage;
        msg.msg_namelen = sizeof a->addr->storage;
    }
    do {
        /* MSG_TRUNC: the message's own length, however much of it fits. */
        got = recvmsg(r->fd, &msg, MSG_DONTWAIT | MSG_TRUNC | flags);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return pirn__net_errno(r, IO_READ, seen);
    if (a->addr != NULL)
        pirn__addr_received(a->addr, msg.msg_namelen);
    a->extra = (uint32_t)got;
    return 0;
}

int pirn__datagram_try_recv(struct registration *r, struct net_args *a, uint32_t seen)
{
    return receive_message(r, a, seen, 0);
}

int pirn__datagram_try_peek(struct registration *r, struct net_args *a, uint32_t seen)
{
    return receive_message(r, a, seen, MSG_PEEK);
}
