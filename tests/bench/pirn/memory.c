/* SPDX-License-Identifier: MIT */
/* memory.c: how many bytes does one idle task hold? */
#include <stdlib.h>
#include <string.h>

#include <pirn.h>

#include "counting.h"
#include "rows.h"

enum {
    TASKS = 1000000
};

/* ---- tasks ------------------------------------------------------------------------------ */

static pirn_join *joins[TASKS];
static uint64_t polls; /* of all idle tasks; one thread runs them */

static int idle_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    polls++;
    return pirn_pending_poll(cx);
}

static const pirn_task_desc idle = {
    .size = sizeof(pirn_task_desc),
    .name = "idle",
    .poll = idle_poll,
};

/* Spawns them all, and ends when each has been polled. */
struct root {
    size_t spawned;
    unsigned yield;
};

static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *r = frame;

    (void)out;
    for (; r->spawned < TASKS; r->spawned++) {
        check("pirn_spawn", pirn_spawn(NULL, &idle, NULL, &joins[r->spawned]));
    }
    while (polls < TASKS) {
        if (pirn_yield_poll(&r->yield, cx) == PIRN_PENDING) {
            return PIRN_PENDING;
        }
    }
    return 0;
}

static const pirn_task_desc root = {
    .size = sizeof(pirn_task_desc),
    .name = "root",
    .poll = root_poll,
    .frame_size = sizeof(struct root),
};

/* ---- the row ---------------------------------------------------------------------------- */

static uint64_t count_pending(void)
{
    uint64_t pending = 0;

    for (size_t i = 0; i < TASKS; i++) {
        pending += !pirn_join_is_finished(joins[i]);
    }
    return pending;
}

static uint64_t take_cancelled(void)
{
    uint64_t cancelled = 0;

    for (size_t i = 0; i < TASKS; i++) {
        pirn_result res;

        check("pirn_join_try", pirn_join_try(joins[i], &res, NULL));
        cancelled += res.outcome == PIRN_CANCELLED;
        pirn_join_free(joins[i]);
    }
    return cancelled;
}

static struct bench_bytes idle_task_bytes(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    struct root frame = {0};
    uint64_t rss_before;
    struct bench_bytes b;

    /* The list of handles is the caller's: it is touched before counting begins. */
    memset(joins, 0, sizeof joins);
    rss_before = bench_rss();
    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &counting;
    check("pirn_runtime_new", pirn_runtime_new(&o, &rt));
    check("pirn_block_on", pirn_block_on(pirn_runtime_handle(rt), &root, &frame, NULL, NULL));

    b.held = (double)bytes_held() / TASKS;
    b.rss = (double)(bench_rss() - rss_before) / TASKS;
    bench_expect("idle_task_bytes: pending", count_pending(), 1000000);

    check("pirn_runtime_shutdown", pirn_runtime_shutdown(rt, PIRN_NEVER));
    bench_expect("idle_task_bytes: cancelled", take_cancelled(), 1000000);
    bench_expect("idle_task_bytes: polls", polls, 1000000);
    pirn_runtime_free(rt);
    bench_expect("idle_task_bytes: bytes left behind", bytes_held(), 0);
    return b;
}

const struct bench_row memory_rows[] = {
    {.name = "idle_task_bytes", .ops = TASKS, .measure = idle_task_bytes},
    {0},
};
