/* SPDX-License-Identifier: MIT */
/* Histograms of poll times and of the time from wake to poll; nothing is measured unless asked for. */
#ifndef PIRN_RUNTIME_SCHEDULER_TIMING_H
#define PIRN_RUNTIME_SCHEDULER_TIMING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/runtime.h>

#include "task/base/compiler.h"
#include "task/harness.h"

/* mo: all relaxed, statistics; one writer. */
struct histogram {
    _Atomic(uint64_t) buckets[PIRN_HISTOGRAM_BUCKETS];
};

/* Of one worker or core. Either is NULL if it is not asked for. */
struct timing {
    bool on; /* something is */
    struct histogram *polls, *latencies;
    pirn_time now; /* when the last poll ended, if nothing but the next was done since; else 0 */
};

/* @flags: PIRN_RT_*. Return: false: no memory; nothing is left behind. */
bool pirn__timing_init(struct timing *t, uint32_t flags, const pirn_alloc *a);
void pirn__timing_fini(struct timing *t, const pirn_alloc *a);

/* Adds what @t has counted. */
void pirn__timing_add(const struct timing *t, enum pirn_histogram_kind kind, pirn_histogram *out);

/* The task was woken or spawned now; before it is pushed. @flags: PIRN_RT_* */
void pirn__timing_stamp(struct header *h);
static inline void timing_stamp(uint32_t flags, struct header *h)
{
    if (UNLIKELY(flags & PIRN_RT_LATENCY_HISTOGRAM))
        pirn__timing_stamp(h);
}

/* One poll, as it is measured. */
struct timed_poll {
    pirn_time begin;
    uint32_t latency; /* its bucket */
};
/* Around it, if anything is asked for. The end: with the core or worker of @t still the caller's, and
 * if a poll there was. */
void pirn__timing_begin(struct timing *t, struct header *h, struct timed_poll *poll);
void pirn__timing_end(struct timing *t, const struct timed_poll *poll);

/* Something else is done between two polls. */
static inline void timing_pause(struct timing *t)
{
    t->now = 0;
}

static inline bool timing_is_on(const struct timing *t)
{
    return UNLIKELY(t->on);
}

#endif
