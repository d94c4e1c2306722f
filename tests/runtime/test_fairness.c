/* SPDX-License-Identifier: MIT */
/* Does everybody get a turn: yields, budget, the inject queue's interval, the driver's, the root? */
#include "support.h"

enum {
    LOG = 4096
};

static struct {
    int who[LOG];
    int used;
} order;

static void log_turn(int who)
{
    CHECK(order.used < LOG);
    order.who[order.used++] = who;
}

struct worker {
    int who, left;
    bool at_once; /* wakes itself instead of yielding */
    unsigned state;
};

static int worker_poll(void *user, pirn_cx *cx, int *out)
{
    struct worker *w = user;

    *out = w->who;
    if (w->state == 0)
        log_turn(w->who);
    if (w->at_once) {
        if (w->left-- == 0)
            return 0;
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    }
    while (w->left > 0) {
        if (pirn_yield_poll(&w->state, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        EQ(w->state, 0);
        if (--w->left > 0)
            log_turn(w->who);
    }
    return 0;
}

/* ---- yields -------------------------------------------------------------------------------------- */

/* (tokio: task_yield_now, rt_common yield_defers_until_park) */
Test(fairness, yielding_tasks_take_turns)
{
    pirn_runtime *rt = rt_new();
    struct worker w[3] = {{0, 4, false, 0}, {1, 4, false, 0}, {2, 4, false, 0}};
    pirn_join *j[3];

    for (int i = 0; i < 3; i++)
        j[i] = spawn(pirn_runtime_handle(rt), worker_poll, &w[i]);
    rt_idle(rt);
    EQ(order.used, 12);
    for (int i = 0; i < 12; i++)
        EQ(order.who[i], i % 3);
    for (int i = 0; i < 3; i++)
        join_done(j[i], i);
    rt_free(rt);
}

static pirn_runtime *with_intervals(uint32_t event, uint32_t global)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.event_interval = event;
    o.global_queue_interval = global;
    return rt_new_with(&o);
}

struct root_of_two {
    struct worker w[2];
    struct joining f[2];
    int next;
};

static int root_of_two_poll(void *user, pirn_cx *cx, int *out)
{
    struct root_of_two *r = user;

    for (int i = 0; i < 2; i++)
        if (r->f[i].join == NULL && r->next == 0)
            r->f[i].join = spawn(NULL, worker_poll, &r->w[i]);
    for (; r->next < 2; r->next++)
        if (joining_poll(&r->f[r->next], cx, out) == PIRN_PENDING)
            return PIRN_PENDING;
    return 0;
}

/* One that yields waits for the look at the driver, which comes every event_interval polls; one
 * that wakes itself does not. */
Test(fairness, a_yield_waits_for_the_driver)
{
    pirn_runtime *rt = with_intervals(10, 1000);
    struct root_of_two r = {.w = {{0, 3, false, 0}, {1, 60, true, 0}}};

    EQ(block_on(pirn_runtime_handle(rt), root_of_two_poll, &r), 1);
    EQ(order.used, 3 + 61);
    for (int i = 0; i < 30; i++)
        /* The yielder is first in line once; from then on last in line after each look. */
        EQ(order.who[i], i == 0 || i == 11 || i == 21 ? 0 : 1);
    rt_free(rt);
}

/* ---- the root ------------------------------------------------------------------------------------ */

struct busy_root {
    struct worker w;
    pirn_join *join;
    int polls, at[6]; /* how many polls the worker had before each of ours */
};

static int busy_root_poll(void *user, pirn_cx *cx, int *out)
{
    struct busy_root *r = user;

    if (r->join == NULL)
        r->join = spawn(NULL, worker_poll, &r->w);
    r->at[r->polls++] = order.used;
    *out = 0;
    if (r->polls == 6)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

/* (tokio: rt_common root_and_task_progress_under_load, rt_basic no_extra_poll) */
Test(fairness, a_woken_root_comes_every_event_interval)
{
    pirn_runtime *rt = with_intervals(7, 1000);
    struct busy_root r = {.w = {0, 1000, true, 0}};

    EQ(block_on(pirn_runtime_handle(rt), busy_root_poll, &r), 0);
    for (int i = 0; i < 6; i++)
        EQ(r.at[i], 7 * i);
    pirn_join_free(r.join);
    rt_free(rt);
}

Test(fairness, the_default_event_interval_is_61)
{
    pirn_runtime *rt = rt_new();
    struct busy_root r = {.w = {0, 1000, true, 0}};

    EQ(block_on(pirn_runtime_handle(rt), busy_root_poll, &r), 0);
    for (int i = 0; i < 6; i++)
        EQ(r.at[i], 61 * i);
    pirn_join_free(r.join);
    rt_free(rt);
}

struct counting {
    int polls;
    struct joining f;
    struct gate g;
};

static int counting_poll(void *user, pirn_cx *cx, int *out)
{
    struct counting *c = user;

    c->polls++;
    if (c->f.join == NULL)
        c->f.join = spawn_gate(NULL, &c->g);
    return joining_poll(&c->f, cx, out);
}

/* (tokio: rt_basic no_extra_poll: a root is polled when it was woken and not otherwise) */
Test(fairness, no_extra_poll_of_the_root)
{
    pirn_runtime *rt = rt_new();
    struct counting c = {.g = {.open = true, .value = 2}};

    EQ(block_on(pirn_runtime_handle(rt), counting_poll, &c), 2);
    EQ(c.polls, 2);
    rt_free(rt);
}

/* ---- the inject queue ------------------------------------------------------------------------------ */

static struct worker remote = {9, 0, true, 0};
static pirn_join *remote_join;

static void *spawn_remote(void *h)
{
    remote_join = spawn(h, worker_poll, &remote);
    return NULL;
}

struct loaded_root {
    struct worker w[2];
    pirn_join *join[2];
};

static int loaded_root_poll(void *user, pirn_cx *cx, int *out)
{
    struct loaded_root *r = user;

    if (r->join[0] == NULL) {
        for (int i = 0; i < 2; i++)
            r->join[i] = spawn(NULL, worker_poll, &r->w[i]);
        end_thread(start_thread(spawn_remote, pirn_handle_current()));
    }
    *out = 0;
    if (pirn_join_is_finished(r->join[0]) && pirn_join_is_finished(r->join[1]))
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static int polls_before_the_remote_one(uint32_t interval)
{
    pirn_runtime *rt = with_intervals(0, interval);
    struct loaded_root r = {.w = {{0, 100, true, 0}, {1, 100, true, 0}}};
    int n = 0;

    order.used = 0;
    remote.left = 0;
    EQ(block_on(pirn_runtime_handle(rt), loaded_root_poll, &r), 0);
    while (order.who[n] != 9)
        n++;
    pirn_join_free(r.join[0]);
    pirn_join_free(r.join[1]);
    rt_idle(rt);
    join_done(remote_join, 9);
    rt_free(rt);
    return n;
}

/* (tokio: rt_common spawn_from_other_thread_under_load, rt_threaded global_queue_interval) */
Test(fairness, a_remote_task_has_its_turn_while_local_ones_are_busy)
{
    EQ(polls_before_the_remote_one(1), 0);
    EQ(polls_before_the_remote_one(5), 4);
    EQ(polls_before_the_remote_one(0), 30); /* the default: 31 */
    EQ(polls_before_the_remote_one(150), 149);
    EQ(polls_before_the_remote_one(100000), 202); /* never: when the others are done */
}

/* ---- budget -------------------------------------------------------------------------------------- */

struct spender {
    int units[4]; /* taken in each poll */
    int polls, max;
};

static int spender_poll(void *user, pirn_cx *cx, int *out)
{
    struct spender *s = user;
    int n = 0;

    log_turn(s->max);
    while (n < s->max && pirn_consume_budget_poll(cx) == 0)
        n++;
    s->units[s->polls++] = n;
    *out = s->polls;
    return s->polls == 3 ? 0 : PIRN_PENDING;
}

static void spend(uint32_t budget, uint32_t flags, const int *units, uint64_t yields)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_task_desc d = closure_desc;
    struct spender s = {.max = 5000};
    struct closure c = {spender_poll, NULL, &s};
    pirn_join *j = NULL;
    pirn_runtime *rt;

    d.flags = flags;
    o.coop_budget = budget;
    rt = rt_new_with(&o);
    EQ(pirn_spawn(pirn_runtime_handle(rt), &d, &c, &j), 0);
    rt_idle(rt);
    for (int i = 0; i < 3; i++)
        EQ(s.units[i], units[i]);
    EQ(metrics_of(pirn_runtime_handle(rt)).budget_yields, yields);
    pirn_join_free(j);
    rt_free(rt);
}

/* (tokio: coop_budget, rt_common coop, coop_unconstrained) */
Test(fairness, a_poll_has_its_budget)
{
    static const int by_default[] = {128, 128, 128}, ten[] = {10, 10, 10};
    static const int endless[] = {5000, 0, 0};

    spend(0, 0, by_default, 3);
    spend(10, 0, ten, 3);
    /* Nobody wakes it again: it has not run out. */
    spend(PIRN_UNLIMITED, 0, endless, 0);
    spend(0, PIRN_TASK_UNCONSTRAINED, endless, 0);
    spend(10, PIRN_TASK_UNCONSTRAINED, endless, 0);
}

static int root_spends(void *user, pirn_cx *cx, int *out)
{
    int r = spender_poll(user, cx, out);

    return r;
}

Test(fairness, a_root_has_its_budget_too)
{
    pirn_runtime *rt = rt_new();
    struct spender s = {.max = 5000};

    EQ(block_on(pirn_runtime_handle(rt), root_spends, &s), 3);
    for (int i = 0; i < 3; i++)
        EQ(s.units[i], 128);
    rt_free(rt);
}

/* A task that has used its budget up goes behind the others. */
Test(fairness, a_spent_budget_lets_others_go_first)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct spender a = {.max = 5000}, b = {.max = 4000};
    pirn_join *j = spawn(h, spender_poll, &a), *k = spawn(h, spender_poll, &b);
    static const int want[] = {5000, 4000, 5000, 4000, 5000, 4000};

    rt_idle(rt);
    EQ(order.used, 6);
    for (int i = 0; i < 6; i++)
        EQ(order.who[i], want[i]);
    join_done(j, 3);
    join_done(k, 3);
    rt_free(rt);
}

struct joins_many {
    pirn_join *joins[300];
    int next, polls;
    int per_poll[4];
};

static int joins_many_poll(void *user, pirn_cx *cx, int *out)
{
    struct joins_many *m = user;
    int n = 0;

    *out = m->next;
    for (; m->next < 300; m->next++, n++)
        if (pirn_join_poll(m->joins[m->next], cx, NULL, NULL) == PIRN_PENDING)
            break;
    m->per_poll[m->polls++] = n;
    return m->next == 300 ? 0 : PIRN_PENDING;
}

/* A join takes a unit, and one that has to wait gives it back. */
Test(fairness, joins_take_budget)
{
    static struct joins_many m;
    pirn_runtime *rt = rt_new();
    struct gate g = {0};
    pirn_join *j;

    for (int i = 0; i < 300; i++)
        m.joins[i] = i == 5 ? spawn_gate(pirn_runtime_handle(rt), &g)
                            : spawn(pirn_runtime_handle(rt), ready_poll, NULL);
    rt_idle(rt);
    j = spawn(pirn_runtime_handle(rt), joins_many_poll, &m);
    rt_idle(rt);
    gate_open(&g);
    rt_idle(rt);
    CHECK(pirn_join_is_finished(j));
    EQ(m.polls, 4);
    EQ(m.per_poll[0], 5);
    EQ(m.per_poll[1], 128);
    EQ(m.per_poll[2], 128);
    EQ(m.per_poll[3], 300 - 5 - 256);
    EQ(metrics_of(pirn_runtime_handle(rt)).budget_yields, 2);
    pirn_join_free(j);
    for (int i = 0; i < 300; i++)
        pirn_join_free(m.joins[i]);
    rt_free(rt);
}
