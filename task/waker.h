/* SPDX-License-Identifier: MIT */
/* The waker of a task: one reference, and the right to have it polled. */
#ifndef PIRN_TASK_WAKER_H
#define PIRN_TASK_WAKER_H

#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

#include "task/handle.h"
#include "task/sched.h"

/* One for all tasks: equal words wake the same task. */
extern const pirn_waker_vt pirn__task_waker_vt;

void pirn__waker_clone(struct header *h);
void pirn__waker_wake(struct task_waker w); /* consumes */
void pirn__waker_wake_by_ref(struct header *h);
void pirn__waker_drop(struct task_waker w); /* consumes */

/* As `size` of a waker's vt: one of pirn's own, which neither faults nor runs code of the caller's. */
#define WAKER_VT_OWN SIZE_MAX
/* Likewise, of a thread that sleeps in pirn_join_wait(). */
#define WAKER_VT_PARKER (SIZE_MAX - 1)

/* Cancels: the abort of join and abort handles, and their reference stays. */
void pirn__waker_abort(struct abort_handle a);

/* Wakes and consumes any waker; a foreign one contained, for callers that may not fault. @s counts what
 * was contained; NULL: nobody does. */
void pirn__waker_wake_contained(pirn_waker *w, struct sched *s);

#endif
