/* SPDX-License-Identifier: MIT */
/* In which order does a worker run its tasks, and how often does it look elsewhere? (tokio:
 * rt_threaded) */
#include "flavors.h"

/* ---- order on one worker -------------------------------------------------------------------------- */

enum {
    CROWD = 20000
};

static struct {
    int who[CROWD + 8];
    _Atomic(int) used;
} order;

static int log_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    CHECK(order.used < CROWD + 8);
    order.who[order.used++] = (int)(intptr_t)user;
    return 0;
}

struct logging_gate {
    struct gate gate;
    int who;
};

static int logging_gate_poll(void *user, pirn_cx *cx, int *out)
{
    struct logging_gate *g = user;

    if (gate_poll(&g->gate, cx, out) == PIRN_PENDING)
        return PIRN_PENDING;
    return log_poll((void *)(intptr_t)g->who, cx, out);
}

/* Spawns 1, then wakes 2. */
static int spawn_then_wake_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    pirn_join_free(spawn(NULL, log_poll, (void *)1));
    gate_open(user);
    return 0;
}

static void spawn_then_wake(uint32_t flags, int first, int second)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct logging_gate g = {.who = 2};
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_join *j;

    o.flags = flags;
    rt = rt_on_with((struct flavor){PIRN_MULTI_THREAD, 1}, &o);
    h = pirn_runtime_handle(rt);
    j = spawn(h, logging_gate_poll, &g);
    run_until(h, &g.gate.polls, 1);
    ends_done(h, spawn(h, spawn_then_wake_poll, &g.gate), 0);
    run_until(h, &order.used, 2);
    EQ(order.who[0], first);
    EQ(order.who[1], second);
    ends_done(h, j, 0);
    pirn_waker_cell_fini(&g.gate.cell);
    rt_free(rt);
}

Test(mt_order, a_woken_task_is_next, .timeout = LIMIT_S)
{
    spawn_then_wake(0, 2, 1);
}

/* (tokio: disable_lifo_slot) */
Test(mt_order, without_the_slot_it_is_last, .timeout = LIMIT_S)
{
    spawn_then_wake(PIRN_RT_NO_LIFO, 1, 2);
}

static int spawn_crowd_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    for (int i = 0; i < CROWD; i++)
        pirn_join_free(spawn(NULL, log_poll, (void *)(intptr_t)i));
    return 0;
}

/* The queue grows at spawns: nothing overflows, and one worker keeps the order. */
Test(mt_order, a_crowd_spawned_in_one_poll_stays_in_order, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn(h, spawn_crowd_poll, NULL), 0);
    run_until(h, &order.used, CROWD);
    for (int i = 0; i < CROWD; i++)
        EQ(order.who[i], i);
    EQ(worker_metrics_of(h, 0).overflows, 0);
    rt_free(rt);
}

/* ---- turns ------------------------------------------------------------------------------------------ */

struct worker {
    int who, left;
};

/* Wakes itself; one entry a poll. */
static int busy_poll(void *user, pirn_cx *cx, int *out)
{
    struct worker *w = user;

    (void)log_poll((void *)(intptr_t)w->who, cx, out);
    *out = w->who;
    if (w->left-- == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static struct {
    pirn_handle *h;
    struct worker local[2], remote;
    pirn_join *joins[3];
} turns;

static void *spawn_remote(void *user)
{
    (void)user;
    turns.joins[2] = spawn(turns.h, busy_poll, &turns.remote);
    return NULL;
}

static int begin_turns_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    for (int i = 0; i < 2; i++)
        turns.joins[i] = spawn(NULL, busy_poll, &turns.local[i]);
    end_thread(start_thread(spawn_remote, NULL));
    return 0;
}

/* How many polls of local tasks come before the first of a remote one. */
static int polls_before_the_remote_one(uint32_t interval)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    int n = 0;

    o.global_queue_interval = interval;
    o.event_interval = 1000000;
    rt = rt_on_with((struct flavor){PIRN_MULTI_THREAD, 1}, &o);
    turns.h = pirn_runtime_handle(rt);
    turns.local[0] = turns.local[1] = (struct worker){1, 100};
    turns.remote = (struct worker){9, 0};
    order.used = 0;
    ends_done(turns.h, spawn(turns.h, begin_turns_poll, NULL), 0);
    ends_done(turns.h, turns.joins[2], 9);
    for (int i = 0; i < 2; i++)
        ends_done(turns.h, turns.joins[i], 1);
    EQ(order.used, 203);
    EQ(worker_metrics_of(turns.h, 0).global_queue_interval, interval);
    rt_free(rt);
    while (order.who[n] != 9)
        n++;
    return n;
}

/* (tokio: global_queue_interval_set_to_one) */
Test(mt_order, the_shared_queues_turn, .timeout = LIMIT_S)
{
    int n;

    EQ(polls_before_the_remote_one(1), 0);
    n = polls_before_the_remote_one(5);
    CHECK_SAYS(n < 5, "%d", n);
    n = polls_before_the_remote_one(150);
    CHECK_SAYS(n >= 100 && n < 150, "%d", n);
    EQ(polls_before_the_remote_one(100000), 202); /* when the others are done */
}

struct yielder {
    int who, left;
    unsigned state;
};

static int yielder_poll(void *user, pirn_cx *cx, int *out)
{
    struct yielder *y = user;

    *out = y->who;
    while (y->left > 0) {
        if (y->state == 0)
            (void)log_poll((void *)(intptr_t)y->who, cx, out);
        if (pirn_yield_poll(&y->state, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        y->left--;
    }
    return 0;
}

static struct yielder three[3];
static pirn_join *joins[3];

static int spawn_three_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    for (int i = 0; i < 3; i++) {
        three[i] = (struct yielder){i, 20, 0};
        joins[i] = spawn(NULL, yielder_poll, &three[i]);
    }
    return 0;
}

Test(mt_order, yielding_tasks_take_turns, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn(h, spawn_three_poll, NULL), 0);
    for (int i = 0; i < 3; i++)
        ends_done(h, joins[i], i);
    EQ(order.used, 60);
    for (int i = 0; i < 60; i++)
        EQ(order.who[i], i % 3);
    rt_free(rt);
}

/* ---- it tunes itself ------------------------------------------------------------------------------------ */

struct load {
    _Atomic(bool) slow, stop;
    _Atomic(int) polls;
};

static int load_poll(void *user, pirn_cx *cx, int *out)
{
    struct load *l = user;

    *out = 0;
    if (l->stop)
        return 0;
    l->polls++;
    if (l->slow)
        nap(50 * PIRN_US);
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static pirn_handle *tuned;

static bool looks_often(void *user)
{
    (void)user;
    return worker_metrics_of(tuned, 0).global_queue_interval <= 8;
}

static bool looks_seldom(void *user)
{
    (void)user;
    return worker_metrics_of(tuned, 0).global_queue_interval >= 32;
}

/* (tokio: test_tuning) */
Test(mt_order, the_interval_follows_the_length_of_polls, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    struct load l = {.slow = true};
    pirn_join *j;

    tuned = pirn_runtime_handle(rt);
    j = spawn(tuned, load_poll, &l);
    CHECK(comes_true(looks_often, NULL));
    CHECK(worker_metrics_of(tuned, 0).mean_poll_ns >= 25 * PIRN_US);
    l.slow = false;
    CHECK(comes_true(looks_seldom, NULL));
    CHECK(worker_metrics_of(tuned, 0).global_queue_interval <= 127);
    l.slow = true;
    CHECK(comes_true(looks_often, NULL));
    CHECK(worker_metrics_of(tuned, 0).global_queue_interval >= 2);
    l.stop = true;
    ends_done(tuned, j, 0);
    rt_free(rt);
}
