/* SPDX-License-Identifier: MIT */
/* Walking the live tasks of a runtime: what pirn_runtime_each_task() and _dump() share. */
#ifndef PIRN_RUNTIME_SCHEDULER_WALK_H
#define PIRN_RUNTIME_SCHEDULER_WALK_H

#include "runtime/scheduler/rt_handle.h"

/* Calls see(user, facts) for every live task, holding nothing. Tasks that sit in queues only are
 * linked first, by whoever runs them; *@complete: that happened in time. Return: 0, what @see
 * returned, -ENOMEM. */
int pirn__walk(struct pirn_handle *h, int (*see)(void *user, const struct task_facts *f),
               void *user, bool *complete);

/* What @p runs now: id, name, worker. False: nothing. */
bool pirn__walk_running(struct poller *p, struct task_facts *f);

#endif
