/* SPDX-License-Identifier: MIT */
/* The clock, and the calls of pirn/task.h that ask it. */
#include "runtime/os/clock.h"

#include <time.h>

#include "task/base/scope.h"
#include "task/cx.h"

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

pirn_time pirn_now(void)
{
    struct pirn_cx *cx = pirn__scope.cx;

    /* The poll that counts is the outermost; a poller between polls lists no operations. */
    if (cx != NULL && cx->root != NULL)
        cx = cx->root->ops != NULL ? cx->root : NULL;
    if (cx == NULL)
        return pirn__clock_now();
    if (cx->now == 0)
        cx->now = pirn__clock_now();
    return cx->now;
}

pirn_time pirn_after(int64_t ns)
{
    pirn_time now = pirn_now();

    if (ns <= 0)
        return now;
    return ns > PIRN_NEVER - now ? PIRN_NEVER : now + ns;
}
