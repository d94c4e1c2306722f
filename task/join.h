/* SPDX-License-Identifier: MIT */
/* The join handle's side of a task, for the parts of the library that wait on it. */
#ifndef PIRN_TASK_JOIN_H
#define PIRN_TASK_JOIN_H

#include <stdbool.h>

#include <pirn/join.h>

#include "task/handle.h"

static inline struct header *join_cell(const pirn_join *j)
{
    return (struct header *)(uintptr_t)j;
}

/* Checks that the handle was not freed: else message naming @call, abort. */
void pirn__join_check(const pirn_join *j, const char *call);

/* COMPLETE is set: moves the result out. Return: 0, or -EINVAL if it was taken before. */
int pirn__join_take(struct join_handle j, pirn_result *res, void *out);

/* Leaves a clone of @w as the join waker, in place of any other. Return: true: the task is complete
 * and nothing was left. */
bool pirn__join_register(struct join_handle j, const pirn_waker *w);

/* Takes back what was left. Return: true: nothing of it remains; false: the completer has it and
 * wakes it, or has done so. */
bool pirn__join_unregister(struct join_handle j);

/* Gives the handle up after its result was taken; it has no descriptor. */
void pirn__join_drop_taken(struct join_handle j);

/* Gives the handle up. */
void pirn__join_drop(struct join_handle j);

#endif
