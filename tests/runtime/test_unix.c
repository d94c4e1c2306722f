/* SPDX-License-Identifier: MIT */
/* Unix stream sockets: paths and names, backlogs, descriptors that are passed, credentials.
 * (tokio: tests/uds_stream.rs, uds_cred.rs) */
#include "net.h"

#include <fcntl.h>
#include <pirn/async.h>
#include <sys/resource.h>
#include <unistd.h>

struct connecting {
    const char *path;
    pirn_stream *s;
};

static int unix_connect_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct connecting *c = user;

    return pirn_unix_connect_poll(op, cx, c->path, &c->s);
}

static int do_unix_connect(pirn_handle *h, const char *path, pirn_stream **out)
{
    struct connecting c = {path, NULL};
    int r = do_poll(h, unix_connect_step, &c);

    if (r == 0)
        *out = c.s;
    return r;
}

/* ---- connecting ----------------------------------------------------------------------------------- */

static void talk(pirn_handle *h, const char *path)
{
    pirn_listener *l = NULL, *m = NULL;
    pirn_stream *a, *b;
    char text[PIRN_ADDR_TEXT], wanted[PIRN_ADDR_TEXT];
    pirn_unix_cred cred;
    pirn_addr at;
    char buf[8];

    EQ(pirn_unix_listen(h, path, 0, &l), 0);
    EQ(pirn_unix_listen(h, path, 0, &m), -EADDRINUSE);
    SAYS("pirn_unix_listen");
    EQ(pirn_listener_addr(l, &at), 0);
    (void)snprintf(wanted, sizeof wanted, "unix:%s", path);
    SAME_TEXT(pirn_addr_format(&at, text, sizeof text), wanted);
    EQ(do_unix_connect(h, path, &a), 0);
    EQ(do_accept(h, l, &b), 0);
    EQ(do_write_all(h, a, "ping", 4), 0);
    EQ(do_read_exact(h, b, buf, 4), 0);
    EQ(pirn_stream_peer_addr(b, &at), 0);
    SAME_TEXT(pirn_addr_format(&at, text, sizeof text), "unix:");
    EQ(pirn_unix_peer_cred(b, &cred), 0);
    EQ(cred.pid, getpid());
    EQ(cred.uid, getuid());
    EQ(cred.gid, getgid());
    pirn_stream_unref(a);
    pirn_stream_unref(b);
    pirn_listener_free(l);
}

static void by_path_and_by_name(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    const char *path = fresh_path();
    char name[100];

    talk(h, path);
    EQ(unlink(path), 0);
    (void)snprintf(name, sizeof name, "@%s", path);
    talk(h, name);
    rt_free(rt);
}
EACH_FLAVOR(unix_stream, by_path_and_by_name)

Test(unix_stream, bad_paths)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    char long_path[109], text[PIRN_ADDR_TEXT];
    pirn_addr a, again;
    pirn_listener *l = NULL;
    pirn_stream *s = NULL;
    pirn_datagram *d;
    pirn_unix_cred cred;
    const char *path = fresh_path();
    struct ends e = tcp_ends(h);
    int fds = count_fds();

    memset(long_path, 'x', 108);
    long_path[108] = '\0';
    EQ(pirn_unix_listen(h, long_path, 0, &l), -ENAMETOOLONG);
    SAYS("a path of 108 bytes, 107 are possible");
    EQ(do_unix_connect(h, long_path, &s), -ENAMETOOLONG);
    long_path[0] = '@'; /* one more than of a path, which ends with a 0 */
    EQ(pirn_unix_listen(h, long_path, 0, &l), 0);
    EQ(pirn_listener_addr(l, &a), 0);
    SAME_TEXT(pirn_addr_format(&a, text, sizeof text) + strlen("unix:"), long_path);
    EQ(pirn_addr_parse(text, &again), 0);
    EQ(again.len, a.len);
    pirn_listener_free(l);
    rt_idle(rt);
    l = NULL;
    EQ(pirn_unix_listen(h, "", 0, &l), -EINVAL);
    EQ(pirn_unix_listen(h, NULL, 0, &l), -EINVAL);
    EQ(pirn_unix_listen(h, "/nowhere/at/all", 0, &l), -ENOENT);
    EQ(pirn_unix_listen(NULL, path, 0, &l), PIRN_ENORUNTIME);
    EQ(pirn_unix_listen(h, path, 0, NULL), -EINVAL);
    EQ(do_unix_connect(h, path, &s), -ENOENT);
    SAYS("pirn_unix_connect_poll");
    EQ(do_unix_connect(h, NULL, &s), -EINVAL);
    EQ(pirn_unix_listen(h, path, 0, &l), 0);
    pirn_listener_free(l);
    EQ(do_unix_connect(h, path, &s), -ECONNREFUSED);
    EQ(unlink(path), 0);
    EQ(pirn_unix_datagram_bind(h, path, &d), 0);
    EQ(do_unix_connect(h, path, &s), -EPROTOTYPE);
    pirn_datagram_unref(d);
    EQ(unlink(path), 0);
    EQ(pirn_unix_peer_cred(e.a, &cred), -EOPNOTSUPP);
    EQ(pirn_unix_peer_cred(NULL, &cred), -EINVAL);
    EQ(count_fds(), fds);
    CHECK(s == NULL);
    ends_free(&e);
    rt_free(rt);
}

struct dialer {
    PIRN_FRAME;
    pirn_op op;
    const char *path;
    pirn_stream *s;
};

static int dial_path(void *user, pirn_cx *cx, int *out)
{
    struct dialer *d = user;

    PIRN_BEGIN(d);
    PIRN_TRY(d, pirn_unix_connect_poll(&d->op, cx, d->path, &d->s));
    *out = 0;
    PIRN_END(d);
}

struct door {
    PIRN_FRAME;
    pirn_op op;
    pirn_listener *l;
    pirn_stream *s;
    int n;
};

static int open_door(void *user, pirn_cx *cx, int *out)
{
    struct door *d = user;

    PIRN_BEGIN(d);
    PIRN_TRY(d, pirn_sleep_poll(&d->op, cx, pirn_after(10 * PIRN_MS)));
    for (; d->n > 0; d->n--) {
        PIRN_TRY(d, pirn_listener_accept_poll(&d->op, cx, d->l, &d->s));
        pirn_stream_unref(d->s);
    }
    *out = 0;
    PIRN_END(d);
}

/* The kernel refuses what the backlog has no room for, and says nothing when it has: nobody notices. */
static void a_full_backlog(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct door door = {.n = 20};
    struct dialer d[20];
    pirn_join *j[21];
    char name[100];

    (void)snprintf(name, sizeof name, "@%s", fresh_path());
    EQ(pirn_unix_listen(h, name, 1, &door.l), 0);
    for (int i = 0; i < 20; i++) {
        d[i] = (struct dialer){.path = name};
        j[i] = spawn(h, dial_path, &d[i]);
    }
    j[20] = spawn(h, open_door, &door);
    for (int i = 0; i < 21; i++)
        ends_done(h, j[i], 0);
    for (int i = 0; i < 20; i++)
        pirn_stream_unref(d[i].s);
    pirn_listener_free(door.l);
    rt_free(rt);
}
EACH_FLAVOR(unix_stream, a_full_backlog)

/* One that waits for the backlog can be dropped, and needs a runtime's timer. */
Test(unix_stream, a_full_backlog_and_a_drop)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct connecting c = {.path = NULL};
    pirn_stream *s[50];
    struct wakes k = {0};
    pirn_op op = {0};
    pirn_enter guard;
    pirn_listener *l;
    char name[100];
    int n = 0, r;

    (void)snprintf(name, sizeof name, "@%s", fresh_path());
    c.path = name;
    EQ(pirn_unix_listen(h, name, 1, &l), 0);
    EQ(pirn_handle_enter(h, &guard), 0);
    while ((r = poll_once(&k, unix_connect_step, &c, &op)) == 0 && n < 50)
        s[n++] = c.s;
    EQ(r, PIRN_PENDING);
    pirn_op_drop(&op);
    pirn_enter_exit(&guard);
    while (n > 0)
        pirn_stream_unref(s[--n]);
    pirn_listener_free(l);
    EQ(k.clones, k.drops);
    rt_free(rt);
}

/* ---- passing descriptors --------------------------------------------------------------------------- */

struct passing {
    pirn_stream *s;
    void *buf;
    const void *from;
    int *fds;
    size_t n, count, moved, got;
};

static int send_fds_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct passing *p = user;

    return pirn_unix_send_fds_poll(op, cx, p->s, p->from, p->n, p->fds, p->count, &p->moved);
}

static int recv_fds_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct passing *p = user;

    return pirn_unix_recv_fds_poll(op, cx, p->s, p->buf, p->n, p->fds, p->count, &p->moved,
                                   &p->got);
}

static void descriptors_arrive(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = unix_ends(h);
    int out[3], in[5] = {-1, -1, -1, -1, -1};
    char buf[16];
    struct passing p = {.s = e.a, .from = "with", .n = 4, .fds = out, .count = 3};
    int open_fds = count_fds();

    EQ(pipe(out), 0);
    out[2] = out[1];
    EQ(do_poll(h, send_fds_step, &p), 0);
    EQ(p.moved, 4);
    p = (struct passing){.s = e.b, .buf = buf, .n = sizeof buf, .fds = in, .count = 5};
    EQ(do_poll(h, recv_fds_step, &p), 0);
    EQ(p.moved, 4);
    EQ(p.got, 3);
    CHECK(memcmp(buf, "with", 4) == 0);
    EQ(fcntl(in[0], F_GETFD), FD_CLOEXEC);
    EQ(write(in[2], "!", 1), 1);
    EQ(read(out[0], buf, 1), 1);
    EQ(in[3], -1);
    for (int i = 0; i < 3; i++)
        (void)close(in[i]);
    /* Without any: bytes alone, both ways. */
    p = (struct passing){.s = e.a, .from = "bare", .n = 4};
    EQ(do_poll(h, send_fds_step, &p), 0);
    p = (struct passing){.s = e.b, .buf = buf, .n = sizeof buf};
    EQ(do_poll(h, recv_fds_step, &p), 0);
    EQ(p.moved, 4);
    EQ(p.got, 0);
    /* A plain read closes what it meets. */
    p = (struct passing){.s = e.a, .from = "read", .n = 4, .fds = out, .count = 2};
    EQ(do_poll(h, send_fds_step, &p), 0);
    EQ(do_read_exact(h, e.b, buf, 4), 0);
    (void)close(out[0]);
    (void)close(out[1]);
    EQ(count_fds(), open_fds);
    EQ(pirn_stream_shutdown(e.a), 0);
    p = (struct passing){.s = e.b, .buf = buf, .n = sizeof buf};
    EQ(do_poll(h, recv_fds_step, &p), 0);
    EQ(p.moved, 0);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(unix_stream, descriptors_arrive)

/* Too little room here, or none in the process: the call says so, and nothing stays open. */
Test(unix_stream, descriptors_without_room)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = unix_ends(h);
    int out[3] = {0, 0, 0}, in[3];
    char buf[16];
    struct passing give = {.s = e.a, .from = "x", .n = 1, .fds = out, .count = 3};
    struct passing take = {.s = e.b, .buf = buf, .n = sizeof buf, .fds = in, .count = 2};
    int open_fds = count_fds();
    struct rlimit limit, none;

    EQ(do_poll(h, send_fds_step, &give), 0);
    EQ(do_poll(h, recv_fds_step, &take), -EMSGSIZE);
    EQ(count_fds(), open_fds);
    EQ(do_poll(h, send_fds_step, &give), 0);
    EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    take.count = 3;
    EQ(do_poll(h, recv_fds_step, &take), -EMSGSIZE);
    EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    EQ(count_fds(), open_fds);
    out[1] = 999;
    EQ(do_poll(h, send_fds_step, &give), -EBADF);
    give.n = 0;
    EQ(do_poll(h, send_fds_step, &give), -EINVAL);
    SAYS("descriptors cannot travel alone");
    give.n = 1;
    give.count = PIRN_UNIX_FDS + 1;
    EQ(do_poll(h, send_fds_step, &give), -EINVAL);
    SAYS("254 descriptors, 253 are possible");
    give.fds = NULL;
    EQ(do_poll(h, send_fds_step, &give), -EINVAL);
    give.count = 0;
    give.s = NULL;
    EQ(do_poll(h, send_fds_step, &give), -EINVAL);
    ends_free(&e);
    e = tcp_ends(h);
    give = (struct passing){.s = e.a, .from = "x", .n = 1};
    EQ(do_poll(h, send_fds_step, &give), -EOPNOTSUPP);
    take.s = e.b;
    EQ(do_poll(h, recv_fds_step, &take), -EOPNOTSUPP);
    ends_free(&e);
    rt_free(rt);
}

/* A receive ends behind the bytes that came with descriptors: it was short, and there is more. */
Test(unix_stream, short_reads_with_more_behind)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = unix_ends(h);
    char buf[16];
    int out[1] = {0}, in[1];
    struct passing give = {.s = e.a, .from = "+", .n = 1, .fds = out, .count = 1};
    struct passing take = {.s = e.b, .buf = buf, .n = sizeof buf, .fds = in, .count = 1};
    size_t n;

    EQ(do_write_all(h, e.a, "plain", 5), 0);
    EQ(do_poll(h, send_fds_step, &give), 0);
    EQ(do_write_all(h, e.a, "more", 4), 0);
    EQ(do_poll(h, recv_fds_step, &take), 0);
    EQ(take.moved, 6);
    EQ(take.got, 1);
    (void)close(in[0]);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 4);
    ends_free(&e);
    rt_free(rt);
}

/* Nothing is asked for: done at once, whatever there is. */
struct nothing {
    pirn_stream *s;
    bool write;
    size_t moved;
};

static int nothing_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct nothing *n = user;
    const struct iovec iov[] = {{&n->moved, 0}, {NULL, 0}};

    return n->write ? pirn_stream_writev_poll(op, cx, n->s, iov, 2, &n->moved)
                    : pirn_stream_readv_poll(op, cx, n->s, iov, 2, &n->moved);
}

static void nothing_into_many_buffers(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = unix_ends(h);

    for (int write = 0; write < 2; write++) {
        struct nothing n = {e.a, write, 9};

        EQ(do_poll(h, nothing_step, &n), 0);
        EQ(n.moved, 0);
    }
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(unix_stream, nothing_into_many_buffers)
