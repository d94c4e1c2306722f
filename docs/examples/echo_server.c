/* SPDX-License-Identifier: MIT */
/* An echo server: every connection is a task, a child of the one that accepts.
 *
 *     echo_server PORT [--workers N] [--current-thread]
 *
 * Ends at SIGINT or SIGTERM. */
#include "server.h"

struct echo {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t n;
    char buf[4096];
};

static int echo_poll(void *frame, pirn_cx *cx, void *out)
{
    struct echo *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    for (;;) {
        PIRN_TRY(f, pirn_stream_read_poll(&f->op, cx, f->s, f->buf, sizeof f->buf, &f->n));
        if (f->n == 0)
            break; /* the peer has closed its side */
        PIRN_TRY(f, pirn_stream_write_all_poll(&f->op, cx, f->s, f->buf, f->n, NULL));
    }
    PIRN_END(f);
}

static void echo_drop(void *frame)
{
    pirn_stream_unref(((struct echo *)frame)->s);
}

static const pirn_task_desc echo_task = PIRN_TASK_INIT("echo", struct echo, echo_poll, echo_drop);

static void echo_begin(void *frame, pirn_stream *s, void *user)
{
    (void)user;
    ((struct echo *)frame)->s = s;
}

int main(int argc, char **argv)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct server server = {.connection = &echo_task, .begin = echo_begin};

    if (!server_read_options(argc, argv, &server.port, &o)) {
        fprintf(stderr, "usage: echo_server PORT [--workers N] [--current-thread]\n");
        return 2;
    }
    return server_run(&server, &o, "echo_server");
}
