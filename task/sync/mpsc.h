/* SPDX-License-Identifier: MIT */
/* A channel of many senders and one receiver, from inside.
 *
 * Senders take turns under `lock`; the receiver takes elements without it. What they share:
 *
 *   tail   how many elements were ever put in: written under the lock, read by the receiver
 *   head   how many were ever taken, times two, plus HEAD_WANTED while senders wait for room. One word,
 *          so that a sender that waits and a receiver that makes room cannot miss each other: both
 *          change it, and the later one sees the other
 *
 * Room: capacity - (tail - head) - permits. A permit is room set aside: for a pirn_mpsc_permit, or for
 * a waiting sender that has been granted it. Grants go strictly in order, and while somebody waits
 * nobody else gets room.
 *
 * The cost of one element that finds room and a receiver that is not asleep, in read-modify-writes: one
 * to send (the lock), one to receive from a bounded channel (head), none from an unbounded one.
 *
 * Memory: freed with the last holder: the senders together, the receiver, each weak handle, each
 * permit, each operation that waits or has been woken and not been polled since. */
#ifndef PIRN_TASK_SYNC_MPSC_H
#define PIRN_TASK_SYNC_MPSC_H

#include <stdatomic.h>

#include <pirn/mpsc.h>

#include "task/base/compiler.h"
#include "task/base/ref.h"
#include "task/base/spin.h"
#include "task/sync/chan_wait.h"
#include "task/sync/elem.h"

enum {
    HEAD_WANTED = 1,
    HEAD_ONE = 2,
};

/* A ring of elements. A bounded channel has one, of its capacity; an unbounded one begins the next,
 * larger one whenever it finds its newest full, and the receiver frees those it has emptied. */
struct mpsc_ring {
    struct mpsc_ring *next; /* set before `end` */
    /* The tail when the next ring was begun; UINT64_MAX: this is the newest. Written under the lock
     * before the tail goes past it. */
    _Atomic(uint64_t) end;
    uint64_t base;            /* the tail when this one was begun */
    size_t size;              /* elements */
    unsigned char *elems_end; /* behind the last */
    _Alignas(max_align_t) unsigned char elems[];
};

struct mpsc {
    /* Immutable. */
    size_t elem_size, capacity; /* PIRN_UNBOUNDED: the rings grow */
    void (*elem_drop)(void *elem);
    ref_count senders; /* handles; once 0 it stays */
    /* guard: lock. What a send touches is one cache line. */
    _Alignas(CACHE_LINE) struct spin lock;
    /* In no word with the lock: compilers read several of them at once. */
    _Alignas(uint32_t) bool rx_closed; /* nothing new comes in, but by permits given out before */
    bool rx_gone;                      /* the receiver is freed: nothing at all */
    bool tx_gone;                      /* no sender is left */
    /* Up to this tail there is room that nobody waits for: head as last seen, plus the capacity, less the
     * permits; or less than that. 0: look closely. */
    uint64_t quick_until;
    _Atomic(uint64_t) tail;             /* written under the lock */
    unsigned char *put_to;              /* the slot at the tail */
    struct mpsc_ring *newest;           /* where that is */
    struct chan_waiter *receiver;       /* asleep, and not woken since */
    uint64_t permits;                   /* given out, or granted and not used yet */
    struct chan_list waiting, watching; /* for room; for the receiver's end */
    uint32_t holders;
    /* guard: the receiver, one call at a time, and the lock while one of its operations is pending. */
    _Alignas(CACHE_LINE) _Atomic(uint64_t) head;
    struct mpsc_ring *oldest;
    unsigned char *take_from; /* the slot at the head, if that is in the oldest */
    uint64_t tail_seen;       /* at most as new as the tail */
};

static inline struct mpsc *mpsc_of_tx(const pirn_mpsc_tx *tx)
{
    return (struct mpsc *)(uintptr_t)tx;
}

static inline struct mpsc *mpsc_of_rx(const pirn_mpsc_rx *rx)
{
    return (struct mpsc *)(uintptr_t)rx;
}

static inline uint64_t mpsc_tail(const struct mpsc *c)
{
    /* mo: acquire pairs with [mpsc-tail] in put: the elements before it are there. */
    return atomic_load_explicit(&c->tail, memory_order_acquire);
}

static inline uint64_t mpsc_head(const struct mpsc *c)
{
    /* mo: acquire pairs with [mpsc-head] in the receiver: it has done with the slots before it. */
    return atomic_load_explicit(&c->head, memory_order_acquire) / HEAD_ONE;
}

/* ---- task/sync/mpsc_ring.c: the elements ------------------------------------------------------- */

/* Return: NULL: no memory, or more than an address can say. */
struct mpsc_ring *pirn__mpsc_ring_new(size_t elem_size, size_t size, uint64_t base);

/* How many elements the ring after @r has, or, NULL, an unbounded channel's first. */
size_t pirn__mpsc_ring_size(size_t elem_size, const struct mpsc_ring *r);

/* guard: lock. How many have room in an unbounded channel's newest ring. */
uint64_t pirn__mpsc_ring_room(struct mpsc *c);

/* guard: lock. Puts @r behind the newest ring. */
void pirn__mpsc_ring_append(struct mpsc *c, struct mpsc_ring *r);

/* guard: the receiver. Takes up to @max elements in order, and makes their room known. Return: how
 * many; *@wanted: somebody waits for it. */
size_t pirn__mpsc_take(struct mpsc *c, void *elems, size_t max, bool *wanted);

/* guard: the receiver, and no sender any more. Drops what is in it, and frees the rings. */
void pirn__mpsc_discard(struct mpsc *c);

/* The place @bytes, of elements that lie side by side, behind @slot. */
static inline unsigned char *mpsc_slot_after(const struct mpsc_ring *r, unsigned char *slot,
                                             size_t bytes)
{
    slot += bytes;
    return slot == r->elems_end ? (unsigned char *)(uintptr_t)r->elems : slot;
}

/* guard: lock. There is room, and in an unbounded channel's newest ring too. @size: the elements', where
 * the caller knows it. */
static inline void mpsc_put(struct mpsc *c, const void *elem, size_t size)
{
    /* mo: relaxed. Only the lock's holder writes it. */
    uint64_t tail = atomic_load_explicit(&c->tail, memory_order_relaxed);

    elem_move(c->put_to, elem, size);
    c->put_to = mpsc_slot_after(c->newest, c->put_to, size);
    /* mo: release pairs with [mpsc-tail] in the receiver: the element is there, and so is the end of
     * the ring before this one. */
    atomic_store_explicit(&c->tail, tail + 1, memory_order_release);
}

/* The room of @n more is the senders'. Return: whether somebody waits for it. */
static inline bool mpsc_publish_head(struct mpsc *c, uint64_t head, size_t n)
{
    if (c->capacity == PIRN_UNBOUNDED) {
        /* mo: release pairs with [mpsc-head] in senders: we have done with the slots. */
        atomic_store_explicit(&c->head, (head + n) * HEAD_ONE, memory_order_release);
        return false;
    }
    /* mo: release as above. Whoever sets HEAD_WANTED does it under the lock, and we take that lock next:
     * the order of this one word's changes, see above, is all that is needed here. */
    return atomic_fetch_add_explicit(&c->head, n * HEAD_ONE, memory_order_release) & HEAD_WANTED;
}

/* ---- task/sync/mpsc.c --------------------------------------------------------------------------- */

/* guard: lock. Somebody has something to do with it no longer. Return: whether it was the last: free it
 * once the lock is given back. */
static inline bool mpsc_let_go(struct mpsc *c)
{
    return --c->holders == 0;
}

/* Gives the lock back, wakes, and frees the channel if @last. */
void pirn__mpsc_leave(struct mpsc *c, struct wake_list *wakes, bool last);

/* guard: lock. Wakes the receiver if it sleeps. */
static inline void mpsc_wake_receiver(struct mpsc *c, struct wake_list *wakes)
{
    if (c->receiver != NULL) {
        pirn__wake_take(wakes, &c->receiver->waker);
        c->receiver = NULL;
    }
}

/* guard: lock. Nothing will come in any more. What is in it is the receiver's to look at. */
static inline bool mpsc_is_closed(const struct mpsc *c)
{
    return (c->rx_closed || c->tx_gone) && c->permits == 0;
}

/* guard: lock. How many elements and permits still have room. */
uint64_t pirn__mpsc_room(struct mpsc *c);

/* guard: lock, which it may give back and take again. Gives room to those who wait for it, in order. */
void pirn__mpsc_grant(struct mpsc *c, struct wake_list *wakes);

/* guard: as above. @n permits come back unused. */
void pirn__mpsc_return_permits(struct mpsc *c, uint64_t n, struct wake_list *wakes);

/* The receiver has made room that somebody waits for. Takes the lock. Return: 0, for its callers. */
int pirn__mpsc_made_room(struct mpsc *c);

#endif
