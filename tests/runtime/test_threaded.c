/* SPDX-License-Identifier: MIT */
/* What only workers do: run side by side, take what is queued behind others, hold more than a queue
 * holds. (tokio: rt_threaded) */
#include "flavors.h"

#include <poll.h>
#include <unistd.h>

/* ---- more than fits --------------------------------------------------------------------------------- */

enum {
    HUGE = 100000
};

static int spawn_huge_poll(void *counter, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    for (int i = 0; i < HUGE; i++)
        pirn_join_free(spawn(NULL, add_poll, counter));
    return 0;
}

static void more_than_the_largest_queue(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;

    ends_done(h, spawn(h, spawn_huge_poll, &ran), 0);
    run_until(h, &ran, HUGE);
    EQ(ran, HUGE);
    rt_quiet(h);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(metrics_of(h).local_queue_depth, 0);
    EQ(metrics_of(h).inject_queue_depth, 0);
    if (f.workers == 1)
        CHECK(worker_metrics_of(h, 0).overflows > 0);
    rt_free(rt);
}
EACH_MT(threaded, more_than_the_largest_queue)

/* ---- wakes onto one worker ------------------------------------------------------------------------ */

enum {
    GATES = 12000
};

static struct gate gates[GATES];
static pirn_join *joins[GATES];

static int open_gates_poll(void *user, pirn_cx *cx, int *out)
{
    int n = (int)(intptr_t)user;

    (void)cx;
    *out = 0;
    for (int i = 0; i < n; i++)
        gate_open(&gates[i]);
    return 0;
}

/* Wakes cannot allocate: what does not fit goes to the shared queue, and is run all the same. */
static void wakes(struct flavor f, int n)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_worker_metrics m;

    for (int i = 0; i < n; i++) {
        gates[i].value = i;
        joins[i] = spawn_gate(h, &gates[i]);
    }
    for (int i = 0; i < n; i++)
        run_until(h, &gates[i].polls, 1);
    ends_done(h, spawn(h, open_gates_poll, (void *)(intptr_t)n), 0);
    for (int i = 0; i < n; i++) {
        ends_done(h, joins[i], i);
        EQ(gates[i].polls, 2);
        EQ(gates[i].drops, 1);
    }
    m = worker_metrics_of(h, 0);
    if (f.workers == 1) {
        EQ(m.steals, 0);
        EQ(m.steal_operations, 0);
        if (n > 10000)
            CHECK(m.overflows > 0);
        else
            EQ(m.overflows, 0);
        EQ(m.local_schedules, n); /* each of them was woken by a task */
    }
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}

static void so_many_wakes_that_the_queue_is_full(struct flavor f)
{
    wakes(f, GATES);
}
EACH_MT(threaded, so_many_wakes_that_the_queue_is_full)

static void wakes_that_fit(struct flavor f)
{
    wakes(f, 1000);
}
EACH_MT(threaded, wakes_that_fit)

/* ---- side by side ------------------------------------------------------------------------------------------ */

struct meeting {
    sem_t there[2];
};

struct guest {
    struct meeting *m;
    int me;
};

/* Both must run at the same time. */
static int guest_poll(void *user, pirn_cx *cx, int *out)
{
    struct guest *g = user;

    (void)cx;
    *out = pirn_worker_index();
    post(&g->m->there[g->me]);
    await(&g->m->there[1 - g->me]);
    post(&g->m->there[1 - g->me]);
    return 0;
}

Test(threaded, two_workers_run_at_the_same_time, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(2);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 200; i++) {
        struct meeting m;
        struct guest g[2] = {{&m, 0}, {&m, 1}};
        pirn_join *j[2];
        int out[2];

        for (int k = 0; k < 2; k++)
            EQ(sem_init(&m.there[k], 0, 0), 0);
        for (int k = 0; k < 2; k++)
            j[k] = spawn(h, guest_poll, &g[k]);
        for (int k = 0; k < 2; k++)
            EQ(pirn_join_wait(j[k], PIRN_NEVER, NULL, &out[k]), 0);
        CHECK(out[0] != out[1]);
        CHECK(out[0] >= 0 && out[0] < 2 && out[1] >= 0 && out[1] < 2);
        for (int k = 0; k < 2; k++)
            pirn_join_free(j[k]);
    }
    rt_free(rt);
}

/* Spawns two and keeps its worker until one of them has run: that one must go elsewhere. */
static int host_poll(void *user, pirn_cx *cx, int *out)
{
    struct stopper *s = user;

    (void)cx;
    *out = pirn_worker_index();
    for (int i = 0; i < 2; i++)
        pirn_join_free(spawn(NULL, stopper_poll, &s[i]));
    await(&s[0].entered);
    return 0;
}

static bool both_done(void *user)
{
    struct stopper *s = user;

    return s[0].done && s[1].done;
}

Test(threaded, what_is_queued_behind_a_poll_is_stolen, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(2);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 200; i++) {
        struct stopper s[2];
        pirn_join *j;
        int host;

        for (int k = 0; k < 2; k++) {
            stopper_init(&s[k]);
            post(&s[k].go);
        }
        j = spawn(h, host_poll, s);
        EQ(pirn_join_wait(j, PIRN_NEVER, NULL, &host), 0);
        pirn_join_free(j);
        CHECK(comes_true(both_done, s));
        CHECK(s[0].worker >= 0 && s[0].worker != host);
    }
    CHECK(worker_metrics_of(h, 0).steals + worker_metrics_of(h, 1).steals >= 200);
    rt_free(rt);
}

/* No wake-up is lost while workers fall asleep. */
static void one_at_a_time_to_sleeping_workers(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    int out = -1;

    for (int i = 0; i < 3000; i++) {
        pirn_join *j = spawn(h, ready_poll, NULL);

        if (i % 50 == 0)
            nap(200 * PIRN_US); /* they are past their search, about to sleep, or asleep */
        EQ(pirn_join_wait(j, PIRN_NEVER, NULL, &out), 0);
        pirn_join_free(j);
    }
    EQ(metrics_of(h).polls, 3000);
    rt_free(rt);
}
EACH_MT(threaded, one_at_a_time_to_sleeping_workers)

/* ---- which worker ---------------------------------------------------------------------------------------- */

static _Atomic(int) bad_index, thread_of[4];

static int where_poll(void *user, pirn_cx *cx, int *out)
{
    int i = pirn_worker_index();

    (void)cx;
    *out = i;
    if (i < 0 || i >= (int)(intptr_t)user)
        bad_index++;
    else
        thread_of[i] = gettid();
    return 0;
}

/* (tokio: rt_worker_index, worker_thread_id) */
static void indices_are_those_of_the_metrics(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    int seen = 0;

    EQ(pirn_worker_index(), -1);
    EQ(metrics_of(h).workers, f.workers);
    for (int i = 0; i < 200; i++)
        joins[i] = spawn(h, where_poll, (void *)(intptr_t)f.workers);
    for (int i = 0; i < 200; i++) {
        EQ(pirn_join_wait(joins[i], PIRN_NEVER, NULL, NULL), 0);
        pirn_join_free(joins[i]);
    }
    EQ(bad_index, 0);
    for (uint32_t i = 0; i < f.workers; i++)
        if (thread_of[i] != 0) {
            EQ(worker_metrics_of(h, i).thread_id, thread_of[i]);
            seen++;
        }
    CHECK(seen > 0);
    EQ(block_on(h, where_poll, NULL), -1); /* a root runs on its caller's thread */
    rt_free(rt);
}
EACH_MT(threaded, indices_are_those_of_the_metrics)

/* More workers than CPUs. */
Test(threaded, thirty_two_workers, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(32);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;

    EQ(metrics_of(h).workers, 32);
    for (int i = 0; i < 5; i++)
        ends_done(h, spawn(h, spawn_huge_poll, &ran), 0);
    run_until(h, &ran, 5 * HUGE);
    EQ(ran, 5 * HUGE);
    rt_quiet(h);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}

/* ---- from outside ------------------------------------------------------------------------------------------ */

/* A foreign loop waits for a descriptor. */
static void a_descriptor_tells_of_the_end(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 50; i++) {
        struct gate g = {.value = i};
        pirn_join *j = spawn_gate(h, &g);
        struct pollfd p = {.fd = pirn_join_fd(j), .events = POLLIN};

        CHECK(p.fd >= 0);
        run_until(h, &g.polls, 1);
        EQ(poll(&p, 1, 0), 0);
        gate_open(&g);
        EQ(poll(&p, 1, 10000), 1);
        join_done(j, i);
    }
    rt_free(rt);
}
EACH_MT(threaded, a_descriptor_tells_of_the_end)

/* An abort that comes while the poll runs acts after it. */
static void aborted_while_it_runs(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s;
    pirn_join *j;

    stopper_init(&s);
    j = spawn(h, stopper_poll, &s);
    await(&s.entered);
    pirn_join_abort(j);
    CHECK(!pirn_join_is_finished(j));
    EQ(pirn_join_wait(j, pirn_after(5 * PIRN_MS), NULL, NULL), -ETIMEDOUT);
    post(&s.go);
    ends_done(h, j, 0); /* it was done */
    rt_free(rt);
}
EACH_MT(threaded, aborted_while_it_runs)

Test(threaded, turns_and_descriptors_are_for_the_other_flavour, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);

    EQ(pirn_runtime_turn(rt, 0, NULL), -EINVAL);
    EQ(pirn_runtime_fd(rt), -EINVAL);
    rt_free(rt);
}
