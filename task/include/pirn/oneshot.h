/* SPDX-License-Identifier: MIT */
/* pirn/oneshot.h: one element, from one sender to one receiver, once.
 *
 * The element is `elem_size` bytes, moved with memcpy; sent and not received it is given to elem_drop.
 * What was done before the send happens before the receive. Both handles may be freed in any order, from
 * any thread, also while operations wait on them.
 */
#ifndef PIRN_ONESHOT_H
#define PIRN_ONESHOT_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_oneshot_tx pirn_oneshot_tx; /* one owner each */
typedef struct pirn_oneshot_rx pirn_oneshot_rx;

/**
 * pirn_oneshot_new() - make a channel for one element
 * @elem_size: bytes; 0 is fine: the element is then an event, and may be NULL
 * @elem_drop: gets the element if it was sent and nobody received it, on the thread that frees the
 *             receiver, holding no lock. A fault in it is contained. May be NULL
 *
 * Threads: any. Return: 0; -EINVAL for a NULL @tx or @rx; -ENOMEM. (tokio: oneshot::channel)
 */
PIRN_API PIRN_MUST_USE int pirn_oneshot_new(size_t elem_size, void (*elem_drop)(void *elem),
                                            pirn_oneshot_tx **tx, pirn_oneshot_rx **rx);

/**
 * pirn_oneshot_send() - send the element; consumes @tx, whatever comes of it
 *
 * Never waits. Threads: any. Return: 0; PIRN_ECLOSED: the receiver is closed or freed, the element stays
 * the caller's; -EINVAL for a NULL @tx. (tokio: oneshot::Sender::send)
 */
PIRN_API PIRN_MUST_USE int pirn_oneshot_send(pirn_oneshot_tx *tx, const void *elem);

/**
 * pirn_oneshot_tx_free() - give the sender up without sending: the receiver gets PIRN_ECLOSED
 * NULL is fine. Threads: any. A tx_closed operation that waits ends with -ECANCELED.
 */
PIRN_API void pirn_oneshot_tx_free(pirn_oneshot_tx *tx);

/**
 * pirn_oneshot_tx_closed_poll() - wait until the receiver is closed or freed
 *
 * One operation may wait. Dropped half-way: nothing is lost. Return: 0; -ECANCELED: the sender was used or
 * freed while this waited; -EBUSY: another operation waits here; -EINVAL for a NULL @tx.
 * (tokio: oneshot::Sender::closed)
 */
PIRN_API PIRN_MUST_USE int pirn_oneshot_tx_closed_poll(pirn_op *op, pirn_cx *cx,
                                                       pirn_oneshot_tx *tx);

/** pirn_oneshot_tx_is_closed() - whether a send would fail. Threads: any. Of NULL: true. (tokio: is_closed) */
PIRN_API bool pirn_oneshot_tx_is_closed(const pirn_oneshot_tx *tx);

/**
 * pirn_oneshot_recv_poll() - receive the element
 * @elem: room for it, written by the call that returns 0
 *
 * Takes a unit of budget. One operation may wait. Dropped half-way: nothing is lost. The receiver is the
 * caller's in every case: pirn_oneshot_rx_free().
 *
 * Return: 0; PIRN_ECLOSED: the sender was freed without sending, or the receiver was closed before it
 * sent; -ECANCELED: the receiver was freed while this waited; -EBUSY: another operation waits here;
 * -EINVAL: the element was received before, or a NULL @rx. (tokio: the Receiver as a future)
 */
PIRN_API PIRN_MUST_USE int pirn_oneshot_recv_poll(pirn_op *op, pirn_cx *cx, pirn_oneshot_rx *rx,
                                                  void *elem);

/** pirn_oneshot_recv_try() - the same without waiting: -EAGAIN when nothing was sent yet. (tokio: try_recv) */
PIRN_API PIRN_MUST_USE int pirn_oneshot_recv_try(pirn_oneshot_rx *rx, void *elem);

/**
 * pirn_oneshot_rx_close() - let nothing in any more; what was sent before is still received
 * A receive that waits gets PIRN_ECLOSED. Threads: any; NULL is fine. (tokio: Receiver::close)
 */
PIRN_API void pirn_oneshot_rx_close(pirn_oneshot_rx *rx);

/**
 * pirn_oneshot_rx_free() - free the receiver, and drop an element that was sent and not received
 * NULL is fine. Threads: any, not during another call with it. A receive that waits ends with -ECANCELED.
 */
PIRN_API void pirn_oneshot_rx_free(pirn_oneshot_rx *rx);

#ifdef __cplusplus
}
#endif
#endif
