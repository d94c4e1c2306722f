/* SPDX-License-Identifier: MIT */
/* What the stress programs share: checks that stay on, seeds, a counting allocator. */
#ifndef PIRN_TESTS_STRESS_STRESS_H
#define PIRN_TESTS_STRESS_STRESS_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pirn.h>

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        if (a_ != b_) {                                                                            \
            fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, a_, b_);      \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- memory ---- */
static struct {
    _Atomic(int64_t) live, bytes, peak;
} memory;

static inline void *count_alloc(void *user, size_t n, size_t align)
{
    void *p = NULL;
    int64_t now, peak = memory.peak;

    (void)user;
    if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, n) != 0)
        return NULL;
    memory.live++;
    now = atomic_fetch_add(&memory.bytes, (int64_t)n) + (int64_t)n;
    while (now > peak && !atomic_compare_exchange_weak(&memory.peak, &peak, now))
        ;
    return p;
}

static inline void count_free(void *user, void *p, size_t n)
{
    (void)user;
    CHECK(p != NULL);
    memory.live--;
    memory.bytes -= (int64_t)n;
    free(p);
}

static const pirn_alloc counting = {sizeof(pirn_alloc), count_alloc, count_free, NULL};

/* ---- short forms ---- */
static inline pirn_runtime *runtime_with(const pirn_hooks *hooks)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;

    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &counting;
    o.hooks = hooks;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    return rt;
}

static inline pirn_metrics metrics_of(pirn_handle *h)
{
    pirn_metrics m = {.size = sizeof m};

    CHECK_EQ(pirn_runtime_metrics(h, &m), 0);
    return m;
}

static inline pthread_t start_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    CHECK_EQ(pthread_create(&t, NULL, fn, arg), 0);
    return t;
}

static inline void end_thread(pthread_t t)
{
    CHECK_EQ(pthread_join(t, NULL), 0);
}

/* ---- seeds ---- */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)(next_random(state) % n);
}

/* From the command line or PIRN_SEED, else a new one; printed, so that a run can be repeated. */
static inline uint64_t seed_of(int argc, char **argv)
{
    const char *given = argc > 1 ? argv[1] : getenv("PIRN_SEED");
    uint64_t seed;

    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    else
        seed = pirn_random();
    printf("seed 0x%llx\n", (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

static inline int is_long(void)
{
    const char *s = getenv("PIRN_TEST_LONG");

    return s != NULL && strcmp(s, "1") == 0;
}

#endif
