/* SPDX-License-Identifier: MIT */
/* How a multi-thread runtime begins and ends: its threads, and every way to stop it. */
#include "flavors.h"

#include <signal.h>
#include <unistd.h>

#include "tests/support/fail_thread.h"

static const struct flavor mt2 = {PIRN_MULTI_THREAD, 2};

/* ---- threads that cannot be made, memory that is short ------------------------------------------- */

static struct {
    _Atomic(int) starts, stops, parks, unparks;
    _Atomic(int) start_of[8], stop_of[8];
    _Atomic(int) bad;
} seen;

static bool known(uint32_t worker)
{
    if (worker < 8)
        return true;
    seen.bad += worker != PIRN_NO_WORKER;
    return false;
}

static void on_start(void *user, uint32_t worker)
{
    (void)user;
    seen.starts++;
    if (known(worker))
        seen.start_of[worker]++;
}

static void on_stop(void *user, uint32_t worker)
{
    (void)user;
    seen.stops++;
    if (known(worker))
        seen.stop_of[worker]++;
}

static void on_park(void *user, uint32_t worker)
{
    (void)user;
    seen.parks++;
    EQ(pirn_worker_index(), worker);
}

static void on_unpark(void *user, uint32_t worker)
{
    (void)user;
    seen.unparks++;
    EQ(pirn_worker_index(), worker);
}

static const pirn_hooks thread_hooks = {
    .size = sizeof thread_hooks,
    .on_thread_start = on_start,
    .on_thread_stop = on_stop,
    .on_thread_park = on_park,
    .on_thread_unpark = on_unpark,
};

Test(mt_life, each_thread_failing_at_the_start, .timeout = LIMIT_S)
{
    int threads = count_threads(), k;
    pirn_runtime_opts o = mt_options(5);
    pirn_runtime *rt = NULL;
    int r = -EAGAIN;

    o.stuck_poll_ns = PIRN_SEC; /* a watchdog's as well */
    o.name = "in vain";
    o.hooks = &thread_hooks;
    for (k = 1; r != 0; k++) {
        fail_thread.failed = 0;
        fail_thread.fail_at = k;
        r = pirn_runtime_new(&o, &rt);
        if (r == 0)
            break;
        EQ(r, -EAGAIN);
        CHECK(pirn_last_error_text()[0] != '\0');
        CHECK(rt == NULL);
        EQ(fail_thread.failed, 1);
        EQ(tally.live, 0);
        EQ(tally.bytes, 0);
        EQ(seen.starts, seen.stops);
        threads_are(threads);
    }
    EQ(k, 7); /* five workers and the watchdog failed, each once */
    fail_thread.fail_at = 0;
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    rt_free(rt);
    EQ(seen.starts, seen.stops);
    EQ(seen.bad, 0);
}

Test(mt_life, no_memory_for_a_thread, .timeout = LIMIT_S)
{
    pirn_runtime_opts o = mt_options(2);
    pirn_runtime *rt = NULL;

    fail_thread.fail_from = 2;
    fail_thread.error = ENOMEM;
    EQ(pirn_runtime_new(&o, &rt), -ENOMEM);
    fail_thread.error = EPERM; /* whatever it is, it is no thread */
    EQ(pirn_runtime_new(&o, &rt), -EAGAIN);
    EQ(tally.live, 0);
}

Test(mt_life, each_allocation_failing_at_the_start, .timeout = LIMIT_S)
{
    int threads = count_threads();
    pirn_runtime_opts o = mt_options(3);
    pirn_runtime *rt = NULL;
    int r = -ENOMEM, k;

    o.stuck_poll_ns = PIRN_SEC;
    o.name = "in vain";
    o.thread_name = "in vain";
    o.flags = PIRN_RT_POLL_HISTOGRAM | PIRN_RT_LATENCY_HISTOGRAM;
    for (k = 1; r != 0; k++) {
        tally.fail_at = k;
        r = pirn_runtime_new(&o, &rt);
        CHECK_SAYS(r == 0 || r == -ENOMEM, "allocation %d: %d", k, r);
        if (r != 0) {
            EQ(tally.live, 0);
            EQ(tally.bytes, 0);
            threads_are(threads);
        }
    }
    CHECK(k > 10);
    tally.fail_at = 0;
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    rt_free(rt);
}

/* ---- its threads ------------------------------------------------------------------------------------- */

struct census {
    const char *name;
    int with_name, deaf, others;
    pid_t own;
};

/* What a thread of ours blocks: all but KILL and STOP, and the two that the C library keeps for
 * itself. */
static unsigned long long all_signals(void)
{
    static const int open[] = {SIGKILL, SIGSTOP, 32, 33};
    unsigned long long mask = ~0ull;

    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        mask &= ~(1ull << (open[i] - 1));
    return mask;
}

static void count_thread(void *user, const char *folder)
{
    struct census *c = user;
    char line[64];

    if (atoi(folder) == c->own) {
        c->others++;
        return;
    }
    thread_line(folder, "comm", "", line, sizeof line);
    if (strcmp(line, c->name) != 0)
        return;
    c->with_name++;
    thread_line(folder, "status", "SigBlk:", line, sizeof line);
    c->deaf += strtoull(line, NULL, 16) == all_signals();
}

static struct census census_of(const char *name)
{
    struct census c = {.name = name, .own = gettid()};

    each_thread(count_thread, &c);
    return c;
}

static void all_threads(const char *given, const char *shown)
{
    pirn_runtime_opts o = mt_options(3);
    sigset_t before, after;
    pirn_runtime *rt = NULL;
    struct census c;

    memset(&before, 0, sizeof before); /* the kernel's is shorter */
    after = before;
    EQ(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    o.thread_name = given;
    EQ(pirn_runtime_new(&o, &rt), 0);
    rt_quiet(pirn_runtime_handle(rt)); /* every thread has had its name */
    EQ(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    c = census_of(shown);
    EQ(c.with_name, 3);
    EQ(c.deaf, 3);
    rt_free(rt);
}

/* (tokio: rt_threaded names) */
Test(mt_life, threads_have_names_and_take_no_signals, .timeout = LIMIT_S)
{
    all_threads(NULL, "pirn-worker");
    all_threads("my own", "my own");
    all_threads("longer than the kernel takes", "longer than the"); /* 15 bytes */
}

static bool two_are_deaf(void *user)
{
    (void)user;
    return census_of("pirn-worker").deaf + census_of("pirn-watchdog").deaf == 2;
}

Test(mt_life, the_watchdogs_thread_too, .timeout = LIMIT_S)
{
    pirn_runtime_opts o = mt_options(1);
    pirn_runtime *rt = NULL;

    o.stuck_poll_ns = PIRN_SEC;
    EQ(pirn_runtime_new(&o, &rt), 0);
    CHECK(comes_true(two_are_deaf, NULL)); /* before it begins the C library blocks still more */
    EQ(census_of("pirn-worker").with_name, 1);
    EQ(census_of("pirn-watchdog").with_name, 1);
    rt_free(rt);
}

/* (tokio: start_stop_callbacks_called) */
Test(mt_life, hooks_tell_of_each_thread_once, .timeout = LIMIT_S)
{
    int threads = count_threads();
    pirn_runtime_opts o = mt_options(4);
    pirn_runtime *rt = NULL;
    pirn_handle *h;

    o.hooks = &thread_hooks;
    EQ(pirn_runtime_new(&o, &rt), 0);
    h = pirn_runtime_handle(rt);
    rt_quiet(h);
    EQ(seen.starts, 4);
    EQ(seen.stops, 0);
    EQ(seen.parks, seen.unparks + 4);
    for (int i = 0; i < 500; i++)
        ends_done(h, spawn(h, ready_poll, NULL), 0);
    rt_quiet(h);
    EQ(seen.parks, seen.unparks + 4);
    rt_free(rt);
    threads_are(threads);
    for (int i = 0; i < 4; i++) {
        EQ(seen.start_of[i], 1);
        EQ(seen.stop_of[i], 1);
    }
    EQ(seen.starts, 4);
    EQ(seen.stops, 4);
    EQ(seen.parks, seen.unparks);
    EQ(seen.bad, 0);
}

static int nap_in_place(void *arg)
{
    (void)arg;
    nap(PIRN_MS);
    return 0;
}

static int in_place_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = pirn_block_in_place(nap_in_place, NULL);
    return 0;
}

/* Workers that change threads, and blocking threads. */
Test(mt_life, whoever_starts_stops, .timeout = LIMIT_S)
{
    struct closure c = {ready_poll, NULL, NULL};
    pirn_runtime_opts o = mt_options(2);
    pirn_runtime *rt = NULL;
    pirn_join *j[40];
    pirn_handle *h;

    o.hooks = &thread_hooks;
    EQ(pirn_runtime_new(&o, &rt), 0);
    h = pirn_runtime_handle(rt);
    for (int i = 0; i < 40; i++) {
        if (i % 2 == 0)
            j[i] = spawn(h, in_place_poll, NULL);
        else
            EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j[i]), 0);
    }
    for (int i = 0; i < 40; i++)
        ends_done(h, j[i], 0);
    rt_free(rt);
    CHECK(seen.starts >= 3);
    EQ(seen.starts, seen.stops);
    for (int i = 0; i < 8; i++)
        EQ(seen.start_of[i], seen.stop_of[i]);
    EQ(seen.parks, seen.unparks);
    EQ(seen.bad, 0);
}

/* ---- the end -------------------------------------------------------------------------------------------- */

Test(mt_life, made_and_freed_again_and_again, .timeout = LIMIT_S)
{
    int threads = count_threads();

    for (int i = 0; i < 200; i++)
        rt_free(rt_mt(1 + (uint32_t)i % 4));
    threads_are(threads);
}

static struct {
    struct spinner spin[2];
    struct stopper stop;
    struct gate gate;
    _Atomic(int) queued;
} busy;

static void *shut_down(void *rt)
{
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(pirn_runtime_shutdown(rt, 0), 0);
    return NULL;
}

/* Tasks that run, that yield for ever, that wait and that are queued, and a shutdown by another
 * thread than the one that made it. */
static void stopped_while_busy(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *spinning[2], *waiting = spawn_gate(h, &busy.gate);
    pthread_t t;

    run_until(h, &busy.gate.polls, 1);
    for (int i = 0; i < 2; i++)
        spinning[i] = spawn_dropping(h, spinner_poll, NULL, &busy.spin[i]);
    for (int i = 0; i < 2; i++)
        run_until(h, &busy.spin[i].polls, 10);
    for (int i = 0; i < 100; i++)
        pirn_join_free(spawn_dropping(h, pending_poll, add_drop, &busy.queued));
    t = start_thread(shut_down, rt);
    end_thread(t);
    for (int i = 0; i < 2; i++)
        join_is(spinning[i], PIRN_CANCELLED, -ECANCELED);
    EQ(busy.queued, 100);
    EQ(busy.gate.drops, 1);
    join_is(waiting, PIRN_CANCELLED, -ECANCELED);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}
ON(mt_life, stopped_while_busy, mt1, PIRN_MULTI_THREAD, 1)
ON(mt_life, stopped_while_busy, mt2, PIRN_MULTI_THREAD, 2)
ON(mt_life, stopped_while_busy, mt4, PIRN_MULTI_THREAD, 4)

static void a_stuck_poll_outlasts_the_deadline(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time before;
    pirn_join *j, *late;

    stopper_init(&busy.stop);
    j = spawn(h, stopper_poll, &busy.stop);
    await(&busy.stop.entered);
    before = pirn_now();
    EQ(pirn_runtime_shutdown(rt, pirn_after(30 * PIRN_MS)), -ETIMEDOUT);
    CHECK(pirn_now() - before >= 30 * PIRN_MS);
    EQ(pirn_runtime_shutdown(rt, 0), -ETIMEDOUT);
    late = spawn(h, ready_poll, NULL);
    join_is(late, PIRN_CANCELLED, -ECANCELED);
    CHECK(!pirn_join_is_finished(j));
    post(&busy.stop.go);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    join_done(j, 0); /* a poll that runs to its end is done */
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    rt_free(rt);
}
ON(mt_life, a_stuck_poll_outlasts_the_deadline, mt1, PIRN_MULTI_THREAD, 1)
ON(mt_life, a_stuck_poll_outlasts_the_deadline, mt2, PIRN_MULTI_THREAD, 2)

static int shutdown_inside_poll(void *rt, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = pirn_runtime_shutdown(rt, 0);
    return 0;
}

Test(mt_life, not_by_its_own_task, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_on(mt2);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn(h, shutdown_inside_poll, rt), -EDEADLK);
    EQ(block_on(h, shutdown_inside_poll, rt), -EDEADLK);
    ends_done(h, spawn(h, ready_poll, NULL), 0); /* nothing has happened */
    rt_free(rt);
}

static void *wait_as_root(void *h)
{
    struct closure c = {pending_poll, add_drop, &busy.queued};

    EQ(pirn_block_on(h, &closure_desc, &c, NULL, NULL), PIRN_ESHUTDOWN);
    return NULL;
}

static void *join_outside(void *j)
{
    pirn_result res;

    EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    EQ(res.outcome, PIRN_CANCELLED);
    return NULL;
}

/* Those that wait for it are told. */
Test(mt_life, roots_and_joiners_are_told, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_on(mt2);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = spawn(h, pending_poll, NULL);
    pthread_t t[5];

    for (int i = 0; i < 4; i++)
        t[i] = start_thread(wait_as_root, h);
    t[4] = start_thread(join_outside, j);
    nap(2 * PIRN_MS); /* some wait already, some do not: both must be told */
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    for (int i = 0; i < 5; i++)
        end_thread(t[i]);
    EQ(busy.queued, 4);
    pirn_join_free(j);
    rt_free(rt);
}

/* Two that shut down at once. */
Test(mt_life, two_shutdowns_at_once, .timeout = LIMIT_S)
{
    for (int i = 0; i < 50; i++) {
        pirn_runtime *rt = rt_on(mt2);
        struct spinner s = {0};
        pthread_t t[2];

        pirn_join_free(spawn(pirn_runtime_handle(rt), spinner_poll, &s));
        for (int k = 0; k < 2; k++)
            t[k] = start_thread(shut_down, rt);
        for (int k = 0; k < 2; k++)
            end_thread(t[k]);
        rt_free(rt);
    }
}

static int faulting_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(13, "unlucky");
}

static void die_of_a_fault(void)
{
    pirn_runtime_opts o = mt_options(2);
    pirn_runtime *rt = NULL;
    struct closure c = {pending_poll, NULL, NULL};

    o.unhandled_fault = PIRN_UNHANDLED_ABORT;
    EQ(pirn_runtime_new(&o, &rt), 0);
    pirn_join_free(spawn(pirn_runtime_handle(rt), faulting_poll, NULL));
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, NULL), 0);
}

Test(mt_life, a_fault_may_end_the_process, .timeout = LIMIT_S)
{
    expect_abort(die_of_a_fault, "unlucky");
}
