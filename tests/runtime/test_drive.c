/* SPDX-License-Identifier: MIT */
/* Several threads in block_on, and shutdown from outside: who drives, who waits, who is told? */
#include "support.h"

struct caller {
    pirn_handle *h;
    step_fn *fn;
    void (*drop)(void *);
    void *user;
    pthread_t thread, dropped_on;
    int r, out;
    pirn_result res;
    sem_t done;
};

static void caller_drop(void *user)
{
    struct caller *c = user;

    c->dropped_on = pthread_self();
    if (c->drop != NULL)
        c->drop(c->user);
}

static int caller_poll(void *user, pirn_cx *cx, int *out)
{
    struct caller *c = user;

    return c->fn(c->user, cx, out);
}

static void *call(void *user)
{
    struct caller *c = user;
    struct closure frame = {caller_poll, caller_drop, c};

    c->r = pirn_block_on(c->h, &closure_desc, &frame, &c->res, &c->out);
    CHECK(pthread_equal(c->dropped_on, pthread_self()));
    CHECK(pirn_handle_current() == NULL);
    post(&c->done);
    return NULL;
}

static void start_caller(struct caller *c, pirn_handle *h, step_fn *fn, void *user)
{
    c->h = h;
    c->fn = fn;
    c->user = user;
    EQ(sem_init(&c->done, 0, 0), 0);
    c->thread = start_thread(call, c);
}

static void await_polls(struct gate *g, int n)
{
    while (g->polls < n)
        sched_yield();
}

/* ---- hand-over --------------------------------------------------------------------------------------- */

/* (tokio: rt_common block_on from several threads; loom: block_on while another drives) */
Test(drive, roots_make_progress_without_the_core, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    struct gate g[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    struct caller c[4] = {{0}};

    for (int i = 0; i < 4; i++) {
        start_caller(&c[i], pirn_runtime_handle(rt), gate_poll, &g[i]);
        await_polls(&g[i], 1); /* polled though another may drive */
    }
    for (int i = 3; i >= 0; i--) {
        gate_open(&g[i]);
        await(&c[i].done);
        EQ(c[i].r, 0);
        EQ(c[i].out, i + 1);
        for (int k = 0; k < i; k++)
            EQ(c[k].out, 0);
    }
    for (int i = 0; i < 4; i++) {
        end_thread(c[i].thread);
        pirn_waker_cell_fini(&g[i].cell);
    }
    rt_free(rt);
}

/* The one that drives leaves: a waiting one takes over, and its task runs. */
Test(drive, the_core_is_handed_over, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int n = 0; n < 100; n++) {
        struct gate first = {0}, inner = {.value = n};
        struct joining f = {spawn_gate(h, &inner), {0}};
        struct caller a = {0}, b = {0};

        start_caller(&a, h, gate_poll, &first);
        await_polls(&first, 1);
        start_caller(&b, h, joining_poll, &f);
        await_polls(&inner, 1);
        gate_open(&first);
        await(&a.done);
        gate_open(&inner); /* b alone can poll it */
        await(&b.done);
        EQ(b.r, 0);
        EQ(b.out, n);
        end_thread(a.thread);
        end_thread(b.thread);
        pirn_waker_cell_fini(&first.cell);
    }
    rt_free(rt);
}

static int self_waking(void *user, pirn_cx *cx, int *out)
{
    int *left = user;

    *out = 0;
    if ((*left)-- == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static int fault_second(void *user, pirn_cx *cx, int *out)
{
    struct gate *g = user;
    int r = gate_poll(g, cx, out);

    if (r != PIRN_PENDING)
        pirn_fault(66, "root elsewhere");
    return r;
}

/* A root that is polled without the core wakes itself, and faults, as any other. */
Test(drive, a_waiting_root_wakes_itself_and_faults, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate driver = {0}, bad = {0};
    struct caller a = {0}, b = {0}, c = {0};
    int left = 1000;

    start_caller(&a, h, gate_poll, &driver);
    await_polls(&driver, 1);
    start_caller(&b, h, self_waking, &left);
    await(&b.done);
    EQ(b.r, 0);
    EQ(left, -1);
    start_caller(&c, h, fault_second, &bad);
    await_polls(&bad, 1);
    gate_open(&bad);
    await(&c.done);
    EQ(c.r, 0);
    EQ(c.res.outcome, PIRN_FAULTED);
    EQ(c.res.code, 66);
    gate_open(&driver);
    end_thread(a.thread);
    end_thread(b.thread);
    end_thread(c.thread);
    pirn_waker_cell_fini(&driver.cell);
    pirn_waker_cell_fini(&bad.cell);
    rt_free(rt);
}

/* Many threads, each with a chain of tasks. (tokio: rt_common spawn from other threads under load) */
static int spawn_and_join(void *user, pirn_cx *cx, int *out)
{
    struct {
        struct joining f;
        int left;
    } *s = user;

    for (;;) {
        int r;

        if (s->f.join == NULL)
            s->f.join = spawn(NULL, ready_poll, NULL);
        r = joining_poll(&s->f, cx, out);
        if (r == PIRN_PENDING)
            return r;
        s->f.join = NULL;
        if (--s->left == 0)
            return 0;
    }
}

Test(drive, all_make_progress_under_load, .timeout = 60)
{
    enum {
        CALLERS = 6,
        ROUNDS = 300
    };
    pirn_runtime *rt = rt_new();
    struct {
        struct joining f;
        int left;
    } s[CALLERS] = {{{0}, 0}};
    struct caller c[CALLERS] = {{0}};

    for (int i = 0; i < CALLERS; i++) {
        s[i].left = ROUNDS;
        start_caller(&c[i], pirn_runtime_handle(rt), spawn_and_join, &s[i]);
    }
    for (int i = 0; i < CALLERS; i++) {
        end_thread(c[i].thread);
        EQ(c[i].r, 0);
    }
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, CALLERS * ROUNDS);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_alive, 0);
    rt_free(rt);
}

/* ---- shutdown from outside ----------------------------------------------------------------------------- */

/* (tokio: rt_common shutdown; wakes of sleepers during it) */
Test(drive, shutdown_ends_every_block_on_on_its_own_thread, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g[4] = {{0}}, task = {0};
    struct caller c[4] = {{0}};
    pirn_join *j = spawn_gate(h, &task);

    for (int i = 0; i < 4; i++) {
        c[i].drop = gate_drop;
        start_caller(&c[i], h, gate_poll, &g[i]);
        await_polls(&g[i], 1);
    }
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    for (int i = 0; i < 4; i++) {
        end_thread(c[i].thread);
        EQ(c[i].r, PIRN_ESHUTDOWN);
        EQ(g[i].drops, 1);
    }
    EQ(task.drops, 1);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    EQ(pirn_runtime_shutdown(rt, 0), 0);
    rt_free(rt);
}

static struct {
    sem_t polling, go_on;
} stuck;

static int stuck_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    post(&stuck.polling);
    await(&stuck.go_on);
    *out = pirn_cx_cancelled(cx) ? 7 : 8; /* a long poll may ask */
    return 0;
}

static void *shut_down(void *rt)
{
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    return NULL;
}

/* (tokio: rt_common shutdown_timeout) */
Test(drive, shutdown_waits_for_a_poll_until_its_deadline, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate root = {0};
    struct caller c = {.drop = gate_drop};
    pirn_join *j;
    pthread_t t[2];
    pirn_time before;

    EQ(sem_init(&stuck.polling, 0, 0), 0);
    EQ(sem_init(&stuck.go_on, 0, 0), 0);
    j = spawn(h, stuck_poll, NULL);
    start_caller(&c, h, gate_poll, &root);
    await(&stuck.polling);
    before = pirn_now();
    EQ(pirn_runtime_shutdown(rt, 0), -ETIMEDOUT);
    EQ(pirn_runtime_shutdown(rt, pirn_after(10 * PIRN_MS)), -ETIMEDOUT);
    CHECK(pirn_now() - before >= 10 * PIRN_MS);
    EQ(root.drops, 0);
    for (int i = 0; i < 2; i++)
        t[i] = start_thread(shut_down, rt);
    post(&stuck.go_on);
    end_thread(t[0]);
    end_thread(t[1]);
    end_thread(c.thread);
    EQ(c.r, PIRN_ESHUTDOWN);
    EQ(root.drops, 1);
    join_done(j, 7); /* its poll was left to finish */
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    rt_free(rt);
}

/* (tokio: rt_common shutdown_concurrent_spawn) */
struct spawning {
    pirn_handle *h;
    _Atomic(int) spawned, drops;
};

static void count_atomic(void *counter)
{
    ++*(_Atomic(int) *)counter;
}

static void *spawn_through_it(void *user)
{
    struct spawning *s = user;

    for (int i = 0; i < 10000; i++) {
        struct closure c = {pending_poll, count_atomic, &s->drops};
        pirn_join *j = NULL;

        EQ(pirn_spawn(s->h, &closure_desc, &c, &j), 0);
        s->spawned++;
        if (i % 2 != 0)
            pirn_join_abort(j);
        pirn_join_free(j);
    }
    return NULL;
}

Test(drive, spawns_during_shutdown_are_all_dropped, .timeout = 60)
{
    for (int n = 0; n < 5; n++) {
        pirn_runtime *rt = rt_new();
        struct spawning s = {pirn_handle_ref(pirn_runtime_handle(rt)), 0, 0};
        pthread_t t = start_thread(spawn_through_it, &s);

        while (s.spawned < 2000 * n)
            rt_idle(rt);
        if (n % 2 == 0) {
            pirn_runtime_free(rt); /* and the handle lives on */
        } else {
            EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
            end_thread(t);
            pirn_runtime_free(rt);
        }
        if (n % 2 == 0)
            end_thread(t);
        EQ(s.spawned, 10000);
        EQ(s.drops, 10000);
        pirn_handle_unref(s.h);
        EQ(tally.live, 0);
    }
}
