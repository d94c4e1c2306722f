/* SPDX-License-Identifier: MIT */
/* A place for one operation that waits: a word, without a lock.
 *
 *   word          means
 *   SLOT_EMPTY    nobody waits
 *   SLOT_WAKING   whoever set this takes the waker out; it lasts a few instructions
 *   else          the waiter's address; with SLOT_COUNTED if its waker is not its task's own
 *
 * The waiter sets, then tests its condition; whoever makes the condition true wakes afterwards: with
 * both sides sequentially consistent one of them sees the other. */
#ifndef PIRN_TASK_WAIT_SLOT_H
#define PIRN_TASK_WAIT_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/wake.h"

enum {
    SLOT_EMPTY = 0,
    SLOT_WAKING = 1,
    SLOT_COUNTED = 2,
};

struct wait_slot {
    _Atomic(uintptr_t) word;
};

/* In the state of the operation that waits. guard: the slot's word: the waiter's while it is not in the
 * slot, nobody's while it is, the waker's while SLOT_WAKING. */
struct slot_waiter {
    struct op_waker waker;
};

static inline void wait_slot_init(struct wait_slot *s)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&s->word, SLOT_EMPTY, memory_order_relaxed);
}

/* Leaves @me with the waker of this poll, if it is not there already. Then test the condition, with a
 * sequentially consistent load. Return: false: another operation waits here. */
bool pirn__slot_set(struct wait_slot *s, struct slot_waiter *me, pirn_cx *cx);

/* Afterwards nothing refers to @me; also if it was never set. */
void pirn__slot_clear(struct wait_slot *s, struct slot_waiter *me);

/* Out of line: somebody may wait. Return: whether somebody was woken by this call. */
bool pirn__slot_wake_waiter(struct wait_slot *s, uintptr_t seen);

/* Wakes who waits, once, after the condition was made true by a sequentially consistent operation. */
static inline bool pirn__slot_wake(struct wait_slot *s)
{
    /* mo: seq_cst pairs with [slot] in set: see above. */
    uintptr_t seen = atomic_load_explicit(&s->word, memory_order_seq_cst);

    return UNLIKELY(seen > SLOT_WAKING) && pirn__slot_wake_waiter(s, seen);
}

#endif
