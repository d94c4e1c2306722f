/* SPDX-License-Identifier: MIT */
/* The clock: the only place that reads it. */
#ifndef PIRN_RUNTIME_OS_CLOCK_H
#define PIRN_RUNTIME_OS_CLOCK_H

#include <pirn/task.h>

pirn_time pirn__clock_now(void);

/* From now until @deadline: 0 if that is past, PIRN_NEVER if it never comes. */
int64_t pirn__clock_until(pirn_time deadline);

/* The same clock, some milliseconds behind, for a fifth of the price. */
pirn_time pirn__clock_coarse(void);

#endif
