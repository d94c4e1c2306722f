/* SPDX-License-Identifier: MIT */
/* pirn/sync.h: what tasks and threads wait on together.
 *
 * Each of these objects works between tasks of any runtimes, executors of your own and plain threads:
 * it knows wakers only. `_poll` is for tasks, `_try` for anybody, `_wait` for plain threads.
 *
 * An object has handles: `_new` makes the first, `_ref` another one, `_unref` gives one up. With the
 * last handle the object is freed: operations that wait on it end with -ECANCELED, guards, permits and
 * turns that are out stay valid. An operation needs a handle for its first poll only.
 *
 * Guards, permits and turns are values in the frame, empty when zeroed. Nothing releases one by itself:
 * the frame's `drop` does, and an empty one there is fine. They may be given to another task or thread;
 * a copy is not a second one.
 */
#ifndef PIRN_SYNC_H
#define PIRN_SYNC_H

#include <pirn/cancel.h>
#include <pirn/channel.h>
#include <pirn/lock.h>
#include <pirn/notify.h>
#include <pirn/semaphore.h>

#endif
