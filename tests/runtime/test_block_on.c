/* SPDX-License-Identifier: MIT */
/* Does a root future run on its caller's thread, in its caller's memory, and end as tasks do? */
#include "support.h"

#include <stddef.h>

/* (tokio: rt_common block_on_sync) */
Test(block_on, a_root_that_is_ready)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {.open = true, .value = 33};
    struct closure c = {gate_poll, gate_drop, &g};
    pirn_result res = {PIRN_FAULTED, 9, 9};
    int out = 0;

    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, &res, &out), 0);
    EQ(out, 33);
    EQ(res.outcome, PIRN_DONE);
    EQ(res.code, 0);
    EQ(g.polls, 1);
    EQ(g.drops, 1);
    EQ(g.poll_id, 0); /* a root is no task */
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, NULL), 0);
    EQ(outputs_dropped, 1);
    EQ(g.drops, 2);
    CHECK(pirn_handle_current() == NULL);
    rt_free(rt);
}

static void *open_it(void *gate)
{
    while (((struct gate *)gate)->polls == 0)
        sched_yield();
    gate_open(gate);
    return NULL;
}

/* (tokio: rt_common block_on_async, complete_block_on_under_load) */
Test(block_on, a_root_that_is_woken_by_another_thread)
{
    pirn_runtime *rt = rt_new();

    for (int i = 0; i < 200; i++) {
        struct gate g = {.value = i};
        pthread_t t = start_thread(open_it, &g);

        EQ(block_on(pirn_runtime_handle(rt), gate_poll, &g), i);
        end_thread(t);
        pirn_waker_cell_fini(&g.cell);
        CHECK(g.polls <= 2); /* one is enough if the wake comes inside it */
    }
    rt_free(rt);
}

static int code_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    return *(int *)user;
}

Test(block_on, codes_and_contracts)
{
    pirn_runtime *rt = rt_new();
    int values[] = {-5, 2, 77}, drops = 0;

    for (int i = 0; i < 3; i++) {
        struct closure c = {code_poll, NULL, &values[i]};
        pirn_result res = {PIRN_CANCELLED, 0, 0};
        int out = 123;

        EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, &res, &out), 0);
        EQ(res.outcome, i == 0 ? PIRN_DONE : PIRN_FAULTED);
        EQ(res.code, values[i]);
        EQ(out, 123);
        if (i > 0)
            SAYS("closure");
    }
    EQ(drops, 0);
    EQ(outputs_dropped, 0);
    rt_free(rt);
}

/* ---- faults -------------------------------------------------------------------------------------- */

struct faulty {
    bool in_poll, by_cx, in_drop, after_wait;
    bool waited;
    int drops;
};

static int faulty_poll(void *user, pirn_cx *cx, int *out)
{
    struct faulty *f = user;

    if (f->after_wait && !f->waited) {
        f->waited = true;
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    }
    if (f->in_poll && f->by_cx)
        return pirn_cx_fault(cx, 11, "root %d", 1);
    if (f->in_poll)
        pirn_fault(11, "root %d", 1);
    *out = 5;
    return 0;
}

static void faulty_drop(void *user)
{
    struct faulty *f = user;

    f->drops++;
    if (f->in_drop)
        pirn_fault(12, "root's drop");
}

/* (tokio: rt_common panic_in_block_on) */
Test(block_on, every_fault_of_a_root)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    unsigned faults = 0;

    for (unsigned n = 0; n < 32; n++) {
        struct faulty f = {n & 1, n & 2, n & 4, n & 8, false, 0};
        struct closure c = {faulty_poll, faulty_drop, &f};
        pirn_result res = {PIRN_DONE, 0, 0};
        int out = -1, dropped = outputs_dropped;
        int r = pirn_block_on(h, &closure_desc, &c, &res, n & 16 ? &out : NULL);
        bool faulted = f.in_poll || f.in_drop;

        EQ(r, 0);
        EQ(f.drops, 1);
        EQ(res.outcome, faulted ? PIRN_FAULTED : PIRN_DONE);
        EQ(res.code, f.in_poll ? 11 : f.in_drop ? 12 : 0);
        if (faulted)
            SAYS(f.in_poll ? "root 1" : "root's drop");
        /* Taken by the caller if it all went well and there was room; else dropped. */
        EQ(outputs_dropped - dropped, !f.in_poll && (f.in_drop || !(n & 16)));
        if (!faulted && n & 16)
            EQ(out, 5);
        faults += faulted;
    }
    EQ(faults, 24);
    EQ(block_on(h, ready_poll, NULL), 0);
    rt_free(rt);
}

static int fault_beside(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(13, "beside");
}

/* (tokio: rt_common panic_in_task: the others and the root go on) */
Test(block_on, a_fault_of_a_task_is_not_the_roots)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct joining f = {0};
    pirn_join *bad[3];

    for (int i = 0; i < 3; i++)
        bad[i] = spawn(h, fault_beside, NULL);
    f.join = spawn(h, ready_poll, NULL);
    EQ(block_on(h, joining_poll, &f), 0);
    for (int i = 0; i < 3; i++)
        join_is(bad[i], PIRN_FAULTED, 13);
    rt_free(rt);
}

/* ---- pending operations of a root ------------------------------------------------------------------ */

struct with_ops {
    pirn_op first, second;
    int order, first_at, second_at, drop_at;
    bool polled;
};

static void first_dropped(void *user)
{
    struct with_ops *f = user;

    f->first_at = ++f->order;
}

static void second_dropped(void *user)
{
    struct with_ops *f = user;

    f->second_at = ++f->order;
}

static int with_ops_poll(void *user, pirn_cx *cx, int *out)
{
    struct with_ops *f = user;

    *out = 0;
    pirn_defer(&f->first, cx, first_dropped, f);
    pirn_defer(&f->second, cx, second_dropped, f);
    if (f->polled)
        return 0;
    f->polled = true;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void with_ops_drop(void *user)
{
    struct with_ops *f = user;

    f->drop_at = ++f->order;
}

Test(block_on, operations_are_dropped_newest_first_before_the_frame)
{
    pirn_runtime *rt = rt_new();
    struct with_ops f = {0}, g = {0};
    struct closure c = {with_ops_poll, with_ops_drop, &f};
    pirn_join *j = spawn_dropping(pirn_runtime_handle(rt), with_ops_poll, with_ops_drop, &g);

    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, NULL), 0);
    rt_idle(rt);
    join_done(j, 0);
    EQ(f.second_at, 1);
    EQ(f.first_at, 2);
    EQ(f.drop_at, 3);
    EQ(g.second_at, 1);
    EQ(g.first_at, 2);
    EQ(g.drop_at, 3);
    rt_free(rt);
}

/* ---- nesting ---------------------------------------------------------------------------------------- */

struct nested {
    pirn_runtime *other;
    pirn_join *join;
    int drops;
};

static int nested_poll(void *user, pirn_cx *cx, int *out)
{
    struct nested *n = user;
    struct closure c = {ready_poll, count_drop, &n->drops};

    (void)cx;
    *out = 0;
    EQ(pirn_block_on(NULL, &closure_desc, &c, NULL, NULL), -EDEADLK);
    EQ(pirn_block_on(pirn_runtime_handle(n->other), &closure_desc, &c, NULL, NULL), -EDEADLK);
    EQ(pirn_run(NULL, &closure_desc, &c, NULL, NULL), -EDEADLK);
    EQ(pirn_runtime_turn(n->other, 0, NULL), -EDEADLK);
    EQ(pirn_runtime_shutdown(n->other, PIRN_NEVER), -EDEADLK);
    EQ(pirn_join_wait(n->join, PIRN_NEVER, NULL, NULL), -EDEADLK);
    EQ(pirn_poll_wait(closure_desc.poll, &c, PIRN_NEVER, out), -EDEADLK);
    return 0;
}

static void nested_drop(void *user)
{
    int out;

    (void)nested_poll(user, NULL, &out);
}

/* (tokio: rt_common nested_rt, panics from within a runtime) */
Test(block_on, nothing_blocks_inside_a_task_a_root_or_a_drop)
{
    pirn_runtime *rt = rt_new(), *other = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct nested n = {other, spawn(pirn_runtime_handle(other), ready_poll, NULL), 0};
    struct closure c = {nested_poll, nested_drop, &n};
    pirn_join *j;

    rt_idle(other); /* even a wait that would be over at once */
    EQ(pirn_block_on(h, &closure_desc, &c, NULL, NULL), 0);
    j = spawn_dropping(h, nested_poll, nested_drop, &n);
    rt_idle(rt);
    join_done(j, 0);
    EQ(n.drops, 0);
    pirn_join_free(n.join);
    pirn_runtime_free(other);
    rt_free(rt);
}

static pirn_runtime *freed_inside;

static int free_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_runtime_free(freed_inside);
    return 0;
}

static void free_inside_a_task(void)
{
    freed_inside = rt_new();
    (void)block_on(pirn_runtime_handle(freed_inside), free_poll, NULL);
}

Test(block_on, freeing_a_runtime_inside_a_task_aborts)
{
    expect_abort(free_inside_a_task, "pirn_runtime_free");
}

/* ---- wakers of a root ---------------------------------------------------------------------------------- */

static int keep_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_waker *w = user;

    *out = 0;
    if (w->vt != NULL)
        return 0;
    *w = pirn_cx_waker(cx);
    CHECK(pirn_waker_will_wake(w, pirn_cx_borrow_waker(cx)));
    pirn_waker_wake_by_ref(w);
    return PIRN_PENDING;
}

/* (tokio: rt_common wake from TLS destructors: wakers outlive what they wake) */
Test(block_on, wakers_outlive_the_root_and_the_runtime)
{
    pirn_runtime *rt = rt_new();
    pirn_waker a = {0}, b = {0}, c;

    EQ(block_on(pirn_runtime_handle(rt), keep_poll, &a), 0);
    EQ(block_on(pirn_runtime_handle(rt), keep_poll, &b), 0);
    CHECK(!pirn_waker_will_wake(&a, &b));
    pirn_waker_wake_by_ref(&a);
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    c = pirn_waker_clone(&b);
    pirn_waker_wake(a);
    pirn_runtime_free(rt);
    CHECK(tally.live > 0);
    pirn_waker_wake(b);
    pirn_waker_drop(c);
    EQ(tally.live, 0);
}

/* ---- pirn_run ------------------------------------------------------------------------------------------- */

Test(block_on, run_makes_a_runtime_and_frees_it)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct gate g = {.open = true, .value = 4};
    struct closure c = {gate_poll, gate_drop, &g};
    pirn_result res;
    int out;

    o.flavor = (enum pirn_flavor)2;
    EQ(pirn_run(&o, &closure_desc, &c, &res, &out), -EINVAL);
    SAYS("flavor");
    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &tally.alloc;
    EQ(pirn_run(&o, NULL, &c, &res, &out), -EINVAL);
    EQ(g.polls, 0);
    EQ(g.drops, 0);
    EQ(pirn_run(&o, &closure_desc, &c, &res, &out), 0);
    EQ(out, 4);
    EQ(res.outcome, PIRN_DONE);
    EQ(tally.live, 0);
    o.size = 1;
    EQ(pirn_run(&o, &closure_desc, &c, &res, &out), -EINVAL);
    SAYS("size");
    EQ(g.drops, 1);
}

Test(block_on, no_runtime_is_said)
{
    int drops = 0;
    struct closure c = {ready_poll, count_drop, &drops};

    EQ(pirn_block_on(NULL, &closure_desc, &c, NULL, NULL), PIRN_ENORUNTIME);
    EQ(drops, 0);
    SAME_TEXT(pirn_strerror(PIRN_ENORUNTIME), "no runtime on this thread");
}

/* ---- many roots, one after the other; tasks in between stay ---------------------------------------------- */

/* (tokio: rt_basic: tasks go on at the next call) */
Test(block_on, tasks_stay_between_calls)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {.value = 1};
    pirn_join *j = spawn_gate(h, &g);
    struct joining f = {0};

    EQ(block_on(h, ready_poll, NULL), 0);
    f.join = spawn(h, ready_poll, NULL);
    EQ(block_on(h, joining_poll, &f), 0);
    EQ(g.polls, 1);
    gate_open(&g);
    EQ(g.polls, 1);
    f.join = j;
    EQ(block_on(h, joining_poll, &f), 1);
    rt_free(rt);
}
