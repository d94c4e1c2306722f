/* SPDX-License-Identifier: MIT */
/* What the tests of the blocking pool share. */
#ifndef PIRN_TESTS_RUNTIME_BLOCKING_H
#define PIRN_TESTS_RUNTIME_BLOCKING_H

#include "flavors.h"

/* A runtime whose pool has at most @max threads. */
pirn_runtime *rt_capped(struct flavor f, uint32_t max);

/* pirn_spawn_blocking() of a closure; its flags are those of @desc. */
extern const pirn_task_desc try_desc, mandatory_desc, try_mandatory_desc; /* as closure_desc */
int try_blocking_as(pirn_handle *h, const pirn_task_desc *desc, step_fn *fn, void (*drop)(void *),
                    void *user, pirn_join **out);
pirn_join *blocking_as(pirn_handle *h, const pirn_task_desc *desc, step_fn *fn,
                       void (*drop)(void *), void *user);
pirn_join *blocking(pirn_handle *h, step_fn *fn, void *user);

/* Waits on this thread, which drives nothing; the handle is freed. */
void waits_done(pirn_join *j, int output);
void waits_as(pirn_join *j, enum pirn_outcome outcome, int code);

/* A blocking task that has a thread, and keeps it until it is let go. */
pirn_join *occupy(pirn_handle *h, struct stopper *s);
void let_go(struct stopper *s);

/* Until the pool's threads are all idle, and nothing is queued. */
void pool_is_quiet(pirn_handle *h);

#endif
