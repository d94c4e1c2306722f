/* SPDX-License-Identifier: MIT */
/* A place for one operation that waits on a descriptor, in memory that is given back only when it has
 * left: a word, without a lock.
 *
 *   word                    means
 *   0                       free
 *   waiter                  it waits; its waker is there
 *   waiter | BUSY           its waker is being taken out: a few instructions
 *   waiter | WOKEN          it has been woken, and has not left yet
 *   any, | GONE             the owner has given the descriptor up: the waiter, if there is one, leaves
 *
 * A waiter that was woken keeps the place until it leaves. So whoever
 * gives the descriptor up sees every operation that may still touch it, at no cost for those who wait. */
#ifndef PIRN_RUNTIME_IO_SEAT_H
#define PIRN_RUNTIME_IO_SEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/wake.h"

enum {
    SEAT_BUSY = 1u << 0,
    SEAT_WOKEN = 1u << 1,
    SEAT_GONE = 1u << 2,
    SEAT_FLAGS = SEAT_BUSY | SEAT_WOKEN | SEAT_GONE,
};

struct seat {
    _Atomic(uintptr_t) word;
};

/* At the beginning of an operation's state. guard: the seat's word: the operation's unless it is plain
 * there; then nobody's; the waker's while BUSY. */
struct seat_waiter {
    struct op_waker waker;
};

enum seat_taken {
    SEAT_YOURS, /* now test the condition, with a sequentially consistent load */
    SEAT_OTHERS,
    SEAT_CLOSED, /* GONE */
};

static inline void seat_init(struct seat *s)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&s->word, 0, memory_order_relaxed);
}

/* @me waits, with the waker of this poll. */
MUST_USE enum seat_taken pirn__seat_take(struct seat *s, struct seat_waiter *me, pirn_cx *cx);

/* By who has taken it: nothing refers to @me afterwards. Return: whether it is GONE: the caller has then
 * still to say that it has left. */
MUST_USE bool pirn__seat_leave(struct seat *s, struct seat_waiter *me);

/* Out of line: somebody waits. */
void pirn__seat_wake_waiter(struct seat *s, uintptr_t seen, struct wake_list *wakes);

/* Wakes who waits, after the condition was made true by a sequentially consistent operation. @wakes has
 * room. */
static inline void pirn__seat_wake(struct seat *s, struct wake_list *wakes)
{
    /* mo: seq_cst pairs with [seat]: see pirn__seat_take(). */
    uintptr_t seen = atomic_load_explicit(&s->word, memory_order_seq_cst);

    if (seen != 0 && (seen & SEAT_FLAGS) == 0)
        pirn__seat_wake_waiter(s, seen, wakes);
}

/* GONE, and wakes who waits. @wakes has room. Return: whether somebody is to leave still. */
MUST_USE bool pirn__seat_condemn(struct seat *s, struct wake_list *wakes);

#endif
