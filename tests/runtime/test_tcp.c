/* SPDX-License-Identifier: MIT */
/* Do bytes go through a TCP connection as they should, and does everything that can go wrong say so?
 * (tokio: tests/tcp_*.rs) */
#include "net.h"

#include <pirn/async.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- one connection ------------------------------------------------------------------------------ */

/* (tokio: tcp_connect connect_v4, tcp_accept, tcp_echo) */
static void hello_and_answer(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[16];
    size_t n = 99;

    EQ(do_write(h, e.a, "hello", 5, &n), 0);
    EQ(n, 5);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 5);
    CHECK(memcmp(buf, "hello", 5) == 0);
    EQ(do_write_all(h, e.b, "world!", 6), 0);
    EQ(do_read_exact(h, e.a, buf, 6), 0);
    CHECK(memcmp(buf, "world!", 6) == 0);
    pirn_stream_unref(e.a);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 0);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 0);
    pirn_stream_unref(e.b);
    rt_free(rt);
}
EACH_FLAVOR(tcp, hello_and_answer)

struct pump {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t total, done, n;
    unsigned char buf[40000];
};

static int send_pattern(void *user, pirn_cx *cx, int *out)
{
    struct pump *p = user;

    PIRN_BEGIN(p);
    while (p->done < p->total) {
        p->n = p->total - p->done < sizeof p->buf ? p->total - p->done : sizeof p->buf;
        pattern_fill(p->buf, p->n, p->done);
        PIRN_TRY(p, pirn_stream_write_all_poll(&p->op, cx, p->s, p->buf, p->n, NULL));
        p->done += p->n;
    }
    EQ(pirn_stream_shutdown(p->s), 0);
    *out = 0;
    PIRN_END(p);
}

static int receive_pattern(void *user, pirn_cx *cx, int *out)
{
    struct pump *p = user;

    PIRN_BEGIN(p);
    for (;;) {
        PIRN_TRY(p, pirn_stream_read_poll(&p->op, cx, p->s, p->buf, sizeof p->buf, &p->n));
        if (p->n == 0)
            break;
        CHECK(pattern_is(p->buf, p->n, p->done));
        p->done += p->n;
    }
    EQ(p->done, p->total);
    *out = 0;
    PIRN_END(p);
}

/* Both ways at once, four tasks on two streams: more than any buffer holds. (tokio: tcp_split, into_split) */
static void both_ways_at_once(struct flavor f)
{
    static struct pump p[4];
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    pirn_join *j[4];

    memset(p, 0, sizeof p);
    for (int i = 0; i < 4; i++) {
        p[i].s = pirn_stream_ref(i < 2 ? e.a : e.b);
        p[i].total = 5000000;
        j[i] = spawn(h, i % 2 == 0 ? send_pattern : receive_pattern, &p[i]);
    }
    ends_free(&e);
    for (int i = 0; i < 4; i++)
        ends_done(h, j[i], 0);
    for (int i = 0; i < 4; i++)
        pirn_stream_unref(p[i].s);
    rt_free(rt);
}
EACH_FLAVOR(tcp, both_ways_at_once)

/* (tokio: tcp_shutdown; half close) */
static void half_close(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8];
    size_t n = 9;

    EQ(pirn_stream_shutdown(e.a), 0);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 0);
    EQ(do_write(h, e.a, "x", 1, &n), -EPIPE);
    SAYS("pirn_stream_write_poll");
    EQ(do_write_all(h, e.b, "still", 5), 0);
    EQ(do_read_exact(h, e.a, buf, 5), 0);
    CHECK(memcmp(buf, "still", 5) == 0);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(tcp, half_close)

/* ---- vectored, peeked, exact --------------------------------------------------------------------- */

struct vectors {
    pirn_stream *s;
    struct iovec iov[3];
    size_t n, moved;
};

static int writev_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct vectors *v = user;

    return pirn_stream_writev_poll(op, cx, v->s, v->iov, v->n, &v->moved);
}

static int readv_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct vectors *v = user;

    return pirn_stream_readv_poll(op, cx, v->s, v->iov, v->n, &v->moved);
}

static int peek_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct vectors *v = user;

    return pirn_stream_peek_poll(op, cx, v->s, v->iov[0].iov_base, v->iov[0].iov_len, &v->moved);
}

static void several_buffers(struct ends e, pirn_handle *h)
{
    char one[] = "one", empty[1], two[] = "-two", in1[5], in2[10];
    struct vectors v = {.s = e.a, .iov = {{one, 3}, {empty, 0}, {two, 4}}, .n = 3};

    EQ(do_poll(h, writev_call, &v), 0);
    EQ(v.moved, 7);
    v = (struct vectors){.s = e.b, .iov = {{in1, 5}, {in2, 10}}, .n = 2};
    EQ(do_poll(h, readv_call, &v), 0);
    EQ(v.moved, 7);
    CHECK(memcmp(in1, "one-t", 5) == 0 && memcmp(in2, "wo", 2) == 0);
    v.n = 1025;
    EQ(do_poll(h, readv_call, &v), -EINVAL);
    SAYS("1025 buffers");
    EQ(do_poll(h, writev_call, &v), -EINVAL);
    v.n = 0;
    EQ(do_poll(h, writev_call, &v), 0);
    EQ(v.moved, 0);
}

static void vectored_io(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h), u = unix_ends(h);

    several_buffers(e, h);
    several_buffers(u, h);
    ends_free(&e);
    ends_free(&u);
    rt_free(rt);
}
EACH_FLAVOR(tcp, vectored_io)

/* (tokio: tcp_peek) */
static void peek_reads_twice(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8] = "";
    struct vectors v = {.s = e.b, .iov = {{buf, 4}}};

    EQ(do_write_all(h, e.a, "peeked", 6), 0);
    for (int i = 0; i < 2; i++) {
        memset(buf, 0, sizeof buf);
        EQ(do_poll(h, peek_call, &v), 0);
        EQ(v.moved, 4);
        SAME_TEXT(buf, "peek");
    }
    EQ(do_read_exact(h, e.b, buf, 6), 0);
    CHECK(memcmp(buf, "peeked", 6) == 0);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(tcp, peek_reads_twice)

static void exact_ends_early(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8];

    EQ(do_write_all(h, e.a, "abc", 3), 0);
    EQ(pirn_stream_shutdown(e.a), 0);
    EQ(do_read_exact(h, e.b, buf, 0), 0);
    EQ(do_read_exact(h, e.b, buf, 2), 0);
    EQ(do_read_exact(h, e.b, buf, 2), PIRN_EOF);
    EQ(do_read_exact(h, e.b, buf, 2), PIRN_EOF);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(tcp, exact_ends_early)

/* ---- without waiting ----------------------------------------------------------------------------- */

/* (tokio: tcp_stream try_read_write) */
Test(tcp, try_reads_and_writes_from_any_thread)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    static char big[1 << 20];
    size_t n = 77, sent = 0, got = 0;
    char buf[8];

    EQ(pirn_stream_read_try(e.b, buf, sizeof buf, &n), -EAGAIN);
    EQ(n, 77);
    EQ(pirn_stream_read_try(e.b, buf, 0, &n), 0);
    EQ(n, 0);
    EQ(pirn_stream_write_try(e.a, "now", 3, &n), 0);
    EQ(n, 3);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 3);
    while (pirn_stream_write_try(e.a, big, sizeof big, &n) == 0)
        sent += n;
    CHECK(sent > 0);
    while (got < sent) {
        EQ(do_read(h, e.b, big, sizeof big, &n), 0);
        got += n;
    }
    EQ(got, sent);
    EQ(pirn_stream_read_try(e.b, buf, sizeof buf, &n), -EAGAIN);
    /* The write that failed has not left the stream for full. */
    EQ(do_write(h, e.a, "y", 1, &n), 0);
    EQ(pirn_stream_read_try(NULL, buf, 1, &n), -EINVAL);
    EQ(pirn_stream_write_try(e.a, NULL, 1, &n), -EINVAL);
    ends_free(&e);
    rt_free(rt);
}

struct ready_call {
    pirn_stream *s;
    unsigned interest, ready;
};

static int ready_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct ready_call *c = user;

    return pirn_stream_ready_poll(op, cx, c->s, c->interest, &c->ready);
}

/* (tokio: tcp_stream poll_ready) */
static void ready_waits_without_a_buffer(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    struct ready_call c = {e.b, PIRN_WRITABLE, 0};
    char buf[8];
    size_t n;

    EQ(do_poll(h, ready_call, &c), 0);
    CHECK(c.ready & PIRN_WRITABLE);
    EQ(pirn_stream_read_try(e.b, buf, sizeof buf, &n), -EAGAIN);
    EQ(do_write_all(h, e.a, "z", 1), 0);
    c = (struct ready_call){e.b, PIRN_READABLE, 0};
    EQ(do_poll(h, ready_call, &c), 0);
    CHECK(c.ready & PIRN_READABLE);
    EQ(pirn_stream_read_try(e.b, buf, sizeof buf, &n), 0);
    c.interest = PIRN_READABLE | PIRN_WRITABLE;
    EQ(do_poll(h, ready_call, &c), -EINVAL);
    SAYS("interest");
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(tcp, ready_waits_without_a_buffer)

/* ---- options ------------------------------------------------------------------------------------- */

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    EQ(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

#include <netinet/tcp.h>

Test(tcp, options_of_a_stream)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h), u = unix_ends(h);
    int fd = pirn_stream_fd(e.a);

    EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    EQ(pirn_stream_set_nodelay(e.a, true), 0);
    EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    EQ(pirn_stream_set_nodelay(e.a, false), 0);
    EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    EQ(pirn_stream_set_keepalive(e.a, 1500 * PIRN_MS, 3 * PIRN_SEC, 5), 0);
    EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 2);
    EQ(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 3);
    EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
    EQ(pirn_stream_set_keepalive(e.a, 0, 0, 0), 0);
    EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    EQ(pirn_stream_set_keepalive(e.a, -1, 0, 0), -EINVAL);
    EQ(pirn_stream_set_keepalive(e.a, 40000 * PIRN_SEC, 0, 0), -EINVAL);
    EQ(pirn_stream_set_keepalive(e.a, PIRN_SEC, 0, 128), -EINVAL);
    SAYS("128 keepalive probes");
    EQ(pirn_stream_set_nodelay(u.a, true), -EOPNOTSUPP);
    EQ(pirn_stream_set_keepalive(u.a, PIRN_SEC, 0, 0), -EOPNOTSUPP);
    EQ(pirn_stream_set_nodelay(NULL, true), -EINVAL);
    ends_free(&e);
    ends_free(&u);
    rt_free(rt);
}

/* (tokio: tcp_stream set_zero_linger) */
static void reset_on_close(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8];
    size_t n;

    EQ(pirn_stream_set_reset_on_close(e.a, true), 0);
    pirn_stream_unref(e.a);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), -ECONNRESET);
    SAYS("Connection reset");
    EQ(do_write(h, e.b, "x", 1, &n), -EPIPE);
    EQ(pirn_stream_shutdown(e.b), -ENOTCONN);
    pirn_stream_unref(e.b);
    rt_free(rt);
}
EACH_FLAVOR(tcp, reset_on_close)

Test(tcp, addresses_of_both_ends)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    pirn_addr a, b;
    char s[PIRN_ADDR_TEXT], t[PIRN_ADDR_TEXT];

    EQ(pirn_stream_local_addr(e.a, &a), 0);
    EQ(pirn_stream_peer_addr(e.b, &b), 0);
    SAME_TEXT(pirn_addr_format(&a, s, sizeof s), pirn_addr_format(&b, t, sizeof t));
    CHECK(strncmp(s, "127.0.0.1:", 10) == 0);
    EQ(pirn_stream_peer_addr(e.a, &a), 0);
    EQ(pirn_stream_local_addr(e.b, &b), 0);
    SAME_TEXT(pirn_addr_format(&a, s, sizeof s), pirn_addr_format(&b, t, sizeof t));
    EQ(pirn_stream_local_addr(NULL, &a), -EINVAL);
    ends_free(&e);
    rt_free(rt);
}
