/* SPDX-License-Identifier: MIT */
/* The clock: the only place that reads it. */
#ifndef PIRN_RUNTIME_OS_CLOCK_H
#define PIRN_RUNTIME_OS_CLOCK_H

#include <pirn/task.h>

pirn_time pirn__clock_now(void);

/* The same clock, some milliseconds behind, for a fifth of the price. */
pirn_time pirn__clock_coarse(void);

#endif
