/* SPDX-License-Identifier: MIT */
/* Connecting a stream socket.
 *
 * It is registered after connect(): before that, epoll tells of a hang-up. And it is taken for ready at
 * first: on the loopback most connections stand when connect() returns. */
#include "runtime/net/connect.h"

#include <errno.h>
#include <unistd.h>

#include "runtime/net/fd.h"

int pirn__connect_begin(struct io *io, int fd, enum stream_kind kind, const struct sockaddr *sa,
                        socklen_t n, struct pirn_stream **out)
{
    int r = 0;

    /* Interrupted, it goes on as one that is in progress. */
    if (connect(fd, sa, n) != 0 && errno != EINPROGRESS && errno != EINTR)
        r = -errno;
    if (r == 0)
        r = pirn__stream_of_socket(io, fd, kind, out);
    if (r != 0)
        (void)close(fd);
    return r;
}

int pirn__connect_try(struct registration *r, struct net_args *a, uint32_t seen)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    int err, e;

    (void)a;
    e = pirn__fd_option(r->fd, SOL_SOCKET, SO_ERROR, &err);
    if (e != 0 || err != 0)
        return e != 0 ? e : -err;
    if (getpeername(r->fd, (struct sockaddr *)&peer, &n) == 0)
        return 0;
    if (errno == ENOTCONN && !(seen & READY_WRITE_CLOSED))
        errno = EAGAIN;
    return pirn__net_errno(r, IO_WRITE, seen);
}

void pirn__connect_drop(void *state)
{
    struct net_state *st = state;
    struct pirn_stream *s = st->args.object;

    pirn__io_wait_drop(&st->wait);
    pirn_stream_unref(s);
}

int pirn__connect_finish(pirn_op *op, pirn_cx *cx, const struct net_kind *kind, struct net_args *a,
                         struct pirn_stream **out)
{
    bool begin = !net_is_pending(op);
    int r = begin
                ? net_poll(op, cx, &((struct pirn_stream *)a->object)->reg, kind, kind->attempt, a)
                : pirn__net_resume(op, cx, kind, a);

    if (r == PIRN_PENDING)
        return r;
    if (r == 0)
        *out = a->object;
    else
        pirn_stream_unref(a->object);
    return r;
}
