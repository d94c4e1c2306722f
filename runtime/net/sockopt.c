/* SPDX-License-Identifier: MIT */
/* Options of sockets: their limits, and setting them. */
#include "runtime/net/sockopt.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "runtime/net/fd.h"
#include "task/base/error.h"

/* Linux's limits of TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT. */
enum {
    KEEPALIVE_SECONDS_MAX = 32767,
    KEEPALIVE_COUNT_MAX = 127,
    DEFER_ACCEPT_SECONDS = 30, /* rounded up by the kernel to its retransmissions */
    FASTOPEN_QUEUE = 256,
    TCP_FLAGS = PIRN_TCP_REUSE_PORT | PIRN_TCP_NO_REUSE_ADDR | PIRN_TCP_NODELAY | PIRN_TCP_V6ONLY |
                PIRN_TCP_DUAL_STACK | PIRN_TCP_KEEPALIVE | PIRN_TCP_DEFER_ACCEPT |
                PIRN_TCP_FASTOPEN,
    UDP_FLAGS = PIRN_UDP_REUSE_PORT | PIRN_UDP_REUSE_ADDR | PIRN_UDP_BROADCAST | PIRN_UDP_V6ONLY |
                PIRN_UDP_DUAL_STACK,
};

static int64_t units_up(int64_t ns, int64_t unit)
{
    return ns / unit + (ns % unit != 0);
}

int pirn__sockopt_check_keepalive(const struct sockopt_keepalive *k, const char *call)
{
    if (k->idle_ns < 0 || units_up(k->idle_ns, PIRN_SEC) > KEEPALIVE_SECONDS_MAX ||
        k->interval_ns < 0 || units_up(k->interval_ns, PIRN_SEC) > KEEPALIVE_SECONDS_MAX)
        return pirn__error(-EINVAL, "%s: a keepalive time below 0 or above %d s", call,
                           KEEPALIVE_SECONDS_MAX);
    if (k->count > KEEPALIVE_COUNT_MAX)
        return pirn__error(-EINVAL, "%s: %u keepalive probes, %d are possible", call, k->count,
                           KEEPALIVE_COUNT_MAX);
    return 0;
}

/* Sets what is not 0. */
static int set_given(int fd, int level, int name, int64_t value)
{
    return value == 0 ? 0 : pirn__fd_set_option(fd, level, name, (int)value);
}

int pirn__sockopt_keepalive(int fd, const struct sockopt_keepalive *k)
{
    int r = set_given(fd, IPPROTO_TCP, TCP_KEEPIDLE, units_up(k->idle_ns, PIRN_SEC));

    if (r == 0)
        r = set_given(fd, IPPROTO_TCP, TCP_KEEPINTVL, units_up(k->interval_ns, PIRN_SEC));
    if (r == 0)
        r = set_given(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)k->count);
    if (r == 0)
        r = pirn__fd_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    return r;
}

static int check_buffers(uint32_t send_buffer, uint32_t receive_buffer, const char *call)
{
    if (send_buffer > INT_MAX / 2 || receive_buffer > INT_MAX / 2)
        return pirn__error(-EINVAL, "%s: opts.%s is above %d bytes", call,
                           send_buffer > INT_MAX / 2 ? "send_buffer" : "receive_buffer",
                           INT_MAX / 2);
    return 0;
}

int pirn__sockopt_check_tcp(const pirn_tcp_opts *o, const char *call)
{
    const struct sockopt_keepalive k = {o->keepalive_idle_ns, o->keepalive_interval_ns,
                                        o->keepalive_count};

    if (o->flags & ~(uint32_t)TCP_FLAGS)
        return pirn__error(-EINVAL, "%s: opts.flags has unknown bits 0x%x", call,
                           o->flags & ~(uint32_t)TCP_FLAGS);
    if ((o->flags & PIRN_TCP_V6ONLY) && (o->flags & PIRN_TCP_DUAL_STACK))
        return pirn__error(-EINVAL, "%s: opts.flags has both V6ONLY and DUAL_STACK", call);
    if (o->backlog > INT_MAX)
        return pirn__error(-EINVAL, "%s: opts.backlog is above %d", call, INT_MAX);
    if (o->user_timeout_ns < 0 || units_up(o->user_timeout_ns, PIRN_MS) > INT_MAX)
        return pirn__error(-EINVAL, "%s: opts.user_timeout_ns is below 0 or above %d ms", call,
                           INT_MAX);
    if ((o->local == NULL) != (o->local_len == 0))
        return pirn__error(-EINVAL, "%s: opts.local without its length, or the other way round",
                           call);
    if (check_buffers(o->send_buffer, o->receive_buffer, call) != 0)
        return -EINVAL;
    return pirn__sockopt_check_keepalive(&k, call);
}

int pirn__sockopt_tcp(int fd, const pirn_tcp_opts *o)
{
    const struct sockopt_keepalive k = {o->keepalive_idle_ns, o->keepalive_interval_ns,
                                        o->keepalive_count};
    int r = set_given(fd, SOL_SOCKET, SO_SNDBUF, o->send_buffer);

    if (r == 0)
        r = set_given(fd, SOL_SOCKET, SO_RCVBUF, o->receive_buffer);
    if (r == 0)
        r = set_given(fd, IPPROTO_TCP, TCP_NODELAY, (o->flags & PIRN_TCP_NODELAY) != 0);
    if (r == 0)
        r = set_given(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, units_up(o->user_timeout_ns, PIRN_MS));
    if (r == 0 && (o->flags & PIRN_TCP_KEEPALIVE))
        r = pirn__sockopt_keepalive(fd, &k);
    return r;
}

static int set_dual_stack(int fd, int family, bool only, bool both)
{
    return family == AF_INET6 && (only || both)
               ? pirn__fd_set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only)
               : 0;
}

int pirn__sockopt_listener(int fd, int family, const pirn_tcp_opts *o)
{
    int r = set_given(fd, SOL_SOCKET, SO_REUSEADDR, !(o->flags & PIRN_TCP_NO_REUSE_ADDR));

    if (r == 0)
        r = set_given(fd, SOL_SOCKET, SO_REUSEPORT, (o->flags & PIRN_TCP_REUSE_PORT) != 0);
    if (r == 0)
        r = set_dual_stack(fd, family, o->flags & PIRN_TCP_V6ONLY, o->flags & PIRN_TCP_DUAL_STACK);
    if (r == 0 && (o->flags & PIRN_TCP_DEFER_ACCEPT))
        r = pirn__fd_set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_SECONDS);
    if (r == 0 && (o->flags & PIRN_TCP_FASTOPEN))
        r = pirn__fd_set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, FASTOPEN_QUEUE);
    return r != 0 ? r : pirn__sockopt_tcp(fd, o);
}

int pirn__sockopt_check_udp(const pirn_udp_opts *o, const char *call)
{
    if (o->flags & ~(uint32_t)UDP_FLAGS)
        return pirn__error(-EINVAL, "%s: opts.flags has unknown bits 0x%x", call,
                           o->flags & ~(uint32_t)UDP_FLAGS);
    if ((o->flags & PIRN_UDP_V6ONLY) && (o->flags & PIRN_UDP_DUAL_STACK))
        return pirn__error(-EINVAL, "%s: opts.flags has both V6ONLY and DUAL_STACK", call);
    return check_buffers(o->send_buffer, o->receive_buffer, call);
}

int pirn__sockopt_udp(int fd, int family, const pirn_udp_opts *o)
{
    int r = set_given(fd, SOL_SOCKET, SO_REUSEADDR, (o->flags & PIRN_UDP_REUSE_ADDR) != 0);

    if (r == 0)
        r = set_given(fd, SOL_SOCKET, SO_REUSEPORT, (o->flags & PIRN_UDP_REUSE_PORT) != 0);
    if (r == 0)
        r = set_given(fd, SOL_SOCKET, SO_BROADCAST, (o->flags & PIRN_UDP_BROADCAST) != 0);
    if (r == 0)
        r = set_dual_stack(fd, family, o->flags & PIRN_UDP_V6ONLY, o->flags & PIRN_UDP_DUAL_STACK);
    if (r == 0)
        r = set_given(fd, SOL_SOCKET, SO_SNDBUF, o->send_buffer);
    return r != 0 ? r : set_given(fd, SOL_SOCKET, SO_RCVBUF, o->receive_buffer);
}
