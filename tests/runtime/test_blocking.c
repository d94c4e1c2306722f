/* SPDX-License-Identifier: MIT */
/* Do blocking tasks run on the pool's threads, with the runtime around them? */
#include "blocking.h"

/* ---- what it is like inside ------------------------------------------------------------------------ */

struct inside {
    pirn_handle *h, *current;
    pthread_t thread;
    uint64_t id;
    int worker;
};

static int look_poll(void *user, pirn_cx *cx, int *out)
{
    struct inside *in = user;

    in->current = pirn_handle_current();
    in->thread = pthread_self();
    in->id = pirn_task_id();
    in->worker = pirn_worker_index();
    for (int i = 0; i < 1000; i++)
        EQ(pirn_consume_budget_poll(cx), 0); /* there is none */
    CHECK(!pirn_cx_cancelled(cx));
    *out = 41;
    return 0;
}

static void runs_elsewhere(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct inside in = {.h = h};
    pirn_join *j = blocking(h, look_poll, &in);
    uint64_t id = pirn_join_id(j);

    waits_done(j, 41);
    CHECK(in.current == h);
    CHECK(!pthread_equal(in.thread, pthread_self()));
    EQ(in.id, id);
    EQ(in.worker, -1);
    CHECK(pirn_handle_current() == NULL);
    pool_is_quiet(h);
    EQ(metrics_of(h).tasks_spawned, 1);
    EQ(metrics_of(h).blocking_threads, 1);
    rt_free(rt);
}
EACH_FLAVOR(blocking, runs_elsewhere)

static int waiting_poll(void *user, pirn_cx *cx, int *out)
{
    struct inside *in = user;
    pirn_time before = pirn_now();
    pirn_join *j;

    (void)cx;
    /* Other blocking tasks, a root, and, where workers run it, a task. */
    waits_done(blocking(NULL, look_poll, in), 41);
    EQ(block_on(in->h, ready_poll, NULL), 0);
    if (metrics_of(in->h).workers > 1)
        waits_done(spawn(NULL, ready_poll, NULL), 0);
    j = spawn(NULL, ready_poll, NULL);
    ends_done(in->h, j, 0);
    /* Time passes in the middle of the poll. */
    while (pirn_now() < before + PIRN_MS)
        sched_yield();
    CHECK(pirn_task_id() != 0);
    CHECK(pirn_handle_current() == in->h);
    *out = 6;
    return 0;
}

static void may_wait(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    struct inside in = {.h = pirn_runtime_handle(rt)};

    waits_done(blocking(in.h, waiting_poll, &in), 6);
    pool_is_quiet(in.h);
    rt_free(rt);
}
EACH_FLAVOR(blocking, may_wait)

/* A runtime of its own comes and goes inside; its own cannot. */
static int ending_poll(void *rt, pirn_cx *cx, int *out)
{
    pirn_runtime *other = rt_new();

    (void)cx;
    EQ(block_on(pirn_runtime_handle(other), ready_poll, NULL), 0);
    waits_done(blocking(pirn_runtime_handle(other), ready_poll, NULL), 0);
    pirn_runtime_free(other);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), -EDEADLK);
    SAYS("pirn_runtime_shutdown");
    *out = 0;
    return 0;
}

static void cannot_end_its_own(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);

    waits_done(blocking(pirn_runtime_handle(rt), ending_poll, rt), 0);
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    rt_free(rt);
}
EACH_FLAVOR(blocking, cannot_end_its_own)

static int freeing_poll(void *rt, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    pirn_runtime_free(rt);
    return 0;
}

static void free_inside(void)
{
    pirn_runtime *rt = rt_new();

    waits_done(blocking(pirn_runtime_handle(rt), freeing_poll, rt), 0);
}

Test(blocking, free_inside_aborts)
{
    expect_abort(free_inside, "pirn_runtime_free");
}

/* ---- how it is asked for ---------------------------------------------------------------------------- */

static int fn_self(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    return -7;
}

static void by_function_and_flags(struct flavor f)
{
    const uint32_t plain = PIRN_TASK_BLOCKING,
                   all = plain | PIRN_TASK_TRY | PIRN_TASK_MANDATORY | PIRN_TASK_UNCONSTRAINED;
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = NULL;

    for (uint32_t flags = plain; flags <= all; flags += 2) {
        pthread_t self = pthread_self();

        EQ(pirn_spawn_fn(h, flags, fn_self, &self, NULL, &j), 0);
        waits_as(j, PIRN_DONE, -7);
        CHECK(!pthread_equal(self, pthread_self()));
    }
    EQ(pirn_spawn_fn(h, PIRN_TASK_TRY, fn_self, NULL, NULL, &j), -EINVAL);
    SAYS("PIRN_TASK_TRY");
    EQ(pirn_spawn_fn(h, PIRN_TASK_MANDATORY, fn_self, NULL, NULL, &j), -EINVAL);
    EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING | PIRN_TASK_LINE, fn_self, NULL, NULL, &j), -EINVAL);
    SAYS("0x10");
    EQ(pirn_spawn_fn(h, 1u << 31, fn_self, NULL, NULL, &j), -EINVAL);
    EQ(pirn_spawn_blocking(h, NULL, NULL, &j), -EINVAL);
    EQ(pirn_spawn_blocking(NULL, &closure_desc, NULL, &j), PIRN_ENORUNTIME);
    SAYS("pirn_spawn_blocking");
    pool_is_quiet(h);
    rt_free(rt);
}
EACH_FLAVOR(blocking, by_function_and_flags)

static void the_descriptor_is_enough(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct inside in = {.h = h};
    struct closure c = {look_poll, NULL, &in};
    pirn_join *j = NULL;
    void *frame;

    EQ(pirn_spawn(h, &mandatory_desc, &c, &j), 0);
    waits_done(j, 41);
    EQ(in.worker, -1);
    EQ(pirn_spawn_begin(h, &mandatory_desc, &frame), 0);
    *(struct closure *)frame = c;
    EQ(pirn_spawn_commit(frame, &j), 0);
    waits_done(j, 41);
    EQ(pirn_spawn_begin(h, &mandatory_desc, &frame), 0);
    pirn_spawn_cancel(frame);
    EQ(pirn_spawn_begin(h, &mandatory_desc, &frame), 0);
    *(struct closure *)frame = c;
    EQ(pirn_spawn_commit(frame, NULL), 0);
    pool_is_quiet(h);
    EQ(metrics_of(h).polls, 3);
    rt_free(rt);
}
EACH_FLAVOR(blocking, the_descriptor_is_enough)

static int local_poll(void *set, pirn_cx *cx, int *out)
{
    struct closure c = {ready_poll, NULL, NULL};
    pirn_join *j = (pirn_join *)&c;

    (void)cx;
    EQ(pirn_local_set_spawn(set, &mandatory_desc, &c, &j), -EINVAL);
    SAYS("PIRN_TASK_BLOCKING");
    EQ(pirn_spawn_local(&mandatory_desc, &c, &j), -EINVAL);
    SAYS("PIRN_TASK_BLOCKING");
    CHECK(j == (pirn_join *)&c);
    *out = 0;
    return 0;
}

Test(blocking, local_tasks_are_not)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *set = NULL;

    EQ(pirn_local_set_new(pirn_runtime_handle(rt), &set), 0);
    EQ(block_on(pirn_runtime_handle(rt), local_poll, set), 0);
    pirn_local_set_free(set);
    rt_free(rt);
}

/* ---- how it ends --------------------------------------------------------------------------------------- */

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_enter guard;

    (void)cx;
    *out = 0;
    EQ(pirn_handle_enter(pirn_runtime_handle(user), &guard), 0);
    pirn_fault(-9, "blocked for good");
}

static int cx_fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)out;
    return pirn_cx_fault(cx, -8, "by return");
}

static int code_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    return *(int *)user;
}

static void faulting_drop(void *counter)
{
    add_drop(counter);
    pirn_fault(-3, "in its drop");
}

static void faults_are_contained(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    int pending = PIRN_PENDING, two = 2, error = -4;
    _Atomic(int) drops = 0;

    waits_as(blocking(h, fault_poll, rt), PIRN_FAULTED, -9);
    SAYS("blocked for good");
    waits_as(blocking(h, cx_fault_poll, NULL), PIRN_FAULTED, -8);
    waits_as(blocking(h, code_poll, &pending), PIRN_FAULTED, PIRN_PENDING);
    SAYS("returned 1");
    waits_as(blocking(h, code_poll, &two), PIRN_FAULTED, 2);
    waits_as(blocking(h, code_poll, &error), PIRN_DONE, -4);
    waits_as(blocking_as(h, &closure_desc, ready_poll, faulting_drop, &drops), PIRN_FAULTED, -3);
    EQ(drops, 1);
    waits_done(blocking(h, ready_poll, NULL), 0); /* the same thread */
    pool_is_quiet(h);
    EQ(metrics_of(h).faults, 5);
    EQ(metrics_of(h).blocking_threads, 1);
    rt_free(rt);
}
EACH_FLAVOR(blocking, faults_are_contained)

/* Detached, its output is dropped; joined, it is moved. */
static void outputs(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {ready_poll, add_drop, NULL};
    _Atomic(int) drops = 0;

    outputs_dropped = 0;
    c.user = &drops;
    EQ(pirn_spawn_blocking(h, &closure_desc, &c, NULL), 0);
    pirn_join_free(blocking_as(h, &closure_desc, ready_poll, add_drop, &drops));
    waits_done(blocking(h, ready_poll, NULL), 0);
    pool_is_quiet(h);
    EQ(outputs_dropped, 2);
    EQ(drops, 2);
    rt_free(rt);
}
EACH_FLAVOR(blocking, outputs)

/* ---- looked at from outside ---------------------------------------------------------------------------- */

struct seen {
    int running, ready, others, blocking;
};

static int count_state(void *user, const pirn_task_info *t)
{
    struct seen *s = user;

    s->blocking += t->worker == PIRN_NO_WORKER;
    if (t->state & 1)
        s->running++;
    else if (t->state & 4)
        s->ready++;
    else
        s->others++;
    return 0;
}

static void a_walk_sees_them(struct flavor f)
{
    pirn_runtime *rt = rt_capped(f, 2);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct stopper s[2];
    pirn_join *busy[2], *queued[50];
    struct seen seen = {0};
    char line[256];
    FILE *file = tmpfile();
    int lines = 0;

    CHECK(file != NULL);
    for (int i = 0; i < 2; i++)
        busy[i] = occupy(h, &s[i]);
    for (int i = 0; i < 50; i++)
        queued[i] = blocking(h, ready_poll, NULL);
    EQ(pirn_runtime_each_task(h, count_state, &seen), 0);
    EQ(seen.running, 2);
    EQ(seen.ready, 50);
    EQ(seen.others, 0);
    EQ(seen.blocking, 52);
    EQ(pirn_runtime_dump(h, fileno(file)), 0);
    rewind(file);
    while (fgets(line, sizeof line, file) != NULL)
        lines += strstr(line, "\"closure\"") != NULL && strstr(line, "worker=4294967295") != NULL;
    EQ(lines, 52);
    (void)fclose(file);
    EQ(metrics_of(h).blocking_threads, 2);
    EQ(metrics_of(h).idle_blocking_threads, 0);
    EQ(metrics_of(h).blocking_queue_depth, 50);
    EQ(metrics_of(h).tasks_alive, 52);
    for (int i = 0; i < 2; i++) {
        let_go(&s[i]);
        waits_done(busy[i], 0);
    }
    for (int i = 0; i < 50; i++)
        waits_done(queued[i], 0);
    pool_is_quiet(h);
    EQ(metrics_of(h).polls, 52);
    EQ(metrics_of(h).blocking_threads, 2);
    rt_free(rt);
}
EACH_FLAVOR(blocking, a_walk_sees_them)

static struct {
    _Atomic(int) starts, stops, spawns, ends, after, wrong;
} hooked;

static void count_start(void *user, uint32_t worker)
{
    (void)user;
    hooked.starts += worker == PIRN_NO_WORKER;
}

static void count_stop(void *user, uint32_t worker)
{
    (void)user;
    hooked.stops += worker == PIRN_NO_WORKER;
}

static void count_spawned(void *user, const pirn_task_info *info)
{
    (void)user;
    hooked.spawns++;
    hooked.wrong += info->polls != 0;
}

static void count_ended(void *user, const pirn_task_info *info)
{
    (void)user;
    hooked.ends++;
    hooked.wrong += !(info->state & 2);
}

static void count_after(void *user, const pirn_task_info *info)
{
    (void)user;
    hooked.after += info->polls == 1;
}

static void hooks_are_called(struct flavor f)
{
    pirn_hooks k = {.size = sizeof k,
                    .on_thread_start = count_start,
                    .on_thread_stop = count_stop,
                    .on_task_spawn = count_spawned,
                    .on_task_terminate = count_ended,
                    .after_poll = count_after};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;
    pirn_handle *h;

    memset(&hooked, 0, sizeof hooked);
    o.hooks = &k;
    o.max_blocking_threads = 3;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    for (int i = 0; i < 100; i++)
        waits_done(blocking(h, ready_poll, NULL), 0);
    pool_is_quiet(h);
    CHECK(hooked.starts >= 1 && hooked.starts <= 3);
    EQ(hooked.starts, metrics_of(h).blocking_threads);
    rt_free(rt);
    EQ(hooked.starts, hooked.stops);
    EQ(hooked.spawns, 100);
    EQ(hooked.ends, 100);
    EQ(hooked.after, 100);
    EQ(hooked.wrong, 0);
}
EACH_FLAVOR(blocking, hooks_are_called)
