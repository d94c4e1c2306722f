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

/* One row of the table. A time row has `run`, a memory row has `measure`. Both check their answer
 * with bench_expect(). `setup` and `teardown` are not timed and may be NULL. */
struct bench_row {
    const char *name;
    uint64_t ops; /* operations in one run, or tasks in one measurement */
    void (*setup)(void);
    void (*run)(void);
    void (*teardown)(void);
    struct bench_bytes (*measure)(void);
};

/* The whole program: `BIN ROW SECONDS`, `BIN ROW --ops N`, `BIN --list`. Each of @groups ends with
 * a row without a name; @groups ends with NULL. */
int bench_main(int argc, char **argv, const struct bench_row *const *groups);

/* A wrong answer ends the program with status 1. */
void bench_expect(const char *what, uint64_t got, uint64_t expected);

/* A call that failed ends the program with status 1. */
_Noreturn void bench_fail(const char *what, const char *why);

/* Resident bytes of this process. */
uint64_t bench_rss(void);

/* Bytes that the allocator gave for @p, its own header included. */
uint64_t bench_block_bytes(void *p);

#endif
