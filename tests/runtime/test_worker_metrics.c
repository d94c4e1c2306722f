/* SPDX-License-Identifier: MIT */
/* Do the counters of a runtime and its workers say what has happened? (tokio: rt_metrics,
 * rt_unstable_metrics) */
#include "flavors.h"

#include <unistd.h>

static struct stopper stop;

/* ---- misuse --------------------------------------------------------------------------------------- */

static void bad_arguments(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct {
        pirn_worker_metrics m;
        char tail[16];
    } later = {.m = {.size = sizeof later}};
    pirn_worker_metrics m = {.size = sizeof m};

    EQ(pirn_runtime_worker_metrics(h, f.workers, &m), -EINVAL);
    EQ(pirn_runtime_worker_metrics(h, PIRN_NO_WORKER, &m), -EINVAL);
    EQ(pirn_runtime_worker_metrics(h, 0, NULL), -EINVAL);
    EQ(pirn_runtime_worker_metrics(NULL, 0, &m), PIRN_ENORUNTIME);
    m.size = 8;
    EQ(pirn_runtime_worker_metrics(h, 0, &m), -EINVAL);
    SAYS("size");
    memset(later.tail, 0xff, sizeof later.tail);
    EQ(pirn_runtime_worker_metrics(h, f.workers - 1, &later.m), 0);
    EQ(later.m.size, sizeof(pirn_worker_metrics));
    for (size_t i = 0; i < sizeof later.tail; i++)
        EQ(later.tail[i], 0);
    rt_free(rt);
}
EACH_FLAVOR(worker_metrics, bad_arguments)

/* ---- tasks ---------------------------------------------------------------------------------------- */

static void alive_and_spawned_are_exact(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g[50] = {0};
    _Atomic(int) ran = 0;
    pirn_join *j[50];
    pirn_metrics m;

    for (int i = 0; i < 50; i++)
        j[i] = spawn_gate(h, &g[i]);
    EQ(metrics_of(h).tasks_alive, 50);
    for (int i = 0; i < 450; i++)
        pirn_join_free(spawn(h, add_poll, &ran));
    run_until(h, &ran, 450);
    for (int i = 0; i < 50; i++)
        run_until(h, &g[i].polls, 1);
    if (f.flavor == PIRN_MULTI_THREAD)
        rt_quiet(h);
    m = metrics_of(h);
    EQ(m.tasks_spawned, 500);
    EQ(m.tasks_alive, 50);
    EQ(m.polls, 500);
    EQ(m.local_queue_depth, 0);
    EQ(m.inject_queue_depth, 0);
    EQ(m.faults, 0);
    for (int i = 0; i < 50; i++)
        gate_open(&g[i]);
    for (int i = 0; i < 50; i++)
        ends_done(h, j[i], 0);
    if (f.flavor == PIRN_MULTI_THREAD)
        rt_quiet(h);
    m = metrics_of(h);
    EQ(m.tasks_alive, 0);
    EQ(m.polls, 550);
    EQ(m.remote_schedules, 550); /* all from this thread */
    rt_free(rt);
}
EACH_FLAVOR(worker_metrics, alive_and_spawned_are_exact)

/* ---- where tasks come from -------------------------------------------------------------------------- */

static int spawn_ten_poll(void *counter, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    for (int i = 0; i < 10; i++)
        pirn_join_free(spawn(NULL, add_poll, counter));
    return 0;
}

static void local_and_remote(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    uint64_t local = 0, polls = 0;
    _Atomic(int) ran = 0;

    for (int i = 0; i < 20; i++)
        ends_done(h, spawn(h, spawn_ten_poll, &ran), 0);
    run_until(h, &ran, 200);
    rt_quiet(h);
    for (uint32_t i = 0; i < f.workers; i++) {
        local += worker_metrics_of(h, i).local_schedules;
        polls += worker_metrics_of(h, i).polls;
    }
    EQ(local, 200);
    EQ(polls, 220);
    EQ(metrics_of(h).polls, 220);
    EQ(metrics_of(h).remote_schedules, 20);
    rt_free(rt);
}
EACH_MT(worker_metrics, local_and_remote)

/* ---- depths ------------------------------------------------------------------------------------------- */

static int spawn_and_stop_poll(void *counter, pirn_cx *cx, int *out)
{
    (void)spawn_ten_poll(counter, cx, out);
    stopper_stop(&stop);
    return 0;
}

Test(worker_metrics, depths_behind_a_poll, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;
    pirn_join *j;

    stopper_init(&stop);
    j = spawn(h, spawn_and_stop_poll, &ran);
    await(&stop.entered);
    EQ(worker_metrics_of(h, 0).queue_depth, 10);
    EQ(metrics_of(h).local_queue_depth, 10);
    EQ(metrics_of(h).inject_queue_depth, 0);
    for (int i = 0; i < 5; i++)
        pirn_join_free(spawn(h, add_poll, &ran));
    CHECK(metrics_of(h).inject_queue_depth >= 1);
    EQ(metrics_of(h).tasks_alive, 16);
    EQ(ran, 0);
    post(&stop.go);
    ends_done(h, j, 0);
    run_until(h, &ran, 15);
    rt_quiet(h);
    EQ(worker_metrics_of(h, 0).queue_depth, 0);
    EQ(metrics_of(h).local_queue_depth, 0);
    EQ(metrics_of(h).inject_queue_depth, 0);
    rt_free(rt);
}

/* ---- stealing ------------------------------------------------------------------------------------------- */

enum {
    STOLEN = 64
};

static _Atomic(int) ran_on[4];

static int count_worker_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    ran_on[pirn_worker_index()]++;
    return 0;
}

static int spawn_stolen_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = pirn_worker_index();
    for (int i = 0; i < STOLEN; i++)
        pirn_join_free(spawn(NULL, count_worker_poll, NULL));
    stopper_stop(&stop);
    return 0;
}

static int other;

static bool stolen_ran(void *user)
{
    (void)user;
    return ran_on[other] == STOLEN;
}

/* All that one worker has spawned is taken by the other: the watchdog sees to the last ones. */
Test(worker_metrics, steals, .timeout = LIMIT_S)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_worker_metrics m;
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_join *j;

    o.stuck_poll_ns = 10 * PIRN_MS;
    rt = rt_on_with((struct flavor){PIRN_MULTI_THREAD, 2}, &o);
    h = pirn_runtime_handle(rt);
    stopper_init(&stop);
    j = spawn(h, spawn_stolen_poll, NULL);
    await(&stop.entered);
    other = 1 - stop.worker;
    CHECK(comes_true(stolen_ran, NULL));
    m = worker_metrics_of(h, (uint32_t)other);
    EQ(m.steals, STOLEN);
    CHECK(m.steal_operations >= 2 && m.steal_operations <= STOLEN);
    EQ(m.overflows, 0);
    m = worker_metrics_of(h, (uint32_t)stop.worker);
    EQ(m.steals, 0);
    EQ(m.local_schedules, STOLEN);
    EQ(m.polls, 1);
    post(&stop.go);
    ends_done(h, j, stop.worker);
    rt_free(rt);
}

/* ---- parks ------------------------------------------------------------------------------------------------ */

static int see_nothing(void *user, const pirn_task_info *t)
{
    (void)user;
    (void)t;
    return 0;
}

/* A walker calls every worker, and it finds nothing to do. */
static void noops(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (uint64_t n = 0; n < 10; n++) {
        rt_quiet(h);
        for (uint32_t i = 0; i < f.workers; i++) {
            pirn_worker_metrics m = worker_metrics_of(h, i);

            EQ(m.noops, n);
            EQ(m.parks, n + 1);
            EQ(m.parks_unparks, 2 * n + 1);
            EQ(m.polls, 0);
        }
        EQ(metrics_of(h).parks, f.workers * (n + 1));
        EQ(pirn_runtime_each_task(h, see_nothing, NULL), 0);
    }
    rt_free(rt);
}
EACH_MT(worker_metrics, noops)

/* One that ran something did not wake in vain. */
Test(worker_metrics, work_is_no_noop, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < 10; i++) {
        rt_quiet(h);
        EQ(worker_metrics_of(h, 0).parks, i + 1);
        ends_done(h, spawn(h, ready_poll, NULL), 0);
    }
    rt_quiet(h);
    EQ(worker_metrics_of(h, 0).noops, 0);
    EQ(worker_metrics_of(h, 0).parks_unparks, 21);
    rt_free(rt);
}

/* ---- time ------------------------------------------------------------------------------------------------- */

static int nap_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    nap(5 * PIRN_MS);
    return 0;
}

static void time_is_busy_in_polls(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    uint64_t busy = 0, most = 0;
    pirn_time begin = pirn_now();

    for (int i = 0; i < 10; i++)
        ends_done(h, spawn(h, nap_poll, NULL), 0);
    rt_quiet(h);
    for (uint32_t i = 0; i < f.workers; i++) {
        pirn_worker_metrics m = worker_metrics_of(h, i);

        busy += m.busy_ns;
        if (m.busy_ns > most)
            most = m.busy_ns;
        if (m.polls > 0)
            CHECK(m.mean_poll_ns > 0);
    }
    CHECK(busy >= 50 * PIRN_MS);
    CHECK(most <= (uint64_t)(pirn_now() - begin) + 100 * PIRN_MS);
    busy = worker_metrics_of(h, 0).busy_ns;
    nap(30 * PIRN_MS);
    EQ(worker_metrics_of(h, 0).busy_ns, busy); /* asleep */
    rt_free(rt);
}
EACH_MT(worker_metrics, time_is_busy_in_polls)

struct finds {
    uint64_t id;
    bool found;
};

static void find_thread(void *user, const char *folder)
{
    struct finds *f = user;

    f->found |= strtoull(folder, NULL, 10) == f->id;
}

static void thread_ids_are_the_kernels(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    rt_quiet(h);
    for (uint32_t i = 0; i < f.workers; i++) {
        struct finds t = {worker_metrics_of(h, i).thread_id, false};

        CHECK(t.id != 0 && t.id != (uint64_t)gettid());
        each_thread(find_thread, &t);
        CHECK(t.found);
        for (uint32_t k = 0; k < i; k++)
            CHECK(worker_metrics_of(h, k).thread_id != t.id);
    }
    rt_free(rt);
}
EACH_MT(worker_metrics, thread_ids_are_the_kernels)

/* The driving thread is the only worker of the other flavour. */
Test(worker_metrics, of_the_current_thread_flavour, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;
    pirn_worker_metrics m;

    ends_done(h, spawn(h, spawn_ten_poll, &ran), 0);
    run_until(h, &ran, 10);
    m = worker_metrics_of(h, 0);
    EQ(m.polls, 11);
    EQ(m.steals, 0);
    EQ(m.overflows, 0);
    EQ(m.global_queue_interval, 31);
    rt_free(rt);
}

/* They can be read when the runtime is gone. */
static void after_the_end(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_handle_ref(pirn_runtime_handle(rt));

    ends_done(h, spawn(h, ready_poll, NULL), 0);
    pirn_runtime_free(rt);
    EQ(metrics_of(h).tasks_spawned, 1);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(metrics_of(h).blocking_threads, 0);
    EQ(worker_metrics_of(h, 0).queue_depth, 0);
    pirn_handle_unref(h);
    EQ(tally.live, 0);
}
EACH_FLAVOR(worker_metrics, after_the_end)

/* Threads that run workers are not among the blocking ones. */
static void workers_are_no_blocking_threads(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {stopper_poll, NULL, &stop};
    pirn_join *j = NULL;

    stopper_init(&stop);
    EQ(metrics_of(h).blocking_threads, 0);
    EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j), 0);
    await(&stop.entered);
    EQ(metrics_of(h).blocking_threads, 1);
    EQ(metrics_of(h).idle_blocking_threads, 0);
    EQ(stop.worker, -1);
    post(&stop.go);
    ends_done(h, j, 0);
    EQ(metrics_of(h).blocking_threads, 1);
    rt_free(rt);
}
EACH_FLAVOR(worker_metrics, workers_are_no_blocking_threads)
