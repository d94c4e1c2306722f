/* SPDX-License-Identifier: MIT */
/* How is a stream read and written, whatever it is made of?
 *
 * Sockets are asked not to block call by call, so that one whose descriptor was made blocking behind our
 * back does no harm. A pipe has no such flag, nor one against SIGPIPE: it is looked at before each call,
 * and the signal is held back. */
#include "runtime/net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/io/io.h"
#include "runtime/net/fd.h"
#include "runtime/os/sigpipe.h"
#include "runtime/os/socket.h"
#include "task/base/error.h"

/* ---- life ---- */

static void stream_release(struct registration *r)
{
    io_free(r->io, stream_of(r), sizeof(struct pirn_stream));
}

static const struct registration_kind stream_registration = {
    .release = stream_release,
};

int pirn__stream_make(struct io *io, int fd, enum stream_kind kind, unsigned watch,
                      struct pirn_stream **out)
{
    struct pirn_stream *s = io_alloc(io, sizeof *s, _Alignof(struct pirn_stream));
    int r;

    if (s == NULL)
        return -ENOMEM;
    ref_init(&s->users, 1);
    s->kind = kind;
    r = pirn__registration_add(&s->reg, io, fd, watch | IO_OWNS, READY_READ | READY_WRITE,
                               &stream_registration);
    if (r != 0) {
        io_free(io, s, sizeof *s);
        return r;
    }
    *out = s;
    return 0;
}

int pirn__stream_of_socket(struct io *io, int fd, enum stream_kind kind, struct pirn_stream **out)
{
    return pirn__stream_make(io, fd, kind, IO_WATCH_READ | IO_WATCH_WRITE, out);
}

/* ---- reading ---- */

/* Of a pipe: that it will not block this thread. */
static int pipe_check(const struct registration *r)
{
    return pirn__fd_is_blocking(r->fd) ? -EINVAL : 0;
}

static COLD ssize_t pipe_read(const struct registration *r, void *buf, size_t n)
{
    if (pipe_check(r) != 0) {
        errno = EINVAL;
        return -1;
    }
    return read(r->fd, buf, n);
}

static inline ssize_t read_once(const struct registration *r, void *buf, size_t n, int flags)
{
    ssize_t got;

    do {
        got = LIKELY(!stream_is_pipe(r)) ? pirn__socket_recv(r->fd, buf, n, MSG_DONTWAIT | flags)
                                         : pipe_read(r, buf, n);
    } while (UNLIKELY(got < 0) && errno == EINTR);
    return got;
}

/* After a read of less than was asked for, which is not the end. */
static inline void read_was_short(struct registration *r, uint32_t seen)
{
    /* Reads of Unix sockets also end where descriptors come along. */
    if (stream_of(r)->kind != STREAM_UNIX)
        io_drained(r, IO_READ, seen);
}

int pirn__stream_try_read(struct registration *r, struct net_args *a, uint32_t seen)
{
    ssize_t got = read_once(r, a->buf, a->n, 0);

    if (UNLIKELY(got < 0))
        return pirn__net_errno(r, IO_READ, seen);
    a->done = (size_t)got;
    if (a->done < a->n && got > 0)
        read_was_short(r, seen);
    return 0;
}

int pirn__stream_try_peek(struct registration *r, struct net_args *a, uint32_t seen)
{
    ssize_t got = stream_is_pipe(r) ? (errno = ENOTSOCK, -1) : read_once(r, a->buf, a->n, MSG_PEEK);

    if (got < 0)
        return pirn__net_errno(r, IO_READ, seen);
    a->done = (size_t)got;
    return 0;
}

int pirn__stream_try_read_exact(struct registration *r, struct net_args *a, uint32_t seen)
{
    struct net_args rest = {.buf = (char *)a->buf + a->done, .n = a->n - a->done};
    int e = pirn__stream_try_read(r, &rest, seen);

    if (e != 0)
        return e;
    if (rest.done == 0)
        return PIRN_EOF;
    a->done += rest.done;
    return a->done == a->n ? 0 : NET_MORE;
}

static size_t iov_bytes(const struct iovec *iov, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += iov[i].iov_len;
    return sum;
}

/* recvmsg() and sendmsg() do not write to what it points to. */
static struct iovec *iov_of(const struct net_args *a)
{
    union {
        const struct iovec *in;
        struct iovec *out;
    } u = {.in = a->iov};

    return u.out;
}

int pirn__stream_try_readv(struct registration *r, struct net_args *a, uint32_t seen)
{
    struct msghdr msg = {.msg_iov = iov_of(a), .msg_iovlen = a->n};
    ssize_t got;

    if (stream_is_pipe(r) && pipe_check(r) != 0)
        return -EINVAL;
    do {
        got = stream_is_pipe(r) ? readv(r->fd, a->iov, (int)a->n)
                                : recvmsg(r->fd, &msg, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return pirn__net_errno(r, IO_READ, seen);
    a->done = (size_t)got;
    if (got > 0 && a->done < iov_bytes(a->iov, a->n))
        read_was_short(r, seen);
    return 0;
}

/* ---- writing ---- */

static ssize_t pipe_write(int fd, const struct iovec *iov, int n)
{
    struct sigpipe_guard guard;
    ssize_t sent;

    pirn__sigpipe_begin(&guard);
    do {
        sent = writev(fd, iov, n);
    } while (sent < 0 && errno == EINTR);
    pirn__sigpipe_end(&guard, sent < 0 || (size_t)sent < iov_bytes(iov, (size_t)n));
    return sent;
}

static COLD ssize_t pipe_write_one(const struct registration *r, const void *buf, size_t n)
{
    const struct net_args whole = {.from = buf};
    const struct iovec iov = {.iov_base = whole.buf, .iov_len = n};

    if (pipe_check(r) != 0) {
        errno = EINVAL;
        return -1;
    }
    return pipe_write(r->fd, &iov, 1);
}

/* Return: how many bytes went; -1 with errno. */
static inline ssize_t write_once(struct registration *r, const void *buf, size_t n, uint32_t seen)
{
    ssize_t sent;

    do {
        sent = LIKELY(!stream_is_pipe(r))
                   ? pirn__socket_send(r->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                   : pipe_write_one(r, buf, n);
    } while (UNLIKELY(sent < 0) && errno == EINTR);
    if (UNLIKELY((size_t)sent < n) && sent >= 0)
        io_drained(r, IO_WRITE, seen);
    return sent;
}

int pirn__stream_try_write(struct registration *r, struct net_args *a, uint32_t seen)
{
    ssize_t sent = write_once(r, a->from, a->n, seen);

    if (UNLIKELY(sent < 0))
        return pirn__net_errno(r, IO_WRITE, seen);
    a->done = (size_t)sent;
    return 0;
}

int pirn__stream_try_write_all(struct registration *r, struct net_args *a, uint32_t seen)
{
    size_t rest = a->n - a->done;
    ssize_t sent = write_once(r, (const char *)a->from + a->done, rest, seen);

    if (UNLIKELY(sent < 0))
        return pirn__net_errno(r, IO_WRITE, seen);
    a->done += (size_t)sent;
    return LIKELY((size_t)sent == rest) ? 0 : NET_MORE;
}

int pirn__stream_try_writev(struct registration *r, struct net_args *a, uint32_t seen)
{
    const struct msghdr msg = {.msg_iov = iov_of(a), .msg_iovlen = a->n};
    ssize_t sent;

    if (stream_is_pipe(r)) {
        if (pipe_check(r) != 0)
            return -EINVAL;
        sent = pipe_write(r->fd, a->iov, (int)a->n);
    } else {
        do {
            sent = pirn__socket_sendmsg(r->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (sent < 0 && errno == EINTR);
    }
    if (sent < 0)
        return pirn__net_errno(r, IO_WRITE, seen);
    a->done = (size_t)sent;
    if (a->done < iov_bytes(a->iov, a->n))
        io_drained(r, IO_WRITE, seen);
    return 0;
}
