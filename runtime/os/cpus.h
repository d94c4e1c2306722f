/* SPDX-License-Identifier: MIT */
/* How many CPUs this process may use. */
#ifndef PIRN_RUNTIME_OS_CPUS_H
#define PIRN_RUNTIME_OS_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At least 1: the affinity mask's, or fewer if a cgroup's quota allows less, rounded up. */
uint32_t pirn__cpus_usable(void);

/* At least 1: the affinity mask's alone, which costs one system call. */
uint32_t pirn__cpus_in_mask(void);

/* ---- of texts, apart from the files they come from ---- */
#define CPUS_NO_QUOTA UINT32_MAX

/* A cpu.max of cgroup v2: "max 100000", "150000 100000". What cannot be read is no quota. */
uint32_t pirn__cpus_of_max(const char *text);
/* cpu.cfs_quota_us and cpu.cfs_period_us of v1. */
uint32_t pirn__cpus_of_quota(const char *quota, const char *period);
/* The path in the line of /proc/self/cgroup that is v2's, or has v1's controller cpu. Return: whether
 * there is one that fits @n bytes. */
bool pirn__cpus_cgroup_path(const char *text, bool v1, char *path, size_t n);

#endif
