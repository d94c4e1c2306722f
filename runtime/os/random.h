/* SPDX-License-Identifier: MIT */
/* Random bits: from the kernel, and from a seed. */
#ifndef PIRN_RUNTIME_OS_RANDOM_H
#define PIRN_RUNTIME_OS_RANDOM_H

#include <stdint.h>

/* From the kernel; never fails. */
uint64_t pirn__random_seed(void);

/* The next of a sequence whose state is one word, any value (splitmix64). */
uint64_t pirn__random_next(uint64_t *state);

#endif
