/* SPDX-License-Identifier: MIT */
/* How many CPUs this process may use. */
#ifndef PIRN_RUNTIME_OS_CPUS_H
#define PIRN_RUNTIME_OS_CPUS_H

#include <stdint.h>

/* At least 1: the affinity mask's, or fewer if a cgroup's quota allows less, rounded up. */
uint32_t pirn__cpus_usable(void);

#endif
