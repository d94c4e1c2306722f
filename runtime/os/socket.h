/* SPDX-License-Identifier: MIT */
/* The calls that every request of a server makes, without what a C library does around them.
 *
 * recv(), send() and sendmsg() are points where a thread may be cancelled, and that costs two
 * read-modify-writes a call in a process with threads. Threads that run tasks are not cancelled. */
#ifndef PIRN_RUNTIME_OS_SOCKET_H
#define PIRN_RUNTIME_OS_SOCKET_H

#include <sys/socket.h>
#include <sys/types.h>

/* As the functions of these names. */
ssize_t pirn__socket_recv(int fd, void *buf, size_t n, int flags);
ssize_t pirn__socket_send(int fd, const void *buf, size_t n, int flags);
ssize_t pirn__socket_sendmsg(int fd, const struct msghdr *msg, int flags);

#endif
