/* SPDX-License-Identifier: MIT */
/* What happens to a stream's operations when something is wrong with it, when it ends under them, or when
 * they end before it? */
#include "net.h"

#include <fcntl.h>
#include <pirn/async.h>
#include <unistd.h>

struct transfer {
    pirn_stream *s;
    void *buf;
    const void *from;
    size_t n, moved;
};

static int read_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct transfer *t = user;

    return pirn_stream_read_poll(op, cx, t->s, t->buf, t->n, &t->moved);
}

static int write_all_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct transfer *t = user;

    return pirn_stream_write_all_poll(op, cx, t->s, t->from, t->n, &t->moved);
}

/* ---- two at once, drops, the first call's arguments ------------------------------------------------ */

Test(stream, one_waits_in_each_direction)
{
    static char big[4 << 20];
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8], other[8] = "";
    struct transfer r = {.s = e.a, .buf = buf, .n = sizeof buf},
                    w = {.s = e.a, .from = big, .n = sizeof big};
    pirn_op reading = {0}, writing = {0}, second = {0};
    struct wakes k = {0};

    EQ(poll_once(&k, read_step, &r, &reading), PIRN_PENDING);
    EQ(poll_once(&k, write_all_step, &w, &writing), PIRN_PENDING);
    EQ(poll_once(&k, read_step, &r, &second), -EBUSY);
    SAYS("pirn_stream_read_poll: another operation waits in this direction");
    EQ(poll_once(&k, write_all_step, &w, &second), -EBUSY);
    /* Dropped, a read leaves what comes to the next; and its arguments were those of its first call. */
    EQ(do_write_all(h, e.b, "for whom", 8), 0);
    rt_idle(rt);
    CHECK(k.woken >= 1);
    pirn_op_drop(&reading);
    EQ(poll_once(&k, read_step, &r, &second), 0);
    EQ(r.moved, 8);
    EQ(poll_once(&k, read_step, &r, &second), PIRN_PENDING);
    r.buf = other;
    EQ(do_write_all(h, e.b, "first", 5), 0);
    rt_idle(rt);
    EQ(poll_once(&k, read_step, &r, &second), 0);
    EQ(r.moved, 5);
    CHECK(memcmp(buf, "first", 5) == 0 && other[0] == '\0');
    pirn_op_drop(&writing);
    ends_free(&e);
    EQ(k.clones, k.drops);
    rt_free(rt);
}

/* The stream goes, last reference and all, while operations wait in both directions. */
Test(stream, freed_while_operations_wait)
{
    static char big[4 << 20];
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8];
    struct transfer r = {.s = e.a, .buf = buf, .n = sizeof buf},
                    w = {.s = e.a, .from = big, .n = sizeof big};
    pirn_op reading = {0}, writing = {0};
    struct wakes k = {0};
    int fds = count_fds(), fd = pirn_stream_fd(e.a);

    EQ(poll_once(&k, read_step, &r, &reading), PIRN_PENDING);
    EQ(poll_once(&k, write_all_step, &w, &writing), PIRN_PENDING);
    pirn_stream_unref(pirn_stream_ref(e.a));
    EQ(k.woken, 0);
    pirn_stream_unref(e.a);
    r.s = w.s = NULL;
    EQ(k.woken, 2);
    EQ(poll_once(&k, read_step, &r, &reading), -ECANCELED);
    SAYS("freed while the operation waited");
    CHECK(fcntl(fd, F_GETFD) >= 0); /* the other may be in the middle of a call */
    pirn_op_drop(&writing);
    EQ(fcntl(fd, F_GETFD), -1);
    EQ(count_fds(), fds - 1);
    pirn_stream_unref(e.b);
    EQ(k.clones, k.drops);
    rt_free(rt);
}

/* ---- the runtime's end ----------------------------------------------------------------------------- */

static void outlives_its_runtime(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    pirn_addr at;
    pirn_listener *l = tcp_listener(h, &at), *m = NULL;
    char buf[8];
    struct transfer r = {.s = e.a, .buf = buf, .n = sizeof buf};
    pirn_op waiting = {0}, late = {0};
    struct wakes k = {0};
    size_t n;

    (void)pirn_handle_ref(h);
    EQ(poll_once(&k, read_step, &r, &waiting), PIRN_PENDING);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(k.woken, 1);
    EQ(poll_once(&k, read_step, &r, &waiting), PIRN_ESHUTDOWN);
    EQ(poll_once(&k, read_step, &r, &late), PIRN_ESHUTDOWN);
    SAYS("pirn_stream_read_poll");
    EQ(pirn_stream_write_try(e.a, "x", 1, &n), PIRN_ESHUTDOWN);
    EQ(pirn_tcp_listen(h, &at.sa, at.len, NULL, &m), -EADDRINUSE);
    pirn_listener_free(l);
    EQ(pirn_tcp_listen(h, &at.sa, at.len, NULL, &m), PIRN_ESHUTDOWN);
    pirn_runtime_free(rt);
    pirn_handle_unref(h);
    EQ(pirn_stream_local_addr(e.a, &at), 0);
    pirn_stream_unref(e.b);
    EQ(poll_once(&k, read_step, &r, &late), PIRN_ESHUTDOWN);
    pirn_stream_unref(e.a);
    EQ(k.clones, k.drops);
    EQ(tally.live, 0);
    EQ(tally.bytes, 0);
}
EACH_FLAVOR(stream, outlives_its_runtime)

struct reader {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t n;
    char buf[100];
};

static int read_for_ever(void *user, pirn_cx *cx, int *out)
{
    struct reader *r = user;

    PIRN_BEGIN(r);
    do {
        PIRN_TRY(r, pirn_stream_read_poll(&r->op, cx, r->s, r->buf, sizeof r->buf, &r->n));
    } while (r->n > 0);
    *out = 0;
    PIRN_END(r);
}

static void reader_drop(void *user)
{
    struct reader *r = user;

    pirn_stream_unref(r->s);
    r->s = NULL;
}

/* Tasks that wait are cancelled with their runtime, and free what they own. (tokio: io_driver_drop) */
static void tasks_that_wait_are_cancelled(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct reader r[2];
    struct ends e = tcp_ends(h), other;
    pirn_join *j[2];
    int fds = count_fds();

    for (int i = 0; i < 2; i++) {
        r[i] = (struct reader){.s = i == 0 ? e.a : e.b};
        j[i] = spawn_dropping(h, read_for_ever, reader_drop, &r[i]);
    }
    pirn_join_abort(j[0]);
    ends_as(h, j[0], PIRN_CANCELLED, -ECANCELED);
    ends_done(h, j[1], 0); /* reads the end */
    EQ(count_fds(), fds - 2);
    e = tcp_ends(h);
    other = tcp_ends(h);
    for (int i = 0; i < 2; i++) {
        r[i] = (struct reader){.s = i == 0 ? e.a : other.a};
        j[i] = spawn_dropping(h, read_for_ever, reader_drop, &r[i]);
    }
    pirn_runtime_free(rt);
    for (int i = 0; i < 2; i++) {
        CHECK(r[i].s == NULL);
        join_is(j[i], PIRN_CANCELLED, -ECANCELED);
    }
    pirn_stream_unref(e.b);
    pirn_stream_unref(other.b);
    EQ(tally.live, 0);
}
EACH_FLAVOR(stream, tasks_that_wait_are_cancelled)

/* ---- budget --------------------------------------------------------------------------------------- */

static int fill_poll(void *user, pirn_cx *cx, int *out)
{
    struct reader *r = user;

    PIRN_BEGIN(r);
    for (; r->n < 1000; r->n++)
        PIRN_TRY(r, pirn_stream_write_poll(&r->op, cx, r->s, "x", 1, NULL));
    *out = 0;
    PIRN_END(r);
}

/* What is always ready yields all the same. (tokio: coop_budget) */
static void an_operation_takes_budget(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    struct reader r = {.s = e.a};
    uint64_t before = metrics_of(h).budget_yields;

    ends_done(h, spawn(h, fill_poll, &r), 0);
    EQ(metrics_of(h).budget_yields - before, 1000 / 128);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(stream, an_operation_takes_budget)

/* ---- what others do to the descriptor -------------------------------------------------------------- */

Test(stream, made_blocking_behind_its_back)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    pirn_op op = {0};
    struct wakes k = {0};
    char buf[8];
    struct transfer r = {.s = e.a, .buf = buf, .n = sizeof buf};

    EQ(fcntl(pirn_stream_fd(e.a), F_SETFL, 0), 0);
    EQ(poll_once(&k, read_step, &r, &op), PIRN_PENDING);
    EQ(do_write_all(h, e.b, "fine", 4), 0);
    rt_idle(rt);
    EQ(poll_once(&k, read_step, &r, &op), 0);
    EQ(r.moved, 4);
    ends_free(&e);
    rt_free(rt);
}

/* Closed by somebody else, and its number not used again: an error, and nothing else is closed. */
Test(stream, closed_behind_its_back)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    char buf[8];
    size_t n;
    int fd = pirn_stream_fd(e.a), fds;

    EQ(close(fd), 0);
    EQ(do_read(h, e.a, buf, sizeof buf, &n), -EBADF);
    SAYS("the descriptor is not open");
    EQ(do_write(h, e.a, "x", 1, &n), -EBADF);
    EQ(do_read(h, e.b, buf, sizeof buf, &n), 0);
    EQ(n, 0);
    n = (size_t)open("/dev/null", O_RDONLY);
    EQ(dup2((int)n, fd), fd); /* whose it is now */
    (void)close((int)n);
    fds = count_fds();
    pirn_stream_unref(e.a);
    rt_idle(rt);
    EQ(count_fds(), fds);
    EQ(fcntl(fd, F_GETFD), 0);
    (void)close(fd);
    pirn_stream_unref(e.b);
    rt_free(rt);
}

/* ---- writing against odds -------------------------------------------------------------------------- */

struct slow {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t n, done;
    unsigned char buf[777];
};

static int read_slowly(void *user, pirn_cx *cx, int *out)
{
    struct slow *s = user;

    PIRN_BEGIN(s);
    for (;;) {
        PIRN_TRY(s, pirn_stream_read_poll(&s->op, cx, s->s, s->buf, sizeof s->buf, &s->n));
        if (s->n == 0)
            break;
        CHECK(pattern_is(s->buf, s->n, s->done));
        s->done += s->n;
        PIRN_YIELD(s, cx);
    }
    *out = (int)s->done;
    PIRN_END(s);
}

static void a_large_write_in_small_pieces(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    const int small = 4096;
    static unsigned char big[1 << 20];
    struct ends e = tcp_ends(h);
    static struct slow s;
    pirn_join *j;

    s = (struct slow){.s = e.b};
    pattern_fill(big, sizeof big, 0);
    EQ(setsockopt(pirn_stream_fd(e.a), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    j = spawn(h, read_slowly, &s);
    EQ(do_write_all(h, e.a, big, sizeof big), 0);
    EQ(pirn_stream_shutdown(e.a), 0);
    ends_done(h, j, sizeof big);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(stream, a_large_write_in_small_pieces)

static int reset_later(void *user, pirn_cx *cx, int *out)
{
    struct slow *s = user;

    PIRN_BEGIN(s);
    PIRN_TRY(s, pirn_stream_read_exact_poll(&s->op, cx, s->s, s->buf, 500, NULL));
    EQ(pirn_stream_set_reset_on_close(s->s, true), 0);
    pirn_stream_unref(s->s);
    *out = 0;
    PIRN_END(s);
}

/* The peer resets while a write waits for room. */
static void reset_mid_write(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static unsigned char big[16 << 20];
    struct ends e = tcp_ends(h);
    static struct slow s;
    pirn_join *j;
    size_t n;

    s = (struct slow){.s = e.b};
    j = spawn(h, reset_later, &s);
    EQ(do_write_all(h, e.a, big, sizeof big), -ECONNRESET);
    SAYS("pirn_stream_write_all_poll");
    ends_done(h, j, 0);
    EQ(do_write(h, e.a, big, 1, &n), -EPIPE);
    pirn_stream_unref(e.a);
    rt_free(rt);
}
EACH_FLAVOR(stream, reset_mid_write)

/* A half close from elsewhere ends a write that waits for room, and a close by the peer a read. */
Test(stream, shut_down_under_an_operation)
{
    static char big[8 << 20];
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 2; i++) {
        struct ends e = i == 0 ? tcp_ends(h) : unix_ends(h);
        struct transfer w = {.s = e.a, .from = big, .n = sizeof big};
        struct wakes k = {0};
        pirn_op op = {0};

        EQ(poll_once(&k, write_all_step, &w, &op), PIRN_PENDING);
        EQ(pirn_stream_shutdown(e.a), 0);
        rt_idle(rt);
        EQ(k.woken, 1);
        EQ(poll_once(&k, write_all_step, &w, &op), -EPIPE);
        w.buf = big;
        EQ(poll_once(&k, read_step, &w, &op), PIRN_PENDING);
        pirn_stream_unref(e.b); /* with bytes unread: TCP resets */
        rt_idle(rt);
        EQ(k.woken, 2);
        EQ(poll_once(&k, read_step, &w, &op), -ECONNRESET);
        pirn_stream_unref(e.a);
    }
    rt_free(rt);
}

/* ---- adoption --------------------------------------------------------------------------------------- */

Test(stream, adopts_a_socket)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int fds[2], fd;
    pirn_stream *s = NULL, *t = NULL;
    char buf[8];
    size_t n;

    EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    EQ(pirn_stream_from_fd(h, fds[0], &s), 0);
    EQ(pirn_stream_fd(s), fds[0]);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    EQ(pirn_stream_from_fd(h, fds[0], &t), -EEXIST);
    EQ(write(fds[1], "hi", 2), 2);
    EQ(do_read(h, s, buf, sizeof buf, &n), 0);
    EQ(n, 2);
    pirn_stream_unref(s);
    EQ(fcntl(fds[0], F_GETFD), -1);
    EQ(read(fds[1], buf, 1), 0);
    (void)close(fds[1]);
    EQ(pirn_stream_from_fd(h, fds[0], &t), -EBADF);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    EQ(pirn_stream_from_fd(h, fd, &t), -ENOTCONN);
    EQ(listen(fd, 1), 0);
    EQ(pirn_stream_from_fd(h, fd, &t), -EINVAL);
    SAYS("the socket listens");
    CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    (void)close(fd);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    EQ(pirn_stream_from_fd(h, fd, &t), -ESOCKTNOSUPPORT);
    (void)close(fd);
    fd = open("/dev/null", O_RDWR);
    EQ(pirn_stream_from_fd(h, fd, &t), -EPERM);
    SAYS("neither a socket nor a pipe");
    (void)close(fd);
    EQ(pirn_stream_from_fd(h, 0, NULL), -EINVAL);
    EQ(pirn_stream_from_fd(NULL, 0, &t), PIRN_ENORUNTIME);
    CHECK(t == NULL);
    rt_free(rt);
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

/* No memory, at whichever allocation: an error, nothing leaked, the descriptor untouched. */
Test(stream, no_memory)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_addr any = loopback4();
    struct target to = {.s = NULL};
    pirn_listener *l = tcp_listener(h, &to.at), *m = NULL;
    pirn_stream *s = NULL, *t = NULL;
    pirn_datagram *d = NULL;
    int fds[2], open_fds = count_fds();
    struct wakes k = {0};
    pirn_op op = {0};
    pirn_enter guard;

    EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    tally.fail_at = 1;
    EQ(pirn_stream_from_fd(h, fds[0], &s), -ENOMEM);
    CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
    (void)close(fds[0]);
    (void)close(fds[1]);
    EQ(pirn_handle_enter(h, &guard), 0);
    tally.fail_at = 1;
    EQ(poll_once(&k, connect_step, &to, &op), -ENOMEM);
    pirn_enter_exit(&guard);
    tally.fail_at = 1;
    EQ(pirn_tcp_listen(h, &any.sa, any.len, NULL, &m), -ENOMEM);
    tally.fail_at = 1;
    EQ(pirn_udp_bind(h, &any.sa, any.len, NULL, &d), -ENOMEM);
    for (int i = 1; i <= 2; i++) {
        tally.fail_at = i;
        EQ(pirn_pipe_new(h, &s, &t), -ENOMEM);
        tally.fail_at = i;
        EQ(pirn_unix_pair(h, &s, &t), -ENOMEM);
    }
    CHECK(s == NULL && t == NULL && m == NULL && d == NULL && to.s == NULL);
    EQ(tally.failed, 8);
    EQ(count_fds(), open_fds);
    pirn_listener_free(l);
    rt_free(rt);
}

/* ---- plain threads ---------------------------------------------------------------------------------- */

struct plain {
    struct transfer t;
    pirn_op op;
};

static int plain_poll(void *user, pirn_cx *cx, void *out)
{
    struct plain *p = user;

    (void)out;
    return read_step(&p->t, &p->op, cx);
}

static void *write_on_a_thread(void *user)
{
    struct ends *e = user;
    size_t n;

    nap(20 * PIRN_MS);
    EQ(pirn_stream_write_try(e->b, "from a thread", 13, &n), 0);
    return NULL;
}

Test(stream, a_plain_thread_waits)
{
    pirn_runtime *rt = rt_mt(1);
    struct ends e = tcp_ends(pirn_runtime_handle(rt));
    char buf[20];
    struct plain p = {.t = {.s = e.a, .buf = buf, .n = sizeof buf}};
    pthread_t t;

    EQ(pirn_poll_wait(plain_poll, &p, pirn_after(5 * PIRN_MS), NULL), -ETIMEDOUT);
    t = start_thread(write_on_a_thread, &e);
    EQ(pirn_poll_wait(plain_poll, &p, PIRN_NEVER, NULL), 0);
    EQ(p.t.moved, 13);
    end_thread(t);
    ends_free(&e);
    rt_free(rt);
}

/* ---- misuse ------------------------------------------------------------------------------------------ */

static void use_a_pending_op_elsewhere(void)
{
    pirn_runtime *rt = rt_new();
    struct ends e = tcp_ends(pirn_runtime_handle(rt));
    char buf[8];
    struct transfer t = {.s = e.a, .buf = buf, .n = 8, .from = buf};
    pirn_op op = {0};
    struct wakes k = {0};

    (void)poll_once(&k, read_step, &t, &op);
    (void)poll_once(&k, write_all_step, &t, &op);
}

Test(stream, misuse_is_told)
{
    expect_abort(use_a_pending_op_elsewhere, "the op is pending in a call of another kind");
}

Test(stream, bad_arguments)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    size_t n;

    EQ(do_read(h, NULL, &n, 1, &n), -EINVAL);
    SAYS("pirn_stream_read_poll: an argument is NULL");
    EQ(do_read(h, e.a, NULL, 1, &n), -EINVAL);
    EQ(do_read(h, e.a, NULL, 0, &n), 0);
    EQ(n, 0);
    EQ(do_read(h, NULL, NULL, 0, &n), -EINVAL);
    EQ(do_write(h, NULL, "x", 1, &n), -EINVAL);
    EQ(do_write(h, e.a, "", 0, &n), 0);
    EQ(n, 0);
    EQ(pirn_stream_shutdown(NULL), -EINVAL);
    pirn_stream_unref(NULL);
    ends_free(&e);
    rt_free(rt);
}
