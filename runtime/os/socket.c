/* SPDX-License-Identifier: MIT */
/* Receiving and sending by the system calls themselves. Under a sanitizer by the C library's functions:
 * those it watches, and what they read and write. */
#include "runtime/os/socket.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "task/base/compiler.h"

#if UNDER_ASAN || UNDER_TSAN
ssize_t pirn__socket_recv(int fd, void *buf, size_t n, int flags)
{
    return recv(fd, buf, n, flags);
}

ssize_t pirn__socket_send(int fd, const void *buf, size_t n, int flags)
{
    return send(fd, buf, n, flags);
}

ssize_t pirn__socket_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return sendmsg(fd, msg, flags);
}
#else
ssize_t pirn__socket_recv(int fd, void *buf, size_t n, int flags)
{
    return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

ssize_t pirn__socket_send(int fd, const void *buf, size_t n, int flags)
{
    return syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}

ssize_t pirn__socket_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return syscall(SYS_sendmsg, fd, msg, flags);
}
#endif
