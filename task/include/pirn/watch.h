/* SPDX-License-Identifier: MIT */
/* pirn/watch.h: the latest value of something, and who wants to know when it changes.
 *
 * There is always a value. Senders replace it; each receiver sees the latest one, and not every one in
 * between. Values are never changed in place, so a receiver looks at one as long as it likes.
 *
 * What was done before a value was sent happens before whatever a receiver does that has seen it. Handles
 * may be freed in any order, from any thread, also while operations wait on them.
 */
#ifndef PIRN_WATCH_H
#define PIRN_WATCH_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_watch_tx pirn_watch_tx; /* shared, counted */
typedef struct pirn_watch_rx pirn_watch_rx; /* one owner each: it knows which value it has seen */

/* A value being looked at; a value in the frame, not to be copied. Zeroed: empty. */
typedef struct pirn_watch_ref {
    const void *elem; /* as long as this is held */
    void *_value;
    void *_watch;
} pirn_watch_ref;

/**
 * pirn_watch_new() - make one, with its first value
 * @elem_size:  bytes of a value
 * @initial:    moved in; the receiver counts it as seen
 * @elem_clone: writes a value like *@from to *@to; 0, or a negative code that the caller of whatever
 *              copied gets. Called holding no lock. NULL: values are plain bytes
 * @elem_drop:  gets every value that is replaced, or left at the end, once nobody looks at it; needs
 *              @elem_clone. On the thread that was last. May be NULL
 *
 * Threads: any. Return: 0; -EINVAL: a NULL @tx, @rx or @initial, @elem_drop without @elem_clone; -ENOMEM.
 * @initial stays the caller's on errors. (tokio: watch::channel)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_new(size_t elem_size, const void *initial,
                                          int (*elem_clone)(void *to, const void *from),
                                          void (*elem_drop)(void *elem), pirn_watch_tx **tx,
                                          pirn_watch_rx **rx);

/** pirn_watch_tx_ref() - one more holder of this sender; returns @tx. Threads: any. (tokio: Sender::clone) */
PIRN_API pirn_watch_tx *pirn_watch_tx_ref(pirn_watch_tx *tx);

/**
 * pirn_watch_tx_unref() - give a sender up; NULL is fine. Threads: any
 * With the last one receivers get PIRN_ECLOSED once they have seen the last value. tx_closed operations
 * that wait end with -ECANCELED.
 */
PIRN_API void pirn_watch_tx_unref(pirn_watch_tx *tx);

/**
 * pirn_watch_rx_free() - free a receiver; NULL is fine
 * An operation that waits there ends with -ECANCELED. Threads: any, not during another call with it.
 */
PIRN_API void pirn_watch_rx_free(pirn_watch_rx *rx);

/**
 * pirn_watch_subscribe() - another receiver, which has seen the value there is
 * pirn_watch_rx_clone() - another receiver, which has seen what @rx has seen
 * Threads: any. Return: 0; -EINVAL for a NULL; -ENOMEM. (tokio: Sender::subscribe, Receiver::clone)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_subscribe(pirn_watch_tx *tx, pirn_watch_rx **out);
PIRN_API PIRN_MUST_USE int pirn_watch_rx_clone(const pirn_watch_rx *rx, pirn_watch_rx **out);

/* ---- sending ---------------------------------------------------------------------------- */

/**
 * pirn_watch_send() - replace the value, and wake who waits for a change
 * pirn_watch_put() - the same, also when nobody receives
 * @elem: moved in
 *
 * Never waits; several senders at once are fine. Threads: any. Return: 0; PIRN_ECLOSED (send only): there is
 * no receiver; -ENOMEM; -EINVAL for a NULL. On errors the value is as it was and @elem stays the caller's.
 * (tokio: Sender::send, send_replace)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_send(pirn_watch_tx *tx, const void *elem);
PIRN_API PIRN_MUST_USE int pirn_watch_put(pirn_watch_tx *tx, const void *elem);

/**
 * pirn_watch_send_modify() - replace the value by a changed copy of it
 * @modify: changes *@elem, a copy; false: leave all as it was, and wake nobody. Holding no lock. It is
 *          called again, with a copy of the newer value, if another sender was faster; only its last
 *          call counts
 *
 * Threads: any. Return: 1: replaced, also when nobody receives; 0: @modify said false; -ENOMEM, an error of
 * the clone, -EINVAL for a NULL: nothing was changed. (tokio: send_modify, send_if_modified)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_send_modify(pirn_watch_tx *tx,
                                                  bool (*modify)(void *elem, void *arg), void *arg);

/**
 * pirn_watch_tx_closed_poll() - wait until there is no receiver
 *
 * Any number may wait. Dropped half-way: nothing is lost. Return: 0; -ECANCELED: the last sender was freed
 * while this waited; -EINVAL for a NULL @tx. (tokio: Sender::closed)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_tx_closed_poll(pirn_op *op, pirn_cx *cx, pirn_watch_tx *tx);

/** pirn_watch_tx_receivers() - how many there are. Threads: any. Of NULL: 0. (tokio: receiver_count) */
PIRN_API size_t pirn_watch_tx_receivers(const pirn_watch_tx *tx);

/* ---- receiving -------------------------------------------------------------------------- */

/**
 * pirn_watch_changed_poll() - wait for a value that @rx has not seen, and count it as seen
 *
 * Takes a unit of budget. One operation may wait per receiver. Dropped half-way: nothing is lost.
 * Threads: any, one call at a time per receiver. Return: 0; PIRN_ECLOSED: no sender is left, and the last
 * value has been seen; -ECANCELED: the receiver was freed while this waited; -EBUSY: another operation waits
 * here; -EINVAL for a NULL @rx. (tokio: Receiver::changed)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_changed_poll(pirn_op *op, pirn_cx *cx, pirn_watch_rx *rx);

/**
 * pirn_watch_wait_for_poll() - wait until the value is one that is wanted
 * @wanted: asked about the latest value, at once and after every change; on the thread that polls, holding no
 *          lock
 * @elem:   room for a copy of that value, written by the call that returns 0; may be NULL
 *
 * Otherwise as pirn_watch_changed_poll(): PIRN_ECLOSED once the last value is not wanted; or an error of the
 * clone. (tokio: Receiver::wait_for)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_wait_for_poll(pirn_op *op, pirn_cx *cx, pirn_watch_rx *rx,
                                                    bool (*wanted)(const void *elem, void *arg),
                                                    void *arg, void *elem);

/** pirn_watch_has_changed() - 1, 0, PIRN_ECLOSED as above, -EINVAL for a NULL. (tokio: has_changed) */
PIRN_API PIRN_MUST_USE int pirn_watch_has_changed(const pirn_watch_rx *rx);

/** pirn_watch_mark() - whether the value counts as not seen (@changed) or seen. (tokio: mark_changed, _unchanged) */
PIRN_API void pirn_watch_mark(pirn_watch_rx *rx, bool changed);

/**
 * pirn_watch_get() - a copy of the latest value, which then counts as seen; pirn_watch_peek(): which does not
 * @elem: room for it; the copy is the caller's, to be dropped as values are
 *
 * Also after the last sender has gone. Threads: as pirn_watch_changed_poll(). Return: 0; an error of the
 * clone; -EINVAL for a NULL. (tokio: borrow_and_update, borrow)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_get(pirn_watch_rx *rx, void *elem);
PIRN_API PIRN_MUST_USE int pirn_watch_peek(const pirn_watch_rx *rx, void *elem);
PIRN_API PIRN_MUST_USE int pirn_watch_tx_peek(const pirn_watch_tx *tx, void *elem);

/**
 * pirn_watch_borrow() - look at the latest value without copying it; it then counts as seen
 * @ref: empty; holds the value afterwards, for as long as the caller likes, and hinders nobody
 *
 * Return: 0; -EINVAL: a NULL, a @ref that is not empty. (tokio: borrow_and_update)
 */
PIRN_API PIRN_MUST_USE int pirn_watch_borrow(pirn_watch_rx *rx, pirn_watch_ref *ref);

/** pirn_watch_ref_release() - look no longer; empty afterwards. Empty or NULL: nothing. Threads: any. */
PIRN_API void pirn_watch_ref_release(pirn_watch_ref *ref);

#ifdef __cplusplus
}
#endif
#endif
