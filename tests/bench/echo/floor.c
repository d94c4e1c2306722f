/* SPDX-License-Identifier: MIT */
/* floor.c: what does an echo server cost that is nothing but its system calls? PORT
 *
 * One thread, one level-triggered epoll, one buffer for all connections: what came is written back at
 * once. What the peer's window does not take waits in the connection, which reads nothing meanwhile. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

enum {
    EVENTS = 1024,
    BUFFER = 4096
};

/* A connection that has nothing left to write is its descriptor alone. */
struct rest {
    size_t at, end;
    char bytes[BUFFER];
};

static struct connection {
    int fd;
    struct rest *rest; /* NULL: all was written */
} * connections;

static int epoll;
static char buffer[BUFFER];

static void watch(int op, struct connection *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};

    checked("epoll_ctl", epoll_ctl(epoll, op, c->fd, &e));
}

static void close_connection(struct connection *c)
{
    close(c->fd);
    free(c->rest);
    c->rest = NULL;
}

static void keep_rest(struct connection *c, const char *bytes, size_t n)
{
    c->rest = malloc(sizeof *c->rest);
    if (!c->rest) {
        fail("malloc");
    }
    memcpy(c->rest->bytes, bytes, n);
    c->rest->at = 0;
    c->rest->end = n;
    watch(EPOLL_CTL_MOD, c, EPOLLOUT);
}

static void write_rest(struct connection *c)
{
    struct rest *r = c->rest;
    ssize_t n = send(c->fd, r->bytes + r->at, r->end - r->at, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        close_connection(c);
    } else if (n > 0 && (r->at += (size_t)n) == r->end) {
        free(r);
        c->rest = NULL;
        watch(EPOLL_CTL_MOD, c, EPOLLIN);
    }
}

static void echo(struct connection *c)
{
    ssize_t got = recv(c->fd, buffer, sizeof buffer, 0), sent;

    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_connection(c);
        }
        return;
    }
    sent = send(c->fd, buffer, (size_t)got, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            close_connection(c);
            return;
        }
        sent = 0;
    }
    if (sent < got) {
        keep_rest(c, buffer + sent, (size_t)(got - sent));
    }
}

static void accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return; /* it was gone before it was taken */
    }
    connections[fd].fd = fd;
    watch(EPOLL_CTL_ADD, &connections[fd], EPOLLIN);
}

static int listen_on(uint16_t port)
{
    int fd = checked("socket", socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    struct sockaddr_in sa = loopback(port);

    checked("setsockopt", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
    checked("bind", bind(fd, (struct sockaddr *)&sa, sizeof sa));
    checked("listen", listen(fd, BACKLOG));
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int listener;

    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    allow_many_fds();
    connections = calloc((size_t)sysconf(_SC_OPEN_MAX), sizeof *connections);
    if (!connections) {
        fail("calloc");
    }
    epoll = checked("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
    listener = listen_on(port_of(argv[1]));
    connections[listener].fd = listener;
    watch(EPOLL_CTL_ADD, &connections[listener], EPOLLIN);
    say_listening(port_of(argv[1]));
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;

            if (c->fd == listener) {
                accept_one(listener);
            } else if (c->rest) {
                write_rest(c);
            } else {
                echo(c);
            }
        }
    }
}
