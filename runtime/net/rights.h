/* SPDX-License-Identifier: MIT */
/* Descriptors that travel with the bytes of a Unix socket. */
#ifndef PIRN_RUNTIME_NET_RIGHTS_H
#define PIRN_RUNTIME_NET_RIGHTS_H

#include "runtime/net/op.h"

/* a->n32: bytes, and how many went; a->extra: descriptors in a->fds_from. */
net_attempt pirn__rights_try_send;
/* a->n32: bytes, and how many came; a->extra: room in a->fds, and how many stand there. */
net_attempt pirn__rights_try_recv;

#endif
