/* SPDX-License-Identifier: MIT */
/* Measuring polls and waits, into buckets that are a quarter of a power of two wide. */
#include "runtime/scheduler/timing.h"

#include "runtime/os/clock.h"
#include "runtime/scheduler/spawner.h"
#include "task/cx.h"

enum {
    FIRST_BIT = 5, /* bucket 0 ends at 40 ns: below, the clock itself is the larger part */
    PER_POWER = 4,
};

int64_t pirn_histogram_begin(uint32_t bucket)
{
    uint32_t power = FIRST_BIT + bucket / PER_POWER;

    if (bucket == 0)
        return 0;
    if (bucket >= PIRN_HISTOGRAM_BUCKETS)
        return INT64_MAX;
    return (INT64_C(1) << power) + (INT64_C(1) << (power - 2)) * (bucket % PER_POWER);
}

static uint32_t bucket_of(pirn_time ns)
{
    uint32_t power, bucket;

    if (ns < 1 << FIRST_BIT)
        return 0;
    power = 63 - (uint32_t)__builtin_clzll((unsigned long long)ns);
    bucket = (power - FIRST_BIT) * PER_POWER + (uint32_t)(ns >> (power - 2) & (PER_POWER - 1));
    return bucket < PIRN_HISTOGRAM_BUCKETS ? bucket : PIRN_HISTOGRAM_BUCKETS - 1;
}

static struct histogram *new_histogram(const pirn_alloc *a)
{
    struct histogram *h = a->alloc(a->user, sizeof *h, CACHE_LINE);

    for (uint32_t i = 0; h != NULL && i < PIRN_HISTOGRAM_BUCKETS; i++)
        /* mo: relaxed. Not shared yet. */
        atomic_store_explicit(&h->buckets[i], 0, memory_order_relaxed);
    return h;
}

bool pirn__timing_init(struct timing *t, uint32_t flags, const pirn_alloc *a)
{
    t->polls = flags & PIRN_RT_POLL_HISTOGRAM ? new_histogram(a) : NULL;
    t->latencies = flags & PIRN_RT_LATENCY_HISTOGRAM ? new_histogram(a) : NULL;
    if (!(flags & PIRN_RT_POLL_HISTOGRAM) == !t->polls &&
        !(flags & PIRN_RT_LATENCY_HISTOGRAM) == !t->latencies) {
        t->on = t->polls != NULL || t->latencies != NULL;
        return true;
    }
    pirn__timing_fini(t, a);
    return false;
}

void pirn__timing_fini(struct timing *t, const pirn_alloc *a)
{
    if (t->polls != NULL)
        a->free(a->user, t->polls, sizeof *t->polls);
    if (t->latencies != NULL)
        a->free(a->user, t->latencies, sizeof *t->latencies);
    t->polls = t->latencies = NULL;
    t->on = false;
}

void pirn__timing_add(const struct timing *t, enum pirn_histogram_kind kind, pirn_histogram *out)
{
    const struct histogram *h = kind == PIRN_HISTOGRAM_POLL_TIME ? t->polls : t->latencies;

    for (uint32_t i = 0; i < PIRN_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = stat_get(&h->buckets[i]);

        out->buckets[i] += n;
        out->count += n;
    }
}

void pirn__timing_stamp(struct header *h)
{
    *pirn__spawner_stamp(h) = pirn__clock_now();
}

void pirn__timing_begin(struct timing *t, struct header *h, struct timed_poll *poll)
{
    poll->begin = t->now != 0 ? t->now : pirn__clock_now();
    if (t->latencies != NULL)
        poll->latency = bucket_of(poll->begin - *pirn__spawner_stamp(h));
    timing_pause(t); /* a fault jumps out of the poll */
}

void pirn__timing_end(struct timing *t, const struct timed_poll *poll)
{
    t->now = pirn__clock_now();
    if (t->latencies != NULL)
        stat_add(&t->latencies->buckets[poll->latency], 1);
    if (t->polls != NULL)
        stat_add(&t->polls->buckets[bucket_of(t->now - poll->begin)], 1);
}
