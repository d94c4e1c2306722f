/* SPDX-License-Identifier: MIT */
/* Do messages arrive whole, from whom they came, and does everything that can go wrong say so?
 * (tokio: tests/udp.rs, uds_datagram.rs) */
#include "net.h"

#include <fcntl.h>
#include <pirn/async.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- single operations --------------------------------------------------------------------------- */

struct message {
    pirn_datagram *d;
    void *buf;
    const void *from;
    size_t n, got;
    const pirn_addr *to;
    pirn_addr sender;
};

static int send_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct message *m = user;

    return pirn_datagram_send_poll(op, cx, m->d, m->from, m->n);
}

static int send_to_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct message *m = user;

    return pirn_datagram_send_to_poll(op, cx, m->d, m->from, m->n, &m->to->sa, m->to->len);
}

static int recv_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct message *m = user;

    return pirn_datagram_recv_poll(op, cx, m->d, m->buf, m->n, &m->got);
}

static int recv_from_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct message *m = user;

    return pirn_datagram_recv_from_poll(op, cx, m->d, m->buf, m->n, &m->got, &m->sender);
}

static int peek_from_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct message *m = user;

    return pirn_datagram_peek_from_poll(op, cx, m->d, m->buf, m->n, &m->got, &m->sender);
}

static int do_send_to(pirn_handle *h, pirn_datagram *d, const pirn_addr *to, const char *text)
{
    struct message m = {.d = d, .from = text, .n = strlen(text), .to = to};

    return do_poll(h, send_to_step, &m);
}

static int do_send(pirn_handle *h, pirn_datagram *d, const char *text)
{
    struct message m = {.d = d, .from = text, .n = strlen(text)};

    return do_poll(h, send_step, &m);
}

/* The text of the next message. */
static const char *received(pirn_handle *h, pirn_datagram *d)
{
    static char buf[100];
    struct message m = {.d = d, .buf = buf, .n = sizeof buf - 1};

    EQ(do_poll(h, recv_step, &m), 0);
    CHECK(m.got < sizeof buf);
    buf[m.got] = '\0';
    return buf;
}

static pirn_datagram *udp(pirn_handle *h, pirn_addr *at)
{
    pirn_addr any = loopback4();
    pirn_datagram *d = NULL;

    EQ(pirn_udp_bind(h, &any.sa, any.len, NULL, &d), 0);
    EQ(pirn_datagram_local_addr(d, at), 0);
    return d;
}

/* ---- UDP ------------------------------------------------------------------------------------------ */

static bool same_addr(const pirn_addr *a, const pirn_addr *b)
{
    char s[PIRN_ADDR_TEXT], t[PIRN_ADDR_TEXT];

    return strcmp(pirn_addr_format(a, s, sizeof s), pirn_addr_format(b, t, sizeof t)) == 0;
}

/* (tokio: udp send_recv, send_to_recv_from, send_to_peek_from) */
static void sends_and_receives(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at_a, at_b, peer;
    pirn_datagram *a = udp(h, &at_a), *b = udp(h, &at_b);
    char buf[8] = "";
    struct message m = {.d = b, .buf = buf, .n = sizeof buf};

    EQ(do_send_to(h, a, &at_b, "hello"), 0);
    EQ(do_poll(h, peek_from_step, &m), 0);
    EQ(m.got, 5);
    m.got = 0;
    EQ(do_poll(h, recv_from_step, &m), 0);
    EQ(m.got, 5);
    SAME_TEXT(buf, "hello");
    CHECK(same_addr(&m.sender, &at_a));
    EQ(do_send(h, a, "x"), -EDESTADDRREQ);
    EQ(pirn_datagram_peer_addr(a, &peer), -ENOTCONN);
    EQ(pirn_datagram_connect(a, &at_b.sa, at_b.len), 0);
    EQ(pirn_datagram_peer_addr(a, &peer), 0);
    CHECK(same_addr(&peer, &at_b));
    EQ(do_send(h, a, "again"), 0);
    SAME_TEXT(received(h, b), "again");
    EQ(do_send(h, a, ""), 0);
    EQ(do_send(h, a, "after nothing"), 0);
    SAME_TEXT(received(h, b), "");
    m.got = 0;
    EQ(do_poll(h, recv_from_step, &m), 0);
    EQ(m.got, 13); /* cut to 8, and says so */
    CHECK(memcmp(buf, "after no", 8) == 0);
    pirn_datagram_unref(a);
    pirn_datagram_unref(b);
    rt_free(rt);
}
EACH_FLAVOR(udp, sends_and_receives)

struct ping {
    PIRN_FRAME;
    pirn_op op;
    pirn_datagram *d;
    pirn_addr peer;
    size_t got;
    int left, number;
    bool first;
};

static int ping_pong(void *user, pirn_cx *cx, int *out)
{
    struct ping *p = user;
    int received_number;

    PIRN_BEGIN(p);
    if (p->first) {
        p->number = 1;
        PIRN_TRY(p, pirn_datagram_send_to_poll(&p->op, cx, p->d, &p->number, sizeof p->number,
                                               &p->peer.sa, p->peer.len));
    }
    for (; p->left > 0; p->left--) {
        PIRN_TRY(p, pirn_datagram_recv_from_poll(&p->op, cx, p->d, &p->number, sizeof p->number,
                                                 &p->got, &p->peer));
        EQ(p->got, sizeof p->number);
        received_number = p->number;
        if (p->left == 1 && p->first)
            break;
        p->number = received_number + 1;
        PIRN_TRY(p, pirn_datagram_send_to_poll(&p->op, cx, p->d, &p->number, sizeof p->number,
                                               &p->peer.sa, p->peer.len));
    }
    *out = p->number;
    PIRN_END(p);
}

/* Replies go to where a message came from; the sender's address is an output that may move from poll to
 * poll. (tokio: udp split; coop over UDP) */
static void a_thousand_round_trips(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ping one = {.left = 1000, .first = true}, two = {.left = 1000};
    pirn_join *j;

    one.d = udp(h, &two.peer);
    two.d = udp(h, &one.peer);
    j = spawn(h, ping_pong, &two);
    EQ(block_on(h, ping_pong, &one), 2000);
    ends_done(h, j, 2000);
    pirn_datagram_unref(one.d);
    pirn_datagram_unref(two.d);
    rt_free(rt);
}
EACH_FLAVOR(udp, a_thousand_round_trips)

Test(udp, refused_by_the_peers_host)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at_a, at_b;
    pirn_datagram *a = udp(h, &at_a), *b = udp(h, &at_b);
    struct message m;
    char buf[8];

    pirn_datagram_unref(b);
    EQ(pirn_datagram_connect(a, &at_b.sa, at_b.len), 0);
    EQ(do_send(h, a, "anybody?"), 0);
    m = (struct message){.d = a, .buf = buf, .n = sizeof buf};
    EQ(do_poll(h, recv_step, &m), -ECONNREFUSED);
    SAYS("Connection refused");
    b = NULL;
    EQ(pirn_udp_bind(h, &at_b.sa, at_b.len, NULL, &b), 0);
    EQ(do_send(h, a, "now"), 0);
    SAME_TEXT(received(h, b), "now");
    pirn_datagram_unref(a);
    pirn_datagram_unref(b);
    rt_free(rt);
}

Test(udp, bad_arguments)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at, six = loopback6(), un, none = {.len = 0};
    pirn_datagram *d = udp(h, &at), *e = NULL;
    pirn_udp_opts o = PIRN_UDP_OPTS_INIT;
    static char big[70000];
    struct message m = {.d = d, .from = big, .n = sizeof big, .to = &at};

    EQ(do_poll(h, send_to_step, &m), -EMSGSIZE);
    EQ(do_send_to(h, d, &six, "x"), -EAFNOSUPPORT);
    SAYS("an address of family 10, the socket is of 2");
    EQ(do_send_to(h, d, &none, "x"), -EINVAL);
    EQ(pirn_datagram_connect(d, &six.sa, six.len), -EAFNOSUPPORT);
    EQ(pirn_datagram_connect(d, NULL, 0), -EINVAL);
    EQ(pirn_udp_bind(h, &at.sa, at.len, NULL, &e), -EADDRINUSE);
    SAYS("pirn_udp_bind");
    EQ(pirn_addr_parse("unix:@x", &un), 0);
    EQ(pirn_udp_bind(h, &un.sa, un.len, NULL, &e), -EAFNOSUPPORT);
    o.flags = 1u << 30;
    EQ(pirn_udp_bind(h, &six.sa, six.len, &o, &e), -EINVAL);
    SAYS("opts.flags");
    o.flags = PIRN_UDP_V6ONLY | PIRN_UDP_DUAL_STACK;
    EQ(pirn_udp_bind(h, &six.sa, six.len, &o, &e), -EINVAL);
    o.flags = 0;
    o.size = 4;
    EQ(pirn_udp_bind(h, &six.sa, six.len, &o, &e), -EINVAL);
    SAYS("pirn_udp_opts.size");
    EQ(pirn_udp_bind(NULL, &six.sa, six.len, NULL, &e), PIRN_ENORUNTIME);
    m = (struct message){.d = NULL, .from = "", .n = 0};
    EQ(do_poll(h, send_step, &m), -EINVAL);
    EQ(do_poll(h, recv_step, &m), -EINVAL);
    m = (struct message){.d = d, .buf = NULL, .n = 5};
    EQ(do_poll(h, recv_step, &m), -EINVAL);
    CHECK(e == NULL);
    pirn_datagram_unref(NULL);
    pirn_datagram_unref(d);
    rt_free(rt);
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    EQ(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

Test(udp, options_arrive)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_udp_opts o = PIRN_UDP_OPTS_INIT;
    pirn_addr six = loopback6(), at;
    pirn_datagram *d = NULL, *e = NULL;
    int fd;

    o.flags = PIRN_UDP_REUSE_PORT | PIRN_UDP_REUSE_ADDR | PIRN_UDP_BROADCAST | PIRN_UDP_V6ONLY;
    o.send_buffer = 20000;
    o.receive_buffer = 30000;
    EQ(pirn_udp_bind(h, &six.sa, six.len, &o, &d), 0);
    fd = pirn_datagram_fd(d);
    EQ(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
    EQ(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    EQ(option(fd, SOL_SOCKET, SO_BROADCAST), 1);
    EQ(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    EQ(option(fd, SOL_SOCKET, SO_SNDBUF), 40000);
    EQ(option(fd, SOL_SOCKET, SO_RCVBUF), 60000);
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EQ(pirn_datagram_local_addr(d, &at), 0);
    EQ(pirn_udp_bind(h, &at.sa, at.len, &o, &e), 0);
    pirn_datagram_unref(e);
    pirn_datagram_unref(d);
    rt_free(rt);
}

/* Of both families: an IPv6 socket reaches an IPv4 one by its plain address, unless it is V6ONLY. */
Test(udp, two_families_on_one_socket)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_udp_opts o = PIRN_UDP_OPTS_INIT;
    pirn_addr any, at, none = {.len = sizeof(sa_family_t)};
    pirn_datagram *four = udp(h, &at), *six = NULL;

    EQ(pirn_addr_parse(":0", &any), 0);
    o.flags = PIRN_UDP_DUAL_STACK;
    EQ(pirn_udp_bind(h, &any.sa, any.len, &o, &six), 0);
    EQ(do_send_to(h, six, &at, "mapped"), 0);
    SAME_TEXT(received(h, four), "mapped");
    EQ(pirn_datagram_connect(six, &at.sa, at.len), 0);
    EQ(do_send(h, six, "connected"), 0);
    SAME_TEXT(received(h, four), "connected");
    EQ(pirn_datagram_connect(six, &none.sa, none.len), 0);
    EQ(do_send(h, six, "x"), -EDESTADDRREQ);
    pirn_datagram_unref(six);
    o.flags = PIRN_UDP_V6ONLY;
    EQ(pirn_udp_bind(h, &any.sa, any.len, &o, &six), 0);
    CHECK(do_send_to(h, six, &at, "x") < 0);
    pirn_datagram_unref(six);
    pirn_datagram_unref(four);
    rt_free(rt);
}

Test(udp, one_waits_at_a_time)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at;
    char buf[8];
    struct message m = {.d = udp(h, &at), .buf = buf, .n = sizeof buf};
    pirn_op one = {0}, two = {0};
    struct wakes w = {0};
    pirn_datagram *d = m.d;

    EQ(poll_once(&w, recv_step, &m, &one), PIRN_PENDING);
    EQ(poll_once(&w, recv_from_step, &m, &two), -EBUSY);
    EQ(do_send_to(h, d, &at, "self"), 0);
    rt_idle(rt);
    EQ(w.woken, 1);
    EQ(poll_once(&w, recv_step, &m, &one), 0);
    EQ(m.got, 4);
    EQ(poll_once(&w, recv_from_step, &m, &two), PIRN_PENDING);
    pirn_datagram_unref(pirn_datagram_ref(d));
    EQ(w.woken, 1);
    pirn_datagram_unref(d);
    EQ(w.woken, 2);
    m.d = NULL;
    EQ(poll_once(&w, recv_from_step, &m, &two), -ECANCELED);
    EQ(w.clones, w.drops);
    rt_free(rt);
}

/* ---- Unix datagrams ------------------------------------------------------------------------------- */

/* (tokio: uds_datagram echo_server, pair) */
static void by_path_and_by_name(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    const char *path = fresh_path();
    char text[200], buf[50];
    pirn_datagram *a, *b, *c, *taken = NULL;
    struct message m;
    pirn_addr at, from;

    EQ(pirn_unix_datagram_bind(h, path, &a), 0);
    EQ(pirn_unix_datagram_bind(h, path, &taken), -EADDRINUSE);
    (void)snprintf(text, sizeof text, "@%s", path + 1);
    EQ(pirn_unix_datagram_bind(h, text, &b), 0);
    EQ(pirn_unix_datagram_bind(h, NULL, &c), 0);
    (void)snprintf(text, sizeof text, "unix:%s", path);
    EQ(pirn_addr_parse(text, &at), 0);
    EQ(do_send_to(h, b, &at, "from a name"), 0);
    m = (struct message){.d = a, .buf = buf, .n = sizeof buf};
    EQ(do_poll(h, recv_from_step, &m), 0);
    EQ(m.got, 11);
    EQ(pirn_datagram_local_addr(b, &from), 0);
    CHECK(same_addr(&m.sender, &from));
    EQ(do_send_to(h, a, &from, "back"), 0);
    SAME_TEXT(received(h, b), "back");
    EQ(do_send_to(h, c, &at, "from nobody"), 0);
    EQ(do_poll(h, recv_from_step, &m), 0);
    SAME_TEXT(pirn_addr_format(&m.sender, text, sizeof text),
              m.sender.len == 0 ? "family:0" : "unix:");
    EQ(pirn_datagram_connect(c, &at.sa, at.len), 0);
    EQ(do_send(h, c, "connected"), 0);
    SAME_TEXT(received(h, a), "connected");
    pirn_datagram_unref(a);
    EQ(do_send(h, c, "gone"), -ECONNREFUSED);
    pirn_datagram_unref(b);
    pirn_datagram_unref(c);
    EQ(unlink(path), 0);
    rt_free(rt);
}
EACH_FLAVOR(unix_datagram, by_path_and_by_name)

struct flood {
    PIRN_FRAME;
    pirn_op op;
    pirn_datagram *d;
    const pirn_addr *to; /* NULL: connected */
    size_t got;
    int left, sum, number;
};

static int flood_send(void *user, pirn_cx *cx, int *out)
{
    struct flood *f = user;

    PIRN_BEGIN(f);
    for (; f->left > 0; f->left--) {
        f->number = f->left;
        if (f->to == NULL)
            PIRN_TRY(f, pirn_datagram_send_poll(&f->op, cx, f->d, &f->number, sizeof f->number));
        else
            PIRN_TRY(f, pirn_datagram_send_to_poll(&f->op, cx, f->d, &f->number, sizeof f->number,
                                                   &f->to->sa, f->to->len));
    }
    *out = 0;
    PIRN_END(f);
}

static int flood_receive(void *user, pirn_cx *cx, int *out)
{
    struct flood *f = user;

    PIRN_BEGIN(f);
    for (; f->left > 0; f->left--) {
        PIRN_TRY(f,
                 pirn_datagram_recv_poll(&f->op, cx, f->d, &f->number, sizeof f->number, &f->got));
        f->sum += f->number;
    }
    *out = f->sum;
    PIRN_END(f);
}

/* Unix datagrams are not lost: a full queue makes the sender wait, with a peer by the kernel's word, without
 * one by a timer. */
static void a_full_queue_loses_nothing(struct flavor fl)
{
    pirn_runtime *rt = rt_on(fl);
    pirn_handle *h = pirn_runtime_handle(rt);
    char name[100], text[110];
    pirn_datagram *in, *one, *two;
    struct flood f[3];
    pirn_join *j[2];
    pirn_addr at;

    (void)snprintf(name, sizeof name, "@%s", fresh_path());
    (void)snprintf(text, sizeof text, "unix:%s", name);
    EQ(pirn_addr_parse(text, &at), 0);
    EQ(pirn_unix_datagram_bind(h, name, &in), 0);
    EQ(pirn_unix_datagram_bind(h, NULL, &one), 0);
    EQ(pirn_unix_datagram_bind(h, NULL, &two), 0);
    EQ(pirn_datagram_connect(one, &at.sa, at.len), 0);
    f[0] = (struct flood){.d = one, .left = 1000};
    f[1] = (struct flood){.d = two, .left = 200, .to = &at};
    f[2] = (struct flood){.d = in, .left = 1200};
    j[0] = spawn(h, flood_send, &f[0]);
    j[1] = spawn(h, flood_send, &f[1]);
    EQ(block_on(h, flood_receive, &f[2]), 1000 * 1001 / 2 + 200 * 201 / 2);
    ends_done(h, j[0], 0);
    ends_done(h, j[1], 0);
    pirn_datagram_unref(in);
    pirn_datagram_unref(one);
    pirn_datagram_unref(two);
    rt_free(rt);
}
EACH_FLAVOR(unix_datagram, a_full_queue_loses_nothing)

/* A send that waits by its timer is dropped, and one whose socket is freed ends. */
Test(unix_datagram, a_send_that_waits_can_end)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    char name[100], text[110];
    pirn_op op = {0}, second = {0};
    struct wakes w = {0};
    pirn_datagram *in, *d;
    struct message m;
    pirn_enter guard;
    pirn_addr at;
    int r;

    (void)snprintf(name, sizeof name, "@%s", fresh_path());
    (void)snprintf(text, sizeof text, "unix:%s", name);
    EQ(pirn_addr_parse(text, &at), 0);
    EQ(pirn_unix_datagram_bind(h, name, &in), 0);
    EQ(pirn_unix_datagram_bind(h, NULL, &d), 0);
    m = (struct message){.d = d, .from = "x", .n = 1, .to = &at};
    EQ(pirn_handle_enter(h, &guard), 0);
    do
        r = poll_once(&w, send_to_step, &m, &op);
    while (r == 0);
    EQ(r, PIRN_PENDING);
    EQ(poll_once(&w, send_to_step, &m, &second), -EBUSY);
    pirn_op_drop(&op);
    EQ(poll_once(&w, send_to_step, &m, &second), PIRN_PENDING);
    pirn_datagram_unref(d);
    m.d = NULL;
    EQ(w.woken, 1);
    EQ(poll_once(&w, send_to_step, &m, &second), -ECANCELED);
    pirn_enter_exit(&guard);
    pirn_datagram_unref(in);
    EQ(w.clones, w.drops);
    rt_free(rt);
}

Test(unix_datagram, adopted_and_paired)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_datagram *a, *b, *c = NULL;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    EQ(pirn_unix_datagram_pair(h, &a, &b), 0);
    EQ(do_send(h, a, "over"), 0);
    SAME_TEXT(received(h, b), "over");
    EQ(pirn_datagram_from_fd(h, fd, &c), 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    pirn_datagram_unref(c);
    c = NULL;
    EQ(pirn_datagram_from_fd(h, fd, &c), -EBADF);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    EQ(pirn_datagram_from_fd(h, fd, &c), -ESOCKTNOSUPPORT);
    (void)close(fd);
    EQ(pirn_unix_datagram_pair(h, NULL, &c), -EINVAL);
    EQ(pirn_unix_datagram_bind(h, "", &c), -EINVAL);
    SAYS("the path is empty");
    CHECK(c == NULL);
    pirn_datagram_unref(a);
    pirn_datagram_unref(b);
    rt_free(rt);
}
