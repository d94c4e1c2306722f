/* SPDX-License-Identifier: MIT */
/* The way of every operation on a socket or pipe: try first, wait for readiness, try again.
 *
 * What succeeds at once never touches its op. What has to wait keeps its arguments in the op, and a seat
 * in the registration, which is there until it is left: the caller may have freed the stream meanwhile. */
#ifndef PIRN_RUNTIME_NET_OP_H
#define PIRN_RUNTIME_NET_OP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <pirn/addr.h>
#include <pirn/op.h>

#include "runtime/io/registration.h"
#include "task/base/compiler.h"
#include "task/cx.h"

/* What one call wants; at the end, what it got. Which members count is the attempt's. */
struct net_args {
    union {
        void *buf; /* with n and done */
        const void *from;
        const struct iovec *iov;
        off_t next; /* of a file */
        void *object;
    };
    union {
        size_t n; /* bytes, or buffers */
        struct {
            uint32_t n32, extra;
        };
    };
    union {
        size_t done; /* bytes so far */
        int *fds;
        const int *fds_from;
        const struct sockaddr *sa;
        pirn_addr *addr;
    };
};

/* In the op while it waits. */
struct net_state {
    struct io_wait wait; /* first */
    struct net_args args;
};
_Static_assert(sizeof(struct net_state) <= PIRN_OP_STATE, "fits into an op");

/* Tries once. @seen: the word of readiness on the strength of which it is tried. */
enum {
    NET_MORE = 2 /* got on; try again */
};
/* Return: 0: done; NET_MORE; -EAGAIN: it would block, and has told the registration; else the error. */
typedef int net_attempt(struct registration *r, struct net_args *a, uint32_t seen);

/* A kind of operation. */
struct net_kind {
    pirn_op_kind op; /* named after its call */
    enum io_dir dir;
    net_attempt *attempt;
};

/* For `op.drop`, where nothing but a seat is to be given up. */
#define NET_KIND(call, direction, function)                                                        \
    {                                                                                              \
        .op = {.size = sizeof(pirn_op_kind), .name = (call), .drop = pirn__io_wait_drop},          \
        .dir = (direction), .attempt = (function),                                                 \
    }

/* The text for @err, of a call. Return: @err. */
COLD int pirn__net_error(int err, const char *call);

/* What a failed system call means. Return: -EAGAIN after telling @r; else -errno. Not for EINTR. */
int pirn__net_errno(struct registration *r, enum io_dir dir, uint32_t seen);

/* Out of line: it cannot end at once. @a: as far as it has come. As net_poll(). */
int pirn__net_begin(pirn_op *op, pirn_cx *cx, struct registration *r, const struct net_kind *kind,
                    struct net_args *a);
/* It is pending. @a: what it got, when it has ended. */
int pirn__net_resume(pirn_op *op, pirn_cx *cx, const struct net_kind *kind, struct net_args *a);

/* pirn_op_is_pending(), without a call. */
static inline bool net_is_pending(const pirn_op *op)
{
    return op->kind != NULL;
}

/* One poll. @r: may be gone if the op is pending. @a: what is wanted, if it is not; what it got, when 0
 * is returned. */
static inline int net_poll(pirn_op *op, pirn_cx *cx, struct registration *r,
                           const struct net_kind *kind, net_attempt *attempt, struct net_args *a)
{
    uint32_t seen;
    int e;

    if (op->kind != NULL)
        return pirn__net_resume(op, cx, kind, a);
    seen = readiness_look(&r->ready);
    if (UNLIKELY(!(seen & kind->dir) || (seen & READY_OVER)))
        return pirn__net_begin(op, cx, r, kind, a);
    if (UNLIKELY(!pirn__cx_take_unit(cx)))
        return pirn__net_begin(op, cx, r, kind, a);
    e = attempt(r, a, seen);
    if (LIKELY(e == 0))
        return 0;
    if (e == -EAGAIN)
        cx_return_unit(cx);
    else if (e < 0)
        return pirn__net_error(e, kind->op.name);
    return pirn__net_begin(op, cx, r, kind, a);
}

#endif
