/* SPDX-License-Identifier: MIT */
/* tasks.h: which runtime, tasks and roots do several groups of rows share? */
#ifndef BENCH_PIRN_TASKS_H
#define BENCH_PIRN_TASKS_H

#include <pirn.h>

#include "rows.h"

enum {
    SPAWNS = 10000,
    SPAWNS_SUM = 49995000, /* of 0 up to SPAWNS - 1 */
    TASKS = 200,
    YIELDS = 1000,
    PINGS = 1000,
    ROUNDS = TASKS * YIELDS,
    ROUNDS_POLLS = TASKS * (YIELDS + 1)
};

/* The runtime of the row that runs. */
extern pirn_runtime *rt;
extern pirn_handle *handle;

void make_current_thread(void);
void make_multi_thread(void); /* bench_workers() workers */
void make_multi_thread_with(uint32_t flags);
void free_runtime(void);

/* Runs a root to its end, and checks what it returned. */
void block_on(const pirn_task_desc *root, void *frame, uint64_t expected);

/* Starts a task of which nobody keeps a handle. */
void spawn_detached(pirn_handle *h, const pirn_task_desc *task, const void *frame);

/* Tells the thread that measures, which blocks in wait_done(): as often as told. */
void post_done(void);
void wait_done(void);

/* The same, with a figure: the sum of what so many told. */
void add_to_total(uint64_t own);
uint64_t total_of(size_t tasks);

/* Returns the number it was given, a uint64_t, at its first poll. */
extern const pirn_task_desc number;

/* Yields YIELDS times, and returns how often it was polled: once more. */
struct yielder {
    uint64_t polls;
    uint32_t yields;
    unsigned yield;
};
int yielder_poll(void *frame, pirn_cx *cx, void *out);
extern const pirn_task_desc yielder;

/* The same, by hand: each poll wakes its own task, and waits for that. Its frame is a uint64_t. */
int selfwaker_poll(void *frame, pirn_cx *cx, void *out);
extern const pirn_task_desc selfwaker;

/* What a root needs to await many tasks, and to return the sum of their outputs. */
struct join_all {
    const pirn_task_desc *task;
    size_t spawned, joined;
    uint64_t sum;
    pirn_join *joins[SPAWNS];
};

/* The only one there is, set to begin. */
struct join_all *all_of(const pirn_task_desc *task);

/* Spawns SPAWNS numbers into it, from here. */
void spawn_numbers_on(pirn_handle *h, struct join_all *a);

int join_all_poll(void *frame, pirn_cx *cx, void *out);
extern const pirn_task_desc join_all;

/* The same, and spawns TASKS first, whose frames begin as zeroes. */
extern const pirn_task_desc spawn_rounds;

/* PINGS tasks that @spawn starts, inside a task, and waits until each has called the other. */
void ping_pong_with(void (*spawn)(uint64_t n));
void ping_pong_ended(void);

/* A time row on either flavour. */
#define CT_ROW(count, function)                                                                    \
    .ops = (count), .setup = make_current_thread, .run = (function), .teardown = free_runtime
#define MT_ROW(count, function)                                                                    \
    .ops = (count), .setup = make_multi_thread, .run = (function), .teardown = free_runtime

#endif
