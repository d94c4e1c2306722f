/* SPDX-License-Identifier: MIT */
/* Are the texts read from which the number of usable CPUs comes? */
#include <sched.h>

#include <criterion/criterion.h>

#include "runtime/os/cpus.h"

Test(cpus, quotas_are_rounded_up)
{
    cr_expect_eq(pirn__cpus_of_max("max 100000\n"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_max("100000 100000\n"), 1);
    cr_expect_eq(pirn__cpus_of_max("100001 100000\n"), 2);
    cr_expect_eq(pirn__cpus_of_max("50000 100000\n"), 1);
    cr_expect_eq(pirn__cpus_of_max("1000 100000\n"), 1);
    cr_expect_eq(pirn__cpus_of_max("6400000 100000\n"), 64);
    cr_expect_eq(pirn__cpus_of_max("9223372036854775807 1\n"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_max(""), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_max("100000"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_max("100000 0"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_max("0 100000"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_max("x y"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_quota("-1\n", "100000\n"), UINT32_MAX);
    cr_expect_eq(pirn__cpus_of_quota("150000\n", "100000\n"), 2);
    cr_expect_eq(pirn__cpus_of_quota("150000\n", ""), UINT32_MAX);
}

static void path_is(const char *text, bool v1, const char *wanted)
{
    char path[32] = "unset";
    bool found = pirn__cpus_cgroup_path(text, v1, path, sizeof path);

    cr_expect_eq(found, wanted != NULL, "%s", text);
    if (wanted != NULL)
        cr_expect_str_eq(path, wanted);
}

Test(cpus, the_line_of_the_cgroup)
{
    const char *both = "12:pids:/a\n5:cpuset:/b\n4:cpu,cpuacct:/docker/c:d\n0::/e/f\n";

    path_is(both, false, "/e/f");
    path_is(both, true, "/docker/c:d");
    path_is("0::/\n", false, "/");
    path_is("0::/", false, "/");
    path_is("0::/\n", true, NULL);
    path_is("3:cpuacct,cpu:/x\n", true, "/x");
    path_is("3:cpuset:/x\n2:cpuacct:/y\n", true, NULL);
    path_is("3:cpu:/x\n", false, NULL);
    path_is("", false, NULL);
    path_is("no colon\n\n:\n::\n0::/z\n", false, "");
    path_is("1:name=systemd:/q\n", false, NULL);
    path_is("0::/as/long/as/the/room/is/without/\n", false, NULL);
}

Test(cpus, at_least_one_and_no_more_than_the_mask)
{
    cpu_set_t before, one;
    int first = 0;

    cr_assert_eq(sched_getaffinity(0, sizeof before, &before), 0);
    cr_expect_eq(pirn__cpus_in_mask(), (uint32_t)CPU_COUNT(&before));
    cr_expect(pirn__cpus_usable() >= 1 && pirn__cpus_usable() <= pirn__cpus_in_mask());
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_expect_eq(pirn__cpus_in_mask(), 1);
    cr_expect_eq(pirn__cpus_usable(), 1);
}
