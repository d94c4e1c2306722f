/* SPDX-License-Identifier: MIT */
/* Sleeping on a word in memory. */
#ifndef PIRN_RUNTIME_OS_FUTEX_H
#define PIRN_RUNTIME_OS_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

/* Sleeps while *@word is @value, until woken, a signal, or @deadline. Return: false: the deadline is
 * past. The caller looks at the word again in either case. */
bool pirn__futex_wait(_Atomic(uint32_t) *word, uint32_t value, pirn_time deadline);

/* Wakes up to @count sleepers. The word's memory may be gone already. */
void pirn__futex_wake(_Atomic(uint32_t) *word, int count);

#endif
