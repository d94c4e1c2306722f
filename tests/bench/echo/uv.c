/* SPDX-License-Identifier: MIT */
/* uv.c: an echo server as one writes it with libuv. PORT
 *
 * A write is tried at once, since libuv would queue a request even for what fits; what is left goes
 * the long way. One buffer serves all reads: nothing of it is kept but by that long way, which copies. */
#define _GNU_SOURCE
#include <signal.h>
#include <uv.h>

#include "net.h"

enum {
    BUFFER = 4096
};

struct rest {
    uv_write_t request; /* first: what libuv gives back */
    char bytes[];
};

static char buffer[BUFFER];

static void ok(const char *what, int status)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

static void on_close(uv_handle_t *h)
{
    free(h);
}

static void on_written(uv_write_t *w, int status)
{
    (void)status; /* a broken connection is seen by its read */
    free(w);
}

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    (void)h;
    (void)n;
    *b = uv_buf_init(buffer, sizeof buffer);
}

static void write_rest(uv_stream_t *s, const char *bytes, size_t n)
{
    struct rest *r = malloc(sizeof *r + n);
    uv_buf_t b;

    if (!r) {
        fail("malloc");
    }
    memcpy(r->bytes, bytes, n);
    b = uv_buf_init(r->bytes, (unsigned)n);
    ok("uv_write", uv_write(&r->request, s, &b, 1, on_written));
}

static void on_read(uv_stream_t *s, ssize_t got, const uv_buf_t *b)
{
    uv_buf_t out = *b;
    int sent;

    if (got < 0) {
        uv_close((uv_handle_t *)s, on_close);
        return;
    }
    out.len = (size_t)got;
    sent = got ? uv_try_write(s, &out, 1) : 0;
    sent = sent < 0 ? 0 : sent;
    if (sent < got) {
        write_rest(s, b->base + sent, (size_t)(got - sent));
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *t = malloc(sizeof *t);

    ok("a connection", status);
    if (!t) {
        fail("malloc");
    }
    ok("uv_tcp_init", uv_tcp_init(listener->loop, t));
    if (uv_accept(listener, (uv_stream_t *)t)) {
        uv_close((uv_handle_t *)t, on_close);
        return;
    }
    ok("uv_read_start", uv_read_start((uv_stream_t *)t, on_alloc, on_read));
}

int main(int argc, char **argv)
{
    struct sockaddr_in sa;
    uv_tcp_t listener;

    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    allow_many_fds();
    signal(SIGPIPE, SIG_IGN);
    sa = loopback(port_of(argv[1]));
    ok("uv_tcp_init", uv_tcp_init(uv_default_loop(), &listener));
    ok("uv_tcp_bind", uv_tcp_bind(&listener, (struct sockaddr *)&sa, 0));
    ok("uv_listen", uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection));
    say_listening(port_of(argv[1]));
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
