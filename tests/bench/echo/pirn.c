/* SPDX-License-Identifier: MIT */
/* pirn.c: what does a connection hold that rests? An echo server that keeps no buffer while it waits.
 * PORT [--current-thread | --workers N]
 *
 * At SIGUSR1 it prints how many bytes its runtime holds. It is for connections that send a little, now
 * and then: the one for throughput is docs/examples/echo_server.c. */
#include <errno.h>
#include <signal.h>

#include <pirn.h>

#include "../pirn/counting.h"
#include "net.h"

enum {
    BUFFER = 4096
};

static void check(const char *what, int status)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", what, pirn_strerror(status));
        exit(1);
    }
}

/* ---- a connection ----------------------------------------------------------------------- */

struct echo {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *stream;
};

/* Echoes what is there: 0, PIRN_EOF, or an error. The socket has room for what so small a client sends. */
static int echo_once(pirn_stream *s)
{
    char buffer[BUFFER];
    size_t got, sent;
    int r = pirn_stream_read_try(s, buffer, sizeof buffer, &got);

    if (r == -EAGAIN) {
        return 0;
    }
    if (r != 0 || got == 0) {
        return r ? r : PIRN_EOF;
    }
    r = pirn_stream_write_try(s, buffer, got, &sent);
    return r == 0 && sent < got ? -ENOBUFS : r;
}

static int echo_poll(void *frame, pirn_cx *cx, void *out)
{
    struct echo *f = frame;
    unsigned ready;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    do {
        PIRN_TRY(f, pirn_stream_ready_poll(&f->op, cx, f->stream, PIRN_READABLE, &ready));
        r = echo_once(f->stream);
    } while (r == 0);
    PIRN_END(f);
}

static void echo_drop(void *frame)
{
    pirn_stream_unref(((struct echo *)frame)->stream);
}

static const pirn_task_desc echo = PIRN_TASK_INIT("echo", struct echo, echo_poll, echo_drop);

/* ---- the server ------------------------------------------------------------------------- */

struct server {
    PIRN_FRAME;
    uint16_t port;
    pirn_listener *listener;
    pirn_op accept, told;
};

static int server_poll(void *frame, pirn_cx *cx, void *out)
{
    struct server *f = frame;
    struct sockaddr_in sa = loopback(f->port);
    struct echo e = {0};
    int won, r;

    (void)out;
    PIRN_BEGIN(f);
    check("pirn_signal_poll", pirn_signal_poll(&f->told, cx, SIGUSR1)); /* from here it may come */
    check("pirn_tcp_listen",
          pirn_tcp_listen(NULL, (struct sockaddr *)&sa, sizeof sa, NULL, &f->listener));
    say_listening(f->port);
    for (;;) {
        PIRN_SELECT(f, won, r, &f->accept,
                    pirn_listener_accept_poll(&f->accept, cx, f->listener, &e.stream), NULL,
                    pirn_signal_poll(&f->told, cx, SIGUSR1));
        check("accept, or wait for a signal", r);
        if (won == 0) {
            check("pirn_spawn", pirn_spawn(NULL, &echo, &e, NULL));
        } else {
            printf("%zu bytes held\n", bytes_held());
            fflush(stdout);
        }
    }
    PIRN_END(f);
}

static void server_drop(void *frame)
{
    pirn_listener_free(((struct server *)frame)->listener);
}

static const pirn_task_desc server =
    PIRN_TASK_INIT("server", struct server, server_poll, server_drop);

int main(int argc, char **argv)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct server frame = {0};
    pirn_result res;

    if (argc == 3 && !strcmp(argv[2], "--current-thread")) {
        o.flavor = PIRN_CURRENT_THREAD;
    } else if (argc == 4 && !strcmp(argv[2], "--workers")) {
        o.worker_threads = (uint32_t)strtoul(argv[3], NULL, 10);
    } else if (argc != 2) {
        fprintf(stderr, "usage: %s PORT [--current-thread | --workers N]\n", argv[0]);
        return 2;
    }
    allow_many_fds();
    frame.port = port_of(argv[1]);
    o.alloc = &counting;
    check("pirn_run", pirn_run(&o, &server, &frame, &res, NULL));
    check("server", pirn_result_status(&res));
    return 0;
}
