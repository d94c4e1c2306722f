/* SPDX-License-Identifier: MIT */
/* The system's clock. */
#include "runtime/os/clock.h"

#include <time.h>

pirn_time pirn__clock_now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (pirn_time)ts.tv_sec * PIRN_SEC + ts.tv_nsec;
}

pirn_time pirn__clock_coarse(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (pirn_time)ts.tv_sec * PIRN_SEC + ts.tv_nsec;
}

int64_t pirn__clock_until(pirn_time deadline)
{
    pirn_time now;

    if (deadline == PIRN_NEVER)
        return PIRN_NEVER;
    now = pirn__clock_now();
    return deadline > now ? deadline - now : 0;
}
