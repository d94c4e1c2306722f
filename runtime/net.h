/* SPDX-License-Identifier: MIT */
/* What the faces of the net share. */
#ifndef PIRN_RUNTIME_NET_H
#define PIRN_RUNTIME_NET_H

#include "runtime/net/stream.h"
#include "runtime/runtime.h"

/* Of @h, or of the current runtime. Return: NULL, with the error text, if there is none. */
struct io *pirn__net_io(pirn_handle *h, const char *call);

/* The kind of stream a socket of this family is. */
enum stream_kind pirn__net_stream_kind(int family);

/* A stream of a descriptor that is ours; closed if it can't be. @watch: IO_WATCH_*. Return: 0; with the error text if not. */
MUST_USE int pirn__net_adopt(struct io *io, int fd, enum stream_kind kind, unsigned watch,
                             pirn_stream **out, const char *call);

/* Of a socket handed in from outside: its type and family. Return: 0; -EBADF, -ENOTSOCK,
 * -ESOCKTNOSUPPORT: of another type than @type; with the error text. */
MUST_USE int pirn__net_inspect(int fd, int type, int *family, const char *call);

/* getsockname() or getpeername(). Return: 0, -errno with the error text. */
MUST_USE int pirn__net_name(int fd, bool peer, pirn_addr *out, const char *call);

#endif
