/* SPDX-License-Identifier: MIT */
/* Does a poll that blocks in place keep nobody else from running, wherever it is called? (tokio:
 * rt_threaded block_in_place, task_blocking) */
#include "flavors.h"

static int number(void *n)
{
    return (int)(intptr_t)n;
}

static int in_place(int (*fn)(void *arg), void *arg)
{
    return pirn_block_in_place(fn, arg);
}

/* ---- where it is simply called ------------------------------------------------------------------ */

Test(block_in_place, outside_of_any_runtime, .timeout = LIMIT_S)
{
    EQ(in_place(number, (void *)5), 5);
    EQ(in_place(number, (void *)-7), -7);
    EQ(in_place(NULL, NULL), -EINVAL);
    SAYS("fn");
}

static int twice(void *arg)
{
    return in_place(number, arg) + in_place(number, arg);
}

static int nesting_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = in_place(twice, user);
    *out += in_place(number, user);
    return 0;
}

static void in_roots_tasks_and_nested(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {nesting_poll, NULL, (void *)3};
    pirn_join *j = NULL;

    EQ(block_on(h, nesting_poll, (void *)3), 9);
    for (int i = 0; i < 50; i++)
        ends_done(h, spawn(h, nesting_poll, (void *)3), 9);
    EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j), 0);
    ends_done(h, j, 9);
    EQ(metrics_of(h).block_in_place_kept, 0);
    rt_free(rt);
}
EACH_MT(block_in_place, in_roots_tasks_and_nested)

static int nesting_blocking_poll(void *user, pirn_cx *cx, int *out)
{
    return nesting_poll(user, cx, out);
}

Test(block_in_place, on_a_blocking_thread_of_the_current_thread_flavour, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    struct closure c = {nesting_blocking_poll, NULL, (void *)4};
    pirn_join *j = NULL;

    EQ(pirn_spawn_blocking(pirn_runtime_handle(rt), &closure_desc, &c, &j), 0);
    ends_done(pirn_runtime_handle(rt), j, 12);
    rt_free(rt);
}

/* ---- where it is forbidden ---------------------------------------------------------------------- */

static _Atomic(int) called, refused;

static int call_it(void *arg)
{
    (void)arg;
    called++;
    return 0;
}

static void try_it(void)
{
    if (in_place(call_it, NULL) == -EDEADLK)
        refused++;
}

static int trying_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    try_it();
    return 0;
}

static void trying_drop(void *user)
{
    (void)user;
    try_it();
}

static void trying_hook(void *user, const pirn_task_info *info)
{
    (void)user;
    (void)info;
    try_it();
}

static void trying_thread_hook(void *user, uint32_t worker)
{
    (void)user;
    if (worker != PIRN_NO_WORKER)
        try_it();
}

Test(block_in_place, not_on_the_current_thread_flavour, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);

    EQ(block_on(h, trying_poll, NULL), 0);
    SAYS("block_in_place");
    ends_done(h, spawn(h, trying_poll, NULL), 0);
    EQ(called, 0);
    EQ(refused, 2);
    rt_free(rt);
}

static int poll_set(void *set, pirn_cx *cx, int *out)
{
    *out = 0;
    return pirn_local_set_poll(set, cx);
}

static void not_in_a_local_set(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    struct closure c = {trying_poll, NULL, NULL};
    pirn_local_set *set = NULL;

    EQ(pirn_local_set_new(pirn_runtime_handle(rt), &set), 0);
    EQ(pirn_local_set_spawn(set, &closure_desc, &c, NULL), 0);
    EQ(block_on(pirn_runtime_handle(rt), poll_set, set), 0);
    EQ(called, 0);
    EQ(refused, 1);
    pirn_local_set_free(set);
    rt_free(rt);
}
EACH_FLAVOR(block_in_place, not_in_a_local_set)

static void not_in_a_drop(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn_dropping(h, ready_poll, trying_drop, NULL), 0);
    pirn_join_free(spawn_dropping(h, pending_poll, trying_drop, NULL));
    rt_free(rt);
    EQ(called, 0);
    EQ(refused, 2);
}
EACH_FLAVOR(block_in_place, not_in_a_drop)

static void not_in_a_hook(struct flavor f)
{
    pirn_hooks k = {.size = sizeof k,
                    .on_task_terminate = trying_hook,
                    .before_poll = trying_hook,
                    .after_poll = trying_hook,
                    .on_thread_park = trying_thread_hook};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    pirn_handle *h;

    o.hooks = &k;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    ends_done(h, spawn(h, ready_poll, NULL), 0);
    rt_free(rt);
    EQ(called, 0);
    CHECK(refused >= 3);
}
EACH_FLAVOR(block_in_place, not_in_a_hook)

/* ---- the others go on --------------------------------------------------------------------------- */

struct blocker {
    sem_t go;
    struct gate *gate;     /* opened before: that task waits in the slot */
    _Atomic(int) *arrived; /* counted in place */
    int index_in, index_after;
    uint64_t id_in;
};

static int post_poll(void *sem, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    post(sem);
    return 0;
}

static int blocker_fn(void *arg)
{
    struct blocker *b = arg;

    b->index_in = pirn_worker_index();
    b->id_in = pirn_task_id();
    if (b->arrived != NULL)
        ++*b->arrived;
    await(&b->go);
    return 17;
}

/* Waits in place for a task that is behind it in the same queue. */
static int blocker_poll(void *user, pirn_cx *cx, int *out)
{
    struct blocker *b = user;

    (void)cx;
    if (b->gate != NULL)
        gate_open(b->gate);
    else
        pirn_join_free(spawn(NULL, post_poll, &b->go));
    *out = in_place(blocker_fn, b);
    b->index_after = pirn_worker_index();
    EQ(pirn_task_id(), b->id_in);
    return 0;
}

static void the_queue_goes_on(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 300; i++) {
        struct blocker b = {.index_in = -5};
        pirn_join *j;
        uint64_t id;

        EQ(sem_init(&b.go, 0, 0), 0);
        j = spawn(h, blocker_poll, &b);
        id = pirn_join_id(j);
        ends_done(h, j, 17);
        EQ(b.index_in, -1);
        CHECK(b.index_after >= -1 && b.index_after < (int)f.workers);
        EQ(b.id_in, id);
    }
    EQ(metrics_of(h).block_in_place_kept, 0);
    rt_free(rt);
}
EACH_MT(block_in_place, the_queue_goes_on)

struct posting_gate {
    struct gate gate;
    sem_t *sem;
};

static int posting_gate_poll(void *user, pirn_cx *cx, int *out)
{
    struct posting_gate *g = user;

    if (gate_poll(&g->gate, cx, out) == PIRN_PENDING)
        return PIRN_PENDING;
    post(g->sem);
    return 0;
}

/* (tokio: the task in the LIFO slot is moved, 1.38.0) */
static void the_slot_goes_on(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct posting_gate g = {.gate = {.value = 6}};
    struct blocker b = {.gate = &g.gate};
    pirn_join *j;

    EQ(sem_init(&b.go, 0, 0), 0);
    g.sem = &b.go;
    j = spawn(h, posting_gate_poll, &g);
    run_until(h, &g.gate.polls, 1);
    ends_done(h, spawn(h, blocker_poll, &b), 17);
    ends_done(h, j, 6);
    pirn_waker_cell_fini(&g.gate.cell);
    rt_free(rt);
}
EACH_MT(block_in_place, the_slot_goes_on)

enum {
    CROWD = 20
};

/* Many at once: each has a thread, and the last opens all. */
static struct {
    struct blocker b[CROWD];
    _Atomic(int) arrived;
} crowd;

static int crowd_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = in_place(blocker_fn, user);
    return 0;
}

static void many_at_once(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j[CROWD];

    for (int i = 0; i < CROWD; i++) {
        EQ(sem_init(&crowd.b[i].go, 0, 0), 0);
        crowd.b[i].arrived = &crowd.arrived;
        j[i] = spawn(h, crowd_poll, &crowd.b[i]);
    }
    run_until(h, &crowd.arrived, CROWD);
    for (int i = 0; i < CROWD; i++)
        post(&crowd.b[i].go);
    for (int i = 0; i < CROWD; i++)
        ends_done(h, j[i], 17);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}
EACH_MT(block_in_place, many_at_once)

/* ---- what may be done in it --------------------------------------------------------------------- */

static int wait_in_place(void *arg)
{
    pirn_handle *h = pirn_handle_current();
    struct closure c = {ready_poll, NULL, NULL};
    pirn_time before = pirn_now();
    pirn_result res;
    int out = -1;
    pirn_join *j;

    CHECK(h == arg);
    j = spawn(NULL, ready_poll, NULL);
    EQ(pirn_join_wait(j, PIRN_NEVER, &res, &out), 0);
    EQ(res.outcome, PIRN_DONE);
    pirn_join_free(j);
    EQ(pirn_block_on(NULL, &closure_desc, &c, &res, &out), 0);
    EQ(res.outcome, PIRN_DONE);
    nap(PIRN_MS);
    CHECK(pirn_now() >= before + PIRN_MS); /* the clock is read at every call */
    return 0;
}

static int wait_in_place_poll(void *user, pirn_cx *cx, int *out)
{
    struct closure c = {ready_poll, NULL, NULL};

    (void)cx;
    *out = in_place(wait_in_place, user);
    EQ(pirn_block_on(NULL, &closure_desc, &c, NULL, NULL), -EDEADLK); /* as before */
    return 0;
}

/* (tokio: nested_block_in_place_with_block_on_between, #5239) */
static void waiting_is_allowed(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 20; i++) {
        ends_done(h, spawn(h, wait_in_place_poll, h), 0);
        EQ(block_on(h, wait_in_place_poll, h), 0);
    }
    rt_free(rt);
}
EACH_MT(block_in_place, waiting_is_allowed)

static int block_on_between(void *arg)
{
    struct closure c = {nesting_poll, NULL, arg};
    int out = 0;

    EQ(pirn_block_on(NULL, &closure_desc, &c, NULL, &out), 0);
    return out;
}

static int between_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = in_place(block_on_between, user);
    return 0;
}

static void nested_with_block_on_between(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 50; i++)
        ends_done(h, spawn(h, between_poll, (void *)2), 6);
    rt_free(rt);
}
EACH_MT(block_in_place, nested_with_block_on_between)

static int block_on_another(void *arg)
{
    pirn_runtime *rt = rt_on(*(struct flavor *)arg);
    int out = block_on(pirn_runtime_handle(rt), ready_poll, NULL);

    pirn_runtime_free(rt);
    return out;
}

static int another_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = in_place(block_on_another, user);
    return 0;
}

static void another_runtime_lives_in_it(struct flavor f)
{
    pirn_runtime *rt = rt_mt(2);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn(h, another_poll, &f), 0);
    rt_free(rt);
}
EACH_FLAVOR(block_in_place, another_runtime_lives_in_it)

/* ---- afterwards, and before --------------------------------------------------------------------- */

struct mixed {
    int step;
    unsigned yield;
    struct gate gate;
    pirn_join *opener;
    sem_t go;
};

static int mixed_fn(void *arg)
{
    struct mixed *m = arg;

    pirn_join_free(spawn(NULL, post_poll, &m->go));
    await(&m->go);
    return 0;
}

static int opener_poll(void *gate, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    gate_open(gate);
    return 0;
}

/* Yields, spawns, wakes itself and waits, on a thread that is no worker any more.
 * (tokio: yield_after_block_in_place, coop_and_block_in_place) */
static int mixed_poll(void *user, pirn_cx *cx, int *out)
{
    struct mixed *m = user;
    int r;

    *out = m->step;
    switch (m->step) {
    case 0:
    case 1:
    case 2:
        if (m->yield == 0)
            EQ(in_place(mixed_fn, m), 0);
        if (pirn_yield_poll(&m->yield, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        m->step++;
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    default:
        if (m->opener == NULL) {
            EQ(in_place(mixed_fn, m), 0);
            m->opener = spawn(NULL, opener_poll, &m->gate);
        }
        r = gate_poll(&m->gate, cx, out);
        return r;
    }
}

static void tasks_go_on_afterwards(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 50; i++) {
        struct mixed m = {.gate = {.value = 8}};

        EQ(sem_init(&m.go, 0, 0), 0);
        ends_done(h, spawn(h, mixed_poll, &m), 8);
        ends_done(h, m.opener, 0);
        pirn_waker_cell_fini(&m.gate.cell);
    }
    rt_quiet(h);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}
EACH_MT(block_in_place, tasks_go_on_afterwards)

static int wake_in_place(void *gate)
{
    gate_open(gate);
    return 0;
}

static int waking_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = in_place(wake_in_place, user);
    return 0;
}

static void wakes_from_it_are_seen(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 100; i++) {
        struct gate g = {.value = i};
        pirn_join *j = spawn_gate(h, &g);

        run_until(h, &g.polls, 1);
        pirn_join_free(spawn(h, waking_poll, &g));
        ends_done(h, j, i);
    }
    rt_free(rt);
}
EACH_MT(block_in_place, wakes_from_it_are_seen)

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int in_place_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = in_place(nothing, NULL);
    return 0;
}

/* A thread that was a worker's counts what it runs later as its own. */
static void its_thread_counts_for_itself(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    uint64_t polls = 0, before = 0;

    for (int i = 0; i < 20; i++)
        ends_done(h, spawn(h, in_place_poll, NULL), 0);
    rt_quiet(h);
    for (uint32_t i = 0; i < f.workers; i++)
        before += worker_metrics_of(h, i).polls;
    for (int i = 0; i < 200; i++) {
        struct closure c = {ready_poll, NULL, NULL};
        pirn_join *j;
        pirn_result res;

        EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j), 0);
        EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
        pirn_join_free(j);
    }
    rt_quiet(h);
    for (uint32_t i = 0; i < f.workers; i++)
        polls += worker_metrics_of(h, i).polls;
    EQ(polls, before);
    rt_free(rt);
}
EACH_MT(block_in_place, its_thread_counts_for_itself)
