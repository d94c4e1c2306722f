/* SPDX-License-Identifier: MIT */
/* How do blocking tasks end with their runtime? */
#include "blocking.h"

/* Queued ones are cancelled, mandatory ones run, and what runs is waited for, until the deadline. */
static void shutdown_with_a_deadline(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s;
    pirn_join *busy = occupy(h, &s), *queued[5], *mandatory[5];
    _Atomic(int) drops = 0, polls = 0;

    for (int i = 0; i < 5; i++) {
        queued[i] = blocking_as(h, &closure_desc, ready_poll, add_drop, &drops);
        mandatory[i] = blocking_as(h, &mandatory_desc, add_poll, add_drop, &polls);
    }
    do /* first the workers stop */
        EQ(pirn_runtime_shutdown(rt, pirn_after(PIRN_MS)), -ETIMEDOUT);
    while (strstr(pirn_last_error_text(), "blocking") == NULL);
    EQ(drops, 5); /* at once, while the thread is busy */
    for (int i = 0; i < 5; i++)
        waits_as(queued[i], PIRN_CANCELLED, -ECANCELED);
    EQ(polls, 0);
    EQ(pirn_runtime_shutdown(rt, 0), -ETIMEDOUT);
    EQ(metrics_of(h).blocking_queue_depth, 5);
    let_go(&s);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(polls, 10); /* each polled and dropped */
    for (int i = 0; i < 5; i++)
        waits_done(mandatory[i], 0);
    waits_done(busy, 0);
    EQ(metrics_of(h).blocking_threads, 0);
    EQ(metrics_of(h).idle_blocking_threads, 0);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(pirn_runtime_shutdown(rt, 0), 0);
    rt_free(rt);
}
EACH_FLAVOR(blocking_end, shutdown_with_a_deadline)

static void afterwards_spawns_are_cancelled(struct flavor f)
{
    const pirn_task_desc *const descs[] = {&closure_desc, &try_desc, &mandatory_desc};
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_handle_ref(pirn_runtime_handle(rt));
    _Atomic(int) drops = 0;
    void *frame;
    pirn_join *j;

    waits_done(blocking(h, ready_poll, NULL), 0);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            drops = 0;
            j = blocking_as(h, descs[i], ready_poll, add_drop, &drops);
            EQ(drops, 1);
            waits_as(j, PIRN_CANCELLED, -ECANCELED);
        }
        EQ(pirn_spawn_begin(h, &mandatory_desc, &frame), 0);
        *(struct closure *)frame = (struct closure){ready_poll, add_drop, &drops};
        EQ(pirn_spawn_commit(frame, &j), 0);
        EQ(drops, 2);
        waits_as(j, PIRN_CANCELLED, -ECANCELED);
        EQ(metrics_of(h).blocking_threads, 0);
        EQ(metrics_of(h).tasks_alive, 0);
        if (round == 0)
            pirn_runtime_free(rt); /* and once more with the handle alone */
    }
    pirn_handle_unref(h);
    EQ(tally.live, 0);
}
EACH_FLAVOR(blocking_end, afterwards_spawns_are_cancelled)

/* Without any shutdown before: free waits, and nothing leaks. (tokio: blocking_shutdown) */
static int after_ms_poll(void *n, pirn_cx *cx, int *out)
{
    pirn_time end = pirn_now() + PIRN_MS;

    (void)cx;
    while (pirn_now() < end)
        sched_yield();
    ++*(_Atomic(int) *)n;
    *out = 0;
    return 0;
}

static void free_waits(struct flavor f)
{
    for (int round = 0; round < 20; round++) {
        pirn_runtime *rt = rt_capped(f, 2);
        pirn_handle *h = pirn_runtime_handle(rt);
        _Atomic(int) count = 0;

        for (int i = 0; i < 6; i++) {
            struct closure c = {after_ms_poll, add_drop, &count};

            EQ(pirn_spawn_blocking(h, &mandatory_desc, &c, NULL), 0);
        }
        rt_free(rt);
        EQ(count, 12);
    }
}
EACH_FLAVOR(blocking_end, free_waits)

/* Idle threads are found in any state. (tokio: #7922, num_idle at shutdown) */
static void idle_counts_at_shutdown(struct flavor f)
{
    for (int round = 0; round < 100; round++) {
        pirn_runtime *rt = rt_capped(f, 3);
        pirn_handle *h = pirn_handle_ref(pirn_runtime_handle(rt));
        pirn_join *j[4];

        for (int i = 0; i < round % 5; i++)
            j[i] = blocking(h, ready_poll, NULL);
        if (round % 2 == 0)
            for (int i = 0; i < round % 5; i++)
                waits_done(j[i], 0);
        EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
        EQ(metrics_of(h).blocking_threads, 0);
        EQ(metrics_of(h).idle_blocking_threads, 0);
        EQ(metrics_of(h).blocking_queue_depth, 0);
        EQ(metrics_of(h).tasks_alive, 0);
        if (round % 2 != 0)
            for (int i = 0; i < round % 5; i++)
                pirn_join_free(j[i]);
        pirn_runtime_free(rt);
        pirn_handle_unref(h);
        EQ(tally.live, 0);
    }
}
EACH_FLAVOR(blocking_end, idle_counts_at_shutdown)

/* What runs meanwhile may still use the runtime: it only answers. */
struct late {
    pirn_handle *h;
    pirn_runtime *rt;
    sem_t entered;
    _Atomic(int) drops;
};

static int late_poll(void *user, pirn_cx *cx, int *out)
{
    struct late *l = user;
    struct closure c = {ready_poll, add_drop, NULL};
    int r;

    c.user = &l->drops;
    post(&l->entered);
    while (!pirn_cx_cancelled(cx))
        sched_yield();
    /* The workers, or the driver, may not have stopped yet: until then all of this is accepted. */
    do {
        struct closure root = c;

        r = pirn_block_on(l->h, &closure_desc, &root, NULL, NULL);
        CHECK(r == 0 || r == PIRN_ESHUTDOWN);
    } while (r == 0);
    l->drops = 0;
    EQ(pirn_runtime_shutdown(l->rt, 0), -EDEADLK);
    EQ(pirn_block_on(l->h, &closure_desc, &c, NULL, NULL), PIRN_ESHUTDOWN);
    EQ(l->drops, 1);
    *out = 1;
    return 0;
}

static void running_work_at_shutdown(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    struct late l = {.h = pirn_runtime_handle(rt), .rt = rt};
    pirn_join *j;

    EQ(sem_init(&l.entered, 0, 0), 0);
    j = blocking(l.h, late_poll, &l);
    await(&l.entered);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    waits_done(j, 1);
    rt_free(rt);
}
EACH_FLAVOR(blocking_end, running_work_at_shutdown)

/* Wakes, joins and drops across the pool and the tasks, and the end comes in the middle.
 * (tokio: shutdown_with_notification) */
static int chain_poll(void *counter, pirn_cx *cx, int *out)
{
    struct closure c = {ready_poll, add_drop, counter};

    (void)cx;
    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), 0);
    EQ(pirn_spawn_blocking(NULL, &closure_desc, &c, NULL), 0);
    *out = 0;
    return 0;
}

static void the_end_in_the_middle(struct flavor f)
{
    for (int round = 0; round < 50; round++) {
        pirn_runtime *rt = rt_capped(f, 2);
        pirn_handle *h = pirn_runtime_handle(rt);
        struct closure c = {chain_poll, add_drop, NULL};
        _Atomic(int) drops = 0;
        int spawned;

        c.user = &drops;
        for (int i = 0; i < 10; i++) {
            EQ(pirn_spawn_blocking(h, &closure_desc, &c, NULL), 0);
            EQ(pirn_spawn(h, &closure_desc, &c, NULL), 0);
        }
        EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
        spawned = (int)metrics_of(h).tasks_spawned;
        EQ(metrics_of(h).tasks_alive, 0);
        EQ(drops, spawned);
        rt_free(rt);
    }
}
EACH_FLAVOR(blocking_end, the_end_in_the_middle)

static int fault_now(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)out;
    return pirn_cx_fault(cx, -1, "stop everything");
}

/* A fault under the policy of shutdown stops the pool as well. */
static void a_fault_stops_it(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct closure root = {pending_poll, NULL, NULL};
    pirn_runtime *rt;
    pirn_join *j;

    o.unhandled_fault = PIRN_UNHANDLED_SHUTDOWN;
    rt = rt_on_with(f, &o);
    j = blocking(pirn_runtime_handle(rt), fault_now, NULL);
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &root, NULL, NULL), PIRN_ESHUTDOWN);
    waits_as(j, PIRN_FAULTED, -1);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    rt_free(rt);
}
EACH_FLAVOR(blocking_end, a_fault_stops_it)
