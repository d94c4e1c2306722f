/* SPDX-License-Identifier: MIT */
/* Are pipes streams like others, in one direction? (tokio: tests/net_unix_pipe.rs) */
#include "net.h"

#include <fcntl.h>
#include <pirn/async.h>
#include <signal.h>
#include <unistd.h>

static void one_way(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *in, *out;
    char buf[8];
    size_t n = 9;

    EQ(pirn_pipe_new(h, &in, &out), 0);
    EQ(fcntl(pirn_stream_fd(in), F_GETFD), FD_CLOEXEC);
    EQ(pirn_stream_read_try(in, buf, sizeof buf, &n), -EAGAIN);
    EQ(do_write_all(h, out, "through", 7), 0);
    EQ(do_read(h, in, buf, sizeof buf, &n), 0);
    EQ(n, 7);
    EQ(do_write(h, in, "x", 1, &n), -EBADF);
    SAYS("does not go that way");
    EQ(do_read(h, out, buf, 1, &n), -EBADF);
    pirn_stream_unref(out);
    EQ(do_read(h, in, buf, sizeof buf, &n), 0);
    EQ(n, 0);
    pirn_stream_unref(in);
    rt_free(rt);
}
EACH_FLAVOR(pipe, one_way)

struct pump {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t total, done, n;
    unsigned char buf[30000];
};

static int pump_in(void *user, pirn_cx *cx, int *out)
{
    struct pump *p = user;

    PIRN_BEGIN(p);
    while (p->done < p->total) {
        p->n = p->total - p->done < sizeof p->buf ? p->total - p->done : sizeof p->buf;
        pattern_fill(p->buf, p->n, p->done);
        PIRN_TRY(p, pirn_stream_write_all_poll(&p->op, cx, p->s, p->buf, p->n, NULL));
        p->done += p->n;
    }
    pirn_stream_unref(p->s);
    *out = 0;
    PIRN_END(p);
}

static int pump_out(void *user, pirn_cx *cx, int *out)
{
    struct pump *p = user;

    PIRN_BEGIN(p);
    for (;;) {
        PIRN_TRY(p, pirn_stream_read_poll(&p->op, cx, p->s, p->buf, 9999, &p->n));
        if (p->n == 0)
            break;
        CHECK(pattern_is(p->buf, p->n, p->done));
        p->done += p->n;
    }
    *out = (int)p->done;
    PIRN_END(p);
}

static void more_than_it_holds(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct pump in, out;
    pirn_join *j;

    in = (struct pump){.total = 2000000};
    out = (struct pump){.total = 0};
    EQ(pirn_pipe_new(h, &out.s, &in.s), 0);
    j = spawn(h, pump_in, &in);
    EQ(block_on(h, pump_out, &out), 2000000);
    ends_done(h, j, 0);
    pirn_stream_unref(out.s);
    rt_free(rt);
}
EACH_FLAVOR(pipe, more_than_it_holds)

static _Atomic(int) signals;

static void on_sigpipe(int signo)
{
    (void)signo;
    signals++;
}

/* The reader is gone: an error, and no signal, whether the thread blocks it or not; one that was pending
 * before stays. */
Test(pipe, no_signal)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_stream *in, *out;
    sigset_t set;
    size_t n;

    EQ(signal(SIGPIPE, on_sigpipe) == SIG_ERR, 0);
    EQ(pirn_pipe_new(h, &in, &out), 0);
    pirn_stream_unref(in);
    rt_idle(rt);
    EQ(do_write(h, out, "x", 1, &n), -EPIPE);
    EQ(do_write_all(h, out, "x", 1), -EPIPE);
    EQ(pirn_stream_write_try(out, "x", 1, &n), -EPIPE);
    EQ(signals, 0);
    EQ(sigemptyset(&set), 0);
    EQ(sigaddset(&set, SIGPIPE), 0);
    EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    EQ(pirn_stream_write_try(out, "x", 1, &n), -EPIPE);
    EQ(sigpending(&set), 0);
    EQ(sigismember(&set, SIGPIPE), 0);
    EQ(raise(SIGPIPE), 0);
    EQ(pirn_stream_write_try(out, "x", 1, &n), -EPIPE);
    EQ(sigpending(&set), 0);
    EQ(sigismember(&set, SIGPIPE), 1);
    pirn_stream_unref(out);
    rt_free(rt);
}

struct ready_call {
    pirn_stream *s;
    unsigned interest, ready;
};

static int ready_step(void *user, pirn_op *op, pirn_cx *cx)
{
    struct ready_call *c = user;

    return pirn_stream_ready_poll(op, cx, c->s, c->interest, &c->ready);
}

/* A child's standard output, say: what comes from outside is blocking at first. */
Test(pipe, adopts_both_ends)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ready_call c = {.interest = PIRN_READABLE};
    pirn_stream *in = NULL, *out = NULL, *s = NULL;
    struct iovec iov[2] = {{(char[]){'a', 'b'}, 2}, {(char[]){'c'}, 1}};
    pirn_op op = {0};
    struct wakes k = {0};
    char buf[8];
    int fds[2];
    size_t n;

    EQ(pipe(fds), 0);
    EQ(pirn_stream_from_fd(h, fds[0], &in), 0);
    EQ(pirn_stream_from_fd(h, fds[1], &out), 0);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    c.s = in;
    EQ(pirn_stream_read_try(in, buf, 1, &n), -EAGAIN);
    EQ(poll_once(&k, ready_step, &c, &op), PIRN_PENDING);
    EQ(writev(fds[1], iov, 2), 3);
    rt_idle(rt);
    EQ(k.woken, 1);
    EQ(poll_once(&k, ready_step, &c, &op), 0);
    EQ(do_read(h, in, buf, sizeof buf, &n), 0);
    EQ(n, 3);
    EQ(pirn_stream_shutdown(out), -ENOTSOCK);
    EQ(pirn_stream_set_nodelay(out, true), -ENOTSOCK);
    EQ(pirn_stream_set_reset_on_close(out, true), -ENOTSOCK);
    EQ(do_write_all(h, out, "x", 1), 0);
    EQ(fcntl(fds[0], F_SETFL, 0), 0);
    EQ(do_read(h, in, buf, sizeof buf, &n), -EINVAL);
    SAYS("made blocking");
    EQ(fcntl(fds[1], F_SETFL, 0), 0);
    EQ(do_write(h, out, "x", 1, &n), -EINVAL);
    EQ(pirn_pipe_new(NULL, &s, &s), PIRN_ENORUNTIME);
    EQ(pirn_pipe_new(h, &s, NULL), -EINVAL);
    CHECK(s == NULL);
    pirn_stream_unref(in);
    pirn_stream_unref(out);
    rt_free(rt);
}
