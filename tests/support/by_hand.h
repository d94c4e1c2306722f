/* SPDX-License-Identifier: MIT */
/* An operation that is polled by hand: its context has no task, its waker counts. */
#ifndef PIRN_TESTS_SUPPORT_BY_HAND_H
#define PIRN_TESTS_SUPPORT_BY_HAND_H

#include <pirn/op.h>

#include "task/cx.h"
#include "tests/support/script.h"

struct by_hand {
    pirn_op op;
    struct pirn_cx cx;
    struct count_waker counts;
};

/* Ready for the next poll. Returns the context. */
static inline pirn_cx *by_hand_cx(struct by_hand *b)
{
    b->cx.waker = count_waker(&b->counts);
    b->cx.budget = PIRN_UNLIMITED;
    b->cx.budget_full = PIRN_UNLIMITED;
    return &b->cx;
}

/* How often it was woken since it was last asked. */
static inline unsigned by_hand_woken(struct by_hand *b)
{
    unsigned n = b->counts.wakes + b->counts.refs_waked;

    b->counts.drops += b->counts.wakes; /* consumed, for count_waker_live() */
    b->counts.wakes = 0;
    b->counts.refs_waked = 0;
    return n;
}

/* Whether nothing is left of it: idle, and no waker but the one it began with. */
static inline bool by_hand_is_clean(struct by_hand *b)
{
    return b->op.kind == NULL && count_waker_live(&b->counts) == 1;
}

#endif
