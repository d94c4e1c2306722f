/* SPDX-License-Identifier: MIT */
/* A stream from inside, and the attempts to read and write it. */
#ifndef PIRN_RUNTIME_NET_STREAM_H
#define PIRN_RUNTIME_NET_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <pirn/stream.h>

#include "runtime/io/registration.h"
#include "runtime/net/op.h"
#include "task/base/ref.h"

enum stream_kind {
    STREAM_TCP,
    STREAM_UNIX,
    STREAM_OTHER, /* a socket of another family */
    STREAM_PIPE,
};

struct pirn_stream {
    struct registration reg; /* first */
    ref_count users;
    enum stream_kind kind; /* immutable */
};
_Static_assert(sizeof(struct pirn_stream) <= 128, "a hundred thousand of them are small");

static inline struct pirn_stream *stream_of(struct registration *r)
{
    return (struct pirn_stream *)(void *)r;
}

/* NULL of NULL. */
static inline struct registration *stream_reg(struct pirn_stream *s)
{
    return (struct registration *)(void *)s;
}

static inline bool stream_is_pipe(const struct registration *r)
{
    return ((const struct pirn_stream *)(const void *)r)->kind == STREAM_PIPE;
}

/* One reference; watches @fd, and owns it if this succeeds. @watch: as pirn__registration_add(); a socket's
 * both. Everything is worth trying at first: in the direction that a pipe's end does not have, that is
 * how it says so. Return: 0; -ENOMEM, or of pirn__registration_add(). */
MUST_USE int pirn__stream_make(struct io *io, int fd, enum stream_kind kind, unsigned watch,
                               struct pirn_stream **out);

/* Of a connected socket. */
MUST_USE int pirn__stream_of_socket(struct io *io, int fd, enum stream_kind kind,
                                    struct pirn_stream **out);

/* ---- attempts ---- */

net_attempt pirn__stream_try_read, pirn__stream_try_readv, pirn__stream_try_read_exact,
    pirn__stream_try_peek, pirn__stream_try_write, pirn__stream_try_writev,
    pirn__stream_try_write_all;

#endif
