/* SPDX-License-Identifier: MIT */
/* Tuning the interval of the shared queue: so that about TARGET_NS pass between two looks at it. */
#include "runtime/scheduler/tuning.h"

#include <stddef.h>

enum {
    TARGET_NS = 200000,
    INTERVAL_MIN = 2,
    INTERVAL_MAX = 127,
    FIRST_MEAN = TARGET_NS / 61,
    DEAD_BAND = 2, /* smaller changes are not worth it */
};
#define KEEP 0.9 /* of the old mean, for each poll */

static void set_interval(struct tuning *t, uint32_t n)
{
    /* mo: relaxed. The runner's own, or a statistic. */
    atomic_store_explicit(&t->interval, n, memory_order_relaxed);
}

static void set_mean(struct tuning *t, double mean)
{
    t->mean = mean;
    /* mo: relaxed, a statistic. */
    atomic_store_explicit(&t->mean_ns, (uint64_t)mean, memory_order_relaxed);
}

static uint32_t wanted(double mean)
{
    double n = mean > 0 ? TARGET_NS / mean : INTERVAL_MAX;

    return n < INTERVAL_MIN ? INTERVAL_MIN : n > INTERVAL_MAX ? INTERVAL_MAX : (uint32_t)n;
}

void pirn__tuning_init(struct tuning *t, uint32_t interval)
{
    t->fixed = interval != 0;
    t->since = 0;
    t->polls = 0;
    set_mean(t, t->fixed ? 0 : FIRST_MEAN);
    set_interval(t, t->fixed ? interval : wanted(t->mean));
}

void pirn__tuning_end(struct tuning *t, pirn_time now, uint64_t polls)
{
    uint64_t n = polls - t->polls;
    double keep = 1;
    uint32_t next, interval = tuning_interval(t);

    if (n == 0 || t->since == 0)
        return;
    for (uint64_t i = 0; i < n && keep > 0.001; i++)
        keep *= KEEP;
    set_mean(t, keep * t->mean + (1 - keep) * (double)(now - t->since) / (double)n);
    next = wanted(t->mean);
    if (!t->fixed && (next > interval + DEAD_BAND || next + DEAD_BAND < interval))
        set_interval(t, next);
}
