/* SPDX-License-Identifier: MIT */
/* Descriptors that travel with the bytes of a Unix socket. */
#include "runtime/net/rights.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pirn/unix.h>

/* Aligned as the kernel wants it, for as many as it takes. */
union rights_buffer {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(PIRN_UNIX_FDS * sizeof(int))];
};

int pirn__rights_try_send(struct registration *r, struct net_args *a, uint32_t seen)
{
    struct net_args whole = {.from = a->from};
    struct iovec iov = {.iov_base = whole.buf, .iov_len = a->n32};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union rights_buffer control;
    struct cmsghdr *c;
    ssize_t sent;

    if (a->extra != 0) {
        memset(&control, 0, sizeof control);
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(a->extra * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(a->extra * sizeof(int));
        memcpy(CMSG_DATA(c), a->fds_from, a->extra * sizeof(int));
    }
    do {
        sent = sendmsg(r->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return pirn__net_errno(r, IO_WRITE, seen);
    if ((uint32_t)sent < a->n32)
        io_drained(r, IO_WRITE, seen);
    a->n32 = (uint32_t)sent;
    return 0;
}

/* Moves what fits to @fds, and closes the rest. Return: how many fitted. */
static uint32_t take_rights(struct msghdr *msg, int *fds, uint32_t room, bool *all)
{
    uint32_t count = 0;
    int fd;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = CMSG_LEN(0); at + sizeof fd <= c->cmsg_len; at += sizeof fd) {
            memcpy(&fd, (const char *)c + at, sizeof fd);
            if (count < room) {
                fds[count++] = fd;
            } else {
                (void)close(fd);
                *all = false;
            }
        }
    }
    return count;
}

int pirn__rights_try_recv(struct registration *r, struct net_args *a, uint32_t seen)
{
    struct iovec iov = {.iov_base = a->buf, .iov_len = a->n32};
    union rights_buffer control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    uint32_t count;
    ssize_t got;
    bool all;

    do {
        got = recvmsg(r->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return pirn__net_errno(r, IO_READ, seen);
    /* Cut: the process can have no more descriptors, and the kernel has dropped the rest. */
    all = !(msg.msg_flags & MSG_CTRUNC);
    count = take_rights(&msg, a->fds, a->extra, &all);
    if (!all) {
        for (uint32_t i = 0; i < count; i++)
            (void)close(a->fds[i]);
        return -EMSGSIZE;
    }
    a->n32 = (uint32_t)got;
    a->extra = count;
    return 0;
}
