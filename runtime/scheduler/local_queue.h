/* SPDX-License-Identifier: MIT */
/* A worker's own queue of ready tasks: it pushes and takes in order, others steal from the same end
 * that it takes from. */
#ifndef PIRN_RUNTIME_SCHEDULER_LOCAL_QUEUE_H
#define PIRN_RUNTIME_SCHEDULER_LOCAL_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/alloc.h>

#include "task/base/compiler.h"
#include "task/cell.h"

#if defined(PIRN_MODEL) /* small enough to be full, and to claim, in a scenario */
enum {
    QUEUE_CLAIM = 2,
    QUEUE_CLAIM_FROM = 2,
    QUEUE_STEAL_MAX = 2,
    QUEUE_SLOTS = 2,
    QUEUE_SLOTS_MAX = 4
};
#else
enum {
    QUEUE_CLAIM = 8,        /* tasks that the owner takes by one exchange */
    QUEUE_CLAIM_FROM = 16,  /* and only from a queue that is this long */
    QUEUE_STEAL_MAX = 128,  /* tasks that a thief takes */
    QUEUE_SLOTS = 4096,     /* to begin with */
    QUEUE_SLOTS_MAX = 65536 /* after spawns have made it grow */
};
#endif

struct queue_ring {
    struct queue_ring *older; /* it grew out of this one; thieves may still read that */
    uint64_t mask;
    _Atomic(struct header *) slots[];
};

struct local_queue {
    /* The next to be taken; moved on by whoever takes, with an exchange. */
    _Alignas(CACHE_LINE) _Atomic(uint64_t) head;
    /* Worth a look by thieves: written when that changes, so that those who look disturb nobody. */
    _Alignas(CACHE_LINE) _Atomic(bool) surplus;
    /* Where the next is pushed, and the ring: written by the owner, read by thieves. */
    _Alignas(CACHE_LINE) _Atomic(uint64_t) tail;
    _Atomic(struct queue_ring *) ring;
    /* guard, from here on: the owner */
    uint64_t head_seen;  /* some earlier head */
    uint32_t next, last; /* of `claimed`: those not run yet */
    struct header *claimed[QUEUE_CLAIM];
};

/* Return: false: no memory. */
bool pirn__queue_init(struct local_queue *q, const pirn_alloc *a);
void pirn__queue_fini(struct local_queue *q, const pirn_alloc *a);

/* ---- by the owner ---- */
/* False: full. */
bool pirn__queue_push(struct local_queue *q, struct header *h);
/* Twice the room, up to the limit. False: it stays as it is. */
bool pirn__queue_grow(struct local_queue *q, const pirn_alloc *a);
/* The oldest; NULL: empty. @batch: may claim several at once, which thieves then do not see. */
struct header *pirn__queue_take(struct local_queue *q, bool batch);
/* Takes up to @max of the oldest into @out. Return: how many; 0: empty. */
uint32_t pirn__queue_take_many(struct local_queue *q, struct header **out, uint32_t max);
/* How many tasks were pushed before the one that is taken next. */
uint64_t pirn__queue_position(const struct local_queue *q);
/* How many tasks were ever pushed. */
static inline uint64_t queue_pushed(const struct local_queue *q)
{
    /* mo: relaxed. Only the owner writes it. */
    return atomic_load_explicit(&q->tail, memory_order_relaxed);
}
static inline bool queue_has_claimed(const struct local_queue *q)
{
    return q->next != q->last;
}

/* Whether nothing is left for pirn__queue_take(). */
static inline bool queue_is_drained(const struct local_queue *q)
{
    /* mo: relaxed. The owner writes one; if the other has moved on, there is even less. */
    return q->next == q->last &&
           queue_pushed(q) == atomic_load_explicit(&q->head, memory_order_relaxed);
}

/* ---- by anybody ---- */
static inline bool queue_has_surplus(const struct local_queue *q)
{
    /* mo: relaxed. A hint: who misses it looks again, who believes it looks closer. */
    return atomic_load_explicit(&q->surplus, memory_order_relaxed);
}

/* About how many wait; without claimed ones. */
uint64_t pirn__queue_len(const struct local_queue *q);
/* Whether there is something to steal; sequentially consistent, for who is about to sleep. */
bool pirn__queue_is_empty(const struct local_queue *q);
/* Takes half of the tasks, QUEUE_STEAL_MAX at most. Return: how many are in @out; 0: it is
 * empty. */
uint32_t pirn__queue_steal(struct local_queue *q, struct header **out);

#endif
