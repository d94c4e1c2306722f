/* SPDX-License-Identifier: MIT */
/* Does the pool live with threads, and memory for them, that are not to be had? */
#include "blocking.h"
#include "tests/support/fail_thread.h"

#include <signal.h>

int __real_pthread_join(pthread_t id, void **result);
int __wrap_pthread_join(pthread_t id, void **result);

static _Atomic(int) joined;

int __wrap_pthread_join(pthread_t id, void **result)
{
    int r = __real_pthread_join(id, result);

    joined += r == 0;
    return r;
}

static void given_back(pirn_handle *h, int code)
{
    struct closure c = {ready_poll, add_drop, NULL};
    pirn_metrics before = metrics_of(h), after;
    _Atomic(int) drops = 0;
    pirn_join *out = (pirn_join *)&c;

    c.user = &drops;
    EQ(pirn_spawn_blocking(h, &closure_desc, &c, &out), code);
    SAYS("pirn_spawn_blocking");
    EQ(drops, 0);
    CHECK(out == (pirn_join *)&c && c.poll == ready_poll);
    EQ(pirn_spawn(h, &mandatory_desc, &c, NULL), code); /* detached */
    EQ(drops, 0);
    after = metrics_of(h);
    EQ(after.tasks_alive, before.tasks_alive);
    EQ(after.blocking_threads, before.blocking_threads);
    EQ(after.idle_blocking_threads, before.idle_blocking_threads);
    EQ(after.blocking_queue_depth, before.blocking_queue_depth);
}

/* (tokio: 4485, 8406: workers are no blocking threads) */
static void the_first_cannot_be_made(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    const int errors[] = {EAGAIN, EPERM};

    for (int i = 0; i < 2; i++) {
        fail_thread.error = errors[i];
        fail_thread.fail_from = 1;
        given_back(h, -EAGAIN);
        fail_thread.fail_from = 0;
    }
    fail_thread.error = 0;
    EQ(metrics_of(h).blocking_threads, 0);
    waits_done(blocking(h, ready_poll, NULL), 0);
    pool_is_quiet(h);
    EQ(metrics_of(h).blocking_threads, 1);
    rt_free(rt);
}
EACH_FLAVOR(blocking_threads, the_first_cannot_be_made)

/* A busy one takes the task; and when threads can be made again, they are. */
static void another_cannot_be_made(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s, t;
    pirn_join *busy = occupy(h, &s), *j, *k;

    fail_thread.fail_from = 1;
    j = blocking(h, ready_poll, NULL);
    EQ(metrics_of(h).blocking_queue_depth, 1);
    EQ(metrics_of(h).blocking_threads, 1);
    k = blocking(h, ready_poll, NULL); /* behind it, and again */
    EQ(metrics_of(h).blocking_queue_depth, 2);
    EQ(metrics_of(h).blocking_threads, 1);
    fail_thread.fail_from = 0;
    pirn_join_free(occupy(h, &t)); /* a second thread, which ran what was queued first */
    EQ(metrics_of(h).blocking_threads, 2);
    waits_done(j, 0);
    waits_done(k, 0);
    CHECK(!s.done);
    let_go(&t);
    let_go(&s);
    waits_done(busy, 0);
    pool_is_quiet(h);
    rt_free(rt);
}
EACH_FLAVOR(blocking_threads, another_cannot_be_made)

static void a_commit_without_a_thread(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) drops = 0;
    pirn_join *j = NULL;
    void *frame;

    EQ(pirn_spawn_begin(h, &mandatory_desc, &frame), 0);
    *(struct closure *)frame = (struct closure){ready_poll, add_drop, &drops};
    fail_thread.fail_from = 1;
    EQ(pirn_spawn_commit(frame, &j), 0);
    fail_thread.fail_from = 0;
    EQ(drops, 1);
    waits_as(j, PIRN_CANCELLED, -ECANCELED);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}
EACH_FLAVOR(blocking_threads, a_commit_without_a_thread)

/* Each creation in turn fails: what was accepted runs, what was not is given back. */
static void each_in_turn(struct flavor f)
{
    for (int at = 1; at <= 6; at++) {
        pirn_runtime *rt = rt_capped(f, 4);
        pirn_handle *h = pirn_runtime_handle(rt);
        pirn_join *j[12];
        _Atomic(int) drops = 0;
        int accepted = 0;

        fail_thread.failed = 0;
        fail_thread.fail_at = at;
        for (int i = 0; i < 12; i++)
            accepted +=
                try_blocking_as(h, &closure_desc, ready_poll, add_drop, &drops, &j[accepted]) == 0;
        EQ(accepted, at == 1 ? 11 : 12);
        fail_thread.fail_at = 0;
        for (int i = 0; i < accepted; i++)
            waits_done(j[i], 0);
        pool_is_quiet(h);
        EQ(drops, accepted);
        rt_free(rt);
    }
}
EACH_FLAVOR(blocking_threads, each_in_turn)

/* Several come while the first and only thread is being made, and cannot be. */
struct together {
    pirn_handle *h;
    pthread_barrier_t start;
    _Atomic(int) accepted, refused, polls, drops;
};

static int counting_poll(void *user, pirn_cx *cx, int *out)
{
    struct together *t = user;

    (void)cx;
    t->polls++;
    *out = 0;
    return 0;
}

static void counting_drop(void *user)
{
    ((struct together *)user)->drops++;
}

static void *come(void *user)
{
    struct together *t = user;
    pirn_join *j = NULL;
    int r;

    (void)pthread_barrier_wait(&t->start);
    r = try_blocking_as(t->h, &closure_desc, counting_poll, counting_drop, t, &j);
    if (r == 0) {
        t->accepted++;
        waits_done(j, 0);
    } else {
        EQ(r, -EAGAIN);
        t->refused++;
    }
    return NULL;
}

static void several_wait_for_one(struct flavor f)
{
    for (int round = 0; round < 100; round++) {
        pirn_runtime *rt = rt_capped(f, 1);
        struct together t = {.h = pirn_runtime_handle(rt)};
        pthread_t threads[3];

        EQ(pthread_barrier_init(&t.start, NULL, 4), 0);
        for (int i = 0; i < 3; i++)
            threads[i] = start_thread(come, &t);
        fail_thread.failed = 0;
        fail_thread.fail_at = 1 + round % 2;
        (void)pthread_barrier_wait(&t.start);
        for (int i = 0; i < 3; i++)
            end_thread(threads[i]);
        fail_thread.fail_at = 0;
        EQ(t.accepted + t.refused, 3);
        EQ(t.refused, round % 2 == 0 ? 1 : 0);
        EQ(fail_thread.failed, round % 2 == 0 ? 1 : 0);
        EQ(t.polls, t.accepted);
        EQ(t.drops, t.accepted);
        pool_is_quiet(t.h);
        EQ(metrics_of(t.h).blocking_threads, 1);
        rt_free(rt);
        EQ(pthread_barrier_destroy(&t.start), 0);
    }
}
EACH_FLAVOR(blocking_threads, several_wait_for_one)

/* Every allocation of the runtime's in turn. */
static void without_memory(struct flavor f)
{
    for (int at = 1;; at++) {
        pirn_runtime *rt = rt_capped(f, 1);
        pirn_handle *h = pirn_runtime_handle(rt);
        pirn_join *j = NULL;
        _Atomic(int) drops = 0;
        int r;

        tally.failed = 0;
        tally.fail_at = at;
        r = try_blocking_as(h, &closure_desc, ready_poll, add_drop, &drops, &j);
        tally.fail_at = 0;
        if (r == 0)
            waits_done(j, 0);
        EQ(r, tally.failed ? -ENOMEM : 0);
        EQ(drops, r == 0);
        pool_is_quiet(h);
        rt_free(rt);
        if (tally.failed == 0) {
            CHECK(at > 2); /* a cell and a thread's record at least */
            return;
        }
    }
}
EACH_FLAVOR(blocking_threads, without_memory)

/* Those that go early as well as those that stay until the end: nobody is left to the kernel. */
static bool none_is_left(void *h)
{
    return metrics_of(h).blocking_threads == 0;
}

static void every_thread_is_joined(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    int made = fail_thread.calls, ended = joined;
    pirn_runtime *rt;
    pirn_handle *h;

    o.thread_keep_alive_ns = 1;
    o.max_blocking_threads = 2;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    for (int round = 0; round < 10; round++) {
        struct stopper s[2];
        pirn_join *j[2] = {occupy(h, &s[0]), occupy(h, &s[1])};

        for (int i = 0; i < 2; i++) {
            let_go(&s[i]);
            waits_done(j[i], 0);
        }
        CHECK(comes_true(none_is_left, h));
    }
    waits_done(blocking(h, ready_poll, NULL), 0);
    rt_free(rt);
    CHECK(fail_thread.calls - made >= 21);
    EQ(fail_thread.calls - made, joined - ended);
}
EACH_FLAVOR(blocking_threads, every_thread_is_joined)

/* ---- what the threads are like --------------------------------------------------------------------------- */

struct made {
    char name[16];
    sigset_t mask;
    size_t stack;
};

static int made_poll(void *user, pirn_cx *cx, int *out)
{
    struct made *m = user;
    pthread_attr_t attr;

    (void)cx;
    EQ(pthread_getname_np(pthread_self(), m->name, sizeof m->name), 0);
    EQ(pthread_sigmask(SIG_BLOCK, NULL, &m->mask), 0);
    EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    EQ(pthread_attr_getstacksize(&attr, &m->stack), 0);
    EQ(pthread_attr_destroy(&attr), 0);
    *out = 0;
    return 0;
}

static void names_signals_and_stack(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = rt_on(f);
    struct made m = {{0}, {{0}}, 0};
    sigset_t here;

    waits_done(blocking(pirn_runtime_handle(rt), made_poll, &m), 0);
    SAME_TEXT(m.name, "pirn-blocking");
    for (int s = 1; s < SIGRTMIN; s++)
        if (s != SIGKILL && s != SIGSTOP && s < 32)
            CHECK_SAYS(sigismember(&m.mask, s) == 1, "signal %d", s);
    EQ(pthread_sigmask(SIG_BLOCK, NULL, &here), 0);
    EQ(sigismember(&here, SIGTERM), 0); /* ours is as it was */
    rt_free(rt);
    o.thread_name = "a name of more than 15";
    o.thread_stack_bytes = 1000001;
    rt = rt_on_with(f, &o);
    waits_done(blocking(pirn_runtime_handle(rt), made_poll, &m), 0);
    SAME_TEXT(m.name, "a name of more ");
    CHECK(m.stack >= 1000001 && m.stack < 1200000);
    rt_free(rt);
}
EACH_FLAVOR(blocking_threads, names_signals_and_stack)
