/* SPDX-License-Identifier: MIT */
/* histogram.h: how are many times counted in little memory, and which is the 999th of a thousand?
 *
 * A time falls into a bucket by its highest bits: 64 buckets for each power of two, so that a figure
 * read back is at most 1.6% above what was measured. */
#ifndef BENCH_ECHO_HISTOGRAM_H
#define BENCH_ECHO_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_BITS = 6, /* of precision */
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS
};

/* All zero: empty. */
struct histogram {
    uint64_t count, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t ns)
{
    uint32_t shift;

    if (ns < (UINT64_C(1) << HISTOGRAM_BITS)) {
        return (uint32_t)ns;
    }
    shift = (uint32_t)(63 - __builtin_clzll(ns)) - HISTOGRAM_BITS;
    return ((shift + 1) << HISTOGRAM_BITS) + (uint32_t)(ns >> shift) - (1u << HISTOGRAM_BITS);
}

/* The greatest time that falls into @bucket. */
static inline uint64_t histogram_top(uint32_t bucket)
{
    uint32_t power = bucket >> HISTOGRAM_BITS;
    uint64_t low = bucket & ((1u << HISTOGRAM_BITS) - 1);

    if (!power) {
        return low;
    }
    return ((low + (1u << HISTOGRAM_BITS) + 1) << (power - 1)) - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count++;
    h->buckets[histogram_bucket(ns)]++;
    if (ns > h->max) {
        h->max = ns;
    }
}

/* The time below which so many of a thousand lie. */
static inline uint64_t histogram_permille(const struct histogram *h, uint64_t permille)
{
    uint64_t rank = h->count * permille / 1000, seen = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > rank) {
            uint64_t top = histogram_top(i);

            return top < h->max ? top : h->max;
        }
    }
    return h->max;
}

#endif
