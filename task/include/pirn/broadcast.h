/* SPDX-License-Identifier: MIT */
/* pirn/broadcast.h: every receiver gets every element that is sent while it exists.
 *
 * The channel keeps the newest `capacity` elements. A sender never waits; a receiver that has not taken
 * one before it is overwritten is told how many it missed, and goes on with the oldest there is.
 *
 * What was done before an element was sent happens before it is received. Handles may be freed in any order,
 * from any thread, also while operations wait on them.
 */
#ifndef PIRN_BROADCAST_H
#define PIRN_BROADCAST_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_broadcast_tx pirn_broadcast_tx; /* shared, counted */
typedef struct pirn_broadcast_rx pirn_broadcast_rx; /* one owner each: it knows what comes next */
typedef struct pirn_broadcast_weak
    pirn_broadcast_weak; /* a sender that does not keep it open; counted */

/**
 * pirn_broadcast_new() - make one, with a sender and a receiver
 * @elem_size:  bytes of an element
 * @capacity:   how many are kept for slow receivers, 1 or more; their memory is taken now
 * @elem_clone: writes an element like *@from to *@to; 0, or a negative code that the receiver gets. Called
 *              holding no lock. NULL: elements are plain bytes
 * @elem_drop:  gets each element once, when the last receiver that it was sent to has received or missed it
 *              or is freed; needs @elem_clone. On the thread that was last. May be NULL
 *
 * Threads: any. Return: 0; -EINVAL: a NULL @tx or @rx, a capacity of 0, @elem_drop without @elem_clone;
 * -ENOMEM. (tokio: broadcast::channel)
 */
PIRN_API PIRN_MUST_USE int pirn_broadcast_new(size_t elem_size, size_t capacity,
                                              int (*elem_clone)(void *to, const void *from),
                                              void (*elem_drop)(void *elem), pirn_broadcast_tx **tx,
                                              pirn_broadcast_rx **rx);

/** pirn_broadcast_tx_ref() - one more holder of this sender; returns @tx. Threads: any. (tokio: Sender::clone) */
PIRN_API pirn_broadcast_tx *pirn_broadcast_tx_ref(pirn_broadcast_tx *tx);

/**
 * pirn_broadcast_tx_unref() - give a sender up; NULL is fine. Threads: any
 * After the last, receivers get what is left for them, then PIRN_ECLOSED. tx_closed operations that wait
 * end with -ECANCELED.
 */
PIRN_API void pirn_broadcast_tx_unref(pirn_broadcast_tx *tx);

/**
 * pirn_broadcast_rx_free() - free a receiver; NULL is fine
 * An operation that waits there ends with -ECANCELED. Threads: any, not during another call with it.
 */
PIRN_API void pirn_broadcast_rx_free(pirn_broadcast_rx *rx);

/**
 * pirn_broadcast_subscribe() - another receiver, of what is sent from now on
 * pirn_broadcast_resubscribe() - the same, by way of a receiver
 * Threads: any. Return: 0; -EINVAL for a NULL; -ENOMEM. (tokio: Sender::subscribe, Receiver::resubscribe)
 */
PIRN_API PIRN_MUST_USE int pirn_broadcast_subscribe(pirn_broadcast_tx *tx, pirn_broadcast_rx **out);
PIRN_API PIRN_MUST_USE int pirn_broadcast_resubscribe(const pirn_broadcast_rx *rx,
                                                      pirn_broadcast_rx **out);

/**
 * pirn_broadcast_send() - send to all receivers there are
 * @elem:      moved in
 * @receivers: how many those are; may be NULL
 *
 * Never waits. Threads: any. Return: 0; PIRN_ECLOSED: there is no receiver; -ENOMEM (with an @elem_clone
 * only); -EINVAL for a NULL @tx. On errors the element stays the caller's. (tokio: Sender::send)
 */
PIRN_API PIRN_MUST_USE int pirn_broadcast_send(pirn_broadcast_tx *tx, const void *elem,
                                               size_t *receivers);

/**
 * pirn_broadcast_recv_poll() - receive the next element
 * @elem:   room for it; it is the receiver's own, to be dropped as elements are
 * @missed: written with PIRN_ELAGGED: how many were overwritten. May be NULL
 *
 * Takes a unit of budget. One operation may wait per receiver. Dropped half-way: nothing is lost.
 * Threads: any, one call at a time per receiver.
 *
 * Return: 0; PIRN_ELAGGED: some were missed, the next call gets the oldest there is; PIRN_ECLOSED: nothing
 * is left, and no sender; an error of the clone: that element is skipped; -ECANCELED: the receiver was freed
 * while this waited; -EBUSY: another operation waits here; -EINVAL for a NULL @rx. (tokio: Receiver::recv)
 */
PIRN_API PIRN_MUST_USE int pirn_broadcast_recv_poll(pirn_op *op, pirn_cx *cx, pirn_broadcast_rx *rx,
                                                    void *elem, uint64_t *missed);

/** pirn_broadcast_recv_try() - the same without waiting: -EAGAIN when there is nothing. (tokio: try_recv) */
PIRN_API PIRN_MUST_USE int pirn_broadcast_recv_try(pirn_broadcast_rx *rx, void *elem,
                                                   uint64_t *missed);

/**
 * pirn_broadcast_tx_closed_poll() - wait until there is no receiver
 *
 * Any number may wait. Dropped half-way: nothing is lost. Return: 0; -ECANCELED: the last sender was freed
 * while this waited; -EINVAL for a NULL @tx. (tokio: Sender::closed)
 */
PIRN_API PIRN_MUST_USE int pirn_broadcast_tx_closed_poll(pirn_op *op, pirn_cx *cx,
                                                         pirn_broadcast_tx *tx);

/**
 * pirn_broadcast_tx_downgrade() - a weak handle of this channel: does not keep it open
 * pirn_broadcast_weak_ref(), pirn_broadcast_weak_unref() - one holder more, or less; NULL is fine
 * pirn_broadcast_weak_upgrade() - a sender; NULL if none was left. The weak handle stays
 * Threads: any. Never fails. (tokio: WeakSender)
 */
PIRN_API PIRN_MUST_USE pirn_broadcast_weak *pirn_broadcast_tx_downgrade(pirn_broadcast_tx *tx);
PIRN_API pirn_broadcast_weak *pirn_broadcast_weak_ref(pirn_broadcast_weak *w);
PIRN_API void pirn_broadcast_weak_unref(pirn_broadcast_weak *w);
PIRN_API PIRN_MUST_USE pirn_broadcast_tx *pirn_broadcast_weak_upgrade(pirn_broadcast_weak *w);

/* Threads: any. What they say may have changed when they return. Of NULL: 0. */
PIRN_API size_t pirn_broadcast_tx_receivers(const pirn_broadcast_tx *tx);
PIRN_API size_t
pirn_broadcast_rx_len(const pirn_broadcast_rx *rx); /* to come, missed ones included */

#ifdef __cplusplus
}
#endif
#endif
