/* SPDX-License-Identifier: MIT */
/* An echo server: every connection is a task, and all of them are children of the one that accepts.
 *
 *     echo_server PORT [--workers N] [--current-thread]
 *
 * Ends at SIGINT or SIGTERM: the group cancels the connections, and the accepting task is over when the
 * last of them is gone. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn.h>

/* ---- one connection ---------------------------------------------------------------------------- */

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

/* ---- the server -------------------------------------------------------------------------------- */

struct server {
    PIRN_FRAME;
    uint16_t port;
    pirn_listener *listener;
    pirn_group *group;
    pirn_stream *accepted;
    pirn_op accept, interrupt, terminate;
};

static int server_open(struct server *f)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    pirn_tcp_opts o = PIRN_TCP_OPTS_INIT;
    int r;

    o.flags = PIRN_TCP_NODELAY;
    r = pirn_tcp_listen(NULL, (struct sockaddr *)&sa, sizeof sa, &o, &f->listener);
    if (r != 0)
        return r;
    return pirn_group_new(NULL, NULL, PIRN_NEVER, PIRN_GROUP_DISCARD, &f->group);
}

/* The connection is the child's, or closed if there is no memory for one. */
static void server_spawn(struct server *f)
{
    void *frame;

    if (pirn_spawn_begin(NULL, &echo_task, &frame) != 0) {
        pirn_stream_unref(f->accepted);
        return;
    }
    ((struct echo *)frame)->s = f->accepted;
    pirn_group_commit(f->group, frame, NULL);
}

static void say_listening(const pirn_listener *l)
{
    char text[PIRN_ADDR_TEXT];
    pirn_addr addr;

    if (pirn_listener_addr(l, &addr) == 0)
        printf("listening on %s\n", pirn_addr_format(&addr, text, sizeof text));
    (void)fflush(stdout);
}

static int server_poll(void *frame, pirn_cx *cx, void *out)
{
    struct server *f = frame;
    int won, r;

    (void)out;
    PIRN_BEGIN(f);
    r = server_open(f);
    if (r != 0)
        return r;
    say_listening(f->listener);
    for (;;) {
        /* NULL: a signal's operation stays pending while others win. */
        PIRN_SELECT(f, won, r, NULL, pirn_signal_poll(&f->interrupt, cx, SIGINT), NULL,
                    pirn_signal_poll(&f->terminate, cx, SIGTERM), &f->accept,
                    pirn_listener_accept_poll(&f->accept, cx, f->listener, &f->accepted));
        if (won != 2 || r != 0)
            return r;
        server_spawn(f);
    }
    PIRN_END(f);
}

static void server_drop(void *frame)
{
    struct server *f = frame;

    pirn_listener_free(f->listener);
    pirn_group_free(f->group);
}

static const pirn_task_desc server_task =
    PIRN_TASK_INIT("server", struct server, server_poll, server_drop);

/* ---- the command line -------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr, "usage: echo_server PORT [--workers N] [--current-thread]\n");
    return 2;
}

static bool read_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    *out = strtoul(text, &end, 10);
    return *end == '\0' && *out <= max;
}

int main(int argc, char **argv)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct server server = {0};
    unsigned long n;
    pirn_result res;
    int r;

    if (argc < 2 || !read_number(argv[1], UINT16_MAX, &n))
        return usage();
    server.port = (uint16_t)n;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--current-thread") == 0)
            o.flavor = PIRN_CURRENT_THREAD;
        else if (strcmp(argv[i], "--workers") == 0 && read_number(argv[++i], 1024, &n) && n != 0)
            o.worker_threads = (uint32_t)n;
        else
            return usage();
    }
    r = pirn_run(&o, &server_task, &server, &res, NULL);
    if (r == 0)
        r = pirn_result_status(&res);
    if (r != 0)
        fprintf(stderr, "echo_server: %s: %s\n", pirn_strerror(r), pirn_last_error_text());
    return r != 0;
}
