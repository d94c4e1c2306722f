/* SPDX-License-Identifier: MIT */
/* The queue all workers share: what came from outside, and what did not fit a worker's own. */
#ifndef PIRN_RUNTIME_SCHEDULER_GLOBAL_QUEUE_H
#define PIRN_RUNTIME_SCHEDULER_GLOBAL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/scheduler/inject.h"
#include "runtime/scheduler/task_list.h"
#include "task/base/spin.h"
#include "task/cx.h"

struct global_queue {
    struct inject inject; /* any thread pushes */
    _Alignas(CACHE_LINE) struct spin lock;
    struct task_list ready; /* guard: lock. Taken from the inject queue, oldest first */
};

void pirn__global_init(struct global_queue *q);

/* Any thread; both sequentially consistent, so that what follows may ask whether anybody sleeps.
 * False: closed; the tasks are still the caller's. @chain: in order; empty afterwards. */
bool pirn__global_push(struct global_queue *q, struct notified n);
bool pirn__global_push_list(struct global_queue *q, struct task_list *chain);

/* Sequentially consistent: after announcing sleep. */
bool pirn__global_is_empty(const struct global_queue *q);

/* Moves the oldest behind @to: a @share'th of all, at least one, at most @max. Return: whether any are
 * left; then it is sequentially consistent, so that the caller may ask whether anybody sleeps. */
bool pirn__global_take(struct global_queue *q, struct task_list *to, uint32_t share, uint32_t max);

/* Takes everything that has come out of the inject queue, for who will put it back in front. */
void pirn__global_take_all(struct global_queue *q, struct task_list *to);
void pirn__global_put_back(struct global_queue *q, struct task_list *from);

/* Every later push fails; what is in can still be taken. */
void pirn__global_close(struct global_queue *q);

#endif
