/* SPDX-License-Identifier: MIT */
/* How many CPUs this process may use: the affinity mask, and the quotas of its cgroups. */
#include "runtime/os/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CPUS_FIRST_SET = 1024, /* what a cpu_set_t has; a larger machine refuses it */
    CPUS_LAST_SET = 1 << 20,
    CGROUP_PATH_BYTES = 2048,
    CGROUP_TEXT_BYTES = 8192,
};

uint32_t pirn__cpus_in_mask(void)
{
    for (unsigned n = CPUS_FIRST_SET; n <= CPUS_LAST_SET; n *= 2) {
        size_t bytes = CPU_ALLOC_SIZE(n);
        cpu_set_t *set = CPU_ALLOC(n);
        int count = 0, failed;

        if (set == NULL)
            break;
        failed = sched_getaffinity(0, bytes, set) != 0 ? errno : 0;
        if (failed == 0)
            count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (count > 0)
            return (uint32_t)count;
        if (failed != EINVAL)
            break;
    }
    return 1;
}

/* ---- texts ------------------------------------------------------------------------------------- */

static uint32_t divide_up(long long quota, long long period)
{
    long long cpus;

    if (quota <= 0 || period <= 0)
        return CPUS_NO_QUOTA;
    cpus = quota / period + (quota % period != 0);
    return cpus < CPUS_NO_QUOTA ? (uint32_t)cpus : CPUS_NO_QUOTA;
}

uint32_t pirn__cpus_of_max(const char *text)
{
    char *rest;
    long long quota = strtoll(text, &rest, 10);

    if (rest == text) /* "max" */
        return CPUS_NO_QUOTA;
    return divide_up(quota, strtoll(rest, NULL, 10));
}

uint32_t pirn__cpus_of_quota(const char *quota, const char *period)
{
    return divide_up(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* Whether "cpu" is in a list like "cpu,cpuacct" that ends at @end. */
static bool names_cpu(const char *list, const char *end)
{
    while (list < end) {
        size_t n = strcspn(list, ",:");

        if (n == 3 && memcmp(list, "cpu", 3) == 0)
            return true;
        list += n + 1;
    }
    return false;
}

bool pirn__cpus_cgroup_path(const char *text, bool v1, char *path, size_t n)
{
    for (const char *line = text; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        const char *list = memchr(line, ':', (size_t)(end - line));
        const char *at = NULL;
        size_t length;

        if (list++ != NULL)
            at = memchr(list, ':', (size_t)(end - list));
        if (at != NULL && (v1 ? names_cpu(list, at) : at == list)) {
            length = (size_t)(end - ++at);
            if (length >= n)
                return false;
            memcpy(path, at, length);
            path[length] = '\0';
            return true;
        }
        line = *end != '\0' ? end + 1 : end;
    }
    return false;
}

/* ---- files --------------------------------------------------------------------------------------- */

static bool read_text_file(const char *name, char *text, size_t n)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    size_t have = 0;
    ssize_t got = 0;

    if (fd < 0)
        return false;
    while (have < n - 1 && (got = read(fd, text + have, n - 1 - have)) != 0) {
        if (got > 0)
            have += (size_t)got;
        else if (errno != EINTR)
            break;
    }
    (void)close(fd);
    text[have] = '\0';
    return got >= 0 && have > 0;
}

static bool read_in_group(const char *mount, const char *group, const char *file, char *text,
                          size_t n)
{
    char name[CGROUP_PATH_BYTES + 64];
    int length = snprintf(name, sizeof name, "%s%s/%s", mount, group, file);

    return length > 0 && (size_t)length < sizeof name && read_text_file(name, text, n);
}

static uint32_t quota_of_group(const char *mount, const char *group, bool v1)
{
    char text[64], period[64];

    if (!v1)
        return read_in_group(mount, group, "cpu.max", text, sizeof text) ? pirn__cpus_of_max(text)
                                                                         : CPUS_NO_QUOTA;
    if (!read_in_group(mount, group, "cpu.cfs_quota_us", text, sizeof text) ||
        !read_in_group(mount, group, "cpu.cfs_period_us", period, sizeof period))
        return CPUS_NO_QUOTA;
    return pirn__cpus_of_quota(text, period);
}

/* The least of a group and all it is in. @group is cut down. A container may see its own group as
 * the mount's root, under a path that is not there: the root is looked at in any case. */
static uint32_t least_quota(const char *mount, char *group, bool v1)
{
    uint32_t least = CPUS_NO_QUOTA;

    for (;;) {
        char *slash = strrchr(group, '/');
        uint32_t n;

        if (slash != NULL && slash[1] == '\0')
            *slash = '\0'; /* "/" is the root, "" */
        n = quota_of_group(mount, group, v1);
        least = n < least ? n : least;
        slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

static uint32_t cgroup_quota(void)
{
    static const struct {
        const char *mount;
        bool v1;
    } places[] = {
        {"/sys/fs/cgroup", false},
        {"/sys/fs/cgroup/unified", false},
        {"/sys/fs/cgroup/cpu", true},
        {"/sys/fs/cgroup/cpu,cpuacct", true},
    };
    char text[CGROUP_TEXT_BYTES], group[CGROUP_PATH_BYTES];
    uint32_t least = CPUS_NO_QUOTA;

    if (!read_text_file("/proc/self/cgroup", text, sizeof text))
        return least;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint32_t n;

        if (!pirn__cpus_cgroup_path(text, places[i].v1, group, sizeof group))
            continue;
        n = least_quota(places[i].mount, group, places[i].v1);
        least = n < least ? n : least;
    }
    return least;
}

uint32_t pirn__cpus_usable(void)
{
    uint32_t mask = pirn__cpus_in_mask(), quota = cgroup_quota();

    return quota < mask ? quota : mask;
}
