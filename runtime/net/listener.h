/* SPDX-License-Identifier: MIT */
/* A listener from inside, and the attempt to accept. */
#ifndef PIRN_RUNTIME_NET_LISTENER_H
#define PIRN_RUNTIME_NET_LISTENER_H

#include <stdatomic.h>

#include <pirn/tcp.h>

#include "runtime/net/op.h"
#include "runtime/net/stream.h"

struct pirn_listener {
    struct registration reg; /* first */
    enum stream_kind kind;   /* of what is accepted; immutable */
    /* Accepted, and there was no memory for a stream: the next to accept takes it. -1: none */
    _Atomic(int) left_over;
    pirn_op
        backoff; /* guard: the reader's seat: the timer of an accept that waits for descriptors */
};

static inline struct pirn_listener *listener_of(struct registration *r)
{
    return (struct pirn_listener *)(void *)r;
}

/* NULL of NULL. */
static inline struct registration *listener_reg(struct pirn_listener *l)
{
    return (struct registration *)(void *)l;
}

/* Watches @fd, and owns it if this succeeds. Return: 0; as pirn__stream_make(). */
MUST_USE int pirn__listener_make(struct io *io, int fd, enum stream_kind kind,
                                 struct pirn_listener **out);

/* Puts a stream into a->object. Return: besides the usual, what pirn__listener_is_shortage() knows. */
net_attempt pirn__listener_try_accept;

/* Whether an accept that failed so may go well later, with no event that would say when. */
bool pirn__listener_is_shortage(int err);

#endif
