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
    RING_BYTES_FIRST = 512,
    RING_BYTES_MOST = 64 * 1024,
    RING_LEAST = 4, /* elements, however large */
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

bool pirn__mpsc_ring_has_room(struct mpsc *c)
{
    struct mpsc_ring *r = c->newest;
    /* mo: relaxed. As in put. */
    uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);

    /* What was taken from older rings is none of this one. */
    if (tail - r->base < r->size || (c->head_seen > r->base && tail - c->head_seen < r->size))
        return true;
    c->head_seen = mpsc_head(c);
    return c->head_seen > r->base && tail - c->head_seen < r->size;
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
    c->put_at = 0;
}

struct mpsc_ring *pirn__mpsc_ring_next(struct mpsc *c)
{
    struct mpsc_ring *r = c->oldest;

    c->oldest = r->next;
    c->take_at = 0;
    free(r);
    return c->oldest;
}

/* As many as lie side by side. */
static size_t run_length(const struct mpsc *c, const struct mpsc_ring *r, uint64_t head, size_t max)
{
    /* mo: relaxed: see append. */
    uint64_t end = atomic_load_explicit(&r->end, memory_order_relaxed);
    uint64_t n = (end < c->tail_seen ? end : c->tail_seen) - head;
    size_t side_by_side = r->size - c->take_at;

    n = n < side_by_side ? n : side_by_side;
    return n < max ? (size_t)n : max;
}

size_t pirn__mpsc_take(struct mpsc *c, void *elems, size_t max, bool *wanted)
{
    /* mo: relaxed. Others change the lowest bit only. */
    uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed) / HEAD_ONE;
    uint64_t at = head;
    size_t taken = 0, n;

    while (taken < max) {
        struct mpsc_ring *r;

        if (at == c->tail_seen) {
            c->tail_seen = mpsc_tail(c);
            if (at == c->tail_seen)
                break;
        }
        r = mpsc_ring_at(c, at);
        n = run_length(c, r, at, max - taken);
        elem_move((unsigned char *)elems + taken * c->elem_size,
                  r->elems + c->take_at * c->elem_size, n * c->elem_size);
        mpsc_skip(c, r, n);
        taken += n;
        at += n;
    }
    *wanted = taken != 0 && mpsc_publish_head(c, head, taken);
    return taken;
}

void pirn__mpsc_discard(struct mpsc *c)
{
    /* mo: relaxed. Others change the lowest bit only. */
    uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed) / HEAD_ONE;
    uint64_t tail = mpsc_tail(c);
    struct mpsc_ring *r = NULL;

    for (; head != tail; head++) {
        r = mpsc_ring_at(c, head);
        elem_discard(c->elem_drop, r->elems + c->take_at * c->elem_size);
        mpsc_skip(c, r, 1);
    }
    while ((r = c->oldest) != NULL) {
        c->oldest = r->next;
        free(r);
    }
}
