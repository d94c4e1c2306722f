/* SPDX-License-Identifier: MIT */
/* What do the tasks of the multi-thread storm do? Everything a task may, at random. */
#include <sched.h>
#include <unistd.h>

#include "mt_storm.h"

/* ---- what tasks wait for ------------------------------------------------------------------- */

static int poll_child(struct frame *f, pirn_cx *cx)
{
    uint64_t *out = NULL;
    pirn_result res;
    int r = pirn_join_poll(f->child, cx, &res, &out);

    storm_take(&f->child, r, &res, out);
    return r;
}

static int poll_bell(struct frame *f, pirn_cx *cx)
{
    pirn_waker_cell_set(&f->bell->cell, cx);
    if (f->bell->state != BELL_RUNG)
        return PIRN_PENDING;
    f->bell->state = BELL_FREE;
    f->bell = NULL;
    return 0;
}

static int await_bell(struct frame *f, pirn_cx *cx)
{
    struct bell *b = &storm.bells[below(&f->random, POOL)];
    int unused = BELL_FREE;

    if (!atomic_compare_exchange_strong(&b->state, &unused, BELL_AWAITED))
        return 0;
    f->bell = b;
    return poll_bell(f, cx);
}

/* The handle of another's task: polled under this task's waker, and put back. */
static int poll_any_join(struct frame *f, pirn_cx *cx)
{
    unsigned at = below(&f->random, POOL);
    pirn_join *j = storm_swap_join(at, NULL);
    uint64_t *out = NULL;
    pirn_result res;
    int r;

    if (j == NULL)
        return 0;
    r = pirn_join_poll(j, cx, &res, &out);
    storm_take(&j, r, &res, out);
    if (j == NULL)
        return 0;
    pirn_join_free(storm_swap_join(at, j));
    return pirn_yield_poll(&f->state, cx);
}

static int poll_set(struct frame *f, pirn_cx *cx)
{
    int r = pirn_local_set_poll(f->set, cx);

    if (r == PIRN_PENDING)
        return r;
    CHECK_EQ(r, 0);
    pirn_local_set_free(f->set);
    f->set = NULL;
    return 0;
}

static int use_budget(pirn_cx *cx)
{
    for (int i = 0; i < 200; i++)
        if (pirn_consume_budget_poll(cx) == PIRN_PENDING)
            return PIRN_PENDING;
    return 0;
}

/* ---- places where waiting is allowed --------------------------------------------------------- */

static void wait_for(pirn_join **j, pirn_time deadline)
{
    uint64_t *out = NULL;
    pirn_result res;
    int r = pirn_join_wait(*j, deadline, &res, &out);

    storm_take(j, r, &res, out);
}

/* In block_in_place, and in a blocking task: inside the runtime, and yet free to wait. */
static void block(uint64_t *random, bool for_ever)
{
    struct timespec t = {0, (long)below(random, 300) * 1000};
    pirn_join *j = NULL;

    switch (below(random, 8)) {
    case 0:
        CHECK_EQ(nanosleep(&t, NULL), 0);
        break;
    case 1:
        if (storm_spawn(NULL, random, 2, &j))
            wait_for(&j, pirn_after(below(random, 500) * PIRN_US));
        storm_give_join(random, j);
        break;
    case 2: /* a leaf ends whatever happens, where this thread keeps no worker from it */
        if (storm_spawn_leaf(NULL, random, &j))
            wait_for(&j, for_ever ? PIRN_NEVER : pirn_after(PIRN_MS));
        CHECK(!for_ever || j == NULL);
        storm_give_join(random, j);
        break;
    case 3:
        storm_block_on(random, true);
        break;
    case 4:
        if (pirn_task_id() != 0)
            CHECK_EQ(pirn_runtime_shutdown(storm.rt, PIRN_NEVER), -EDEADLK);
        break;
    case 5:
        storm_local_runtime(random, for_ever);
        break;
    case 6:
        storm_wake_one(random);
        (void)storm_spawn_blocking(NULL, random, NULL);
        break;
    default:
        (void)sched_yield();
        break;
    }
}

static int in_place(void *frame)
{
    struct frame *f = frame;
    unsigned what = below(&f->random, 24);

    counts.in_place++;
    CHECK(pirn_task_id() != 0 || (f->kind & ROOT));
    CHECK(pirn_handle_current() == storm.h);
    if (what == 0 && (f->faulting = true))
        pirn_fault(4, "storm in place");
    if (what == 1)
        CHECK_EQ(pirn_block_in_place(in_place, f), 17);
    else
        block(&f->random, false);
    return 17;
}

static void nothing_waits_here(struct frame *f)
{
    pirn_join *j = storm_swap_join(below(&f->random, POOL), NULL);

    CHECK_EQ(pirn_runtime_shutdown(storm.rt, PIRN_NEVER), -EDEADLK);
    if (j != NULL)
        CHECK_EQ(pirn_join_wait(j, 0, NULL, NULL), -EDEADLK);
    storm_give_join(&f->random, j);
}

/* ---- leaves' own operations ------------------------------------------------------------------ */

struct counted_op {
    struct frame *f;
};

static void counted_drop(void *state)
{
    struct counted_op *s = state;

    CHECK(s->f->guard == ALIVE);
    s->f->ops--;
    counts.ops_dropped++;
}

static const pirn_op_kind counted = {sizeof counted, "counted", counted_drop};

static void run_deferred(void *frame)
{
    struct frame *f = frame;

    CHECK(f->guard == ALIVE);
    f->ops--;
    counts.defer_ran++;
}

static void use_ops(struct frame *f, pirn_cx *cx)
{
    struct counted_op *s;

    if (pirn_op_is_pending(&f->op)) {
        pirn_op_drop(&f->op);
    } else {
        s = pirn_op_state(&f->op, cx, &counted);
        s->f = f;
        f->ops++;
        counts.ops++;
    }
    if (!pirn_op_is_pending(&f->deferred)) {
        pirn_defer(&f->deferred, cx, run_deferred, f);
        f->ops++;
        counts.deferred++;
    }
}

/* ---- a task --------------------------------------------------------------------------------- */

static void open_set(struct frame *f)
{
    pirn_join *j = NULL;
    int r = pirn_local_set_new(NULL, &f->set);

    CHECK(r == 0 || r == -ENOMEM);
    if (f->set == NULL)
        return;
    for (unsigned n = 1 + below(&f->random, 4); n > 0; n--)
        (void)storm_spawn_in_set(f->set, &f->random, NULL);
    if (storm_spawn_in_set(f->set, &f->random, &j))
        storm_give_join(&f->random, j);
}

static int leaf_step(struct frame *f, pirn_cx *cx)
{
    const pirn_waker *own = pirn_cx_borrow_waker(cx);
    pirn_waker w;

    switch (below(&f->random, 8)) {
    case 0:
        return pirn_yield_poll(&f->state, cx);
    case 1:
        pirn_waker_wake_by_ref(own);
        return PIRN_PENDING;
    case 2:
        pirn_waker_wake(storm_swap_waker(below(&f->random, POOL), pirn_cx_waker(cx)));
        return PIRN_PENDING;
    case 3:
        storm_wake_one(&f->random);
        return 0;
    case 4:
        return await_bell(f, cx);
    case 5:
        storm_ring(below(&f->random, POOL));
        return use_budget(cx);
    case 6: /* more often than is of use */
        w = pirn_cx_waker(cx);
        CHECK(pirn_waker_will_wake(&w, own));
        pirn_waker_wake_by_ref(own);
        pirn_waker_drop(pirn_waker_clone(&w));
        pirn_waker_wake(w);
        return pirn_yield_poll(&f->state, cx);
    default:
        use_ops(f, cx);
        return 0;
    }
}

static int wait_for_ever(struct frame *f, pirn_cx *cx)
{
    if (storm.calm_end || (f->kind & ROOT))
        return 0;
    f->forever = true;
    if (below(&f->random, 4) != 0)
        return pirn_pending_poll(cx);
    counts.forgotten++;
    return PIRN_PENDING;
}

static int step(struct frame *f, pirn_cx *cx)
{
    pirn_join *j = NULL;
    pirn_abort *a;

    switch (below(&f->random, 20)) {
    case 0:
    case 1:
        (void)storm_spawn(NULL, &f->random, f->left, &f->child);
        return 0;
    case 2:
        (void)storm_spawn_blocking(NULL, &f->random, &f->child);
        return 0;
    case 3:
        if (storm_spawn(NULL, &f->random, f->left, &j))
            storm_give_join(&f->random, j);
        return 0;
    case 4:
        CHECK_EQ(pirn_block_in_place(in_place, f), 17);
        return 0;
    case 5:
        return poll_any_join(f, cx);
    case 6:
        a = storm_swap_abort(below(&f->random, POOL), NULL);
        storm_abort_now(a); /* its own, sometimes */
        pirn_abort_free(a);
        return 0;
    case 7:
        nothing_waits_here(f);
        return 0;
    case 8:
        if (below(&f->random, 16) == 0)
            storm_look(&f->random);
        return 0;
    case 9:
        return wait_for_ever(f, cx);
    case 10:
        if ((f->kind & ROOT) && f->set == NULL)
            open_set(f);
        return 0;
    default:
        return leaf_step(f, cx);
    }
}

static int end(struct frame *f, pirn_cx *cx, void *out)
{
    uint64_t *value;

    switch (below(&f->random, 10)) {
    case 0:
        return -(int)below(&f->random, 100) - 1;
    case 1:
        return pirn_cx_fault(cx, 1, "storm");
    case 2:
        f->faulting = true;
        pirn_fault(2, "storm %u", f->left);
    case 3:
        return below(&f->random, 8) == 0 ? 12345 : -1; /* no result at all: a fault */
    default:
        value = malloc(sizeof *value);
        CHECK(value != NULL);
        *value = ALIVE;
        *(uint64_t **)out = value;
        counts.made++;
        return 0;
    }
}

static int steps(struct frame *f, pirn_cx *cx, void *out)
{
    if (f->forever)
        return PIRN_PENDING;
    if (f->bell != NULL && poll_bell(f, cx) == PIRN_PENDING)
        return PIRN_PENDING;
    if (f->state != 0 && pirn_yield_poll(&f->state, cx) == PIRN_PENDING)
        return PIRN_PENDING;
    for (;;) {
        if (f->child != NULL && poll_child(f, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        if (f->set != NULL && poll_set(f, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        if (f->left == 0)
            return end(f, cx, out);
        f->left--;
        if ((f->kind & LEAF ? leaf_step(f, cx) : step(f, cx)) == PIRN_PENDING)
            return PIRN_PENDING;
    }
}

static int task_poll(void *frame, pirn_cx *cx, void *out)
{
    struct frame *f = frame;
    int r;

    CHECK(f->guard == ALIVE);
    CHECK_EQ(atomic_exchange(&f->polling, 1), 0);
    CHECK((pirn_task_id() != 0) == !(f->kind & ROOT));
    CHECK(pirn_handle_current() == storm.h);
    f->polled = true;
    r = steps(f, cx, out);
    f->polling = 0;
    return r;
}

static int blocking_poll(void *frame, pirn_cx *cx, void *out)
{
    struct frame *f = frame;
    pirn_time until = pirn_now() + PIRN_MS;

    CHECK(f->guard == ALIVE);
    CHECK(!f->polled);
    CHECK(pirn_task_id() != 0);
    CHECK(pirn_handle_current() == storm.h);
    CHECK_EQ(pirn_worker_index(), -1);
    f->polled = true;
    counts.blocking++;
    counts.mandatory += (f->kind & MANDATORY) != 0;
    for (; f->left > 0; f->left--)
        block(&f->random, true);
    if (below(&f->random, 16) == 0)
        while (!pirn_cx_cancelled(cx) && pirn_now() < until)
            (void)sched_yield();
    if (below(&f->random, 32) == 0)
        return PIRN_PENDING; /* a fault here */
    return end(f, cx, out);
}

static void task_drop(void *frame)
{
    struct frame *f = frame;

    CHECK(f->guard == ALIVE);
    CHECK(!storm_aborting);
    CHECK(f->polling == 0 || f->faulting);
    CHECK_EQ(f->ops, 0);
    CHECK(f->polled || !(f->kind & MANDATORY) || f->serial == storm_spawning);
    CHECK(pirn_handle_current() == storm.h);
    if (f->bell != NULL)
        f->bell->state = BELL_FREE;
    f->guard = 0;
    pirn_local_set_free(f->set);
    if (f->child != NULL && below(&f->random, 2) != 0 && !(f->kind & BLOCKING))
        pirn_join_free(storm_swap_join(below(&f->random, POOL), f->child));
    else
        pirn_join_free(f->child);
    if (f->kind & ROOT)
        counts.roots_dropped++;
    else
        counts.dropped++;
    if (f->kind & ROOT)
        return;
    switch (below(&f->random, 32)) {
    case 0:
        pirn_fault(3, "storm in a drop");
    case 1:
        if (!storm.ending)
            (void)storm_spawn_leaf(NULL, &f->random, NULL);
        break;
    case 2:
        storm_wake_one(&f->random);
        break;
    case 3:
        if (pirn_worker_index() >= 0) /* elsewhere it might be called */
            CHECK_EQ(pirn_block_in_place(in_place, f), -EDEADLK);
        break;
    default:
        break;
    }
}

static void output_drop(void *out)
{
    uint64_t *value = *(uint64_t **)out;

    CHECK(*value == ALIVE);
    free(value);
    counts.outputs_dropped++;
}

#define STORM(n, p, align, f)                                                                      \
    {                                                                                              \
        .size = sizeof(pirn_task_desc), .name = (n), .poll = (p), .drop = task_drop,               \
        .frame_size = sizeof(struct frame), .frame_align = (align),                                \
        .out_size = sizeof(uint64_t *), .out_drop = output_drop, .flags = (f),                     \
    }
const pirn_task_desc storm_plain[] = {
    STORM("storm", task_poll, 0, 0),
    STORM("storm free", task_poll, 0, PIRN_TASK_UNCONSTRAINED),
    STORM("storm page", task_poll, 4096, 0),
};
const pirn_task_desc storm_pooled[] = {
    STORM("storm pool", blocking_poll, 0, PIRN_TASK_BLOCKING),
    STORM("storm try", blocking_poll, 0, PIRN_TASK_BLOCKING | PIRN_TASK_TRY),
    STORM("storm must", blocking_poll, 0, PIRN_TASK_BLOCKING | PIRN_TASK_MANDATORY),
};
