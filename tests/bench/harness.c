/* SPDX-License-Identifier: MIT */
/* harness.c: how is one row of a C benchmark program run, timed and printed? */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    UNAVAILABLE = 77, /* the exit status that means: not here, and nothing is wrong */
    NS_PER_S = 1000000000
};

uint64_t bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

void bench_sleep_until(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    static _Thread_local int exact;

    if (!exact) {
        exact = !prctl(PR_SET_TIMERSLACK, 1); /* the kernel may be 50 us late otherwise */
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
    }
}

void bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

void bench_expect(const char *what, uint64_t got, uint64_t expected)
{
    if (got != expected) {
        fprintf(stderr, "%s: wrong answer: %" PRIu64 " instead of %" PRIu64 "\n", what, got,
                expected);
        exit(1);
    }
}

void bench_unavailable(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(UNAVAILABLE);
}

unsigned bench_workers(void)
{
    const char *set = getenv("BENCH_WORKERS");
    unsigned long n = set ? strtoul(set, NULL, 10) : 2;

    if (n < 1 || n > 1024) {
        bench_fail("BENCH_WORKERS", "is not 1 to 1024");
    }
    return (unsigned)n;
}

static uint64_t switches_of(const char *tid)
{
    char path[64], line[256];
    uint64_t sum = 0, n;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%.16s/status", tid);
    f = fopen(path, "r");
    if (!f) {
        return 0; /* it has ended */
    }
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &n) == 1) {
            sum += n;
        }
    }
    fclose(f);
    return sum;
}

uint64_t bench_switches_of_others(void)
{
    DIR *tasks = opendir("/proc/self/task");
    uint64_t sum = 0;
    struct dirent *e;

    if (!tasks) {
        bench_fail("/proc/self/task", "cannot be read");
    }
    while ((e = readdir(tasks))) {
        if (e->d_name[0] != '.' && atoi(e->d_name) != gettid()) {
            sum += switches_of(e->d_name);
        }
    }
    closedir(tasks);
    return sum;
}

uint64_t bench_rss(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%*u %lu", &pages) != 1) {
        bench_fail("/proc/self/statm", "cannot be read");
    }
    fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t bench_block_bytes(void *p)
{
    /* glibc keeps one word in front of each block; malloc_usable_size() leaves it out. */
    return malloc_usable_size(p) + sizeof(size_t);
}

struct samples {
    double *ns;
    size_t count, room;
};

static void sample_add(struct samples *s, double ns)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->ns = realloc(s->ns, s->room * sizeof *s->ns);
        if (!s->ns) {
            bench_fail("samples", "out of memory");
        }
    }
    s->ns[s->count++] = ns;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Runs for @seconds, once at least. */
static void run_for(const struct bench_row *row, double seconds, struct samples *s)
{
    uint64_t begin = bench_now(), before = begin, after;

    do {
        row->run();
        after = bench_now();
        sample_add(s, (double)(after - before));
        before = after;
    } while ((double)(after - begin) < seconds * NS_PER_S);
}

static void print_time(const struct bench_row *row, struct samples *s)
{
    double ops = (double)row->ops;

    qsort(s->ns, s->count, sizeof *s->ns, by_value);
    printf("{\"row\": \"%s\", \"ns_per_op\": %.3f, \"min\": %.3f, \"iterations\": %zu}\n",
           row->name, s->ns[s->count / 2] / ops, s->ns[0] / ops, s->count);
}

static void time_row(const struct bench_row *row, double seconds)
{
    struct samples warm_up = {0}, timed = {0};

    run_for(row, seconds / 10, &warm_up);
    run_for(row, seconds, &timed);
    print_time(row, &timed);
    free(warm_up.ns);
    free(timed.ns);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void latency_row(const struct bench_row *row, double seconds)
{
    struct bench_latencies l = row->latencies(seconds);

    if (!l.count) {
        bench_fail(row->name, "nothing was woken");
    }
    qsort(l.ns, l.count, sizeof *l.ns, by_number);
    printf("{\"row\": \"%s\", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"p999\": %" PRIu64
           ", \"count\": %zu}\n",
           row->name, l.ns[l.count / 2], l.ns[l.count * 99 / 100], l.ns[l.count * 999 / 1000],
           l.count);
    free(l.ns);
}

static void idle_row(const struct bench_row *row, double seconds)
{
    printf("{\"row\": \"%s\", \"switches\": %" PRIu64 "}\n", row->name, row->switches(seconds));
}

/* For tools that count instead of timing: no warm-up, no clock between the runs. */
static void count_row(const struct bench_row *row, uint64_t ops_min)
{
    uint64_t ops = 0;

    do {
        row->run();
        ops += row->ops;
    } while (ops < ops_min);
    printf("{\"row\": \"%s\", \"ops\": %" PRIu64 "}\n", row->name, ops);
}

static const struct bench_row *find(const struct bench_row *const *groups, const char *name)
{
    for (; *groups; groups++) {
        for (const struct bench_row *row = *groups; row->name; row++) {
            if (!strcmp(row->name, name)) {
                return row;
            }
        }
    }
    bench_fail(name, "no such row");
}

static void list(const struct bench_row *const *groups)
{
    for (; *groups; groups++) {
        for (const struct bench_row *row = *groups; row->name; row++) {
            puts(row->name);
        }
    }
}

int bench_main(int argc, char **argv, const struct bench_row *const *groups)
{
    const struct bench_row *row;

    if (argc == 2 && !strcmp(argv[1], "--list")) {
        list(groups);
        return 0;
    }
    if (argc != 3 && !(argc == 4 && !strcmp(argv[2], "--ops"))) {
        fprintf(stderr, "usage: %s ROW SECONDS | %s ROW --ops N | %s --list\n", argv[0], argv[0],
                argv[0]);
        return 2;
    }
    row = find(groups, argv[1]);
    if (row->setup) {
        row->setup();
    }
    if (row->measure) {
        struct bench_bytes b = row->measure();

        printf("{\"row\": \"%s\", \"bytes\": %.3f, \"rss\": %.3f, \"tasks\": %" PRIu64 "}\n",
               row->name, b.held, b.rss, row->ops);
    } else if (row->latencies) {
        latency_row(row, strtod(argv[2], NULL));
    } else if (row->switches) {
        idle_row(row, strtod(argv[2], NULL));
    } else if (argc == 4) {
        count_row(row, strtoull(argv[3], NULL, 10));
    } else {
        time_row(row, strtod(argv[2], NULL));
    }
    if (row->teardown) {
        row->teardown();
    }
    return 0;
}
