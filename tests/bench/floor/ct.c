/* SPDX-License-Identifier: MIT */
/* ct.c: what do the ct_ rows cost on one thread, if only the task's state word is kept honest?
 *
 * A cell from a free list, its frame, a ring as the run queue, and the atomic transitions that no
 * runtime with wakers and join handles on other threads can leave out. There is no owned list, no
 * driver, no budget, no hooks, no faults, no cancelling, and nobody waits through a join waker:
 * the root runs the queue and then finds its tasks complete. What a runtime needs above this is
 * its overhead.
 *
 * The transitions are named as in docs/design/task-state.md: T1 to_running, T2 to_idle,
 * T3 to_complete, T4 to_terminal, T6 notified_by_ref, T15 ref_dec.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "cell.h"
#include "rows.h"

enum {
    SPAWNS = 10000,
    TASKS = 200,
    YIELDS = 1000,
    RING = 16384,
    WOKE_ITSELF = 1
};

static struct cell cells[SPAWNS];
static struct cell *free_cells;
static struct cell *ring[RING];
static size_t ring_head, ring_tail;
static struct cell *joins[SPAWNS];

static void setup(void)
{
    for (size_t i = 0; i < SPAWNS; i++) {
        cells[i].queue_next = free_cells;
        free_cells = &cells[i];
    }
}

static void push(struct cell *c)
{
    ring[ring_tail++ % RING] = c;
}

/* ---- transitions ------------------------------------------------------------------------ */

/* mo: every transition below is a read-modify-write with acquire and release, as it must be where
 * another thread may hold a waker or the join handle; here is only one thread.
 *
 * The word is read before an exchange only by those who cannot know it. A load right after a
 * read-modify-write of the same word costs nearly as much as another one, so the runner carries
 * the word from transition to transition; the exchange confirms it. */
static size_t exchange(struct cell *c, size_t cur, size_t set, size_t clear, size_t refs)
{
    while (!atomic_compare_exchange_strong_explicit(&c->state, &cur,
                                                    ((cur | set) & ~clear) - refs * REF,
                                                    memory_order_acq_rel, memory_order_acquire)) {
    }
    return ((cur | set) & ~clear) - refs * REF;
}

static size_t load(struct cell *c)
{
    /* mo: acquire pairs with to_complete(): the output is there if COMPLETE is. */
    return atomic_load_explicit(&c->state, memory_order_acquire);
}

static size_t to_running(struct cell *c)
{
    return exchange(c, load(c), RUNNING, NOTIFIED, 0);
}

/* A task that has woken itself keeps its reference for the requeue; any other gives it up. */
static void to_idle(struct cell *c, size_t known)
{
    exchange(c, known, 0, RUNNING, known & NOTIFIED ? 0 : 1);
}

static void to_complete(struct cell *c, size_t known)
{
    exchange(c, known, COMPLETE, RUNNING, 0);
}

/* From inside the task's own poll: RUNNING is set, so the bit is all there is to do. */
static void notify_self(struct cell *c)
{
    atomic_fetch_or_explicit(&c->state, NOTIFIED, memory_order_acq_rel);
}

static void ref_dec(struct cell *c, size_t n)
{
    if (atomic_fetch_sub_explicit(&c->state, n * REF, memory_order_acq_rel) / REF == n) {
        c->queue_next = free_cells;
        free_cells = c;
    }
}

/* ---- the smallest scheduler ------------------------------------------------------------- */

typedef int (*poll_fn)(struct cell *c);

static struct cell *spawn(const poll_fn *vtable, uint64_t frame)
{
    struct cell *c = free_cells;

    free_cells = c->queue_next;
    c->vtable = vtable;
    c->frame[0] = frame;
    c->frame[1] = 0;
    c->join_waker.data = NULL;
    /* mo: relaxed. Nobody else has the cell yet. */
    atomic_store_explicit(&c->state, 3 * REF + JOIN_INTEREST + NOTIFIED, memory_order_relaxed);
    push(c);
    return c;
}

static void run_all(void)
{
    while (ring_head != ring_tail) {
        struct cell *c = ring[ring_head++ % RING];
        size_t known = to_running(c);

        if ((*c->vtable)(c) == WOKE_ITSELF) {
            to_idle(c, known | NOTIFIED);
            push(c);
            continue;
        }
        to_complete(c, known);
        ref_dec(c, 2); /* the owned reference and the notification's */
    }
}

static uint64_t take_and_drop(struct cell *c)
{
    uint64_t out = c->out;

    ref_dec(c, 1);
    return out;
}

/* ---- rows ------------------------------------------------------------------------------- */

static int number_poll(struct cell *c)
{
    uint64_t number = c->frame[0];

    c->status = 0;
    c->out = number;
    return 0;
}

static int yielder_poll(struct cell *c)
{
    if (c->frame[0]++ < YIELDS) {
        notify_self(c);
        return WOKE_ITSELF;
    }
    c->out = c->frame[0];
    return 0;
}

/* Through memory that the compiler does not see through, as a task is run by its vtable. */
static const poll_fn number_vtable[] = {number_poll};
static const poll_fn yielder_vtable[] = {yielder_poll};
static const poll_fn *volatile number = number_vtable;
static const poll_fn *volatile yielder = yielder_vtable;

static void spawn_join_many(void)
{
    const poll_fn *vtable = number;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < SPAWNS; i++) {
        joins[i] = spawn(vtable, i);
    }
    run_all();
    for (size_t i = 0; i < SPAWNS; i++) {
        if (!(load(joins[i]) & COMPLETE)) {
            bench_fail("ct_spawn_join_many", "a task is not complete");
        }
        sum += take_and_drop(joins[i]);
    }
    bench_expect("ct_spawn_join_many", sum, 49995000);
}

static void spawn_await_one(void)
{
    const poll_fn *vtable = number;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < SPAWNS; i++) {
        struct cell *c = spawn(vtable, i);

        run_all();
        if (!(load(c) & COMPLETE)) {
            bench_fail("ct_spawn_await_one", "a task is not complete");
        }
        sum += take_and_drop(c);
    }
    bench_expect("ct_spawn_await_one", sum, 49995000);
}

/* A yield is a wake of oneself: there is one floor for both rows. */
static void yield_many(void)
{
    const poll_fn *vtable = yielder;
    uint64_t polls = 0;

    for (size_t i = 0; i < TASKS; i++) {
        joins[i] = spawn(vtable, 0);
    }
    run_all();
    for (size_t i = 0; i < TASKS; i++) {
        polls += take_and_drop(joins[i]);
    }
    bench_expect("yields", polls, 200200);
}

const struct bench_row ct_rows[] = {
    {.name = "ct_spawn_join_many", .ops = SPAWNS, .setup = setup, .run = spawn_join_many},
    {.name = "ct_spawn_await_one", .ops = SPAWNS, .setup = setup, .run = spawn_await_one},
    {.name = "ct_yield_many", .ops = TASKS * YIELDS, .setup = setup, .run = yield_many},
    {.name = "ct_selfwake_many", .ops = TASKS * YIELDS, .setup = setup, .run = yield_many},
    {0},
};
