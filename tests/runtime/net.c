/* SPDX-License-Identifier: MIT */
/* What the tests of the net share: see net.h. */
#include "net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <unistd.h>

pirn_addr loopback4(void)
{
    pirn_addr a;

    EQ(pirn_addr_parse("127.0.0.1:0", &a), 0);
    return a;
}

pirn_addr loopback6(void)
{
    pirn_addr a;

    EQ(pirn_addr_parse("[::1]:0", &a), 0);
    return a;
}

const char *fresh_path(void)
{
    static char path[64];
    static int number;

    (void)snprintf(path, sizeof path, "/tmp/pirn-test-%d-%d", (int)getpid(), number++);
    (void)unlink(path);
    return path;
}

/* ---- single operations --------------------------------------------------------------------------- */

struct single {
    pirn_op op;
    int (*poll)(void *user, pirn_op *op, pirn_cx *cx);
    void *user;
};

static int single_poll(void *user, pirn_cx *cx, int *out)
{
    struct single *s = user;
    int r = s->poll(s->user, &s->op, cx);

    if (r == PIRN_PENDING)
        return r;
    CHECK(!pirn_op_is_pending(&s->op));
    *out = r;
    return 0;
}

int do_poll(pirn_handle *h, int (*poll)(void *user, pirn_op *op, pirn_cx *cx), void *user)
{
    struct single s = {.poll = poll, .user = user};

    return block_on(h, single_poll, &s);
}

struct borrowed {
    pirn_op *op;
    int (*poll)(void *user, pirn_op *op, pirn_cx *cx);
    void *user;
};

static int borrowed_step(void *user, pirn_cx *cx, void *out)
{
    const struct borrowed *b = user;

    (void)out;
    return b->poll(b->user, b->op, cx);
}

int poll_once(struct wakes *w, int (*poll)(void *user, pirn_op *op, pirn_cx *cx), void *user,
              pirn_op *op)
{
    struct borrowed b = {op, poll, user};
    pirn_waker waker = wakes_waker(w);
    int r = pirn_poll_with(&waker, borrowed_step, &b, NULL);

    pirn_waker_drop(waker);
    return r;
}

struct buffer_call {
    int kind;
    pirn_stream *s;
    void *buf;
    const void *from;
    size_t n, moved;
};
enum {
    CALL_READ,
    CALL_READ_EXACT,
    CALL_WRITE,
    CALL_WRITE_ALL
};

static int buffer_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct buffer_call *c = user;

    switch (c->kind) {
    case CALL_READ:
        return pirn_stream_read_poll(op, cx, c->s, c->buf, c->n, &c->moved);
    case CALL_READ_EXACT:
        return pirn_stream_read_exact_poll(op, cx, c->s, c->buf, c->n, &c->moved);
    case CALL_WRITE:
        return pirn_stream_write_poll(op, cx, c->s, c->from, c->n, &c->moved);
    default:
        return pirn_stream_write_all_poll(op, cx, c->s, c->from, c->n, &c->moved);
    }
}

int do_read(pirn_handle *h, pirn_stream *s, void *buf, size_t n, size_t *got)
{
    struct buffer_call c = {.kind = CALL_READ, .s = s, .buf = buf, .n = n};
    int r = do_poll(h, buffer_call, &c);

    if (r == 0)
        *got = c.moved;
    return r;
}

int do_read_exact(pirn_handle *h, pirn_stream *s, void *buf, size_t n)
{
    struct buffer_call c = {.kind = CALL_READ_EXACT, .s = s, .buf = buf, .n = n};
    int r = do_poll(h, buffer_call, &c);

    if (r == 0)
        EQ(c.moved, n);
    return r;
}

int do_write(pirn_handle *h, pirn_stream *s, const void *buf, size_t n, size_t *sent)
{
    struct buffer_call c = {.kind = CALL_WRITE, .s = s, .from = buf, .n = n};
    int r = do_poll(h, buffer_call, &c);

    if (r == 0)
        *sent = c.moved;
    return r;
}

int do_write_all(pirn_handle *h, pirn_stream *s, const void *buf, size_t n)
{
    struct buffer_call c = {.kind = CALL_WRITE_ALL, .s = s, .from = buf, .n = n};
    int r = do_poll(h, buffer_call, &c);

    if (r == 0)
        EQ(c.moved, n);
    return r;
}

struct accept_call {
    pirn_listener *l;
    pirn_stream *s;
};

static int accept_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct accept_call *c = user;

    return pirn_listener_accept_poll(op, cx, c->l, &c->s);
}

int do_accept(pirn_handle *h, pirn_listener *l, pirn_stream **out)
{
    struct accept_call c = {l, NULL};
    int r = do_poll(h, accept_call, &c);

    if (r == 0)
        *out = c.s;
    return r;
}

struct connect_call {
    const pirn_addr *to;
    const pirn_tcp_opts *o;
    pirn_stream *s;
};

static int connect_call(void *user, pirn_op *op, pirn_cx *cx)
{
    struct connect_call *c = user;

    return pirn_tcp_connect_with_poll(op, cx, &c->to->sa, c->to->len, c->o, &c->s);
}

int do_connect(pirn_handle *h, const pirn_addr *to, const pirn_tcp_opts *o, pirn_stream **out)
{
    struct connect_call c = {to, o, NULL};
    int r = do_poll(h, connect_call, &c);

    if (r == 0)
        *out = c.s;
    return r;
}

/* ---- objects ------------------------------------------------------------------------------------- */

pirn_listener *tcp_listener(pirn_handle *h, pirn_addr *at)
{
    pirn_addr any = loopback4();
    pirn_listener *l = NULL;

    EQ(pirn_tcp_listen(h, &any.sa, any.len, NULL, &l), 0);
    EQ(pirn_listener_addr(l, at), 0);
    return l;
}

struct ends tcp_ends(pirn_handle *h)
{
    struct ends e = {NULL, NULL};
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at);

    EQ(do_connect(h, &at, NULL, &e.a), 0);
    EQ(do_accept(h, l, &e.b), 0);
    pirn_listener_free(l);
    return e;
}

struct ends unix_ends(pirn_handle *h)
{
    struct ends e = {NULL, NULL};

    EQ(pirn_unix_pair(h, &e.a, &e.b), 0);
    return e;
}

void ends_free(struct ends *e)
{
    pirn_stream_unref(e->a);
    pirn_stream_unref(e->b);
    e->a = e->b = NULL;
}

/* ---- the rest ------------------------------------------------------------------------------------ */

void pattern_fill(void *buf, size_t n, size_t offset)
{
    unsigned char *p = buf;

    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)((offset + i) * 2654435761u >> 13);
}

bool pattern_is(const void *buf, size_t n, size_t offset)
{
    const unsigned char *p = buf;

    for (size_t i = 0; i < n; i++)
        if (p[i] != (unsigned char)((offset + i) * 2654435761u >> 13))
            return false;
    return true;
}

int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    CHECK(d != NULL);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}
