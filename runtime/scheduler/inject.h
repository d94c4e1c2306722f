/* SPDX-License-Identifier: MIT */
/* The inject queue: tasks spawned or woken from outside the driving thread. */
#ifndef PIRN_RUNTIME_SCHEDULER_INJECT_H
#define PIRN_RUNTIME_SCHEDULER_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/scheduler/task_list.h"
#include "task/base/compiler.h"
#include "task/cell.h"
#include "task/handle.h"

struct inject {
    _Alignas(CACHE_LINE) _Atomic(struct header *) head; /* newest first; or closed */
};

void pirn__inject_init(struct inject *q);

/* Any thread. Sequentially consistent, so that what follows may ask whether anybody sleeps.
 * False: closed; the handle is still the caller's. */
bool pirn__inject_push(struct inject *q, struct notified n);

/* The same for several in one exchange, which is empty afterwards. There is at least one. */
bool pirn__inject_push_list(struct inject *q, struct task_list *chain);

/* Sequentially consistent: after announcing sleep. */
bool pirn__inject_is_empty(const struct inject *q);

/* Appends everything to @to, oldest first. The owner of @to, one thread at a time. Return: how many. */
uint64_t pirn__inject_take_all(struct inject *q, struct task_list *to);

/* Every later push fails; what was in goes behind @to. */
void pirn__inject_close(struct inject *q, struct task_list *to);

#endif
