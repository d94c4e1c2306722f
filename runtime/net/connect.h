/* SPDX-License-Identifier: MIT */
/* Connecting a stream socket: begun by connect(), over when the socket can be written to. */
#ifndef PIRN_RUNTIME_NET_CONNECT_H
#define PIRN_RUNTIME_NET_CONNECT_H

#include <sys/socket.h>

#include "runtime/net/op.h"
#include "runtime/net/stream.h"

/* connect(), and a stream of @fd, connected or not yet; closes @fd if that fails. Return: 0, -errno,
 * PIRN_ESHUTDOWN. */
MUST_USE int pirn__connect_begin(struct io *io, int fd, enum stream_kind kind,
                                 const struct sockaddr *sa, socklen_t n, struct pirn_stream **out);

/* One poll of a connect that has begun, a->object in the first: *@out, or the stream is gone. */
int pirn__connect_finish(pirn_op *op, pirn_cx *cx, const struct net_kind *kind, struct net_args *a,
                         struct pirn_stream **out);

/* For the kind of such an operation. */
net_attempt pirn__connect_try;
void pirn__connect_drop(void *state);

#endif
