/* SPDX-License-Identifier: MIT */
/* pirn/mpsc.h: a channel of many senders and one receiver, bounded or not, in order.
 *
 * Elements are `elem_size` bytes, moved with memcpy: sent, an element is the channel's; received, it is
 * the receiver's; one that nobody receives is given to elem_drop. A send that fails, or is dropped
 * half-way, has not taken its element, which is still the caller's.
 *
 * Each sender's elements arrive in the order in which its sends ended. Senders that find a bounded
 * channel full get room in the order in which they came. What was done before an element was sent
 * happens before it is received.
 *
 * Handles may be freed in any order, from any thread, also while operations wait on them: see each.
 */
#ifndef PIRN_MPSC_H
#define PIRN_MPSC_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_mpsc_tx pirn_mpsc_tx; /* a sender: shared, counted */
typedef struct pirn_mpsc_rx pirn_mpsc_rx; /* the receiver: one owner */
typedef struct pirn_mpsc_weak
    pirn_mpsc_weak; /* a sender that does not keep the channel open; counted */

#define PIRN_UNBOUNDED SIZE_MAX /* as a capacity: a send never waits */

/* Room set aside in a bounded channel; a value in the frame, not to be copied. Zeroed: empty. It keeps the
 * channel open as a sender does. (tokio: OwnedPermit, PermitIterator) */
typedef struct pirn_mpsc_permit {
    pirn_mpsc_tx *_tx;
    size_t _n;
} pirn_mpsc_permit;

/**
 * pirn_mpsc_new() - make a channel
 * @elem_size: bytes of an element; 0 is fine: elements are then events, and may be NULL
 * @capacity:  how many elements fit, 1 or more; their memory is taken now. Or PIRN_UNBOUNDED: memory is
 *             taken as needed, and given back as the backlog shrinks
 * @elem_drop: gets a pointer to each element nobody received; on the thread that frees the receiver,
 *             holding no lock. A fault in it is contained. May be NULL
 * @tx, @rx:   the first sender, to be given up with pirn_mpsc_tx_unref(); the receiver, pirn_mpsc_rx_free()
 *
 * Threads: any. Return: 0; -EINVAL for a capacity of 0, a NULL @tx or @rx; -ENOMEM.
 * (tokio: mpsc::channel, unbounded_channel)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_new(size_t elem_size, size_t capacity,
                                         void (*elem_drop)(void *elem), pirn_mpsc_tx **tx,
                                         pirn_mpsc_rx **rx);

/** pirn_mpsc_tx_ref() - one more holder of this sender; returns @tx. Threads: any. (tokio: Sender::clone) */
PIRN_API pirn_mpsc_tx *pirn_mpsc_tx_ref(pirn_mpsc_tx *tx);

/**
 * pirn_mpsc_tx_unref() - give a sender up; NULL is fine. Threads: any
 *
 * With the last, and no permit left, the channel is closed: the receiver gets what is in it, then
 * PIRN_ECLOSED. Sends, reserves and tx_closed operations that still wait end with -ECANCELED.
 */
PIRN_API void pirn_mpsc_tx_unref(pirn_mpsc_tx *tx);

/**
 * pirn_mpsc_rx_free() - free the receiver, and drop what is in the channel; NULL is fine
 *
 * Sends that wait, and all that come, fail with PIRN_ECLOSED. A receive that waits ends with -ECANCELED.
 * Threads: any, but not during another call with this receiver. Twice: message, abort, while a sender lives.
 */
PIRN_API void pirn_mpsc_rx_free(pirn_mpsc_rx *rx);

/**
 * pirn_mpsc_rx_close() - let nothing new in
 *
 * Sends and reserves that wait, and all that come, fail with PIRN_ECLOSED. What is in the channel is
 * still received, and so is what outstanding permits send. Threads: any; NULL is fine. (tokio: Receiver::close)
 */
PIRN_API void pirn_mpsc_rx_close(pirn_mpsc_rx *rx);

/* ---- sending ---------------------------------------------------------------------------- */

/**
 * pirn_mpsc_send_poll() - send an element, waiting for room
 * @elem: @elem_size bytes, read by the call that returns 0
 *
 * Takes a unit of budget. Threads: any; each op its own. An unbounded channel never waits.
 * Dropped half-way: nothing was sent, the element is the caller's, its place in line is lost.
 *
 * Return: 0: sent; PIRN_ECLOSED: no receiver, or it was closed: the element stays the caller's, as with
 * every error; -ECANCELED: the last sender was freed while this waited; -ENOMEM (unbounded only);
 * -EINVAL for a NULL @tx. (tokio: Sender::send)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_send_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx,
                                               const void *elem);

/**
 * pirn_mpsc_send_try() - send without waiting
 * Threads: any. Return: as pirn_mpsc_send_poll(); -EAGAIN: full, or others wait in line.
 * (tokio: Sender::try_send, UnboundedSender::send)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_send_try(pirn_mpsc_tx *tx, const void *elem);

/**
 * pirn_mpsc_reserve_poll() - wait for room for one element, and set it aside
 * pirn_mpsc_reserve_many_poll() - for @n, all at once
 * @n:      1 to the capacity, and less than 2^32
 * @permit: empty; holds the room afterwards, for any thread to use
 *
 * Takes a unit of budget. Dropped half-way: nothing is lost but the place in line.
 * Return: 0; PIRN_ECLOSED, -ECANCELED as pirn_mpsc_send_poll(); -EINVAL: a NULL, such an @n, an unbounded
 * channel, a permit that is not empty. (tokio: reserve_owned, reserve_many)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_reserve_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx,
                                                  pirn_mpsc_permit *permit);
PIRN_API PIRN_MUST_USE int pirn_mpsc_reserve_many_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx,
                                                       size_t n, pirn_mpsc_permit *permit);

/** pirn_mpsc_reserve_try() - the same without waiting: -EAGAIN when full. Threads: any. (tokio: try_reserve) */
PIRN_API PIRN_MUST_USE int pirn_mpsc_reserve_try(pirn_mpsc_tx *tx, pirn_mpsc_permit *permit);
PIRN_API PIRN_MUST_USE int pirn_mpsc_reserve_many_try(pirn_mpsc_tx *tx, size_t n,
                                                      pirn_mpsc_permit *permit);

/**
 * pirn_mpsc_permit_send() - send into room set aside: never waits, and needs no memory
 *
 * Uses up one of the permit's; after the last it is empty. Threads: any, one at a time per permit.
 * Return: 0, also after pirn_mpsc_rx_close(); PIRN_ECLOSED: the receiver was freed, the element stays the
 * caller's, the room is used up all the same; -EINVAL: the permit is empty. (tokio: Permit::send)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_permit_send(pirn_mpsc_permit *permit, const void *elem);

/** pirn_mpsc_permit_release() - give back what is left; empty afterwards. Empty or NULL: nothing. Threads: any. */
PIRN_API void pirn_mpsc_permit_release(pirn_mpsc_permit *permit);

/**
 * pirn_mpsc_tx_closed_poll() - wait until the receiver is closed or freed
 *
 * Threads: any; any number may wait. Dropped half-way: nothing is lost. Return: 0; -ECANCELED: the last
 * sender was freed while this waited; -EINVAL for a NULL @tx. (tokio: Sender::closed)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_tx_closed_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_tx *tx);

/* ---- receiving -------------------------------------------------------------------------- */

/**
 * pirn_mpsc_recv_poll() - receive the next element
 * @elem: room for it, written by the call that returns 0
 *
 * Takes a unit of budget. Threads: any, one call at a time, and one operation may wait.
 * Dropped half-way: nothing is lost, elements stay in the channel.
 *
 * Return: 0; PIRN_ECLOSED: empty, and nothing can come: no sender and no permit left, or closed with no
 * permit outstanding; -ECANCELED: the receiver was freed while this waited; -EBUSY: another operation
 * waits here; -EINVAL for a NULL @rx. (tokio: Receiver::recv)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_recv_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_rx *rx,
                                               void *elem);

/**
 * pirn_mpsc_recv_many_poll() - receive what there is, at least one
 * @elems: room for @max elements, side by side
 * @max:   0: done at once with 0 elements
 * @n:     how many came
 *
 * Otherwise, and in its errors, as pirn_mpsc_recv_poll(); the whole batch takes one unit of budget.
 * (tokio: Receiver::recv_many)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_recv_many_poll(pirn_op *op, pirn_cx *cx, pirn_mpsc_rx *rx,
                                                    void *elems, size_t max, size_t *n);

/**
 * pirn_mpsc_recv_try() - receive without waiting; pirn_mpsc_recv_many_try(): up to @max, *@n came
 * Threads: as pirn_mpsc_recv_poll(), and no operation waits. Return: 0; -EAGAIN: empty, something may come;
 * PIRN_ECLOSED; -EINVAL for a NULL @rx. (tokio: try_recv)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_recv_try(pirn_mpsc_rx *rx, void *elem);
PIRN_API PIRN_MUST_USE int pirn_mpsc_recv_many_try(pirn_mpsc_rx *rx, void *elems, size_t max,
                                                   size_t *n);

/* ---- weak senders, and what can be asked -------------------------------------------------- */

/**
 * pirn_mpsc_tx_downgrade() - a weak handle of this channel: does not keep it open
 * pirn_mpsc_weak_ref(), pirn_mpsc_weak_unref() - one holder more, or less; NULL is fine
 * Threads: any. Never fails. (tokio: Sender::downgrade, WeakSender)
 */
PIRN_API PIRN_MUST_USE pirn_mpsc_weak *pirn_mpsc_tx_downgrade(pirn_mpsc_tx *tx);
PIRN_API pirn_mpsc_weak *pirn_mpsc_weak_ref(pirn_mpsc_weak *w);
PIRN_API void pirn_mpsc_weak_unref(pirn_mpsc_weak *w);

/** pirn_mpsc_weak_upgrade() - a sender; NULL if none was left. The weak handle stays. (tokio: upgrade) */
PIRN_API PIRN_MUST_USE pirn_mpsc_tx *pirn_mpsc_weak_upgrade(pirn_mpsc_weak *w);

/* Threads: any. What they say may have changed when they return. Of NULL: 0, closed. */
PIRN_API size_t pirn_mpsc_tx_len(const pirn_mpsc_tx *tx); /* elements in the channel */
PIRN_API size_t pirn_mpsc_rx_len(const pirn_mpsc_rx *rx);
PIRN_API size_t pirn_mpsc_tx_capacity(const pirn_mpsc_tx *tx);     /* how many have room now */
PIRN_API size_t pirn_mpsc_tx_max_capacity(const pirn_mpsc_tx *tx); /* what _new was given */
PIRN_API bool pirn_mpsc_tx_is_closed(const pirn_mpsc_tx *tx);      /* a send would fail */
PIRN_API bool pirn_mpsc_rx_is_closed(const pirn_mpsc_rx *rx); /* by itself, or no sender is left */
PIRN_API bool pirn_mpsc_same_channel(const pirn_mpsc_tx *a, const pirn_mpsc_tx *b);

#ifdef __cplusplus
}
#endif
#endif
