/* SPDX-License-Identifier: MIT */
/* A datagram socket from inside, and the attempts to send and receive. */
#ifndef PIRN_RUNTIME_NET_DATAGRAM_H
#define PIRN_RUNTIME_NET_DATAGRAM_H

#include <pirn/datagram.h>

#include "runtime/net/op.h"
#include "task/base/ref.h"

struct pirn_datagram {
    struct registration reg; /* first */
    ref_count users;
    int family; /* immutable */
};

static inline struct pirn_datagram *datagram_of(struct registration *r)
{
    return (struct pirn_datagram *)(void *)r;
}

/* NULL of NULL. */
static inline struct registration *datagram_reg(struct pirn_datagram *d)
{
    return (struct registration *)(void *)d;
}

/* Watches @fd, and owns it if this succeeds. Return: 0; -ENOMEM; as pirn__registration_add(). */
MUST_USE int pirn__datagram_make(struct io *io, int fd, int family, struct pirn_datagram **out);

/* Of a->from, a->n32 bytes; send_to: to a->sa, a->extra bytes. */
net_attempt pirn__datagram_try_send, pirn__datagram_try_send_to;
/* Into a->buf, a->n32 bytes; a->extra: the message's length; a->addr: where the sender's address goes,
 * may be NULL. */
net_attempt pirn__datagram_try_recv, pirn__datagram_try_peek;

#endif
