/* SPDX-License-Identifier: MIT */
/* Does a listener give every connection, whatever is wrong with it, the process, or the address?
 * (tokio: tests/tcp_accept.rs, tcp_socket.rs, tcp_connect.rs) */
#include "net.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pirn/async.h>
#include <sys/resource.h>
#include <unistd.h>

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    EQ(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

/* ---- accepting ----------------------------------------------------------------------------------- */

struct crowd {
    PIRN_FRAME;
    pirn_op op;
    pirn_addr to;
    pirn_listener *l;
    pirn_stream *s;
    int n;
};

static int connect_many(void *user, pirn_cx *cx, int *out)
{
    struct crowd *c = user;

    PIRN_BEGIN(c);
    for (; c->n > 0; c->n--) {
        PIRN_TRY(c, pirn_tcp_connect_poll(&c->op, cx, &c->to.sa, c->to.len, &c->s));
        pirn_stream_unref(c->s);
    }
    *out = 0;
    PIRN_END(c);
}

static int accept_many(void *user, pirn_cx *cx, int *out)
{
    struct crowd *c = user;

    PIRN_BEGIN(c);
    for (; c->n > 0; c->n--) {
        PIRN_TRY(c, pirn_listener_accept_poll(&c->op, cx, c->l, &c->s));
        pirn_stream_unref(c->s);
    }
    *out = 0;
    PIRN_END(c);
}

static void accepts_them_all(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct crowd in = {.n = 300}, out[3];
    pirn_join *j[4];
    pirn_addr at;

    in.l = tcp_listener(h, &at);
    j[3] = spawn(h, accept_many, &in);
    for (int i = 0; i < 3; i++) {
        out[i] = (struct crowd){.n = 100, .to = at};
        j[i] = spawn(h, connect_many, &out[i]);
    }
    for (int i = 0; i < 4; i++)
        ends_done(h, j[i], 0);
    pirn_listener_free(in.l);
    rt_free(rt);
}
EACH_FLAVOR(listener, accepts_them_all)

/* What waits in the backlog is accepted by an operation that began before it came, and by a try. */
Test(listener, accept_try_looks_once)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *a, *b = NULL;
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    EQ(pirn_listener_accept_try(l, &b), -EAGAIN);
    CHECK(b == NULL);
    EQ(do_connect(h, &at, NULL, &a), 0);
    EQ(pirn_listener_accept_try(l, &b), 0);
    EQ(fcntl(pirn_stream_fd(b), F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(pirn_stream_fd(b), F_GETFL) & O_NONBLOCK);
    EQ(pirn_listener_accept_try(NULL, &b), -EINVAL);
    pirn_stream_unref(a);
    pirn_stream_unref(b);
    pirn_listener_free(l);
    rt_free(rt);
}

struct accept_user {
    pirn_listener *l;
    pirn_stream *s;
};

static int accept_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct accept_user *a = user;

    return pirn_listener_accept_poll(op, cx, a->l, &a->s);
}

/* One waits; a second is told so; a drop makes room; a free ends it. */
Test(listener, one_waits_at_a_time)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct accept_user user = {0};
    pirn_op one = {0}, two = {0};
    struct wakes w = {0};
    pirn_addr at;

    user.l = tcp_listener(h, &at);
    EQ(poll_once(&w, accept_step, &user, &one), PIRN_PENDING);
    EQ(poll_once(&w, accept_step, &user, &two), -EBUSY);
    SAYS("another operation waits");
    CHECK(!pirn_op_is_pending(&two));
    pirn_op_drop(&one);
    EQ(poll_once(&w, accept_step, &user, &two), PIRN_PENDING);
    EQ(w.woken, 0);
    pirn_listener_free(user.l);
    EQ(w.woken, 1);
    user.l = NULL;
    EQ(poll_once(&w, accept_step, &user, &two), -ECANCELED);
    EQ(w.clones, w.drops);
    rt_free(rt);
}

/* Freed while it waits, and never polled again: its drop does not touch what is gone. */
Test(listener, freed_then_dropped)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct accept_user user = {0};
    pirn_op op = {0};
    struct wakes w = {0};
    pirn_addr at;
    int fds = count_fds();

    user.l = tcp_listener(h, &at);
    EQ(count_fds(), fds + 1);
    EQ(poll_once(&w, accept_step, &user, &op), PIRN_PENDING);
    pirn_listener_free(user.l);
    rt_idle(rt);
    pirn_op_drop(&op);
    EQ(count_fds(), fds);
    EQ(w.clones, w.drops);
    rt_free(rt);
}

/* ---- running out of descriptors ------------------------------------------------------------------ */

static rlim_t limit_fds(rlim_t n)
{
    struct rlimit l, before;

    EQ(getrlimit(RLIMIT_NOFILE, &l), 0);
    before = l;
    l.rlim_cur = n;
    EQ(setrlimit(RLIMIT_NOFILE, &l), 0);
    return before.rlim_cur;
}

struct relief {
    PIRN_FRAME;
    pirn_op op;
    rlim_t before;
};

/* Descriptors come back while the accept backs off. */
static int relieve(void *user, pirn_cx *cx, int *out)
{
    struct relief *f = user;

    PIRN_BEGIN(f);
    PIRN_TRY(f, pirn_sleep_poll(&f->op, cx, pirn_after(20 * PIRN_MS)));
    (void)limit_fds(f->before);
    *out = 0;
    PIRN_END(f);
}

static void survives_a_lack_of_descriptors(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct relief relief = {0};
    struct crowd in = {.n = 5};
    pirn_stream *out[5], *s;
    pirn_metrics before, after;
    pirn_join *j;
    pirn_addr at;

    in.l = tcp_listener(h, &at);
    for (int i = 0; i < 5; i++)
        EQ(do_connect(h, &at, NULL, &out[i]), 0);
    relief.before = limit_fds(3);
    EQ(pirn_listener_accept_try(in.l, &s), -EMFILE);
    before = metrics_of(h);
    j = spawn(h, relieve, &relief);
    EQ(block_on(h, accept_many, &in), 0);
    after = metrics_of(h);
    ends_done(h, j, 0);
    /* 1, 2, 4, 8, 16 ms: it did not spin. */
    CHECK_SAYS(after.polls - before.polls < 60, "%d polls", (int)(after.polls - before.polls));
    for (int i = 0; i < 5; i++)
        pirn_stream_unref(out[i]);
    pirn_listener_free(in.l);
    rt_free(rt);
}
EACH_FLAVOR(listener, survives_a_lack_of_descriptors)

struct waiting_user {
    struct accept_user user;
    pirn_op op;
};

static int accept_waiting(void *user, pirn_cx *cx, void *out)
{
    struct waiting_user *w = user;

    (void)out;
    return accept_step(&w->user, &w->op, cx);
}

/* On a thread without a runtime there is no timer to wait by. */
Test(listener, a_lack_of_descriptors_without_a_timer)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting_user w = {0};
    pirn_stream *a;
    pirn_addr at;
    rlim_t before;

    w.user.l = tcp_listener(h, &at);
    EQ(do_connect(h, &at, NULL, &a), 0);
    before = limit_fds(3);
    EQ(pirn_poll_wait(accept_waiting, &w, PIRN_NEVER, NULL), -EMFILE);
    SAYS("pirn_listener_accept_poll");
    CHECK(!pirn_op_is_pending(&w.op));
    (void)limit_fds(before);
    EQ(do_accept(h, w.user.l, &w.user.s), 0);
    pirn_stream_unref(w.user.s);
    pirn_stream_unref(a);
    pirn_listener_free(w.user.l);
    rt_free(rt);
}

/* The first call's arguments count, also of one that is pending when descriptors run out. */
static int accept_of_nobody(void *user, pirn_cx *cx, int *out)
{
    struct waiting_user *w = user;

    *out = 0;
    if (!pirn_op_is_pending(&w->op))
        return pirn_listener_accept_poll(&w->op, cx, w->user.l, &w->user.s);
    return pirn_listener_accept_poll(&w->op, cx, NULL, &w->user.s);
}

static int nap_poll(void *op, pirn_cx *cx, int *out)
{
    *out = 0;
    return pirn_sleep_after_poll(op, cx, 5 * PIRN_MS);
}

static void a_pending_accept_runs_out_of_descriptors(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting_user w = {0};
    pirn_addr at;
    pirn_join *j;
    rlim_t before;
    int client;

    for (int freed = 0; freed < 2; freed++) {
        w = (struct waiting_user){0};
        w.user.l = tcp_listener(h, &at);
        j = spawn(h, accept_of_nobody, &w);
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(client >= 0);
        before = limit_fds(3);
        EQ(connect(client, &at.sa, at.len), 0);
        EQ(block_on(h, nap_poll, &(pirn_op){0}), 0);
        CHECK(!pirn_join_is_finished(j));
        if (freed) {
            pirn_listener_free(w.user.l);
            ends_as(h, j, PIRN_DONE, -ECANCELED);
            (void)limit_fds(before);
        } else {
            (void)limit_fds(before);
            ends_done(h, j, 0);
            pirn_stream_unref(w.user.s);
            pirn_listener_free(w.user.l);
        }
        (void)close(client);
    }
    rt_free(rt);
}
EACH_FLAVOR(listener, a_pending_accept_runs_out_of_descriptors)

/* No memory for the stream: the connection is kept for the next. */
Test(listener, a_lack_of_memory_loses_no_connection)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *a, *b = NULL;
    char buf[4];
    size_t n;
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    EQ(do_connect(h, &at, NULL, &a), 0);
    EQ(do_write_all(h, a, "kept", 4), 0);
    tally.fail_at = 1;
    EQ(pirn_listener_accept_try(l, &b), -ENOMEM);
    EQ(tally.failed, 1);
    CHECK(b == NULL);
    EQ(do_accept(h, l, &b), 0);
    EQ(do_read(h, b, buf, sizeof buf, &n), 0);
    EQ(n, 4);
    pirn_stream_unref(b);
    /* One that is left over is closed with the listener. */
    pirn_stream_unref(a);
    EQ(do_connect(h, &at, NULL, &a), 0);
    tally.fail_at = 1;
    EQ(pirn_listener_accept_try(l, &b), -ENOMEM);
    pirn_listener_free(l);
    rt_idle(rt);
    EQ(do_read(h, a, buf, sizeof buf, &n), 0);
    EQ(n, 0);
    pirn_stream_unref(a);
    rt_free(rt);
}

/* ---- addresses and options ------------------------------------------------------------------------ */

static int listen_at(pirn_handle *h, const pirn_addr *a, const pirn_tcp_opts *o)
{
    pirn_listener *l = NULL;
    int r = pirn_tcp_listen(h, &a->sa, a->len, o, &l);

    CHECK((r == 0) == (l != NULL));
    pirn_listener_free(l);
    return r;
}

Test(listener, bad_addresses)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr a = loopback4(), at;
    pirn_listener *l = tcp_listener(h, &at), *none = NULL;
    int fds = count_fds();

    EQ(listen_at(h, &at, NULL), -EADDRINUSE);
    SAYS("pirn_tcp_listen: Address already in use");
    EQ(pirn_addr_parse("unix:/tmp/x", &a), 0);
    EQ(listen_at(h, &a, NULL), -EAFNOSUPPORT);
    SAYS("neither IPv4 nor IPv6");
    a = loopback6();
    a.len = sizeof(struct sockaddr_in);
    EQ(listen_at(h, &a, NULL), -EINVAL);
    SAYS("an IPv6 address of 16 bytes, not 28");
    a.len = 1;
    EQ(listen_at(h, &a, NULL), -EINVAL);
    EQ(pirn_addr_parse("192.0.2.1:0", &a), 0);
    EQ(listen_at(h, &a, NULL), -EADDRNOTAVAIL);
    EQ(pirn_tcp_listen(h, NULL, 16, NULL, &none), -EINVAL);
    SAYS("the address is NULL");
    EQ(pirn_tcp_listen(h, &at.sa, at.len, NULL, NULL), -EINVAL);
    EQ(pirn_tcp_listen(NULL, &at.sa, at.len, NULL, &none), PIRN_ENORUNTIME);
    SAYS("pirn_tcp_listen");
    EQ(count_fds(), fds);
    pirn_listener_free(l);
    pirn_listener_free(NULL);
    rt_free(rt);
}

#define BAD(field, value, says)                                                                    \
    do {                                                                                           \
        pirn_tcp_opts o_ = PIRN_TCP_OPTS_INIT;                                                     \
        o_.field = (value);                                                                        \
        EQ(listen_at(h, &a, &o_), -EINVAL);                                                        \
        SAYS(says);                                                                                \
    } while (0)

Test(listener, bad_options)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr a = loopback4();
    struct {
        pirn_tcp_opts o;
        int more;
    } later = {PIRN_TCP_OPTS_INIT, 0};

    BAD(size, 8, "pirn_tcp_opts.size");
    BAD(flags, 1u << 31, "opts.flags");
    BAD(flags, PIRN_TCP_V6ONLY | PIRN_TCP_DUAL_STACK, "both V6ONLY and DUAL_STACK");
    BAD(backlog, 1u << 31, "opts.backlog");
    BAD(send_buffer, 1u << 31, "opts.send_buffer");
    BAD(receive_buffer, 1u << 31, "opts.receive_buffer");
    BAD(user_timeout_ns, -1, "opts.user_timeout_ns");
    BAD(keepalive_idle_ns, -1, "keepalive time");
    BAD(keepalive_count, 200, "200 keepalive probes");
    BAD(local, &a.sa, "opts.local");
    later.o.size = sizeof later;
    EQ(listen_at(h, &a, &later.o), 0);
    later.more = 1;
    EQ(listen_at(h, &a, &later.o), -E2BIG);
    SAYS("pirn_tcp_opts.size");
    rt_free(rt);
}

Test(listener, options_arrive)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_tcp_opts o = PIRN_TCP_OPTS_INIT;
    pirn_addr a = loopback6(), at;
    pirn_listener *l = NULL, *m = NULL;
    pirn_stream *s, *t;
    int fd;

    o.flags = PIRN_TCP_REUSE_PORT | PIRN_TCP_NODELAY | PIRN_TCP_V6ONLY | PIRN_TCP_KEEPALIVE;
    o.keepalive_idle_ns = 7 * PIRN_SEC;
    o.user_timeout_ns = 1500 * PIRN_US;
    o.receive_buffer = 20000;
    o.send_buffer = 30000;
    EQ(pirn_tcp_listen(h, &a.sa, a.len, &o, &l), 0);
    EQ(pirn_listener_addr(l, &at), 0);
    EQ(pirn_tcp_listen(h, &at.sa, at.len, &o, &m), 0);
    pirn_listener_free(m);
    fd = pirn_listener_fd(l);
    EQ(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    EQ(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    EQ(option(fd, SOL_SOCKET, SO_RCVBUF), 40000);
    EQ(do_connect(h, &at, NULL, &s), 0);
    EQ(do_accept(h, l, &t), 0);
    fd = pirn_stream_fd(t);
    EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 7);
    EQ(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 2);
    EQ(option(fd, SOL_SOCKET, SO_SNDBUF), 60000);
    EQ(pirn_stream_fd(s) != fd, 1);
    pirn_stream_unref(s);
    pirn_stream_unref(t);
    pirn_listener_free(l);
    o = (pirn_tcp_opts)PIRN_TCP_OPTS_INIT;
    EQ(pirn_addr_parse(":0", &a), 0); /* bound to one address it is IPv6 only anyway */
    o.flags =
        PIRN_TCP_NO_REUSE_ADDR | PIRN_TCP_DUAL_STACK | PIRN_TCP_DEFER_ACCEPT | PIRN_TCP_FASTOPEN;
    EQ(pirn_tcp_listen(h, &a.sa, a.len, &o, &l), 0);
    fd = pirn_listener_fd(l);
    EQ(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
    EQ(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    CHECK(option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0);
    CHECK(option(fd, IPPROTO_TCP, TCP_FASTOPEN) > 0);
    pirn_listener_free(l);
    rt_free(rt);
}

/* ---- adoption ------------------------------------------------------------------------------------ */

/* As systemd hands one over: bound, listening, blocking. */
Test(listener, adopts_a_socket)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int fd = socket(AF_INET, SOCK_STREAM, 0), pipes[2];
    pirn_listener *l = NULL, *m = NULL;
    pirn_stream *a, *b;
    pirn_addr at = loopback4();

    EQ(bind(fd, &at.sa, at.len), 0);
    EQ(pirn_listener_from_fd(h, fd, &l), -EINVAL);
    SAYS("does not listen");
    CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    EQ(listen(fd, 10), 0);
    EQ(pirn_listener_from_fd(h, fd, &l), 0);
    EQ(pirn_listener_fd(l), fd);
    EQ(pirn_listener_from_fd(h, fd, &m), -EEXIST);
    EQ(pirn_listener_addr(l, &at), 0);
    EQ(do_connect(h, &at, NULL, &a), 0);
    EQ(do_accept(h, l, &b), 0);
    EQ(pirn_listener_from_fd(h, pirn_stream_fd(b), &m), -EINVAL);
    pirn_stream_unref(a);
    pirn_stream_unref(b);
    pirn_listener_free(l);
    EQ(fcntl(fd, F_GETFD), -1);
    EQ(pirn_listener_from_fd(h, fd, &m), -EBADF);
    EQ(pipe(pipes), 0);
    EQ(pirn_listener_from_fd(h, pipes[0], &m), -ENOTSOCK);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    EQ(pirn_listener_from_fd(h, fd, &m), -ESOCKTNOSUPPORT);
    (void)close(fd);
    EQ(pirn_listener_from_fd(NULL, 0, &m), PIRN_ENORUNTIME);
    CHECK(m == NULL);
    rt_free(rt);
}

Test(listener, made_blocking_behind_its_back)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *s = NULL;
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    EQ(fcntl(pirn_listener_fd(l), F_SETFL, 0), 0);
    EQ(do_accept(h, l, &s), -EINVAL);
    SAYS("made blocking");
    EQ(fcntl(pirn_listener_fd(l), F_SETFL, O_NONBLOCK), 0);
    EQ(pirn_listener_accept_try(l, &s), -EAGAIN);
    pirn_listener_free(l);
    rt_free(rt);
}

/* A port is free again as soon as its listener is freed, by a thread that runs nothing. */
Test(listener, the_port_is_free_at_once)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    for (int i = 0; i < 50; i++) {
        pirn_listener_free(l);
        l = NULL;
        EQ(pirn_tcp_listen(h, &at.sa, at.len, NULL, &l), 0);
    }
    pirn_listener_free(l);
    rt_free(rt);
}
