/* SPDX-License-Identifier: MIT */
/* Options of sockets: their limits, and setting them. */
#ifndef PIRN_RUNTIME_NET_SOCKOPT_H
#define PIRN_RUNTIME_NET_SOCKOPT_H

#include <pirn/datagram.h>
#include <pirn/tcp.h>

#include "task/base/compiler.h"

/* As pirn_stream_set_keepalive() has them. */
struct sockopt_keepalive {
    int64_t idle_ns, interval_ns;
    unsigned count;
};

/* Return: 0; -EINVAL with a text that names @call. */
MUST_USE int pirn__sockopt_check_keepalive(const struct sockopt_keepalive *k, const char *call);
/* Turns it on; zeroes: the system's. Return: 0, -errno. */
MUST_USE int pirn__sockopt_keepalive(int fd, const struct sockopt_keepalive *k);

/* The values, not the size. Return: 0; -EINVAL with a text that names @call. */
MUST_USE int pirn__sockopt_check_tcp(const pirn_tcp_opts *o, const char *call);
/* What a connection has of them, and what a listener passes on to those it accepts. Return: 0, -errno. */
MUST_USE int pirn__sockopt_tcp(int fd, const pirn_tcp_opts *o);
/* What a listener has besides; before it is bound. Return: 0, -errno. */
MUST_USE int pirn__sockopt_listener(int fd, int family, const pirn_tcp_opts *o);

MUST_USE int pirn__sockopt_check_udp(const pirn_udp_opts *o, const char *call);
/* Before it is bound. Return: 0, -errno. */
MUST_USE int pirn__sockopt_udp(int fd, int family, const pirn_udp_opts *o);

#endif
