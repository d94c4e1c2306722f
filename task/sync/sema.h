/* SPDX-License-Identifier: MIT */
/* Counting in order of arrival: what semaphore, mutex and rwlock are made of.
 *
 * The queue's value is what is free. Invariant, while not LOCKED: if somebody waits the value is 0:
 * what comes back goes to the oldest, in parts if need be. A waiter's `need` is what it still misses.
 *
 * Whoever holds any of it holds one reference on the queue. */
#ifndef PIRN_TASK_SYNC_SEMA_H
#define PIRN_TASK_SYNC_SEMA_H

#include "task/sync/wait_queue.h"

enum {
    SEMA_MAX = (1u << WAITER_ASKED_BITS) - 1
};

/* For @n that has been checked. Return: 0, and the caller holds a reference; -EAGAIN; PIRN_ECLOSED. */
int pirn__sema_try(struct wait_queue *q, uint32_t n);

/* A _poll, of an op of @kind, whose drop is pirn__sema_drop(). @q is looked at while the op is idle
 * only: else the caller may have it from an object that has gone. *@from and *@got: written on 0: the
 * queue, and how much. Return: 0, PIRN_PENDING, PIRN_ECLOSED, -ECANCELED. */
int pirn__sema_poll(pirn_op *op, pirn_cx *cx, const pirn_op_kind *kind, struct wait_queue *q,
                    uint32_t n, struct wait_queue **from, uint32_t *got);

void pirn__sema_drop(void *state);

/* Gives @n back, and with @and_ref a reference. */
void pirn__sema_release(struct wait_queue *q, uint32_t n, bool and_ref);

#endif
