/* SPDX-License-Identifier: MIT */
/* The queue of a worker: a ring with one head.
 *
 * Whoever takes, owner or thief, copies the slots first and then moves `head` on by an exchange: if it
 * succeeds nobody else has taken them, and the owner, who reuses a slot only once it has seen `head`
 * beyond it, cannot have overwritten them. There is no state in between, so no thief can be waited
 * for and no steal is half done. Indices have 64 bits and never come back.
 *
 * The owner saves exchanges by claiming several tasks with one of them when many are waiting.
 *
 * A ring that is full grows at a spawn, which may allocate. The old one stays until the queue goes: a
 * thief that still reads it finds there what it looks for, since those slots are not written again.
 * Nothing but `head` is written by anybody but the owner. */
#include "runtime/scheduler/local_queue.h"

#include <stddef.h>

static size_t ring_bytes(uint64_t slots)
{
    return sizeof(struct queue_ring) + slots * sizeof(_Atomic(struct header *));
}

static struct queue_ring *new_ring(const pirn_alloc *a, uint64_t slots, struct queue_ring *older)
{
    struct queue_ring *r = a->alloc(a->user, ring_bytes(slots), CACHE_LINE);

    if (r != NULL) {
        r->older = older;
        r->mask = slots - 1;
    }
    return r;
}

bool pirn__queue_init(struct local_queue *q, const pirn_alloc *a)
{
    struct queue_ring *r = new_ring(a, QUEUE_SLOTS, NULL);

    /* mo: relaxed, all: not shared yet. */
    atomic_store_explicit(&q->head, 0, memory_order_relaxed);
    atomic_store_explicit(&q->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&q->surplus, false, memory_order_relaxed);
    atomic_store_explicit(&q->ring, r, memory_order_relaxed);
    q->head_seen = 0;
    q->next = q->last = 0;
    return r != NULL;
}

/* The owner's own. */
static struct queue_ring *own_ring(const struct local_queue *q)
{
    /* mo: relaxed. Only the owner writes it. */
    return atomic_load_explicit(&q->ring, memory_order_relaxed);
}

void pirn__queue_fini(struct local_queue *q, const pirn_alloc *a)
{
    struct queue_ring *r = own_ring(q), *older;

    for (; r != NULL; r = older) {
        older = r->older;
        a->free(a->user, r, ring_bytes(r->mask + 1));
    }
}

static struct header *slot(const struct queue_ring *r, uint64_t i)
{
    /* mo: relaxed. `tail` publishes what is in it. */
    return atomic_load_explicit(&r->slots[i & r->mask], memory_order_relaxed);
}

static void set_slot(struct queue_ring *r, uint64_t i, struct header *h)
{
    /* mo: relaxed. As above. */
    atomic_store_explicit(&r->slots[i & r->mask], h, memory_order_relaxed);
}

static void set_surplus(struct local_queue *q, bool on)
{
    /* mo: relaxed, a hint. Only the owner writes it. */
    atomic_store_explicit(&q->surplus, on, memory_order_relaxed);
}

bool pirn__queue_push(struct local_queue *q, struct header *h)
{
    struct queue_ring *r = own_ring(q);
    uint64_t tail = queue_pushed(q);

    if (UNLIKELY(tail - q->head_seen > r->mask)) {
        /* mo: acquire pairs with [slot] in take_up_to: whoever took a slot has read it. */
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (tail - q->head_seen > r->mask)
            return false;
    }
    set_slot(r, tail, h);
    /* mo: release pairs with [tail] in take_up_to and is_empty: the task is there, and the ring. */
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    if (tail != q->head_seen && !queue_has_surplus(q)) {
        /* mo: acquire pairs with [slot] in take_up_to, as above: a later push relies on it. */
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (tail != q->head_seen)
            set_surplus(q, true);
    }
    return true;
}

bool pirn__queue_grow(struct local_queue *q, const pirn_alloc *a)
{
    struct queue_ring *old = own_ring(q), *r;
    uint64_t tail = queue_pushed(q);

    if (old->mask + 1 >= QUEUE_SLOTS_MAX)
        return false;
    r = new_ring(a, 2 * (old->mask + 1), old);
    if (r == NULL)
        return false;
    for (uint64_t i = tail - old->mask - 1; i != tail; i++)
        set_slot(r, i, slot(old, i));
    /* mo: release pairs with [tail] in take_up_to: who sees a tail of this ring sees the ring. */
    atomic_store_explicit(&q->ring, r, memory_order_release);
    return true;
}

/* Half of @n, at least one. */
static uint64_t half(uint64_t n)
{
    return n - n / 2;
}

/* @by_half: as a thief. Return: how many. */
static uint32_t take_up_to(struct local_queue *q, struct header **out, uint32_t max, bool by_half)
{
    /* mo: acquire pairs with [slot]: a tail that is read next is not older than this head. */
    uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
    uint64_t tail, n;
    struct queue_ring *r;

    do {
        /* mo: acquire pairs with [tail] in push. */
        tail = atomic_load_explicit(&q->tail, memory_order_acquire);
        n = tail - head;
        if ((int64_t)n <= 0)
            return 0;
        if (by_half)
            n = half(n);
        if (n > max)
            n = max;
        /* mo: acquire pairs with [tail] in grow. After the tail: not an older ring than its. */
        r = atomic_load_explicit(&q->ring, memory_order_acquire);
        for (uint32_t i = 0; i < n; i++)
            out[i] = slot(r, head + i);
        /* mo: release pairs with [slot] in push: the slots have been read. Acquire, and on failure:
         * as at the first load. */
    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire));
    return (uint32_t)n;
}

struct header *pirn__queue_take(struct local_queue *q, bool batch)
{
    uint32_t n = 1;

    if (q->next != q->last)
        return q->claimed[q->next++];
    if (batch && queue_pushed(q) - q->head_seen >= QUEUE_CLAIM_FROM) {
        /* mo: acquire pairs with [slot] in take_up_to, as above: a later push relies on it. */
        q->head_seen = atomic_load_explicit(&q->head, memory_order_acquire);
        if (queue_pushed(q) - q->head_seen >= QUEUE_CLAIM_FROM)
            n = QUEUE_CLAIM;
    }
    q->last = take_up_to(q, q->claimed, n, false);
    q->next = q->last != 0;
    if (q->last != 0)
        return q->claimed[0];
    if (queue_has_surplus(q))
        set_surplus(q, false);
    return NULL;
}

uint32_t pirn__queue_take_many(struct local_queue *q, struct header **out, uint32_t max)
{
    uint32_t n = 0;

    while (n < max && q->next != q->last)
        out[n++] = q->claimed[q->next++];
    return n != 0 ? n : take_up_to(q, out, max, false);
}

uint64_t pirn__queue_len(const struct local_queue *q)
{
    /* mo: relaxed, both, a statistic. */
    uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

    return tail > head ? tail - head : 0;
}

uint64_t pirn__queue_position(const struct local_queue *q)
{
    /* mo: acquire pairs with [slot] in take_up_to: what is missing here was taken by who has said
     * before that he takes it: [moved] in mt_links.c. */
    return atomic_load_explicit(&q->head, memory_order_acquire) - (q->last - q->next);
}

bool pirn__queue_is_empty(const struct local_queue *q)
{
    /* mo: seq_cst pairs with [idle]: a pusher that woke nobody because somebody searched did so
     * before the searcher said that it stops. */
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_seq_cst);
    /* mo: relaxed. A head that is behind only makes us look closer. */
    uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);

    return (int64_t)(tail - head) <= 0;
}

uint32_t pirn__queue_steal(struct local_queue *q, struct header **out)
{
    return take_up_to(q, out, QUEUE_STEAL_MAX, true);
}
