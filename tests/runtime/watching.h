/* SPDX-License-Identifier: MIT */
/* Tasks that wait on a descriptor, and descriptors for them. */
#ifndef PIRN_TESTS_RUNTIME_WATCHING_H
#define PIRN_TESTS_RUNTIME_WATCHING_H

#include "flavors.h"

/* Waits once; its output is what the wait returned. Zero but for the first two. */
struct watching {
    pirn_fd *fd;
    unsigned interest;
    unsigned ready;
    _Atomic(int) pending; /* polls that returned that */
    pirn_op op;
    pirn_join *join;
};

/* For a task, and under pirn_poll_with(). */
int watching_poll(void *watching, pirn_cx *cx, int *out);
int watching_step(void *watching, pirn_cx *cx, void *out);
pirn_join *spawn_watching(pirn_handle *h, struct watching *w);

/* Gives w->fd up, and with it what the next two made. */
void watching_end(struct watching *w);
/* @flags: besides PIRN_FD_OWN. Return: the descriptor. */
int watching_eventfd(struct watching *w, pirn_handle *h, uint32_t flags);
/* A Unix socket. Return: its other end, which blocks. */
int watching_socket(struct watching *w, pirn_handle *h, uint32_t flags);
/* Two ends of one connection, the first non-blocking. */
void tcp_pair(int fds[2]);

void add_to(int eventfd, uint64_t n);
bool is_open(int fd);
bool was_woken(void *wakes); /* a struct wakes */

#endif
