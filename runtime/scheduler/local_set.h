/* SPDX-License-Identifier: MIT */
/* Local sets: tasks that are polled inside one task or root, on one thread. */
#ifndef PIRN_RUNTIME_SCHEDULER_LOCAL_SET_H
#define PIRN_RUNTIME_SCHEDULER_LOCAL_SET_H

#include <pirn/runtime.h>

/* pirn_local_set_spawn(), with the spawn site given. */
int pirn__local_spawn(pirn_local_set *s, const pirn_task_desc *d, const void *frame,
                      pirn_join **out, const void *site);

#endif
