/* SPDX-License-Identifier: MIT */
/* latency.c: how soon is a woken task polled while the workers are half busy, and how quiet is a
 * runtime that has nothing to do? */
#include <stdatomic.h>
#include <stdlib.h>

#include "tasks.h"

/* Every tick a thread outside wakes one task for each worker, and each is busy for half a tick. */
enum {
    TICK_NS = 20000,
    BURN_NS = 10000,
    SLEEPERS = 4096,
    TICKS_MIN = 500,
    SETTLE_NS = 100000000
};

/* ---- half load -------------------------------------------------------------------------- */

static struct sleeper {
    /* mo: set by the task with release, which hands the waker over; cleared by the outside thread,
     * whose wake hands the rest back. */
    atomic_bool asleep;
    pirn_waker waker;
    uint64_t woken_at;
    uint64_t sample;
} sleepers[SLEEPERS];

static uint64_t *samples;

/* mo: relaxed throughout. A flag, followed by wakes; and a count of those that have ended. */
static atomic_bool stop;
static atomic_size_t ended;

struct frame {
    uint64_t n;
    bool is_woken;
};

static void fall_asleep(struct sleeper *s, pirn_cx *cx)
{
    s->waker = pirn_cx_waker(cx);
    atomic_store_explicit(&s->asleep, true, memory_order_release);
}

static int sleeper_poll(void *frame, pirn_cx *cx, void *out)
{
    struct frame *f = frame;
    struct sleeper *s = &sleepers[f->n];
    uint64_t now = bench_now();

    (void)out;
    if (f->is_woken) {
        if (atomic_load_explicit(&stop, memory_order_relaxed)) {
            atomic_fetch_add_explicit(&ended, 1, memory_order_release);
            return 0;
        }
        samples[s->sample] = now - s->woken_at;
        while (bench_now() - now < BURN_NS) {
        }
    }
    f->is_woken = true;
    fall_asleep(s, cx);
    return PIRN_PENDING;
}

static const pirn_task_desc sleeper = {
    .size = sizeof(pirn_task_desc),
    .name = "sleeper",
    .poll = sleeper_poll,
    .frame_size = sizeof(struct frame),
};

static bool is_asleep(struct sleeper *s)
{
    return atomic_load_explicit(&s->asleep, memory_order_acquire);
}

static void wake(struct sleeper *s, uint64_t sample)
{
    pirn_waker waker = s->waker;

    /* mo: relaxed. Only the task, which the wake is seen by, sets it again. */
    atomic_store_explicit(&s->asleep, false, memory_order_relaxed);
    s->sample = sample;
    s->woken_at = bench_now();
    pirn_waker_wake(waker);
}

/* Waits, now and then looking, until every task is asleep. */
static void settle(void)
{
    for (size_t i = 0; i < SLEEPERS; i++) {
        while (!is_asleep(&sleepers[i])) {
            bench_sleep_until(bench_now() + TICK_NS);
        }
    }
}

static void stop_sleepers(void)
{
    settle();
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    for (size_t i = 0; i < SLEEPERS; i++) {
        wake(&sleepers[i], 0);
    }
    while (atomic_load_explicit(&ended, memory_order_acquire) < SLEEPERS) {
        bench_sleep_until(bench_now() + TICK_NS);
    }
}

/* Ticks that were missed, because this thread got no CPU, are not made up for: that would be a burst,
 * and more than half load. */
static uint64_t next_tick(uint64_t last)
{
    uint64_t next = last + TICK_NS, now = bench_now();

    if (next < now) {
        return now;
    }
    bench_sleep_until(next);
    return next;
}

static struct bench_latencies half_load(double seconds)
{
    size_t ticks = (size_t)(seconds * 1e9 / TICK_NS), per_tick = bench_workers(), taken = 0;
    uint64_t next;

    ticks = ticks < TICKS_MIN ? TICKS_MIN : ticks;
    samples = calloc(ticks * per_tick, sizeof *samples);
    if (!samples) {
        bench_fail("latencies", "out of memory");
    }
    for (uint64_t i = 0; i < SLEEPERS; i++) {
        spawn_detached(handle, &sleeper, &(struct frame){.n = i});
    }
    settle();
    next = bench_now();
    for (size_t i = 0; i < ticks * per_tick; i++) {
        struct sleeper *s = &sleepers[i % SLEEPERS];

        if (i % per_tick == 0) {
            next = next_tick(next);
        }
        while (
            !is_asleep(s)) { /* the whole ring is in arrears: it goes on once this one is through */
            bench_sleep_until(bench_now() + TICK_NS);
        }
        wake(s, taken++);
    }
    stop_sleepers();
    for (size_t i = 0; i < taken; i++) {
        bench_expect("a task was polled when woken", samples[i] != 0, 1);
    }
    return (struct bench_latencies){.ns = samples, .count = taken};
}

/* ---- no load ---------------------------------------------------------------------------- */

/* Every worker has had something to do before it is left alone. */
static uint64_t idle_switches(double seconds)
{
    struct join_all *a = all_of(&number);
    uint64_t before;

    spawn_numbers_on(handle, a);
    block_on(&join_all, a, SPAWNS_SUM);
    bench_sleep_until(bench_now() + SETTLE_NS);
    before = bench_switches_of_others();
    bench_sleep_until(bench_now() + (uint64_t)(seconds * 1e9));
    return bench_switches_of_others() - before;
}

const struct bench_row latency_rows[] = {
    {.name = "mt_latency_p999",
     .setup = make_multi_thread,
     .latencies = half_load,
     .teardown = free_runtime},
    {.name = "mt_idle_switches",
     .setup = make_multi_thread,
     .switches = idle_switches,
     .teardown = free_runtime},
    {0},
};
