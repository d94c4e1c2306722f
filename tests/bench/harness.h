/* SPDX-License-Identifier: MIT */
/* harness.h: what a C benchmark program needs besides its workloads: timing, checks, main(). */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

/* What a memory row has found, per task. */
struct bench_bytes {
    double held; /* bytes taken from the allocator, its own overhead included */
    double rss;  /* growth of the resident set */
};

/* What a latency row has found: nanoseconds, one for each time something was woken. */
struct bench_latencies {
    uint64_t *ns; /* sorted by the harness; the row's to free */
    size_t count;
};

/* One row of the table. A time row has `run`, a memory row `measure`, a latency row `latencies`, an
 * idle row `switches`. All check their answer with bench_expect(). `setup` and `teardown` are not
 * timed and may be NULL. */
struct bench_row {
    const char *name;
    uint64_t ops; /* operations in one run, or tasks in one measurement */
    void (*setup)(void);
    void (*run)(void);
    void (*teardown)(void);
    struct bench_bytes (*measure)(void);
    struct bench_latencies (*latencies)(double seconds);
    uint64_t (*switches)(double seconds); /* context switches of an idle runtime's threads */
};

/* The whole program: `BIN ROW SECONDS`, `BIN ROW --ops N`, `BIN --list`. Each of @groups ends with
 * a row without a name; @groups ends with NULL. */
int bench_main(int argc, char **argv, const struct bench_row *const *groups);

/* A wrong answer ends the program with status 1. */
void bench_expect(const char *what, uint64_t got, uint64_t expected);

/* A call that failed ends the program with status 1. */
_Noreturn void bench_fail(const char *what, const char *why);

/* This version of what is measured cannot run the row: the program ends with status 77. */
_Noreturn void bench_unavailable(const char *what, const char *why);

/* How many workers a multi-thread row has: the environment's BENCH_WORKERS, or 2. */
unsigned bench_workers(void);

/* Nanoseconds of the monotonic clock. */
uint64_t bench_now(void);

/* Sleeps until bench_now() is @ns, as exactly as the kernel can. */
void bench_sleep_until(uint64_t ns);

/* Context switches of all threads of this process besides the calling one, since they began. */
uint64_t bench_switches_of_others(void);

/* Resident bytes of this process. */
uint64_t bench_rss(void);

/* Bytes that the allocator gave for @p, its own header included. */
uint64_t bench_block_bytes(void *p);

#endif
