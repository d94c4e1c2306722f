/* SPDX-License-Identifier: MIT */
/* Where do the elements of an mpsc channel lie, and who may touch which?
 *
 * Positions count elements for ever: `tail` those put in, `head` those taken out. Senders write the slot
 * at the tail, then move it; the receiver reads the slot at the head, then moves that. Slots between
 * head and tail are the receiver's, the others the lock's.
 *
 * An unbounded channel has a chain of rings. Senders write the newest only, and begin the next when it
 * is full; the receiver empties the oldest first, and goes on to the next when it comes to where that
 * was begun. Then nobody else knows the old one, and it is freed. A channel whose receiver keeps up
 * stays with one ring, and allocates nothing. */
#include <stdlib.h>

#include "task/sync/elem.h"
#include "task/sync/mpsc.h"

enum {
#if defined(PIRN_MODEL)
    RING_BYTES_FIRST = 1,
    RING_BYTES_MOST = 1,
    RING_LEAST = 1,
#else
    RING_BYTES_FIRST = 512,
    RING_BYTES_MOST = 64 * 1024,
    RING_LEAST = 4, /* elements, however large */
#endif
};

struct mpsc_ring *pirn__mpsc_ring_new(size_t elem_size, size_t size, uint64_t base)
{
    struct mpsc_ring *r;

    if (elem_size != 0 && size > (PTRDIFF_MAX - sizeof *r) / elem_size)
        return NULL;
    r = malloc(sizeof *r + size * elem_size);
    if (r == NULL)
        return NULL;
    r->next = NULL;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&r->end, UINT64_MAX, memory_order_relaxed);
    r->base = base;
    r->size = size;
    r->elems_end = r->elems + size * elem_size;
    return r;
}

size_t pirn__mpsc_ring_size(size_t elem_size, const struct mpsc_ring *r)
{
    size_t each = elem_size != 0 ? elem_size : 1;
    size_t most = RING_BYTES_MOST / each, size = r != NULL ? r->size * 2 : RING_BYTES_FIRST / each;

    if (size > most)
        size = most;
    return size < RING_LEAST ? RING_LEAST : size;
}

uint64_t pirn__mpsc_ring_room(struct mpsc *c)
{
    const struct mpsc_ring *r = c->newest;
    /* mo: relaxed. Written under the lock. */
    uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);
    uint64_t head = mpsc_head(c);

    /* What is left in older rings is none of this one's. */
    return r->size - (tail - (head > r->base ? head : r->base));
}

void pirn__mpsc_ring_append(struct mpsc *c, struct mpsc_ring *r)
{
    struct mpsc_ring *before = c->newest;

    /* mo: relaxed, as in put. */
    r->base = atomic_load_explicit(&c->tail, memory_order_relaxed);
    before->next = r;
    /* mo: relaxed. Who needs it has acquired a tail that is past it: [mpsc-tail]. Somebody else may
     * look at the same time and sees either value, which is no position that it asks for. */
    atomic_store_explicit(&before->end, r->base, memory_order_relaxed);
    c->newest = r;
    c->put_to = r->elems;
}

/* The ring that has the slot at @head, of which there is one. */
static struct mpsc_ring *ring_at(struct mpsc *c, uint64_t head)
{
    struct mpsc_ring *r = c->oldest;

    /* mo: relaxed: see append. */
    if (UNLIKELY(atomic_load_explicit(&r->end, memory_order_relaxed) == head)) {
        c->oldest = r->next;
        c->take_from = c->oldest->elems;
        free(r);
    }
    return c->oldest;
}

/* How many elements lie side by side at @head, up to @max. */
static size_t run_length(const struct mpsc *c, const struct mpsc_ring *r, uint64_t head, size_t max)
{
    /* mo: relaxed: see append. */
    uint64_t end = atomic_load_explicit(&r->end, memory_order_relaxed);
    uint64_t n = (end < c->tail_seen ? end : c->tail_seen) - head;

    if (c->elem_size != 0 && n > (size_t)(r->elems_end - c->take_from) / c->elem_size)
        n = (size_t)(r->elems_end - c->take_from) / c->elem_size;
    return n < max ? (size_t)n : max;
}

size_t pirn__mpsc_take(struct mpsc *c, void *elems, size_t max, bool *wanted)
{
    /* mo: relaxed. Others change the lowest bit only. */
    uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed) / HEAD_ONE;
    uint64_t at = head;
    size_t n;

    while (at - head < max) {
        struct mpsc_ring *r;

        if (at == c->tail_seen) {
            c->tail_seen = mpsc_tail(c);
            if (at == c->tail_seen)
                break;
        }
        r = ring_at(c, at);
        n = run_length(c, r, at, max - (size_t)(at - head));
        elem_move((unsigned char *)elems + (at - head) * c->elem_size, c->take_from,
                  n * c->elem_size);
        c->take_from = mpsc_slot_after(r, c->take_from, n * c->elem_size);
        at += n;
    }
    n = (size_t)(at - head);
    *wanted = n != 0 && mpsc_publish_head(c, head, n);
    return n;
}

void pirn__mpsc_discard(struct mpsc *c)
{
    /* mo: relaxed. Others change the lowest bit only. */
    uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed) / HEAD_ONE;
    uint64_t tail = mpsc_tail(c);
    struct mpsc_ring *r;

    for (; head != tail; head++) {
        r = ring_at(c, head);
        elem_discard(c->elem_drop, c->take_from);
        c->take_from = mpsc_slot_after(r, c->take_from, c->elem_size);
    }
    while ((r = c->oldest) != NULL) {
        c->oldest = r->next;
        free(r);
    }
}
