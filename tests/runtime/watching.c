/* SPDX-License-Identifier: MIT */
/* Tasks that wait on a descriptor: see watching.h. */
#include "watching.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int watching_poll(void *watching, pirn_cx *cx, int *out)
{
    struct watching *w = watching;
    int r = pirn_fd_ready_poll(&w->op, cx, w->fd, w->interest, &w->ready);

    if (r == PIRN_PENDING) {
        w->pending++;
        return r;
    }
    *out = r;
    return 0;
}

int watching_step(void *watching, pirn_cx *cx, void *out)
{
    return watching_poll(watching, cx, out);
}

pirn_join *spawn_watching(pirn_handle *h, struct watching *w)
{
    w->ready = 0;
    return spawn(h, watching_poll, w);
}

void watching_end(struct watching *w)
{
    pirn_fd_free(w->fd);
    w->fd = NULL;
}

int watching_eventfd(struct watching *w, pirn_handle *h, uint32_t flags)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    EQ(pirn_fd_new(h, fd, flags | PIRN_FD_OWN, &w->fd), 0);
    return fd;
}

int watching_socket(struct watching *w, pirn_handle *h, uint32_t flags)
{
    int fds[2];

    EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    EQ(pirn_fd_new(h, fds[0], flags | PIRN_FD_OWN | PIRN_FD_NONBLOCK, &w->fd), 0);
    return fds[1];
}

void tcp_pair(int fds[2])
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EQ(bind(listener, (struct sockaddr *)&sa, n), 0);
    EQ(listen(listener, 1), 0);
    EQ(getsockname(listener, (struct sockaddr *)&sa, &n), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EQ(connect(fds[1], (struct sockaddr *)&sa, n), 0);
    fds[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(fds[0] >= 0);
    EQ(close(listener), 0);
}

void add_to(int eventfd, uint64_t n)
{
    EQ(write(eventfd, &n, sizeof n), sizeof n);
}

bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

bool was_woken(void *wakes)
{
    return ((struct wakes *)wakes)->woken > 0;
}
