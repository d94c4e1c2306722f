/* SPDX-License-Identifier: MIT */
/* Which system calls are made, how many, and what happens when one is interrupted, or accept() hands on somebody
 * else's error? The calls are counted and made to fail by -Wl,--wrap. */
#include "net.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- the calls ------------------------------------------------------------------------------------- */

enum call {
    RECV,
    SEND,
    RECVMSG,
    SENDMSG,
    SENDTO,
    ACCEPT,
    CONNECT,
    READ,
    READV,
    WRITEV,
    SENDFILE,
    SENDMSG_LIBC, /* below a sanitizer the other one comes here too */
    CALLS
};

static struct {
    _Atomic(int) made; /* those that were made to fail too */
    _Atomic(int) fail; /* so many more */
    int error;
} calls[CALLS];

static void fail_next(enum call c, int times, int error)
{
    calls[c].made = 0;
    calls[c].error = error;
    calls[c].fail = times;
}

static bool fails(enum call c)
{
    calls[c].made++;
    if (calls[c].fail == 0)
        return false;
    calls[c].fail--;
    errno = calls[c].error;
    return true;
}

#define WRAP(which, type, name, params, args)                                                      \
    type __real_##name params;                                                                     \
    type __wrap_##name params;                                                                     \
    type __wrap_##name params                                                                      \
    {                                                                                              \
        return fails(which) ? -1 : __real_##name args;                                             \
    }

WRAP(RECV, ssize_t, pirn__socket_recv, (int fd, void *buf, size_t n, int flags),
     (fd, buf, n, flags))
WRAP(SEND, ssize_t, pirn__socket_send, (int fd, const void *buf, size_t n, int flags),
     (fd, buf, n, flags))
WRAP(RECVMSG, ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP(SENDMSG_LIBC, ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
WRAP(SENDMSG, ssize_t, pirn__socket_sendmsg, (int fd, const struct msghdr *m, int flags),
     (fd, m, flags))
WRAP(SENDTO, ssize_t, sendto,
     (int fd, const void *buf, size_t n, int flags, const struct sockaddr *sa, socklen_t len),
     (fd, buf, n, flags, sa, len))
WRAP(ACCEPT, int, accept4, (int fd, struct sockaddr *sa, socklen_t *len, int flags),
     (fd, sa, len, flags))
WRAP(CONNECT, int, connect, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))
WRAP(READ, ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))
WRAP(READV, ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n))
WRAP(WRITEV, ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))
WRAP(SENDFILE, ssize_t, sendfile64, (int out, int in, off64_t *offset, size_t n),
     (out, in, offset, n))

/* ---- how many -------------------------------------------------------------------------------------- */

struct reading {
    pirn_stream *s;
    char buf[8];
    size_t n, got;
};

static int read_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct reading *r = user;

    return pirn_stream_read_poll(op, cx, r->s, r->buf, r->n, &r->got);
}

/* A read that was short has drained a TCP stream: the next one waits without asking. One that was not, or of
 * a Unix socket, asks. */
Test(net_calls, as_few_as_can_be)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h), u = unix_ends(h);
    struct reading r = {.s = e.b, .n = 8};
    struct wakes k = {0};
    pirn_op op = {0};

    EQ(do_write_all(h, e.a, "abc", 3), 0);
    fail_next(RECV, 0, 0);
    EQ(poll_once(&k, read_step, &r, &op), 0);
    EQ(calls[RECV].made, 1);
    EQ(poll_once(&k, read_step, &r, &op), PIRN_PENDING);
    EQ(calls[RECV].made, 1);
    EQ(poll_once(&k, read_step, &r, &op), PIRN_PENDING); /* woken for nothing */
    EQ(calls[RECV].made, 1);
    EQ(do_write_all(h, e.a, "abcdefgh", 8), 0);
    rt_idle(rt);
    EQ(k.woken, 1);
    EQ(poll_once(&k, read_step, &r, &op), 0);
    EQ(calls[RECV].made, 2);
    EQ(poll_once(&k, read_step, &r, &op), PIRN_PENDING);
    EQ(calls[RECV].made, 3);
    pirn_op_drop(&op);
    EQ(do_write_all(h, u.a, "abc", 3), 0);
    r.s = u.b;
    fail_next(RECV, 0, 0);
    EQ(poll_once(&k, read_step, &r, &op), 0);
    EQ(poll_once(&k, read_step, &r, &op), PIRN_PENDING);
    EQ(calls[RECV].made, 2);
    pirn_op_drop(&op);
    ends_free(&e);
    ends_free(&u);
    rt_free(rt);
}

static int write_step(void *user, pirn_op *op, pirn_cx *cx)
{
    static const char big[8 << 20];
    struct reading *w = user;

    return pirn_stream_write_poll(op, cx, w->s, big, sizeof big, &w->got);
}

/* A write that was short has filled the stream. */
Test(net_calls, a_short_write_asks_no_more)
{
    pirn_runtime *rt = rt_new();
    struct ends e = tcp_ends(pirn_runtime_handle(rt));
    struct reading w = {.s = e.a};
    struct wakes k = {0};
    pirn_op op = {0};

    rt_idle(rt);
    fail_next(SEND, 0, 0);
    EQ(poll_once(&k, write_step, &w, &op), 0);
    CHECK(w.got < 8 << 20);
    EQ(poll_once(&k, write_step, &w, &op), PIRN_PENDING);
    EQ(calls[SEND].made, 1);
    pirn_op_drop(&op);
    ends_free(&e);
    rt_free(rt);
}

/* ---- interrupted ------------------------------------------------------------------------------------- */

struct all_calls {
    struct ends tcp, local, pipe;
    pirn_datagram *d, *peer;
    char buf[8];
    int fds[1], file;
    size_t got, count;
    int step;
};

/* One operation of each kind, all of which can end at once. */
static int each_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct all_calls *a = user;
    struct iovec iov = {a->buf, 1};

    switch (a->step) {
    case SEND:
        return pirn_stream_write_poll(op, cx, a->tcp.a, "xyz", 3, &a->got);
    case RECV:
        return pirn_stream_read_poll(op, cx, a->tcp.b, a->buf, 1, &a->got);
    case SENDMSG:
        return pirn_stream_writev_poll(op, cx, a->tcp.a, &iov, 1, &a->got);
    case RECVMSG:
        return pirn_stream_readv_poll(op, cx, a->tcp.b, &iov, 1, &a->got);
    case WRITEV:
        return pirn_stream_write_poll(op, cx, a->pipe.b, "xyz", 3, &a->got);
    case READ:
        return pirn_stream_read_poll(op, cx, a->pipe.a, a->buf, 1, &a->got);
    case READV:
        return pirn_stream_readv_poll(op, cx, a->pipe.a, &iov, 1, &a->got);
    case SENDTO:
        return pirn_datagram_send_poll(op, cx, a->d, "m", 1);
    case SENDFILE:
        return pirn_stream_sendfile_poll(op, cx, a->tcp.a, a->file, 0, 1, &a->got);
    case CALLS: /* the other users of sendmsg() and recvmsg() */
        return pirn_unix_send_fds_poll(op, cx, a->local.a, "f", 1, a->fds, 1, &a->got);
    case CALLS + 1:
        return pirn_unix_recv_fds_poll(op, cx, a->local.b, a->buf, 1, a->fds, 1, &a->got,
                                       &a->count);
    default:
        return pirn_datagram_recv_poll(op, cx, a->peer, a->buf, 1, &a->got);
    }
}

Test(net_calls, every_call_is_made_again_when_interrupted)
{
    static const struct {
        int step;
        enum call call;
    } rows[] = {{SEND, SEND},          {RECV, RECV},         {SENDMSG, SENDMSG},
                {RECVMSG, RECVMSG},    {WRITEV, WRITEV},     {READ, READ},
                {READV, READV},        {SENDTO, SENDTO},     {SENDFILE, SENDFILE},
                {CALLS, SENDMSG_LIBC}, {CALLS + 1, RECVMSG}, {CALLS + 2, RECVMSG}};
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct all_calls a = {.tcp = tcp_ends(h), .local = unix_ends(h), .file = memfd_create("f", 0)};
    struct wakes k = {0};
    pirn_op op = {0};

    EQ(ftruncate(a.file, 10), 0);
    EQ(pirn_pipe_new(h, &a.pipe.a, &a.pipe.b), 0);
    EQ(pirn_unix_datagram_pair(h, &a.d, &a.peer), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r;

        a.step = rows[i].step;
        fail_next(rows[i].call, 3, EINTR);
        r = poll_once(&k, each_step, &a, &op);
        CHECK_SAYS(r == 0, "row %d: %d, %s", (int)i, r, pirn_last_error_text());
        CHECK_SAYS(calls[rows[i].call].made == 4, "row %d: %d calls", (int)i,
                   calls[rows[i].call].made);
    }
    (void)close(a.fds[0]);
    (void)close(a.file);
    ends_free(&a.tcp);
    ends_free(&a.local);
    ends_free(&a.pipe);
    pirn_datagram_unref(a.d);
    pirn_datagram_unref(a.peer);
    rt_free(rt);
}

/* An interrupted connect() goes on by itself; calling it again would be wrong. */
Test(net_calls, an_interrupted_connect)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *s = NULL;
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    fail_next(CONNECT, 1, EINTR);
    /* The fake has not even begun: as the kernel says of such a socket. */
    EQ(do_connect(h, &at, NULL, &s), -ENOTCONN);
    EQ(calls[CONNECT].made, 1);
    fail_next(CONNECT, 1, ENETUNREACH);
    EQ(do_connect(h, &at, NULL, &s), -ENETUNREACH);
    CHECK(s == NULL);
    pirn_listener_free(l);
    rt_free(rt);
}

/* ---- accept ------------------------------------------------------------------------------------------ */

/* What befell a connection before it was accepted is no error of the listener's. */
static void others_errors(struct flavor f)
{
    static const int errors[] = {EINTR,     ECONNABORTED, EPROTO, EPERM,        ENETDOWN,
                                 EHOSTDOWN, ENOPROTOOPT,  ENONET, EHOSTUNREACH, ENETUNREACH};
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *a, *b;
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        EQ(do_connect(h, &at, NULL, &a), 0);
        fail_next(ACCEPT, 2, errors[i]);
        EQ(do_accept(h, l, &b), 0);
        EQ(calls[ACCEPT].made, 3);
        pirn_stream_unref(a);
        pirn_stream_unref(b);
    }
    pirn_listener_free(l);
    rt_free(rt);
}
EACH_FLAVOR(net_calls, others_errors)

/* What the moment lacks is waited for: 1, 2, 4 ms. */
static void shortages(struct flavor f)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *a, *b;
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        pirn_time before = pirn_now();

        EQ(do_connect(h, &at, NULL, &a), 0);
        fail_next(ACCEPT, 3, errors[i]);
        EQ(do_accept(h, l, &b), 0);
        EQ(calls[ACCEPT].made, 4);
        CHECK(pirn_now() - before >= 7 * PIRN_MS);
        pirn_stream_unref(a);
        pirn_stream_unref(b);
    }
    fail_next(ACCEPT, 1, EINVAL);
    EQ(do_accept(h, l, &b), -EINVAL);
    pirn_listener_free(l);
    rt_free(rt);
}
EACH_FLAVOR(net_calls, shortages)

struct accepting {
    pirn_listener *l;
    pirn_stream *s;
};

static int accept_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct accepting *a = user;

    return pirn_listener_accept_poll(op, cx, a->l, &a->s);
}

/* While it backs off: dropped, freed, and another that comes. */
Test(net_calls, a_backoff_can_end)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct accepting a = {0};
    pirn_op op = {0}, other = {0};
    struct wakes k = {0};
    pirn_stream *s;
    pirn_enter guard;
    pirn_addr at;

    a.l = tcp_listener(h, &at);
    EQ(do_connect(h, &at, NULL, &s), 0);
    EQ(pirn_handle_enter(h, &guard), 0);
    fail_next(ACCEPT, 1, EMFILE);
    EQ(poll_once(&k, accept_step, &a, &op), PIRN_PENDING);
    fail_next(ACCEPT, 1, EMFILE);
    EQ(poll_once(&k, accept_step, &a, &other), -EBUSY);
    pirn_op_drop(&op);
    fail_next(ACCEPT, 1, EMFILE);
    EQ(poll_once(&k, accept_step, &a, &other), PIRN_PENDING);
    fail_next(ACCEPT, 0, 0);
    EQ(poll_once(&k, accept_step, &a, &op), 0); /* it need not wait */
    pirn_stream_unref(a.s);
    pirn_listener_free(a.l);
    a.l = NULL;
    EQ(poll_once(&k, accept_step, &a, &other), -ECANCELED);
    pirn_enter_exit(&guard);
    pirn_stream_unref(s);
    EQ(k.clones, k.drops);
    rt_free(rt);
}
