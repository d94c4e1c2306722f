/* SPDX-License-Identifier: MIT */
/* What is behind a descriptor, and what is to be set on it before it is used. */
#ifndef PIRN_RUNTIME_NET_FD_H
#define PIRN_RUNTIME_NET_FD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "task/base/compiler.h"

/* Whether calls on it may block; false too if it is not open: the call will say so. */
bool pirn__fd_is_blocking(int fd);

/* Sets O_NONBLOCK. *@changed: whether it was not set. Return: 0, -errno. */
MUST_USE int pirn__fd_make_nonblocking(int fd, bool *changed);
void pirn__fd_make_blocking(int fd);

/* A non-blocking, close-on-exec socket. Return: the descriptor, -errno. */
MUST_USE int pirn__fd_socket(int family, int type);

/* getsockopt() of an int. Return: 0, -errno. */
MUST_USE int pirn__fd_option(int fd, int level, int name, int *out);
/* setsockopt() of one. Return: 0, -errno. */
MUST_USE int pirn__fd_set_option(int fd, int level, int name, int value);

#endif
