/* SPDX-License-Identifier: MIT */
/* Does a paused clock stand still, go on when nothing is ready, wait for blocking work, and come to
 * itself again? */
#include "paused.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static pirn_time system_time(void)
{
    struct timespec ts;

    EQ(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    return (pirn_time)ts.tv_sec * PIRN_SEC + ts.tv_nsec;
}

Test(clock, stands_still_and_is_moved)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);

    CHECK(begin <= system_time() && begin > system_time() - 60 * PIRN_SEC);
    EQ(time_of(h), begin);
    EQ(pirn_clock_advance(h, 0), 0);
    EQ(time_of(h), begin);
    EQ(pirn_clock_advance(h, 1234567), 0);
    EQ(time_of(h), begin + 1234567);
    EQ(pirn_clock_advance(h, INT64_MAX), 0);
    EQ(time_of(h), PIRN_NEVER - 1);
    EQ(pirn_clock_advance(h, INT64_MAX), 0);
    EQ(time_of(h), PIRN_NEVER - 1);
    CHECK(pirn_now() < begin + 60 * PIRN_SEC); /* outside it is the system's */
    rt_free(rt);
}

Test(clock, is_paused_and_resumed)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time a = time_of(h), b;

    EQ(pirn_clock_resume(h), -EINVAL);
    SAYS("pirn_clock_resume");
    EQ(pirn_clock_advance(h, 1), -EINVAL);
    EQ(pirn_clock_pause(h), 0);
    EQ(pirn_clock_pause(h), -EBUSY);
    SAYS("pirn_clock_pause");
    b = time_of(h);
    CHECK(b >= a && b <= system_time());
    EQ(time_of(h), b);
    EQ(pirn_clock_advance(h, -1), -EINVAL);
    EQ(pirn_clock_advance(h, 3600 * PIRN_SEC), 0);
    EQ(pirn_clock_resume(h), 0);
    EQ(pirn_clock_resume(h), -EINVAL);
    a = time_of(h);
    CHECK(a >= b + 3600 * PIRN_SEC && a < b + 3660 * PIRN_SEC);
    while (time_of(h) == a) { /* it goes on */
    }
    EQ(pirn_clock_pause(h), 0);
    CHECK(time_of(h) > a);
    EQ(pirn_clock_resume(h), 0);
    rt_free(rt);
}

Test(clock, errors)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;

    EQ(pirn_clock_pause(NULL), PIRN_ENORUNTIME);
    EQ(pirn_clock_resume(NULL), PIRN_ENORUNTIME);
    EQ(pirn_clock_advance(NULL, 1), PIRN_ENORUNTIME);
    o.worker_threads = 1;
    EQ(pirn_runtime_new(&o, &rt), 0);
    EQ(pirn_clock_pause(pirn_runtime_handle(rt)), -EINVAL);
    SAYS("current-thread");
    EQ(pirn_clock_advance(pirn_runtime_handle(rt), 1), -EINVAL);
    EQ(pirn_clock_resume(pirn_runtime_handle(rt)), -EINVAL);
    pirn_runtime_free(rt);
    rt = NULL;
    o.flags = PIRN_RT_PAUSED;
    EQ(pirn_runtime_new(&o, &rt), -EINVAL);
    SAYS("PIRN_RT_PAUSED");
    CHECK(rt == NULL);
}

/* Within a poll it is read once, and again after it was moved. */
static int moves_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_time begin = pirn_now();

    (void)user;
    (void)cx;
    EQ(pirn_clock_advance(NULL, 5), 0);
    EQ(pirn_now(), begin + 5);
    EQ(pirn_after(7), begin + 12);
    EQ(pirn_clock_resume(NULL), 0);
    EQ(pirn_clock_pause(NULL), 0);
    CHECK(pirn_now() >= begin + 5);
    *out = 0;
    return 0;
}

Test(clock, a_poll_sees_it_moved)
{
    pirn_runtime *rt = rt_paused();

    EQ(block_on(pirn_runtime_handle(rt), moves_poll, NULL), 0);
    rt_free(rt);
}

/* Timers that wait when the clock is paused, or resumed, keep their deadlines. */
Test(clock, timers_go_along)
{
    enum {
        N = 64
    };
    static struct sleeper s[N];
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    pirn_join *j[N];

    for (int i = 0; i < N; i++) {
        s[i].at = begin + 1000 * PIRN_SEC + (INT64_C(1) << i % 40) + i;
        j[i] = spawn(h, sleeper_poll, &s[i]);
    }
    settle(h);
    EQ(pirn_clock_pause(h), 0);
    sleep_in(h, begin + 1000 * PIRN_SEC);
    EQ(time_of(h), begin + 1000 * PIRN_SEC);
    EQ(s[0].polls, 1);
    sleep_in(h, s[0].at);
    settle(h);
    EQ(s[0].woke, s[0].at);
    EQ(pirn_clock_resume(h), 0);
    settle(h);
    EQ(pirn_clock_pause(h), 0);
    sleep_in(h, begin + 1000 * PIRN_SEC + (INT64_C(1) << 40));
    for (int i = 0; i < N; i++) {
        CHECK(s[i].woke >= s[i].at);
        join_done(j[i], 0);
    }
    rt_free(rt);
}

/* By its own deadline alone a timer could be looked at too late: whoever moves the clock fires it.
 * */
Test(clock, advance_wakes_in_the_order_of_deadlines)
{
    static struct sleeper s[20];
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    pirn_join *j[20];

    sleeper_turns = 0;
    for (int i = 0; i < 20; i++) {
        s[i].at = begin + (20 - i) * PIRN_SEC + i;
        j[i] = spawn(h, sleeper_poll, &s[i]);
    }
    settle(h);
    EQ(pirn_clock_advance(h, 10 * PIRN_SEC), 0);
    settle(h);
    for (int i = 0; i < 20; i++)
        EQ(s[i].turn, i > 10 ? 20 - i : 0);
    EQ(pirn_clock_advance(h, 3600 * PIRN_SEC), 0);
    settle(h);
    for (int i = 0; i < 20; i++) {
        EQ(s[i].turn, 20 - i);
        EQ(s[i].woke, begin + (i > 10 ? 10 : 3610) * PIRN_SEC);
        join_done(j[i], 0);
    }
    rt_free(rt);
}

/* ---- it goes on by itself ------------------------------------------------------------------- */

/* Ready again and again, for a hundred polls. */
static int busy_poll(void *user, pirn_cx *cx, int *out)
{
    int *polls = user;

    if (++*polls == 100) {
        *out = 0;
        return 0;
    }
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

Test(clock, stands_while_anything_is_ready)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    struct sleeper s = {.at = begin + 1};
    pirn_join *j = spawn(h, sleeper_poll, &s), *k;
    int polls[2] = {0, 0};

    k = spawn(h, busy_poll, &polls[0]);
    EQ(block_on(h, busy_poll, &polls[1]), 0);
    EQ(time_of(h), begin);
    sleep_in(h, begin + 1);
    settle(h);
    EQ(polls[0], 100);
    EQ(s.woke, begin + 1);
    join_done(j, 0);
    join_done(k, 0);
    rt_free(rt);
}

Test(clock, a_year_is_nothing)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h), real = system_time();

    sleep_in(h, begin + 365 * 86400 * PIRN_SEC);
    EQ(time_of(h) - begin, 365 * 86400 * PIRN_SEC);
    CHECK(system_time() - real < 10 * PIRN_SEC);
    rt_free(rt);
}

/* ---- blocking tasks take real time ----------------------------------------------------------- */

static int busy_wait(void *arg)
{
    pirn_time end = system_time() + *(const int64_t *)arg;

    while (system_time() < end)
        (void)sched_yield();
    return 0;
}

static int faults(void *arg)
{
    (void)busy_wait(arg);
    pirn_fault(7, "on purpose");
}

struct waiting {
    pirn_join *join;
    pirn_time until;
    pirn_op limit;
};

static int waits_for_join_poll(void *user, pirn_cx *cx, int *out)
{
    struct waiting *w = user;
    pirn_result res;
    int r =
        pirn_timeout_poll(&w->limit, cx, w->until, NULL, pirn_join_poll(w->join, cx, &res, NULL));

    if (r == PIRN_PENDING)
        return r;
    *out = r;
    return 0;
}

Test(clock, waits_for_a_blocking_task_that_is_awaited)
{
    int64_t takes = 30 * PIRN_MS;
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct waiting w = {.until = time_of(h) + PIRN_MS}; /* longer by far than the task takes */

    EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING, busy_wait, &takes, NULL, &w.join), 0);
    EQ(block_on(h, waits_for_join_poll, &w), 0);
    pirn_join_free(w.join);
    CHECK(time_of(h) < w.until);
    rt_free(rt);
}

/* Nobody is told when it ends; but who drives must go on. */
Test(clock, goes_on_after_a_blocking_task_that_is_not)
{
    int64_t takes = 20 * PIRN_MS;
    int (*const ends[])(void *) = {busy_wait, faults};

    for (int i = 0; i < 2; i++) {
        pirn_runtime *rt = rt_paused();
        pirn_handle *h = pirn_runtime_handle(rt);
        pirn_time begin = time_of(h), real = system_time();

        EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING, ends[i], &takes, NULL, NULL), 0);
        sleep_in(h, begin + 15 * PIRN_SEC);
        EQ(time_of(h), begin + 15 * PIRN_SEC);
        CHECK(system_time() - real >= takes);
        CHECK(system_time() - real < 10 * PIRN_SEC);
        rt_free(rt);
    }
}

Test(clock, waits_for_blocking_tasks_that_wait_for_a_thread)
{
    int64_t takes = 5 * PIRN_MS;
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_time real = system_time();

    o.flags = PIRN_RT_PAUSED;
    o.max_blocking_threads = 1;
    rt = rt_new_with(&o);
    h = pirn_runtime_handle(rt);
    for (int i = 0; i < 5; i++)
        EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING, busy_wait, &takes, NULL, NULL), 0);
    sleep_in(h, time_of(h) + PIRN_SEC);
    CHECK(system_time() - real >= 5 * takes);
    rt_free(rt);
}

/* ---- other threads -----------------------------------------------------------------------------
 * */

static sem_t sleeps;

static int tells_poll(void *user, pirn_cx *cx, int *out)
{
    int r = sleeper_poll(user, cx, out);

    post(&sleeps);
    return r;
}

static void *advances(void *arg)
{
    await(&sleeps);
    EQ(pirn_clock_advance(arg, 3600 * PIRN_SEC), 0);
    return NULL;
}

static int keeps_it_from_going_on(void *arg)
{
    await(arg);
    return 0;
}

/* The one that drives sleeps: a blocking task keeps the clock from going on. */
Test(clock, another_thread_moves_it)
{
    sem_t hold;
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct sleeper s = {.at = time_of(h) + 60 * PIRN_SEC};
    pirn_time begin = time_of(h);
    pthread_t t;

    EQ(sem_init(&hold, 0, 0), 0);
    EQ(sem_init(&sleeps, 0, 0), 0);
    EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING, keeps_it_from_going_on, &hold, NULL, NULL), 0);
    t = start_thread(advances, h);
    EQ(block_on(h, tells_poll, &s), 0);
    EQ(s.woke, begin + 3600 * PIRN_SEC);
    end_thread(t);
    post(&hold);
    rt_free(rt);
    EQ(sem_destroy(&hold), 0);
    EQ(sem_destroy(&sleeps), 0);
}

static void *resumes(void *arg)
{
    await(&sleeps);
    while (metrics_of(arg).parks == 0)
        (void)sched_yield();
    EQ(pirn_clock_resume(arg), 0);
    return NULL;
}

/* Resumed while it sleeps, or is about to: the rest takes real time, and is waited for. */
Test(clock, another_thread_resumes_it)
{
    sem_t hold;
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct sleeper s = {.at = time_of(h) + 20 * PIRN_MS};
    pthread_t t;

    EQ(sem_init(&hold, 0, 0), 0);
    EQ(sem_init(&sleeps, 0, 0), 0);
    EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING, keeps_it_from_going_on, &hold, NULL, NULL), 0);
    t = start_thread(resumes, h);
    EQ(block_on(h, tells_poll, &s), 0);
    CHECK(s.woke >= s.at && s.woke < s.at + 10 * PIRN_SEC);
    end_thread(t);
    post(&hold);
    rt_free(rt);
    EQ(sem_destroy(&hold), 0);
    EQ(sem_destroy(&sleeps), 0);
}

static void *pauses(void *arg)
{
    await(&sleeps);
    while (metrics_of(arg).parks == 0)
        (void)sched_yield();
    EQ(pirn_clock_pause(arg), 0);
    return NULL;
}

/* Paused while it sleeps for a year: it need not wait any more. */
Test(clock, another_thread_pauses_it)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct sleeper s = {.at = time_of(h) + 365 * 86400 * PIRN_SEC};
    pthread_t t;

    EQ(sem_init(&sleeps, 0, 0), 0);
    t = start_thread(pauses, h);
    EQ(block_on(h, tells_poll, &s), 0);
    EQ(s.woke, s.at);
    end_thread(t);
    rt_free(rt);
    EQ(sem_destroy(&sleeps), 0);
}

/* What can be read comes before the first timer. */
struct reading {
    pirn_fd *fd;
    pirn_time until, woke;
    pirn_op op, limit;
};

static int reading_poll(void *user, pirn_cx *cx, int *out)
{
    struct reading *r = user;
    unsigned ready = 0;
    int status = pirn_timeout_poll(&r->limit, cx, r->until, &r->op,
                                   pirn_fd_ready_poll(&r->op, cx, r->fd, PIRN_READABLE, &ready));

    *out = status;
    r->woke = pirn_now();
    return status == PIRN_PENDING ? status : 0;
}

static int writing_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    EQ(write(*(int *)user, "x", 1), 1);
    return 0;
}

Test(clock, an_event_comes_before_the_next_timer)
{
    int ends[2];
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    struct reading r = {.until = begin + PIRN_SEC};
    pirn_join *j, *k;

    EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    EQ(pirn_fd_new(h, ends[0], PIRN_FD_OWN, &r.fd), 0);
    j = spawn(h, reading_poll, &r);
    settle(h);
    k = spawn(h, writing_poll, &ends[1]);
    sleep_in(h, begin + 5 * PIRN_SEC);
    join_done(k, 0);
    join_done(j, 0);
    EQ(r.woke, begin);
    pirn_fd_free(r.fd);
    EQ(close(ends[1]), 0);
    rt_free(rt);
}

/* ---- local sets and turns -----------------------------------------------------------------------
 * */

static int set_poll(void *user, pirn_cx *cx, int *out)
{
    *out = 0;
    return pirn_local_set_poll(user, cx);
}

Test(clock, tasks_of_a_local_set_sleep)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    struct sleeper s[2] = {{.at = begin + PIRN_SEC}, {.at = begin + 2 * PIRN_SEC}};
    struct closure c[2] = {{sleeper_poll, NULL, &s[0]}, {sleeper_poll, NULL, &s[1]}};
    pirn_local_set *set = NULL;

    EQ(pirn_local_set_new(h, &set), 0);
    for (int i = 0; i < 2; i++)
        EQ(pirn_local_set_spawn(set, &closure_desc, &c[i], NULL), 0);
    EQ(block_on(h, set_poll, set), 0);
    EQ(s[0].woke, begin + PIRN_SEC);
    EQ(s[1].woke, begin + 2 * PIRN_SEC);
    pirn_local_set_free(set);
    rt_free(rt);
}

static int poll_set(void *set, pirn_cx *cx, void *out)
{
    return set_poll(set, cx, out);
}

/* Its tasks' timers go with the set, which may go after the runtime. */
Test(clock, a_local_set_goes_with_sleeping_tasks)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct sleeper s = {.at = PIRN_NEVER - 1};
    struct closure c = {sleeper_poll, NULL, &s};
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    pirn_local_set *set = NULL;
    int out;

    EQ(pirn_local_set_new(h, &set), 0);
    EQ(pirn_local_set_spawn(set, &closure_desc, &c, NULL), 0);
    EQ(pirn_poll_with(&waker, poll_set, set, &out), PIRN_PENDING);
    pirn_runtime_free(rt);
    pirn_local_set_free(set);
    pirn_waker_drop(waker);
    EQ(s.polls, 1);
    EQ(tally.live, 0);
}

Test(clock, turns_go_on_too)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    struct sleeper s = {.at = begin + 86400 * PIRN_SEC};
    pirn_join *j = spawn(h, sleeper_poll, &s);

    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    EQ(s.woke, s.at);
    join_done(j, 0);
    rt_free(rt);
}
