/* SPDX-License-Identifier: MIT */
/* time.c: what does a timeout cost that does not fire, and what a sleep that does? */
#include <stdatomic.h>

#include "tasks.h"

enum {
    TIMEOUT_S = 60
};

/* ---- timeouts --------------------------------------------------------------------------- */

/* Yields as the yielder does, each time within a timeout. Returns how many were in time. */
struct in_time {
    PIRN_FRAME;
    unsigned yield;
    uint32_t yields;
    pirn_op op;
    uint64_t in_time;
};

static int in_time_poll(void *frame, pirn_cx *cx, void *out)
{
    struct in_time *f = frame;
    int r;

    PIRN_BEGIN(f);
    for (; f->yields < YIELDS; f->yields++) {
        PIRN_AWAIT(f, r = pirn_timeout_after_poll(&f->op, cx, TIMEOUT_S * PIRN_SEC, NULL,
                                                  pirn_yield_poll(&f->yield, cx)));
        f->in_time += r == 0;
    }
    *(uint64_t *)out = f->in_time;
    PIRN_END(f);
}

static const pirn_task_desc in_time =
    PIRN_TASK_OUT_INIT("in time", struct in_time, in_time_poll, NULL, uint64_t, NULL);

static void ct_timeout_cancel(void)
{
    block_on(&spawn_rounds, all_of(&in_time), ROUNDS);
}

static int counted_in_time_poll(void *frame, pirn_cx *cx, void *out)
{
    uint64_t own = 0;
    int r = in_time_poll(frame, cx, &own);

    (void)out;
    if (r == 0) {
        add_to_total(own);
    }
    return r;
}

static const pirn_task_desc counted_in_time =
    PIRN_TASK_INIT("in time", struct in_time, counted_in_time_poll, NULL);

static void mt_timeout_cancel(void)
{
    for (size_t i = 0; i < TASKS; i++) {
        spawn_detached(handle, &counted_in_time, NULL);
    }
    bench_expect("in time", total_of(TASKS), ROUNDS);
}

/* ---- sleeps ----------------------------------------------------------------------------- */

/* mo: relaxed throughout. A count; the semaphore that the last one posts orders the rest. */
static atomic_size_t remaining;

struct sleeper {
    PIRN_FRAME;
    pirn_op op;
};

static int sleeper_poll(void *frame, pirn_cx *cx, void *out)
{
    struct sleeper *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    PIRN_TRY(f, pirn_sleep_after_poll(&f->op, cx, PIRN_MS));
    if (atomic_fetch_sub_explicit(&remaining, 1, memory_order_relaxed) == 1) {
        post_done();
    }
    PIRN_END(f);
}

static const pirn_task_desc sleeper = PIRN_TASK_INIT("sleeper", struct sleeper, sleeper_poll, NULL);

/* The root blocks its thread, as it does in the peers: it is none of the workers. */
static int spawn_sleepers_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    atomic_store_explicit(&remaining, SPAWNS, memory_order_relaxed);
    for (size_t i = 0; i < SPAWNS; i++) {
        spawn_detached(NULL, &sleeper, NULL);
    }
    wait_done();
    *(uint64_t *)out = atomic_load_explicit(&remaining, memory_order_relaxed);
    return 0;
}

static const pirn_task_desc spawn_sleepers = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn sleepers",
    .poll = spawn_sleepers_poll,
    .out_size = sizeof(uint64_t),
};

static void sleep_fire(void)
{
    block_on(&spawn_sleepers, NULL, 0);
}

const struct bench_row time_rows[] = {
    {.name = "ct_timeout_cancel", CT_ROW(ROUNDS, ct_timeout_cancel)},
    {.name = "mt_timeout_cancel", MT_ROW(ROUNDS, mt_timeout_cancel)},
    {.name = "mt_sleep_fire", MT_ROW(SPAWNS, sleep_fire)},
    {0},
};
