/* SPDX-License-Identifier: MIT */
/* Where streams come from and go to, and what can be set on them. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pirn/stream.h>

#include "runtime/net.h"
#include "runtime/net/fd.h"
#include "runtime/net/sockopt.h"
#include "task/base/assert.h"
#include "task/base/error.h"

pirn_stream *pirn_stream_ref(pirn_stream *s)
{
    if (s == NULL)
        CLIENT_BUG("pirn_stream_ref", "the stream is NULL");
    ref_add(&s->users, 1);
    return s;
}

void pirn_stream_unref(pirn_stream *s)
{
    if (s != NULL && ref_sub(&s->users, 1))
        pirn__registration_retire(&s->reg);
}

int pirn_stream_fd(const pirn_stream *s)
{
    if (s == NULL)
        CLIENT_BUG("pirn_stream_fd", "the stream is NULL");
    return s->reg.fd;
}

/* ---- adoption ------------------------------------------------------------------------------------ */

/* What can be read and written of a pipe's end. Return: IO_WATCH_*; -EPERM, -EBADF: it is none. */
static int pipe_directions(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    struct stat st;

    if (flags < 0 || fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISFIFO(st.st_mode))
        return -EPERM;
    switch (flags & O_ACCMODE) {
    case O_RDONLY:
        return IO_WATCH_READ;
    case O_WRONLY:
        return IO_WATCH_WRITE;
    default:
        return IO_WATCH_READ | IO_WATCH_WRITE;
    }
}

static int socket_kind(int fd, const char *call)
{
    int family, listens = 0, r;
    pirn_addr peer;

    r = pirn__net_inspect(fd, SOCK_STREAM, &family, call);
    if (r != 0)
        return r;
    if (pirn__fd_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens) == 0 && listens)
        return pirn__error(-EINVAL, "%s: the socket listens", call);
    r = pirn__net_name(fd, true, &peer, call);
    return r != 0 ? r : (int)pirn__net_stream_kind(family);
}

int pirn_stream_from_fd(pirn_handle *h, int fd, pirn_stream **out)
{
    static const char call[] = "pirn_stream_from_fd";
    struct io *io = pirn__net_io(h, call);
    int watch = IO_WATCH_READ | IO_WATCH_WRITE, kind, r;
    pirn_stream *s;
    bool changed;

    if (io == NULL)
        return PIRN_ENORUNTIME;
    if (out == NULL)
        return pirn__error(-EINVAL, "%s: out is NULL", call);
    kind = socket_kind(fd, call);
    if (kind == -ENOTSOCK) {
        watch = pipe_directions(fd);
        kind = watch < 0 ? watch : (int)STREAM_PIPE;
        if (kind < 0)
            return pirn__error(kind, "%s: the descriptor is neither a socket nor a pipe", call);
    }
    if (kind < 0)
        return kind;
    r = pirn__fd_make_nonblocking(fd, &changed);
    if (r != 0)
        return pirn__net_error(r, call);
    r = pirn__stream_make(io, fd, (enum stream_kind)kind, (unsigned)watch, &s);
    if (r == 0) {
        *out = s;
        return 0;
    }
    if (changed)
        pirn__fd_make_blocking(fd);
    return pirn__net_error(r, call);
}

int pirn_pipe_new(pirn_handle *h, pirn_stream **reader, pirn_stream **writer)
{
    static const char call[] = "pirn_pipe_new";
    struct io *io = pirn__net_io(h, call);
    pirn_stream *in;
    int fds[2], r;

    if (io == NULL)
        return PIRN_ENORUNTIME;
    if (reader == NULL || writer == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return pirn__net_error(-errno, call);
    r = pirn__net_adopt(io, fds[0], STREAM_PIPE, IO_WATCH_READ, &in, call);
    if (r != 0) {
        (void)close(fds[1]);
        return r;
    }
    r = pirn__net_adopt(io, fds[1], STREAM_PIPE, IO_WATCH_WRITE, writer, call);
    if (r != 0)
        pirn_stream_unref(in);
    else
        *reader = in;
    return r;
}

/* ---- what can be set, and asked ------------------------------------------------------------------ */

/* The kernel does not tell a Unix socket's own end of its half close: a write that waits is woken here. If an
 * event of another kind comes before it tries again, it goes on waiting, for room or the peer's end. */
static void end_waiting_write(struct registration *r)
{
    struct wake_list wakes;
    uint32_t word;

    wake_list_init(&wakes);
    word = pirn__readiness_end(&r->ready, READY_WRITE | READY_WRITE_CLOSED);
    pirn__registration_tell(r, word, READY_WRITE, &wakes);
    pirn__wake_flush(&wakes);
}

int pirn_stream_shutdown(pirn_stream *s)
{
    if (s == NULL)
        return pirn__error(-EINVAL, "pirn_stream_shutdown: the stream is NULL");
    if (shutdown(s->reg.fd, SHUT_WR) != 0)
        return pirn__net_error(-errno, "pirn_stream_shutdown");
    if (s->kind == STREAM_UNIX)
        end_waiting_write(&s->reg);
    return 0;
}

/* Of a setting for TCP alone. */
static int not_tcp(const pirn_stream *s, const char *call)
{
    if (s == NULL)
        return pirn__error(-EINVAL, "%s: the stream is NULL", call);
    if (s->kind == STREAM_TCP)
        return 0;
    return s->kind == STREAM_PIPE ? pirn__error(-ENOTSOCK, "%s: a pipe", call)
                                  : pirn__error(-EOPNOTSUPP, "%s: not TCP", call);
}

int pirn_stream_set_nodelay(pirn_stream *s, bool on)
{
    static const char call[] = "pirn_stream_set_nodelay";
    int r = not_tcp(s, call);

    if (r != 0)
        return r;
    r = pirn__fd_set_option(s->reg.fd, IPPROTO_TCP, TCP_NODELAY, on);
    return r == 0 ? 0 : pirn__net_error(r, call);
}

int pirn_stream_set_reset_on_close(pirn_stream *s, bool on)
{
    const struct linger l = {.l_onoff = on, .l_linger = 0};
    static const char call[] = "pirn_stream_set_reset_on_close";

    if (s == NULL)
        return pirn__error(-EINVAL, "%s: the stream is NULL", call);
    if (setsockopt(s->reg.fd, SOL_SOCKET, SO_LINGER, &l, sizeof l) != 0)
        return pirn__net_error(-errno, call);
    return 0;
}

int pirn_stream_set_keepalive(pirn_stream *s, int64_t idle_ns, int64_t interval_ns, unsigned count)
{
    const struct sockopt_keepalive k = {idle_ns, interval_ns, count};
    static const char call[] = "pirn_stream_set_keepalive";
    int r = not_tcp(s, call);

    if (r != 0)
        return r;
    r = pirn__sockopt_check_keepalive(&k, call);
    if (r != 0)
        return r;
    r = idle_ns == 0 ? pirn__fd_set_option(s->reg.fd, SOL_SOCKET, SO_KEEPALIVE, 0)
                     : pirn__sockopt_keepalive(s->reg.fd, &k);
    return r == 0 ? 0 : pirn__net_error(r, call);
}

int pirn_stream_local_addr(const pirn_stream *s, pirn_addr *out)
{
    static const char call[] = "pirn_stream_local_addr";

    if (s == NULL || out == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    return pirn__net_name(s->reg.fd, false, out, call);
}

int pirn_stream_peer_addr(const pirn_stream *s, pirn_addr *out)
{
    static const char call[] = "pirn_stream_peer_addr";

    if (s == NULL || out == NULL)
        return pirn__error(-EINVAL, "%s: an argument is NULL", call);
    return pirn__net_name(s->reg.fd, true, out, call);
}
