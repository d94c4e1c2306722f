/* SPDX-License-Identifier: MIT */
/* Local sets: tasks that are polled inside one task or root, on one thread. */
#ifndef PIRN_RUNTIME_SCHEDULER_LOCAL_SET_H
#define PIRN_RUNTIME_SCHEDULER_LOCAL_SET_H

#include <pirn/runtime.h>

#include "runtime/scheduler/rt_handle.h"

/* pirn_local_set_spawn(), with the spawn site given. */
int pirn__local_spawn(pirn_local_set *s, const pirn_task_desc *d, const void *frame,
                      pirn_join **out, const void *site);

/* What the sets of a runtime add to its metrics, those that are gone included. */
void pirn__local_totals(struct pirn_handle *h, struct local_totals *t);

/* The newest set made before number *@below, with a reference, and its number; NULL: none. From
 * UINT64_MAX on this goes through all of them, while they come and go. */
struct pirn_local_set *pirn__local_next(struct pirn_handle *h, uint64_t *below);
void pirn__local_unref(struct pirn_local_set *s);

/* For a walk along a set's tasks: its list, and how memory is reused. */
struct owned *pirn__local_list(struct pirn_local_set *s);
void pirn__local_reuse(void *set, struct header *h);

#endif
