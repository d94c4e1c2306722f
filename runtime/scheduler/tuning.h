/* SPDX-License-Identifier: MIT */
/* How often a worker looks at the shared queue first: by how long its polls take. */
#ifndef PIRN_RUNTIME_SCHEDULER_TUNING_H
#define PIRN_RUNTIME_SCHEDULER_TUNING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

/* guard: the worker's runner */
struct tuning {
    bool fixed;                 /* the interval was given */
    pirn_time since;            /* when the running batch of polls began; 0: none does */
    uint64_t polls;             /* the worker's count then */
    double mean;                /* ns of a poll, weighted towards the last ones */
    _Atomic(uint64_t) mean_ns;  /* the same; read for metrics, as the next */
    _Atomic(uint32_t) interval; /* in polls */
};

/* @interval: 0: to be tuned. */
void pirn__tuning_init(struct tuning *t, uint32_t interval);

/* A batch of polls begins, at @now. */
static inline void tuning_begin(struct tuning *t, pirn_time now, uint64_t polls)
{
    t->since = now;
    t->polls = polls;
}

/* It ends, at @now, with so many polls in all. */
void pirn__tuning_end(struct tuning *t, pirn_time now, uint64_t polls);

static inline uint32_t tuning_interval(const struct tuning *t)
{
    /* mo: relaxed. The runner's own, or a statistic. */
    return atomic_load_explicit(&t->interval, memory_order_relaxed);
}

#endif
