/* SPDX-License-Identifier: MIT */
/* Names, and connecting to them and to addresses: what is found, what is refused, and what happens to a lookup
 * or an attempt that nobody waits for any more. getaddrinfo() is a fake, linked by -Wl,--wrap.
 * (tokio: tests/net_lookup_host.rs, tcp_connect.rs) */
#include "net.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <pirn/async.h>
#include <unistd.h>

/* ---- the fake --------------------------------------------------------------------------------------- */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
void __real_freeaddrinfo(struct addrinfo *list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *list);

static struct {
    _Atomic(int) asked; /* other than for numbers */
    _Atomic(int) lists; /* not freed */
    sem_t entered, go;  /* of "slow.test" */
} names;

/* The fake's list: each of 127.0.0.@last, in this order. */
static struct addrinfo *list_of(const char *service, const char *const *hosts)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *head = NULL, **tail = &head;

    for (; *hosts != NULL; hosts++) {
        EQ(__real_getaddrinfo(*hosts, service, &hints, tail), 0);
        tail = &(*tail)->ai_next;
    }
    return head;
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    static const char *const one[] = {"127.0.0.1", NULL};
    static const char *const two[] = {"127.0.0.2", "127.0.0.1", NULL};
    static const struct {
        const char *host;
        int code, error;
    } wrong[] = {{"none.test", EAI_NONAME, 0},  {"later.test", EAI_AGAIN, 0},
                 {"broken.test", EAI_FAIL, 0},  {"memory.test", EAI_MEMORY, 0},
                 {"four.test", EAI_FAMILY, 0},  {"files.test", EAI_SYSTEM, EMFILE},
                 {"odd.test", EAI_SERVICE, 0},  {"flags.test", EAI_BADFLAGS, 0},
                 {"data.test", EAI_NODATA, 0},  {"six.test", EAI_ADDRFAMILY, 0},
                 {"long.test", EAI_OVERFLOW, 0}};

    if (hints->ai_flags & AI_NUMERICHOST) {
        int r = __real_getaddrinfo(host, service, hints, out);

        names.lists += r == 0;
        return r;
    }
    names.asked++;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (strcmp(host, wrong[i].host) == 0) {
            errno = wrong[i].error;
            return wrong[i].code;
        }
    }
    if (strcmp(host, "slow.test") == 0) {
        post(&names.entered);
        await(&names.go);
    }
    *out = list_of(service, strcmp(host, "two.test") == 0 ? two : one);
    names.lists++;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    names.lists--;
    __real_freeaddrinfo(list);
}

/* ---- lookup ----------------------------------------------------------------------------------------- */

struct query {
    const char *host, *service;
    const struct addrinfo *hints;
    struct addrinfo *list;
};

static int lookup_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct query *q = user;

    return pirn_lookup_poll(op, cx, q->host, q->service, q->hints, &q->list);
}

static int do_lookup(pirn_handle *h, struct query q, char *text)
{
    pirn_addr a;
    int r = do_poll(h, lookup_step, &q);

    text[0] = '\0';
    if (r != 0)
        return r;
    a.len = q.list->ai_addrlen;
    memcpy(&a.storage, q.list->ai_addr, a.len);
    (void)pirn_addr_format(&a, text, PIRN_ADDR_TEXT);
    freeaddrinfo(q.list);
    return 0;
}

static void finds_names_and_numbers(struct flavor f)
{
    static const char *const no_ports[] = {"18446744073709551696", "+80", "-1", " 80", ""};
    const struct addrinfo six = {.ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM},
                          passive = {.ai_flags = AI_PASSIVE, .ai_family = AF_INET};
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    char text[PIRN_ADDR_TEXT];

    names.asked = 0;
    EQ(do_lookup(h, (struct query){.host = "127.0.0.9", .service = "80"}, text), 0);
    SAME_TEXT(text, "127.0.0.9:80");
    EQ(do_lookup(h, (struct query){.host = "::1", .service = "81", .hints = &six}, text), 0);
    SAME_TEXT(text, "[::1]:81");
    EQ(do_lookup(h, (struct query){.service = "82", .hints = &passive}, text), 0);
    SAME_TEXT(text, "0.0.0.0:82");
    EQ(do_lookup(h, (struct query){.host = "127.0.0.9"}, text), 0);
    SAME_TEXT(text, "127.0.0.9:0");
    EQ(do_lookup(h, (struct query){.host = "127.0.0.9", .service = "65535"}, text), 0);
    SAME_TEXT(text, "127.0.0.9:65535");
    EQ(do_lookup(h, (struct query){.host = "127.0.0.9", .service = "65536"}, text), -EINVAL);
    SAYS("65536");
    for (size_t i = 0; i < sizeof no_ports / sizeof *no_ports; i++)
        EQ(do_lookup(h, (struct query){.host = "one.test", .service = no_ports[i]}, text), -EINVAL);
    EQ(names.asked, 0);
    EQ(metrics_of(h).blocking_threads, 0);
    EQ(do_lookup(h, (struct query){.host = "one.test", .service = "83"}, text), 0);
    SAME_TEXT(text, "127.0.0.1:83");
    EQ(names.asked, 1);
    EQ(metrics_of(h).blocking_threads, 1);
    EQ(names.lists, 0);
    rt_free(rt);
}
EACH_FLAVOR(lookup, finds_names_and_numbers)

Test(lookup, every_error)
{
    static const struct {
        const char *host;
        int code;
    } rows[] = {{"none.test", -ENOENT},       {"data.test", -ENOENT},      {"six.test", -ENOENT},
                {"later.test", -EAGAIN},      {"broken.test", -EIO},       {"memory.test", -ENOMEM},
                {"four.test", -EAFNOSUPPORT}, {"files.test", -EMFILE},     {"odd.test", -EINVAL},
                {"flags.test", -EINVAL},      {"long.test", -ENAMETOOLONG}};
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct query q = {.host = NULL};
    char text[PIRN_ADDR_TEXT];
    struct wakes k = {0};
    pirn_op op = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int r = do_lookup(h, (struct query){.host = rows[i].host, .service = "80"}, text);

        CHECK_SAYS(r == rows[i].code, "%s: %d, not %d", rows[i].host, r, rows[i].code);
        SAYS("pirn_lookup_poll: ");
    }
    EQ(do_poll(h, lookup_step, &q), -EINVAL);
    SAYS("neither a host nor a service");
    q.host = "127.0.0.1";
    EQ(poll_once(&k, lookup_step, &q, &op), PIRN_ENORUNTIME);
    EQ(names.lists, 0);
    rt_free(rt);
}

struct looking {
    struct query q;
    pirn_op op;
};

static int lookup_in_a_task(void *user, pirn_cx *cx, int *out)
{
    struct looking *l = user;
    int r = lookup_step(&l->q, &l->op, cx);

    *out = r;
    return r == PIRN_PENDING ? r : 0;
}

/* Nobody waits any more: dropped, aborted; the list is freed when getaddrinfo() comes back. */
static void given_up_while_it_runs(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct looking l;
    pirn_op op = {0};
    struct wakes k = {0};
    pirn_enter guard;
    pirn_join *j;

    EQ(sem_init(&names.entered, 0, 0), 0);
    EQ(sem_init(&names.go, 0, 0), 0);
    l = (struct looking){.q = {.host = "slow.test", .service = "80"}};
    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(poll_once(&k, lookup_step, &l.q, &op), PIRN_PENDING);
    pirn_enter_exit(&guard);
    await(&names.entered);
    pirn_op_drop(&op);
    EQ(k.clones, k.drops);
    j = spawn(h, lookup_in_a_task, &l);
    if (f.flavor == PIRN_CURRENT_THREAD)
        rt_idle(rt);
    await(&names.entered);
    pirn_join_abort(j);
    ends_as(h, j, PIRN_CANCELLED, -ECANCELED);
    post(&names.go);
    post(&names.go);
    rt_free(rt);
    EQ(names.lists, 0);
    CHECK(l.q.list == NULL);
}
EACH_FLAVOR(lookup, given_up_while_it_runs)

/* ---- dial ------------------------------------------------------------------------------------------- */

struct dialing {
    const char *host;
    char service[8];
    pirn_stream *s;
};

static int dial_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct dialing *d = user;

    return pirn_tcp_dial_poll(op, cx, d->host, d->service, &d->s);
}

static struct dialing dialing(const char *host, const pirn_addr *at)
{
    struct dialing d = {.host = host};

    (void)snprintf(d.service, sizeof d.service, "%u", (unsigned)ntohs(at->in4.sin_port));
    return d;
}

static void tries_each_address(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at, from;
    pirn_listener *l = tcp_listener(h, &at);
    struct dialing d = dialing("two.test", &at);
    pirn_stream *s;
    char text[PIRN_ADDR_TEXT];

    EQ(do_poll(h, dial_step, &d), 0); /* 127.0.0.2 refuses */
    EQ(do_accept(h, l, &s), 0);
    EQ(pirn_stream_peer_addr(d.s, &from), 0);
    CHECK(strncmp(pirn_addr_format(&from, text, sizeof text), "127.0.0.1:", 10) == 0);
    pirn_stream_unref(s);
    pirn_stream_unref(d.s);
    pirn_listener_free(l);
    d.s = NULL;
    EQ(do_poll(h, dial_step, &d), -ECONNREFUSED);
    SAYS("pirn_tcp_connect_poll: Connection refused");
    d.host = "none.test";
    EQ(do_poll(h, dial_step, &d), -ENOENT);
    d.host = NULL;
    EQ(do_poll(h, dial_step, &d), -EINVAL);
    CHECK(d.s == NULL);
    EQ(names.lists, 0);
    rt_free(rt);
}
EACH_FLAVOR(dial, tries_each_address)

/* A listener whose backlog is full: what connects to it stays half-way. */
static int full_listener(pirn_addr *at, int *fill, int n)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof at->storage;

    *at = loopback4();
    EQ(bind(fd, &at->sa, at->len), 0);
    EQ(listen(fd, 0), 0);
    EQ(getsockname(fd, &at->sa, &len), 0);
    for (int i = 0; i < n; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], &at->sa, at->len);
    }
    return fd;
}

struct target {
    pirn_addr at;
    pirn_stream *s;
};

static int connect_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct target *t = user;

    return pirn_tcp_connect_poll(op, cx, &t->at.sa, t->at.len, &t->s);
}

/* Given up half-way, in both of its phases: nothing stays. */
Test(dial, given_up_half_way)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct target t = {.s = NULL};
    struct wakes k = {0};
    int fill[3], fds, listener = full_listener(&t.at, fill, 3);
    struct dialing d = dialing("slow.test", &t.at);
    pirn_op op = {0};
    pirn_enter guard;

    EQ(sem_init(&names.entered, 0, 0), 0);
    EQ(sem_init(&names.go, 0, 0), 0);
    fds = count_fds();
    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(poll_once(&k, dial_step, &d, &op), PIRN_PENDING);
    await(&names.entered);
    pirn_op_drop(&op);
    post(&names.go);
    d.host = "127.0.0.1";
    EQ(poll_once(&k, dial_step, &d, &op), PIRN_PENDING);
    EQ(count_fds(), fds + 1);
    pirn_op_drop(&op);
    EQ(count_fds(), fds);
    EQ(poll_once(&k, connect_step, &t, &op), PIRN_PENDING);
    EQ(count_fds(), fds + 1);
    pirn_op_drop(&op);
    EQ(count_fds(), fds);
    EQ(poll_once(&k, connect_step, &t, &op), PIRN_PENDING);
    pirn_enter_exit(&guard);
    (void)close(listener);
    /* The kernel's next packet is refused: after a second. */
    while (k.woken == 0)
        rt_idle(rt);
    EQ(poll_once(&k, connect_step, &t, &op), -ECONNREFUSED);
    EQ(count_fds(), fds - 1);
    for (int i = 0; i < 3; i++)
        (void)close(fill[i]);
    EQ(k.clones, k.drops);
    CHECK(t.s == NULL && d.s == NULL);
    rt_free(rt);
    EQ(names.lists, 0);
}

/* Until it is over, or 10 s have passed; the runtime is driven meanwhile. */
static int driven(pirn_runtime *rt, int (*step)(void *, pirn_op *, pirn_cx *), void *user)
{
    pirn_time limit = pirn_after(10 * PIRN_SEC);
    struct wakes k = {0};
    pirn_op op = {0};
    int r;

    while ((r = poll_once(&k, step, user, &op)) == PIRN_PENDING && pirn_now() < limit)
        rt_idle(rt);
    CHECK(r != PIRN_PENDING);
    EQ(k.clones, k.drops);
    return r;
}

/* Each allocation of a dial fails in turn: an error, and nothing is left. */
Test(dial, no_memory)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);
    struct dialing d = dialing("one.test", &at);
    int fds = count_fds(), failures = 0, r;
    pirn_enter guard;

    EQ(pirn_handle_enter(h, &guard), 0);
    for (int64_t i = 1;; i++) {
        tally.fail_at = i;
        tally.failed = 0;
        r = driven(rt, dial_step, &d);
        tally.fail_at = 0;
        if (tally.failed == 0)
            break;
        failures++;
        /* Of what is kept for later uses one may fail without harm. */
        CHECK_SAYS(r == -ENOMEM || r == 0, "allocation %d: %d", (int)i, r);
        if (r == 0) {
            pirn_stream_unref(d.s);
            rt_idle(rt);
        }
        d.s = NULL;
        EQ(count_fds(), fds);
    }
    pirn_enter_exit(&guard);
    EQ(r, 0);
    CHECK(failures >= 3);
    pirn_stream_unref(d.s);
    pirn_listener_free(l);
    rt_free(rt);
    EQ(names.lists, 0);
}

/* ---- connect ---------------------------------------------------------------------------------------- */

static int connect_as(pirn_handle *h, const pirn_addr *to, const pirn_tcp_opts *o)
{
    pirn_stream *s = NULL;
    int r = do_connect(h, to, o, &s);

    CHECK((r == 0) == (s != NULL));
    pirn_stream_unref(s);
    return r;
}

Test(connect, refused_and_wrong)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_tcp_opts o = PIRN_TCP_OPTS_INIT;
    struct target t;
    pirn_listener *l = tcp_listener(h, &t.at);
    struct wakes k = {0};
    pirn_op op = {0};
    pirn_addr a;
    int fds = count_fds();

    EQ(poll_once(&k, connect_step, &t, &op), PIRN_ENORUNTIME);
    SAYS("pirn_tcp_connect_poll");
    EQ(pirn_addr_parse("unix:/tmp/x", &a), 0);
    EQ(connect_as(h, &a, NULL), -EAFNOSUPPORT);
    a = t.at;
    a.len = 3;
    EQ(connect_as(h, &a, NULL), -EINVAL);
    o.backlog = 1;
    EQ(connect_as(h, &t.at, &o), -EINVAL);
    SAYS("opts.backlog is for listeners");
    o.backlog = 0;
    o.flags = PIRN_TCP_DEFER_ACCEPT;
    EQ(connect_as(h, &t.at, &o), -EINVAL);
    SAYS("opts.flags is for listeners");
    o.flags = 0;
    o.size = 1;
    EQ(connect_as(h, &t.at, &o), -EINVAL);
    o.size = sizeof o;
    a = loopback6();
    o.local = &a.sa;
    o.local_len = a.len;
    EQ(connect_as(h, &t.at, &o), -EAFNOSUPPORT); /* from IPv6 to IPv4 */
    EQ(pirn_addr_parse("192.0.2.1:0", &a), 0);
    o.local_len = a.len;
    EQ(connect_as(h, &t.at, &o), -EADDRNOTAVAIL);
    pirn_listener_free(l);
    rt_idle(rt);
    EQ(connect_as(h, &t.at, NULL), -ECONNREFUSED);
    SAYS("pirn_tcp_connect_poll: Connection refused");
    EQ(count_fds(), fds - 1);
    rt_free(rt);
}

/* (tokio: tcp_socket bind_before_connect) */
static void from_a_local_address(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_tcp_opts o = PIRN_TCP_OPTS_INIT;
    pirn_addr at, local, peer;
    pirn_listener *l = tcp_listener(h, &at);
    pirn_stream *s, *t;
    char text[PIRN_ADDR_TEXT];
    int on = 0;
    socklen_t n = sizeof on;

    EQ(pirn_addr_parse("127.0.0.3:0", &local), 0);
    o.local = &local.sa;
    o.local_len = local.len;
    o.flags = PIRN_TCP_NODELAY;
    EQ(do_connect(h, &at, &o, &s), 0);
    EQ(do_accept(h, l, &t), 0);
    EQ(pirn_stream_peer_addr(t, &peer), 0);
    CHECK(strncmp(pirn_addr_format(&peer, text, sizeof text), "127.0.0.3:", 10) == 0);
    EQ(getsockopt(pirn_stream_fd(s), IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
    EQ(on, 1);
    pirn_stream_unref(s);
    pirn_stream_unref(t);
    pirn_listener_free(l);
    rt_free(rt);
}
EACH_FLAVOR(connect, from_a_local_address)

/* ---- addresses as texts ------------------------------------------------------------------------------ */

Test(addr, there_and_back)
{
    static const char *const good[][2] = {
        {"127.0.0.1:80", "127.0.0.1:80"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"[::1]:65535", "[::1]:65535"},
        {"[0:0::1]:08", "[::1]:8"},
        {"[fe80::1%7]:1", "[fe80::1%7]:1"},
        {"[fe80::1%lo]:1", "[fe80::1%1]:1"},
        {":80", "[::]:80"},
        {"unix:/run/x", "unix:/run/x"},
        {"unix:@x", "unix:@x"},
        {"unix:relative:1", "unix:relative:1"},
    };
    static const char *const bad[] = {
        "",         "80",         "127.0.0.1",       "127.0.0.1:",    "127.0.0.1:65536",
        "1.2.3:80", "1.2.3.4:8x", "1.2.3.4:-1",      "::1:80",        "[::1]80",
        "[::1:80",  "[]:80",      "[::1%nowhere]:1", "localhost:80",  "[1.2.3.4]:80",
        "unix:",    "a:b",        "1.2.3.4:000080",  " 127.0.0.1:80", "[:80",
    };
    char text[PIRN_ADDR_TEXT];
    pirn_addr a = {.len = 0};

    SAME_TEXT(pirn_addr_format(&a, text, sizeof text), "family:0");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        EQ(pirn_addr_parse(good[i][0], &a), 0);
        SAME_TEXT(pirn_addr_format(&a, text, sizeof text), good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int r = pirn_addr_parse(bad[i], &a);

        CHECK_SAYS(r == -EINVAL, "\"%s\": %d", bad[i], r);
        SAYS("pirn_addr_parse");
    }
    EQ(pirn_addr_parse("127.0.0.1:80", &a), 0);
    SAME_TEXT(pirn_addr_format(&a, text, 8), "127.0.0");
    SAME_TEXT(pirn_addr_format(&a, text, 0), "");
    SAME_TEXT(pirn_addr_format(NULL, text, sizeof text), "family:0");
    a.storage.ss_family = AF_NETLINK;
    SAME_TEXT(pirn_addr_format(&a, text, sizeof text), "family:16");
    EQ(pirn_addr_parse(NULL, &a), -EINVAL);
}

/* Whatever is accepted comes back from its own text; nothing else happens to what is not. */
Test(addr, any_bytes)
{
    static const char *const pieces[] = {"127.0.0.1", "[::1]", "[", "]", ":",     "80", "unix:",
                                         "@",         "%",     "f", "0", "65535", "..", "\xff"};
    char text[300], one[PIRN_ADDR_TEXT], two[PIRN_ADDR_TEXT];
    uint64_t random = 42;
    int accepted = 0;

    for (int i = 0; i < 200000; i++) {
        pirn_addr a, b;
        size_t n = 0;

        memset(&a, 0xa5, sizeof a);
        b = a;
        do {
            const char *piece;

            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            piece = pieces[(random >> 40) % (sizeof pieces / sizeof *pieces)];
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", piece);
        } while (n < 250 && (random >> 33) % 4 != 0);
        if (pirn_addr_parse(text, &a) != 0) {
            CHECK(memcmp(&a, &b, sizeof a) == 0);
            continue;
        }
        accepted++;
        CHECK(strlen(pirn_addr_format(&a, one, sizeof one)) < sizeof one - 1);
        EQ(pirn_addr_parse(one, &b), 0);
        SAME_TEXT(pirn_addr_format(&b, two, sizeof two), one);
    }
    CHECK(accepted > 1000);
}
