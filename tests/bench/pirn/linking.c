/* SPDX-License-Identifier: MIT */
/* linking.c: what does a task cost that comes to rest, and so enters the list of its runtime? */
#include <stdatomic.h>

#include "tasks.h"

static pirn_waker wakers[SPAWNS];

/* mo: a task's decrement is a release, by which its waker is handed over; reading 0, and the last
 * decrement, are acquires. */
static atomic_size_t not_at_rest;

static bool come_to_rest(void)
{
    return atomic_fetch_sub_explicit(&not_at_rest, 1, memory_order_acq_rel) == 1;
}

static bool all_at_rest(void)
{
    return !atomic_load_explicit(&not_at_rest, memory_order_acquire);
}

/* ---- woken once ------------------------------------------------------------------------- */

/* Leaves its waker at its first poll, and returns its number at the second. */
struct pender {
    uint64_t n;
    bool has_pended;
};

static int pender_poll(void *frame, pirn_cx *cx, void *out, void (*tell)(void))
{
    struct pender *p = frame;

    if (!p->has_pended) {
        p->has_pended = true;
        wakers[p->n] = pirn_cx_waker(cx);
        if (come_to_rest()) {
            tell();
        }
        return PIRN_PENDING;
    }
    *(uint64_t *)out = p->n;
    return 0;
}

static void tell_nobody(void)
{
}

static int ct_pender_poll(void *frame, pirn_cx *cx, void *out)
{
    return pender_poll(frame, cx, out, tell_nobody);
}

static int mt_pender_poll(void *frame, pirn_cx *cx, void *out)
{
    return pender_poll(frame, cx, out, post_done);
}

static const pirn_task_desc ct_pender = {
    .size = sizeof(pirn_task_desc),
    .name = "pender",
    .poll = ct_pender_poll,
    .frame_size = sizeof(struct pender),
    .out_size = sizeof(uint64_t),
};

static const pirn_task_desc mt_pender = {
    .size = sizeof(pirn_task_desc),
    .name = "pender",
    .poll = mt_pender_poll,
    .frame_size = sizeof(struct pender),
    .out_size = sizeof(uint64_t),
};

struct root {
    struct join_all *all;
    unsigned yield;
    bool woken;
};

static void spawn_penders(struct join_all *a)
{
    /* mo: relaxed. The spawns order it. */
    atomic_store_explicit(&not_at_rest, SPAWNS, memory_order_relaxed);
    for (; a->spawned < SPAWNS; a->spawned++) {
        struct pender frame = {.n = a->spawned};

        check("pirn_spawn", pirn_spawn(NULL, a->task, &frame, &a->joins[frame.n]));
    }
}

static void wake_penders(void)
{
    for (size_t i = 0; i < SPAWNS; i++) {
        pirn_waker_wake(wakers[i]);
    }
}

/* The root shares its thread with the tasks: it yields until all have been polled. */
static int ct_pend_root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *r = frame;

    if (!r->all->spawned) {
        spawn_penders(r->all);
    }
    if (!r->woken) {
        while (!all_at_rest()) {
            if (pirn_yield_poll(&r->yield, cx) == PIRN_PENDING) {
                return PIRN_PENDING;
            }
        }
        wake_penders();
        r->woken = true;
    }
    return join_all_poll(r->all, cx, out);
}

static const pirn_task_desc ct_pend_root = {
    .size = sizeof(pirn_task_desc),
    .name = "pend once",
    .poll = ct_pend_root_poll,
    .frame_size = sizeof(struct root),
    .out_size = sizeof(uint64_t),
};

/* The root's thread is none of the workers: it blocks until all have been polled. */
static int mt_pend_root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *r = frame;

    if (!r->woken) {
        spawn_penders(r->all);
        wait_done();
        wake_penders();
        r->woken = true;
    }
    return join_all_poll(r->all, cx, out);
}

static const pirn_task_desc mt_pend_root = {
    .size = sizeof(pirn_task_desc),
    .name = "pend once",
    .poll = mt_pend_root_poll,
    .frame_size = sizeof(struct root),
    .out_size = sizeof(uint64_t),
};

static void ct_pend_once_join(void)
{
    block_on(&ct_pend_root, &(struct root){.all = all_of(&ct_pender)}, SPAWNS_SUM);
}

static void mt_pend_once_join(void)
{
    block_on(&mt_pend_root, &(struct root){.all = all_of(&mt_pender)}, SPAWNS_SUM);
}

/* ---- aborted at rest -------------------------------------------------------------------- */

static int idle_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    if (come_to_rest()) {
        post_done();
    }
    return pirn_pending_poll(cx);
}

static const pirn_task_desc idle = {
    .size = sizeof(pirn_task_desc),
    .name = "idle",
    .poll = idle_poll,
};

static void spawn_idle(struct join_all *a)
{
    /* mo: relaxed. The spawns order it. */
    atomic_store_explicit(&not_at_rest, SPAWNS, memory_order_relaxed);
    for (; a->spawned < SPAWNS; a->spawned++) {
        check("pirn_spawn", pirn_spawn(NULL, a->task, NULL, &a->joins[a->spawned]));
    }
}

static int abort_root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct join_all *a = ((struct root *)frame)->all;

    if (!a->spawned) {
        spawn_idle(a);
        wait_done();
        for (size_t i = 0; i < SPAWNS; i++) {
            pirn_join_abort(a->joins[i]);
        }
    }
    for (; a->joined < SPAWNS; a->joined++) {
        pirn_result res;
        int status = pirn_join_poll(a->joins[a->joined], cx, &res, NULL);

        if (status == PIRN_PENDING) {
            return PIRN_PENDING;
        }
        check("pirn_join_poll", status);
        pirn_join_free(a->joins[a->joined]);
        a->sum += res.outcome == PIRN_CANCELLED;
    }
    *(uint64_t *)out = a->sum;
    return 0;
}

static const pirn_task_desc abort_root = {
    .size = sizeof(pirn_task_desc),
    .name = "abort idle",
    .poll = abort_root_poll,
    .frame_size = sizeof(struct root),
    .out_size = sizeof(uint64_t),
};

static void abort_idle(void)
{
    block_on(&abort_root, &(struct root){.all = all_of(&idle)}, SPAWNS);
}

const struct bench_row linking_rows[] = {
    {.name = "ct_pend_once_join", CT_ROW(SPAWNS, ct_pend_once_join)},
    {.name = "mt_pend_once_join", MT_ROW(SPAWNS, mt_pend_once_join)},
    {.name = "mt_abort_idle", MT_ROW(SPAWNS, abort_idle)},
    {0},
};
