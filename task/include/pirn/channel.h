/* SPDX-License-Identifier: MIT */
/* pirn/channel.h: how tasks send each other values.
 *
 *   pirn/oneshot.h    one value, once
 *   pirn/mpsc.h       many senders, one receiver, every element received once, in order
 *   pirn/watch.h      the latest value of something, for any number of receivers
 *   pirn/broadcast.h  every receiver gets every element
 *
 * Each has _poll for tasks, _try for anywhere, and _wait, below, for plain threads. They need no
 * runtime, but for _wait.
 */
#ifndef PIRN_CHANNEL_H
#define PIRN_CHANNEL_H

#include <pirn/broadcast.h>
#include <pirn/mpsc.h>
#include <pirn/oneshot.h>
#include <pirn/watch.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The _poll of the same name, for threads that run no tasks: blocks until it is done.
 * @deadline: absolute, PIRN_NEVER for none; one in the past still tries once
 *
 * Return: as the _poll; -ETIMEDOUT: not done, as if it had never begun; -EDEADLK on a thread that runs
 * tasks, -ENOMEM: likewise. (tokio: blocking_send, send_timeout, blocking_recv)
 */
PIRN_API PIRN_MUST_USE int pirn_mpsc_send_wait(pirn_mpsc_tx *tx, const void *elem,
                                               pirn_time deadline);
PIRN_API PIRN_MUST_USE int pirn_mpsc_recv_wait(pirn_mpsc_rx *rx, pirn_time deadline, void *elem);
PIRN_API PIRN_MUST_USE int pirn_mpsc_recv_many_wait(pirn_mpsc_rx *rx, void *elems, size_t max,
                                                    pirn_time deadline, size_t *n);
PIRN_API PIRN_MUST_USE int pirn_oneshot_recv_wait(pirn_oneshot_rx *rx, pirn_time deadline,
                                                  void *elem);
PIRN_API PIRN_MUST_USE int pirn_watch_changed_wait(pirn_watch_rx *rx, pirn_time deadline);
PIRN_API PIRN_MUST_USE int pirn_broadcast_recv_wait(pirn_broadcast_rx *rx, pirn_time deadline,
                                                    void *elem, uint64_t *missed);

#ifdef __cplusplus
}
#endif
#endif
