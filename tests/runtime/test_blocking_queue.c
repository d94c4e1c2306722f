/* SPDX-License-Identifier: MIT */
/* Which thread takes which blocking task: cap, order, idle threads, bounds, and aborts of queued work. */
#include "blocking.h"

/* ---- cap and order ------------------------------------------------------------------------------------- */

enum {
    ORDERED = 20
};

static struct {
    _Atomic(int) next;
    int order[ORDERED];
} ordered;

static int ordered_poll(void *n, pirn_cx *cx, int *out)
{
    (void)cx;
    ordered.order[ordered.next++] = (int)(intptr_t)n;
    *out = 0;
    return 0;
}

static void the_cap_holds_and_order(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s;
    pirn_join *busy = occupy(h, &s), *j[ORDERED];

    ordered.next = 0;
    for (int i = 0; i < ORDERED; i++)
        j[i] = blocking(h, ordered_poll, (void *)(intptr_t)i);
    EQ(metrics_of(h).blocking_threads, 1);
    EQ(metrics_of(h).blocking_queue_depth, ORDERED);
    EQ(ordered.next, 0);
    let_go(&s);
    waits_done(busy, 0);
    for (int i = 0; i < ORDERED; i++)
        waits_done(j[i], 0);
    for (int i = 0; i < ORDERED; i++)
        EQ(ordered.order[i], i);
    pool_is_quiet(h);
    EQ(metrics_of(h).blocking_threads, 1);
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, the_cap_holds_and_order)

/* Tasks that block until all of them run: each must have a thread of its own, also when all come in
 * one batch to threads that are idle. */
enum {
    TOGETHER = 8
};

static int barrier_poll(void *barrier, pirn_cx *cx, int *out)
{
    int r = pthread_barrier_wait(barrier);

    (void)cx;
    CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
    *out = 0;
    return 0;
}

static void a_batch_wakes_as_many_as_it_needs(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, TOGETHER);
    pirn_handle *h = pirn_runtime_handle(rt);
    pthread_barrier_t barrier;
    pirn_join *j[TOGETHER];

    EQ(pthread_barrier_init(&barrier, NULL, TOGETHER), 0);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < TOGETHER; i++)
            j[i] = blocking(h, barrier_poll, &barrier);
        for (int i = 0; i < TOGETHER; i++)
            waits_done(j[i], 0);
        if (round % 20 == 0)
            pool_is_quiet(h);
    }
    EQ(metrics_of(h).blocking_threads, TOGETHER);
    pool_is_quiet(h);
    EQ(metrics_of(h).idle_blocking_threads, TOGETHER);
    rt_free(rt);
    EQ(pthread_barrier_destroy(&barrier), 0);
}
EACH_FLAVOR(blocking_queue, a_batch_wakes_as_many_as_it_needs)

/* A task that spawns the one that lets it go, at the cap less one: nothing waits behind what blocks. */
static int spawn_and_stop_poll(void *stopper, pirn_cx *cx, int *out)
{
    struct stopper *s = stopper;

    (void)cx;
    pirn_join_free(blocking(NULL, add_poll, &s->worker)); /* any int will do */
    await(&s->go);
    *out = 0;
    return 0;
}

static void one_that_blocks_holds_nothing_up(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 2);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int round = 0; round < 200; round++) {
        struct stopper s;
        pirn_join *j;

        stopper_init(&s);
        s.worker = 0;
        j = blocking(h, spawn_and_stop_poll, &s);
        while (s.worker == 0) /* run by the other thread */
            sched_yield();
        let_go(&s);
        waits_done(j, 0);
    }
    pool_is_quiet(h);
    EQ(metrics_of(h).blocking_threads, 2);
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, one_that_blocks_holds_nothing_up)

/* ---- keep-alive ------------------------------------------------------------------------------------------ */

static bool none_left(void *h)
{
    return metrics_of(h).blocking_threads == 0;
}

static void idle_threads_go(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    pirn_handle *h;
    struct stopper s[3];
    pirn_join *j[3];
    int before;

    o.thread_keep_alive_ns = 1;
    o.max_blocking_threads = 3;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    before = count_threads();
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 3; i++)
            j[i] = occupy(h, &s[i]);
        EQ(metrics_of(h).blocking_threads, 3);
        for (int i = 0; i < 3; i++) {
            let_go(&s[i]);
            waits_done(j[i], 0);
        }
        CHECK(comes_true(none_left, h));
        EQ(metrics_of(h).idle_blocking_threads, 0);
    }
    threads_are(before);
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, idle_threads_go)

/* Pushes that meet threads whose time is just over. */
static void going_threads_lose_nothing(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.thread_keep_alive_ns = 1;
    o.max_blocking_threads = 2;
    rt = rt_on_with(f, &o);
    for (int i = 0; i < 1000; i++) {
        pirn_join *a = blocking(pirn_runtime_handle(rt), ready_poll, NULL);
        pirn_join *b = blocking(pirn_runtime_handle(rt), ready_poll, NULL);

        waits_done(a, 0);
        waits_done(b, 0);
    }
    pool_is_quiet(pirn_runtime_handle(rt));
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, going_threads_lose_nothing)

static void kept_for_ever(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.thread_keep_alive_ns = PIRN_NEVER;
    rt = rt_on_with(f, &o);
    waits_done(blocking(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    pool_is_quiet(pirn_runtime_handle(rt));
    EQ(metrics_of(pirn_runtime_handle(rt)).idle_blocking_threads, 1);
    rt_free(rt);
    o.thread_keep_alive_ns = PIRN_NEVER - 1; /* no overflow of the clock */
    rt = rt_on_with(f, &o);
    waits_done(blocking(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    pool_is_quiet(pirn_runtime_handle(rt));
    EQ(metrics_of(pirn_runtime_handle(rt)).idle_blocking_threads, 1);
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, kept_for_ever)

/* ---- a bounded queue -------------------------------------------------------------------------------------- */

static _Atomic(int) spawn_hooks, end_hooks;

static void hook_spawn(void *user, const pirn_task_info *info)
{
    (void)user;
    (void)info;
    spawn_hooks++;
}

static void hook_end(void *user, const pirn_task_info *info)
{
    (void)user;
    (void)info;
    end_hooks++;
}

static void tries_are_refused(struct flavor f, const pirn_hooks *hooks)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    pirn_handle *h;
    struct stopper s;
    pirn_join *busy, *j[3], *out = (pirn_join *)&s;
    _Atomic(int) drops = 0;
    void *frame;

    o.max_blocking_threads = 1;
    o.max_blocking_queue = 2;
    o.hooks = hooks;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    busy = occupy(h, &s);
    j[0] = blocking_as(h, &try_desc, ready_poll, add_drop, &drops);
    j[1] = blocking_as(h, &try_desc, ready_poll, add_drop, &drops);
    for (int i = 0; i < 3; i++) {
        EQ(try_blocking_as(h, &try_desc, ready_poll, add_drop, &drops, &out), -EAGAIN);
        SAYS("PIRN_TASK_TRY");
        CHECK(out == (pirn_join *)&s);
    }
    EQ(try_blocking_as(h, &try_mandatory_desc, ready_poll, NULL, NULL, NULL), -EAGAIN);
    EQ(drops, 0);
    EQ(metrics_of(h).tasks_alive, 3);
    EQ(metrics_of(h).blocking_queue_depth, 2);
    j[2] = blocking_as(h, &mandatory_desc, ready_poll, add_drop, &drops); /* unbounded */
    /* What was begun is cancelled, for a commit cannot fail. */
    EQ(pirn_spawn_begin(h, &try_desc, &frame), 0);
    *(struct closure *)frame = (struct closure){ready_poll, add_drop, &drops};
    EQ(pirn_spawn_commit(frame, &out), 0);
    EQ(drops, 1);
    waits_as(out, PIRN_CANCELLED, -ECANCELED);
    let_go(&s);
    waits_done(busy, 0);
    for (int i = 0; i < 3; i++)
        waits_done(j[i], 0);
    pool_is_quiet(h);
    EQ(drops, 4);
    waits_done(blocking_as(h, &try_desc, ready_poll, NULL, NULL), 0);
    rt_free(rt);
}

static void tries(struct flavor f)
{
    const pirn_hooks k = {
        .size = sizeof k, .on_task_spawn = hook_spawn, .on_task_terminate = hook_end};

    tries_are_refused(f, NULL);
    spawn_hooks = end_hooks = 0;
    tries_are_refused(f, &k);
    EQ(spawn_hooks, 6); /* not of those that were refused, but of the one that was cancelled */
    EQ(end_hooks, 6);
}
EACH_FLAVOR(blocking_queue, tries)

/* ---- aborts --------------------------------------------------------------------------------------------------- */

struct dropping {
    _Atomic(int) drops;
    _Atomic(bool) aborted;
    bool inside; /* guard: the root's thread. pirn_join_abort() is on its stack */
    pthread_t root;
    pirn_join *join, *busy;
};

static void note_drop(void *user)
{
    struct dropping *d = user;

    if (pthread_equal(d->root, pthread_self()))
        CHECK(!d->inside);
    EQ(pirn_join_wait(d->busy, 0, NULL, NULL), -EDEADLK); /* a drop is busy */
    d->drops++;
}

static int abort_poll(void *user, pirn_cx *cx, int *out)
{
    struct dropping *d = user;
    pirn_result res;
    int r;

    if (!d->aborted) {
        d->root = pthread_self();
        d->aborted = d->inside = true;
        pirn_join_abort(d->join);
        d->inside = false;
    }
    r = pirn_join_poll(d->join, cx, &res, NULL);
    if (r != 0)
        return r;
    EQ(res.outcome, PIRN_CANCELLED);
    pirn_join_free(d->join);
    *out = 3;
    return 0;
}

/* All threads are busy, and stay so: whoever runs the runtime's tasks drops the argument. */
static void queued_work_is_dropped_at_once(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s;
    struct dropping d = {.busy = occupy(h, &s)};

    d.join = blocking_as(h, &mandatory_desc, ready_poll, note_drop, &d);
    EQ(metrics_of(h).blocking_queue_depth, 1);
    EQ(block_on(h, abort_poll, &d), 3);
    EQ(d.drops, 1);
    CHECK(!s.done);
    EQ(metrics_of(h).blocking_queue_depth, 0);
    EQ(metrics_of(h).tasks_alive, 1);
    let_go(&s);
    waits_done(d.busy, 0);
    pool_is_quiet(h);
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, queued_work_is_dropped_at_once)

static bool one_idle(void *h)
{
    return metrics_of(h).idle_blocking_threads == 1;
}

/* A blocking task drives, and so ends another blocking task on its thread: it is not free for that. */
static int driving_poll(void *stopper, pirn_cx *cx, int *out)
{
    pirn_handle *h = pirn_handle_current();
    struct stopper *s = stopper;
    struct dropping d = {.busy = blocking(h, ready_poll, NULL)}; /* queued, as the next */

    (void)cx;
    d.join = blocking_as(h, &mandatory_desc, ready_poll, note_drop, &d);
    EQ(block_on(h, abort_poll, &d), 3);
    EQ(d.drops, 1);
    let_go(s);
    waits_done(d.busy, 0);
    CHECK(comes_true(one_idle, h));
    waits_done(blocking(h, ready_poll, NULL), 0); /* by the idle one, while we wait here */
    *out = 0;
    return 0;
}

Test(blocking_queue, a_driver_of_the_pool_is_not_free, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_capped((struct flavor){PIRN_CURRENT_THREAD, 1}, 2);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s;
    pirn_join *busy = occupy(h, &s);

    waits_done(blocking(h, driving_poll, &s), 0);
    waits_done(busy, 0);
    pool_is_quiet(h);
    rt_free(rt);
}

/* Nobody drives: the next free thread does it, before what was queued earlier. */
Test(blocking_queue, an_abort_while_nobody_drives)
{
    pirn_runtime *rt = rt_capped((struct flavor){PIRN_CURRENT_THREAD, 1}, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s, next;
    pirn_join *busy = occupy(h, &s), *second, *j;
    _Atomic(int) drops = 0;

    stopper_init(&next);
    second = blocking(h, stopper_poll, &next);
    j = blocking_as(h, &closure_desc, ready_poll, add_drop, &drops);
    pirn_join_abort(j);
    pirn_join_abort(j);
    EQ(drops, 0);
    let_go(&s);
    waits_as(j, PIRN_CANCELLED, -ECANCELED); /* while the second one keeps the thread */
    EQ(drops, 1);
    let_go(&next);
    waits_done(second, 0);
    waits_done(busy, 0);
    pool_is_quiet(h);
    rt_free(rt);
}

static int until_cancelled_poll(void *entered, pirn_cx *cx, int *out)
{
    post(entered);
    while (!pirn_cx_cancelled(cx))
        sched_yield();
    *out = 8;
    return 0;
}

/* What runs is not stopped; it may ask. */
static void running_work_is_told(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    sem_t entered;
    pirn_join *j;

    EQ(sem_init(&entered, 0, 0), 0);
    j = blocking(h, until_cancelled_poll, &entered);
    await(&entered);
    pirn_join_abort(j);
    waits_done(j, 8);
    j = blocking(h, ready_poll, NULL);
    waits_done(j, 0);
    pool_is_quiet(h);
    rt_free(rt);
}
EACH_FLAVOR(blocking_queue, running_work_is_told)

/* Out of the middle, the front and the back of the queue. */
static void any_of_the_queue_can_be_aborted(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s;
    pirn_join *busy = occupy(h, &s), *j[9];
    _Atomic(int) polls = 0;

    for (int i = 0; i < 9; i++)
        j[i] = blocking(h, add_poll, &polls);
    for (int i = 0; i < 9; i += 4)
        pirn_join_abort(j[i]);
    for (int i = 0; i < 9; i += 4)
        ends_as(h, j[i], PIRN_CANCELLED, -ECANCELED);
    EQ(metrics_of(h).blocking_queue_depth, 6);
    let_go(&s);
    waits_done(busy, 0);
    for (int i = 0; i < 9; i++)
        if (i % 4 != 0)
            waits_done(j[i], 0);
    EQ(polls, 6);
    pool_is_quiet(h);
    rt_free(rt);
}
EACH_MT(blocking_queue, any_of_the_queue_can_be_aborted)
