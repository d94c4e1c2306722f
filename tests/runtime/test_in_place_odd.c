/* SPDX-License-Identifier: MIT */
/* What may come while a poll blocks in place: faults, aborts, the end, no thread to take over. (tokio:
 * rt_threaded, task_blocking) */
#include "flavors.h"

#include "tests/support/fail_thread.h"

static pirn_runtime *rt_with_threads(uint32_t workers, uint32_t max_blocking)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.max_blocking_threads = max_blocking;
    return rt_on_with((struct flavor){PIRN_MULTI_THREAD, workers}, &o);
}

static int number(void *n)
{
    return (int)(intptr_t)n;
}

/* All is well again. */
static int working_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = pirn_block_in_place(number, user);
    return 0;
}

/* ---- what comes meanwhile ------------------------------------------------------------------------ */

static int faulting_fn(void *arg)
{
    pirn_fault(33, "in place %d", (int)(intptr_t)arg);
}

static int faulting_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = pirn_block_in_place(faulting_fn, user);
    return 0;
}

static void a_fault_is_the_tasks(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {faulting_poll, NULL, (void *)1};
    _Atomic(int) drops = 0;
    pirn_result res;

    for (int i = 0; i < 50; i++)
        ends_as(h, spawn_dropping(h, faulting_poll, add_drop, &drops), PIRN_FAULTED, 33);
    EQ(drops, 50);
    EQ(pirn_block_on(h, &closure_desc, &c, &res, NULL), 0);
    EQ(res.outcome, PIRN_FAULTED);
    EQ(res.code, 33);
    SAYS("in place 1");
    ends_done(h, spawn(h, working_poll, (void *)3), 3);
    EQ(metrics_of(h).faults, 50);
    rt_free(rt);
}
EACH_MT(in_place_odd, a_fault_is_the_tasks)

struct interrupted {
    struct stopper s;
    bool cancelled;
    _Atomic(int) drops;
};

static int stop_in_place(void *arg)
{
    stopper_stop(arg);
    return 0;
}

static int interrupted_poll(void *user, pirn_cx *cx, int *out)
{
    struct interrupted *i = user;

    *out = pirn_block_in_place(stop_in_place, &i->s);
    i->cancelled = pirn_cx_cancelled(cx);
    return i->cancelled ? PIRN_PENDING : 0;
}

static void interrupted_drop(void *user)
{
    struct interrupted *i = user;

    i->drops++;
}

static void an_abort_meanwhile(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct interrupted i = {0};
    pirn_join *j;

    stopper_init(&i.s);
    j = spawn_dropping(h, interrupted_poll, interrupted_drop, &i);
    await(&i.s.entered);
    pirn_join_abort(j);
    EQ(i.drops, 0);
    post(&i.s.go);
    ends_as(h, j, PIRN_CANCELLED, -ECANCELED);
    CHECK(i.cancelled);
    EQ(i.drops, 1);
    rt_free(rt);
}
EACH_MT(in_place_odd, an_abort_meanwhile)

static void a_shutdown_meanwhile(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct interrupted i = {0};
    _Atomic(int) others = 0;
    pirn_join *j;

    stopper_init(&i.s);
    j = spawn_dropping(h, interrupted_poll, interrupted_drop, &i);
    await(&i.s.entered);
    for (int k = 0; k < 10; k++)
        pirn_join_free(spawn_dropping(h, pending_poll, add_drop, &others));
    EQ(pirn_runtime_shutdown(rt, pirn_after(20 * PIRN_MS)), -ETIMEDOUT);
    EQ(i.drops, 0);
    post(&i.s.go);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(i.drops, 1);
    EQ(others, 10);
    CHECK(i.cancelled);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}
EACH_MT(in_place_odd, a_shutdown_meanwhile)

static int shut_down_fn(void *rt)
{
    return pirn_runtime_shutdown(rt, PIRN_NEVER);
}

static int shutting_down_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = pirn_block_in_place(shut_down_fn, user);
    return 0;
}

/* It would wait for its own end. */
static void no_shutdown_in_it(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn(h, shutting_down_poll, rt), -EDEADLK);
    ends_done(h, spawn(h, working_poll, (void *)3), 3);
    rt_free(rt);
}
EACH_MT(in_place_odd, no_shutdown_in_it)

static int free_fn(void *rt)
{
    pirn_runtime_free(rt);
    return 0;
}

static int freeing_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = pirn_block_in_place(free_fn, user);
    return 0;
}

static void free_in_it(void)
{
    pirn_runtime *rt = rt_mt(2);

    ends_done(pirn_runtime_handle(rt), spawn(pirn_runtime_handle(rt), freeing_poll, rt), 0);
}

Test(in_place_odd, no_free_in_it, .timeout = LIMIT_S)
{
    expect_abort(free_in_it, "pirn_runtime_free");
}

/* ---- without a thread to take over ---------------------------------------------------------------- */

static struct {
    struct stopper s;
    _Atomic(int) behind, behind_after;
} keeping;

static int keep_in_place(void *arg)
{
    (void)arg;
    keeping.behind_after = keeping.behind;
    return 5;
}

/* Nobody takes over: what is behind it waits, and comes afterwards. */
static int keeping_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    pirn_join_free(spawn(NULL, add_poll, &keeping.behind));
    *out = pirn_block_in_place(keep_in_place, NULL);
    EQ(pirn_worker_index(), 0);
    EQ(keeping.behind, 0);
    return 0;
}

Test(in_place_odd, the_pool_is_full, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_with_threads(1, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {stopper_poll, NULL, &keeping.s};
    pirn_join *j = NULL;

    stopper_init(&keeping.s);
    EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j), 0);
    await(&keeping.s.entered);
    ends_done(h, spawn(h, keeping_poll, NULL), 5);
    run_until(h, &keeping.behind, 1);
    EQ(keeping.behind_after, 0);
    EQ(metrics_of(h).block_in_place_kept, 1);
    post(&keeping.s.go);
    ends_done(h, j, 0);
    /* And now there is a place again. */
    ends_done(h, spawn(h, working_poll, (void *)3), 3);
    EQ(metrics_of(h).block_in_place_kept, 1);
    rt_free(rt);
}

Test(in_place_odd, no_thread_can_be_made, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);

    fail_thread.fail_from = 1;
    ends_done(h, spawn(h, keeping_poll, NULL), 5);
    fail_thread.fail_from = 0;
    run_until(h, &keeping.behind, 1);
    EQ(fail_thread.failed, 1);
    EQ(metrics_of(h).block_in_place_kept, 1);
    ends_done(h, spawn(h, working_poll, (void *)3), 3);
    EQ(metrics_of(h).block_in_place_kept, 1);
    rt_free(rt);
}

static int faulting_kept_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = pirn_block_in_place(faulting_fn, user);
    return 0;
}

Test(in_place_odd, a_fault_with_the_worker_kept, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);

    fail_thread.fail_from = 1;
    ends_as(h, spawn(h, faulting_kept_poll, NULL), PIRN_FAULTED, 33);
    fail_thread.fail_from = 0;
    EQ(metrics_of(h).block_in_place_kept, 1);
    ends_done(h, spawn(h, working_poll, (void *)3), 3);
    rt_free(rt);
}

/* Threads are used again: so many calls do not make so many threads. */
Test(in_place_odd, threads_are_used_again, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(2);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 1000; i++)
        ends_done(h, spawn(h, working_poll, (void *)3), 3);
    EQ(metrics_of(h).block_in_place_kept, 0); /* nor do they use up the places */
    CHECK_SAYS(fail_thread.calls < 100, "%d threads were made", fail_thread.calls);
    rt_free(rt);
}
