/* SPDX-License-Identifier: MIT */
/* Do the tasks of a local set stay on its thread, and have their turns, budgets and ends there? */
#include "support.h"

static pthread_t home; /* whose thread every poll and drop must be on */
static pirn_handle *whose;

struct local {
    struct gate g;
    _Atomic(int) elsewhere;
};

static int local_poll(void *user, pirn_cx *cx, int *out)
{
    struct local *l = user;

    l->elsewhere += !pthread_equal(pthread_self(), home);
    return gate_poll(&l->g, cx, out);
}

static void local_drop(void *user)
{
    struct local *l = user;

    l->elsewhere += !pthread_equal(pthread_self(), home);
    gate_drop(&l->g);
}

static pirn_join *spawn_in(pirn_local_set *s, step_fn *fn, void (*drop)(void *), void *user)
{
    struct closure c = {fn, drop, user};
    pirn_join *j = NULL;

    EQ(pirn_local_set_spawn(s, &closure_desc, &c, &j), 0);
    return j;
}

/* A root that polls a set until it is empty. */
static int set_poll(void *set, pirn_cx *cx, int *out)
{
    *out = 0;
    return pirn_local_set_poll(set, cx);
}

static pirn_local_set *set_new(pirn_handle *h)
{
    pirn_local_set *s = NULL;

    EQ(pirn_local_set_new(h, &s), 0);
    home = pthread_self();
    whose = h;
    return s;
}

/* ---- running ------------------------------------------------------------------------------------- */

/* (tokio: task_local_set local_current_thread, poll after tick) */
Test(local_set, runs_its_tasks_until_it_is_empty)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_local_set *s;
    struct local a = {.g = {.open = true, .value = 1}}, b = {.g = {.open = true, .value = 2}};
    pirn_join *j, *k;

    EQ(pirn_local_set_new(NULL, &s), PIRN_ENORUNTIME);
    EQ(pirn_local_set_new(h, NULL), -EINVAL);
    s = set_new(h);
    EQ(block_on(h, set_poll, s), 0);
    j = spawn_in(s, local_poll, local_drop, &a);
    EQ(a.g.polls, 0);
    EQ(block_on(h, set_poll, s), 0);
    join_done(j, 1);
    EQ(a.g.poll_id == a.g.drop_id && a.g.poll_id != 0, 1);
    k = spawn_in(s, local_poll, local_drop, &b);
    EQ(block_on(h, set_poll, s), 0);
    join_done(k, 2);
    EQ(a.elsewhere + b.elsewhere, 0);
    pirn_local_set_free(NULL);
    pirn_local_set_free(s);
    rt_free(rt);
}

struct nest {
    pirn_join *child;
    uint64_t id, child_id;
};

static int note_id(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *(uint64_t *)user = pirn_task_id();
    *out = 6;
    return 0;
}

static int nest_poll(void *user, pirn_cx *cx, int *out)
{
    struct nest *n = user;
    struct closure c = {note_id, NULL, &n->child_id};
    int r;

    n->id = pirn_task_id();
    if (n->child == NULL)
        EQ(pirn_spawn_local(&closure_desc, &c, &n->child), 0);
    r = pirn_join_poll(n->child, cx, NULL, out);
    EQ(pirn_task_id(), n->id);
    if (r == 0)
        pirn_join_free(n->child);
    return r;
}

/* (tokio: task_local_set spawn_local inside; task_id nested LocalSet) */
Test(local_set, a_task_spawns_into_the_set_it_is_in)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));
    struct nest n = {0};
    pirn_join *j = spawn_in(s, nest_poll, NULL, &n);

    EQ(block_on(pirn_runtime_handle(rt), set_poll, s), 0);
    EQ(n.id, pirn_join_id(j));
    CHECK(n.child_id != 0 && n.child_id != n.id);
    join_done(j, 6);
    pirn_local_set_free(s);
    rt_free(rt);
}

/* A set inside a task of a set inside a root. */
struct outer {
    pirn_local_set *inner;
    struct local l;
    pirn_join *join;
};

static int outer_poll(void *user, pirn_cx *cx, int *out)
{
    struct outer *o = user;

    if (o->inner == NULL) {
        EQ(pirn_local_set_new(whose, &o->inner), 0);
        o->join = spawn_in(o->inner, local_poll, local_drop, &o->l);
    }
    return set_poll(o->inner, cx, out);
}

static void outer_drop(void *user)
{
    struct outer *o = user;

    pirn_local_set_free(o->inner);
}

Test(local_set, sets_nest, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));
    struct outer o = {.l = {.g = {.open = true, .value = 44}}}, p = {0};
    int out;
    pirn_join *j = spawn_in(s, outer_poll, outer_drop, &o), *k;

    EQ(block_on(pirn_runtime_handle(rt), set_poll, s), 0);
    join_done(o.join, 44);
    join_done(j, 0);
    /* And end together. */
    k = spawn_in(s, outer_poll, outer_drop, &p);
    EQ(join_poll_with(k, &(pirn_waker){0}, NULL, NULL), PIRN_PENDING);
    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 1);
    EQ(p.l.g.polls, 1);
    pirn_local_set_free(s);
    EQ(p.l.g.drops, 1);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    join_is(p.join, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

/* ---- turns --------------------------------------------------------------------------------------- */

struct spinner {
    int polls, left;
};

static int spin_poll(void *user, pirn_cx *cx, int *out)
{
    struct spinner *s = user;

    *out = ++s->polls;
    if (s->left-- == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static int yield_or_consume(void *user, pirn_cx *cx, int *out)
{
    int *units = user, n = 0;

    while (pirn_consume_budget_poll(cx) == 0 && n < 1000)
        n++;
    *units = n;
    *out = 0;
    return 0;
}

/* (tokio: LocalSet tick: 61 tasks, each with a budget of its own, then a wake of its own) */
Test(local_set, sixty_one_polls_at_a_time_each_with_its_budget)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    struct spinner a = {0, 100};
    int units[2] = {0}, out;
    pirn_join *j, *k[2];

    for (int i = 0; i < 2; i++)
        k[i] = spawn_in(s, yield_or_consume, NULL, &units[i]);
    EQ(pirn_poll_with(&waker, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 0);
    EQ(units[0], 128);
    EQ(units[1], 128);
    j = spawn_in(s, spin_poll, NULL, &a);
    w.woken = 0;
    EQ(pirn_poll_with(&waker, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 1);
    EQ(a.polls, 61);
    EQ(w.woken, 1);
    EQ(pirn_poll_with(&waker, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 0);
    join_done(j, 101);
    join_done(k[0], 0);
    join_done(k[1], 0);
    pirn_local_set_free(s);
    pirn_waker_drop(waker);
    EQ(w.clones, w.drops);
    rt_free(rt);
}

/* ---- other threads --------------------------------------------------------------------------------- */

static void *open_local(void *user)
{
    struct local *l = user;

    while (l->g.polls == 0)
        sched_yield();
    gate_open(&l->g);
    return NULL;
}

/* (tokio: task_local_set wakes from other threads) */
Test(local_set, wakes_from_elsewhere_run_at_home, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));

    for (int i = 0; i < 200; i++) {
        struct local l = {.g = {.value = i}};
        pirn_join *j = spawn_in(s, local_poll, local_drop, &l);
        pthread_t t = start_thread(open_local, &l);

        EQ(block_on(pirn_runtime_handle(rt), set_poll, s), 0);
        end_thread(t);
        join_done(j, i);
        EQ(l.elsewhere, 0);
    }
    pirn_local_set_free(s);
    rt_free(rt);
}

static void *abort_join(void *j)
{
    pirn_join_abort(j);
    return NULL;
}

/* (tokio: task_abort remote_abort_local_set_3929: the destructor runs on the owner) */
Test(local_set, an_abort_from_elsewhere_drops_at_home)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));
    struct local l = {0}, never = {0};
    pirn_join *j = spawn_in(s, local_poll, local_drop, &l), *k;
    int out;

    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 1);
    k = spawn_in(s, local_poll, local_drop, &never);
    end_thread(start_thread(abort_join, j));
    end_thread(start_thread(abort_join, k));
    EQ(l.g.drops, 0);
    EQ(block_on(pirn_runtime_handle(rt), set_poll, s), 0);
    EQ(l.g.drops, 1);
    EQ(never.g.drops, 1);
    EQ(never.g.polls, 0);
    EQ(l.elsewhere + never.elsewhere, 0);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    pirn_local_set_free(s);
    rt_free(rt);
}

static void *refused_elsewhere(void *set)
{
    struct closure c = {ready_poll, NULL, NULL};
    int out;

    EQ(pirn_local_set_spawn(set, &closure_desc, &c, NULL), -EPERM);
    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, set, &out),
       -EPERM);
    return NULL;
}

static void *free_elsewhere(void *set)
{
    pirn_local_set_free(set);
    return NULL;
}

static void free_on_another_thread(void)
{
    pirn_runtime *rt = rt_new();

    end_thread(start_thread(free_elsewhere, set_new(pirn_runtime_handle(rt))));
}

static pirn_local_set *own_set;

static int free_own_set(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_local_set_free(own_set);
    return 0;
}

static void free_from_a_task_of_it(void)
{
    pirn_runtime *rt = rt_new();

    own_set = set_new(pirn_runtime_handle(rt));
    (void)spawn_in(own_set, free_own_set, NULL, NULL);
    (void)block_on(pirn_runtime_handle(rt), set_poll, own_set);
}

Test(local_set, belongs_to_its_thread)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));

    end_thread(start_thread(refused_elsewhere, s));
    pirn_local_set_free(s);
    rt_free(rt);
    expect_abort(free_on_another_thread, "pirn_local_set_free");
    expect_abort(free_from_a_task_of_it, "pirn_local_set_free");
}

/* ---- the end --------------------------------------------------------------------------------------- */

static struct spawner {
    pirn_local_set *set;
    pirn_join *join;
    int drops;
} spawner;

static void spawn_in_drop(void *user)
{
    struct closure c = {ready_poll, count_drop, &spawner.drops};

    (void)user;
    EQ(pirn_spawn_local(&closure_desc, &c, &spawner.join), 0);
}

/* (tokio: task_local_set drop cancels tasks and remote ones, spawn in a destructor) */
Test(local_set, free_cancels_what_is_left)
{
    pirn_runtime *rt = rt_new();
    struct local waits = {0}, fresh = {0}, woken = {0};
    pirn_join *j[3], *k;
    pthread_t t;
    int out;

    spawner.set = set_new(pirn_runtime_handle(rt));
    j[0] = spawn_in(spawner.set, local_poll, local_drop, &waits);
    j[1] = spawn_in(spawner.set, local_poll, local_drop, &woken);
    k = spawn_in(spawner.set, pending_poll, spawn_in_drop, NULL);
    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, spawner.set,
                      &out),
       1);
    j[2] = spawn_in(spawner.set, local_poll, local_drop, &fresh);
    t = start_thread(open_local, &woken);
    end_thread(t);
    pirn_local_set_free(spawner.set);
    for (int i = 0; i < 3; i++)
        join_is(j[i], PIRN_CANCELLED, -ECANCELED);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    join_is(spawner.join, PIRN_CANCELLED, -ECANCELED);
    EQ(spawner.drops, 1);
    EQ(waits.g.drops + woken.g.drops + fresh.g.drops, 3);
    EQ(waits.elsewhere + woken.elsewhere + fresh.elsewhere, 0);
    rt_free(rt);
}

static int keep_poll(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    *(pirn_waker *)user = pirn_cx_waker(cx);
    return PIRN_PENDING;
}

/* Join, abort handle and waker outlive the set, and the set the runtime. */
Test(local_set, handles_outlive_set_and_runtime)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));
    pirn_waker w = {0};
    pirn_join *j = spawn_in(s, keep_poll, NULL, &w);
    pirn_abort *a = pirn_join_abort_handle(j);
    int out;

    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 1);
    pirn_runtime_free(rt);
    pirn_local_set_free(s);
    CHECK(tally.live > 0);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    pirn_abort_now(a);
    pirn_abort_free(a);
    pirn_waker_wake_by_ref(&w);
    pirn_waker_wake(w);
    EQ(tally.live, 0);
}

static int sleep_poll(void *user, pirn_cx *cx, int *out)
{
    int r = pirn_sleep_poll(user, cx, pirn_after(PIRN_SEC));

    *out = 0;
    return r;
}

static int set_step(void *set, pirn_cx *cx, void *out)
{
    (void)out;
    return pirn_local_set_poll(set, cx);
}

/* Nothing fires any more: who begins to sleep is told. */
Test(local_set, sleeps_after_the_shutdown_end, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_local_set *s = set_new(pirn_runtime_handle(rt));
    pirn_op op = {0};
    pirn_join *j;

    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    j = spawn_in(s, sleep_poll, NULL, &op);
    EQ(pirn_poll_wait(set_step, s, pirn_after(10 * PIRN_SEC), NULL), 0);
    join_is(j, PIRN_DONE, PIRN_ESHUTDOWN);
    pirn_local_set_free(s);
    rt_free(rt);
}

/* ---- faults ---------------------------------------------------------------------------------------- */

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    pirn_fault(*(int *)user, "in the set");
}

struct host {
    pirn_local_set *set;
    struct local after;
    pirn_join *bad, *good;
    int code;
};

static int host_poll(void *user, pirn_cx *cx, int *out)
{
    struct host *h = user;
    uint64_t id = pirn_task_id();
    int r;

    if (h->set == NULL) {
        EQ(pirn_local_set_new(NULL, &h->set), 0);
        h->bad = spawn_in(h->set, fault_poll, NULL, &h->code);
        h->good = spawn_in(h->set, local_poll, local_drop, &h->after);
    }
    r = pirn_local_set_poll(h->set, cx);
    EQ(pirn_task_id(), id);
    *out = r;
    return r;
}

/* A child's fault ends the child, not the task that polls the set. */
Test(local_set, a_fault_ends_its_task_alone)
{
    pirn_runtime *rt = rt_new();
    struct host h = {.after = {.g = {.open = true, .value = 9}}, .code = 31};
    pirn_join *j;

    home = pthread_self();
    j = spawn(pirn_runtime_handle(rt), host_poll, &h);
    rt_idle(rt);
    join_done(j, 0);
    join_is(h.bad, PIRN_FAULTED, 31);
    join_done(h.good, 9);
    pirn_local_set_free(h.set);
    rt_free(rt);
}

Test(local_set, the_shutdown_policy_reaches_the_runtime)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct host h = {.code = 31};
    struct closure c = {host_poll, NULL, &h};
    pirn_runtime *rt;

    home = pthread_self();
    o.unhandled_fault = PIRN_UNHANDLED_SHUTDOWN;
    rt = rt_new_with(&o);
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, NULL), PIRN_ESHUTDOWN);
    pirn_local_set_free(h.set);
    join_is(h.bad, PIRN_FAULTED, 31);
    join_is(h.good, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

/* ---- what is seen of a set ------------------------------------------------------------------------- */

struct seen {
    uint64_t waiting, fresh;
    int both, others;
};

static int see(void *user, const pirn_task_info *t)
{
    struct seen *s = user;

    if (t->id == s->waiting || t->id == s->fresh)
        s->both++;
    else
        s->others++;
    return 0;
}

Test(local_set, its_tasks_are_counted_and_walked)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_local_set *s = set_new(h), *t = set_new(h);
    struct local a = {0}, b = {0};
    int code = 5, out;
    struct seen seen = {0};
    pirn_join *j = spawn_in(s, local_poll, local_drop, &a), *k, *bad;

    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, s, &out), 1);
    bad = spawn_in(t, fault_poll, NULL, &code);
    EQ(pirn_poll_with(&(pirn_waker){0}, (int (*)(void *, pirn_cx *, void *))set_poll, t, &out), 0);
    k = spawn_in(t, local_poll, local_drop, &b);
    seen.waiting = pirn_join_id(j);
    seen.fresh = pirn_join_id(k);
    EQ(metrics_of(h).tasks_spawned, 3);
    EQ(metrics_of(h).tasks_alive, 2);
    EQ(metrics_of(h).polls, 2);
    EQ(metrics_of(h).faults, 1);
    EQ(pirn_runtime_each_task(h, see, &seen), 0);
    EQ(seen.both, 2);
    EQ(seen.others, 0);
    pirn_local_set_free(t);
    EQ(metrics_of(h).tasks_alive, 1);
    EQ(metrics_of(h).tasks_spawned, 3);
    pirn_local_set_free(s);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(metrics_of(h).tasks_spawned, 3);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    join_is(bad, PIRN_FAULTED, 5);
    rt_free(rt);
}

static int poll_own_set(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    *out = pirn_local_set_poll(own_set, cx);
    return 0;
}

Test(local_set, no_task_polls_the_set_it_is_in)
{
    pirn_runtime *rt = rt_new();
    pirn_join *j;

    own_set = set_new(pirn_runtime_handle(rt));
    j = spawn_in(own_set, poll_own_set, NULL, NULL);
    EQ(block_on(pirn_runtime_handle(rt), set_poll, own_set), 0);
    join_done(j, -EDEADLK);
    pirn_local_set_free(own_set);
    rt_free(rt);
}
