/* SPDX-License-Identifier: MIT */
/* What is behind a descriptor, and what is to be set on it before it is used. */
#include "runtime/net/fd.h"

#include <errno.h>
#include <fcntl.h>

bool pirn__fd_is_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && !(flags & O_NONBLOCK);
}

int pirn__fd_make_nonblocking(int fd, bool *changed)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    *changed = !(flags & O_NONBLOCK);
    return *changed && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

void pirn__fd_make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

int pirn__fd_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 ? fd : -errno;
}

int pirn__fd_option(int fd, int level, int name, int *out)
{
    socklen_t n = sizeof *out;

    return getsockopt(fd, level, name, out, &n) == 0 ? 0 : -errno;
}

int pirn__fd_set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}
