/* SPDX-License-Identifier: MIT */
/* What the example servers share: the command line, and the task that accepts until a signal ends it.
 *
 * Every connection is a child of that task's group, so nothing of it is left when the server's task has
 * ended; a connection may point into what the server's owner holds. */
#ifndef PIRN_EXAMPLES_SERVER_H
#define PIRN_EXAMPLES_SERVER_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn.h>

struct server {
    PIRN_FRAME;
    uint16_t port;
    const pirn_task_desc *connection;
    /* Fills the zeroed frame of a connection that was accepted; owns the stream from now on. */
    void (*begin)(void *frame, pirn_stream *s, void *user);
    /* What else is to run in the group, started before anybody is accepted; NULL: nothing. */
    int (*beside)(pirn_group *group, void *user);
    void *user;
    pirn_listener *listener;
    pirn_group *group;
    pirn_stream *accepted;
    pirn_op accept, interrupt, terminate;
};

static inline int server_open(struct server *f)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    pirn_tcp_opts o = PIRN_TCP_OPTS_INIT;
    int r;

    o.flags = PIRN_TCP_NODELAY;
    r = pirn_tcp_listen(NULL, (struct sockaddr *)&sa, sizeof sa, &o, &f->listener);
    if (r == 0)
        r = pirn_group_new(NULL, NULL, PIRN_NEVER, PIRN_GROUP_DISCARD, &f->group);
    if (r == 0 && f->beside != NULL)
        r = f->beside(f->group, f->user);
    return r;
}

/* From here on a signal ends the server, and not the process. Return: PIRN_PENDING: none has come yet. */
static inline int server_hear_signals(struct server *f, pirn_cx *cx)
{
    int r = pirn_signal_poll(&f->interrupt, cx, SIGINT);

    return r != PIRN_PENDING ? r : pirn_signal_poll(&f->terminate, cx, SIGTERM);
}

static inline void server_say_listening(const struct server *f)
{
    char text[PIRN_ADDR_TEXT];
    pirn_addr addr;

    if (pirn_listener_addr(f->listener, &addr) == 0)
        printf("listening on %s\n", pirn_addr_format(&addr, text, sizeof text));
    (void)fflush(stdout);
}

/* The connection is a child's, or closed if there is no memory for one. */
static inline void server_spawn(struct server *f)
{
    void *frame;

    if (pirn_spawn_begin(NULL, f->connection, &frame) != 0) {
        pirn_stream_unref(f->accepted);
        return;
    }
    f->begin(frame, f->accepted, f->user);
    pirn_group_commit(f->group, frame, NULL);
}

static inline int server_poll(void *frame, pirn_cx *cx, void *out)
{
    struct server *f = frame;
    int won, r;

    (void)out;
    PIRN_BEGIN(f);
    r = server_open(f);
    if (r == 0)
        r = server_hear_signals(f, cx); /* whoever reads the line below may send one at once */
    if (r != PIRN_PENDING)
        return r;
    server_say_listening(f);
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

static inline void server_drop(void *frame)
{
    struct server *f = frame;

    pirn_listener_free(f->listener);
    pirn_group_free(f->group);
}

static const pirn_task_desc server_task =
    PIRN_TASK_INIT("server", struct server, server_poll, server_drop);

/* Up to @max. */
static inline bool server_read_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    *out = strtoul(text, &end, 10);
    return *end == '\0' && *out <= max;
}

/* PORT [--workers N] [--current-thread], from @argv[1] on. Return: false: that is not what it says. */
static inline bool server_read_options(int argc, char **argv, uint16_t *port, pirn_runtime_opts *o)
{
    unsigned long n;

    if (argc < 2 || !server_read_number(argv[1], UINT16_MAX, &n))
        return false;
    *port = (uint16_t)n;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--current-thread") == 0)
            o->flavor = PIRN_CURRENT_THREAD;
        else if (strcmp(argv[i], "--workers") == 0 && i + 1 < argc &&
                 server_read_number(argv[++i], 1024, &n) && n != 0)
            o->worker_threads = (uint32_t)n;
        else
            return false;
    }
    return true;
}

/* Until a signal or an error. Return: what main() returns. */
static inline int server_run(struct server *server, const pirn_runtime_opts *o, const char *program)
{
    pirn_result res;
    int r = pirn_run(o, &server_task, server, &res, NULL);

    if (r == 0)
        r = pirn_result_status(&res);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", program, pirn_strerror(r));
    return r != 0;
}

#endif
