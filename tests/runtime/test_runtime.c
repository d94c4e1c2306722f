/* SPDX-License-Identifier: MIT */
/* Does a runtime begin, end and outlive itself as promised: handles, guards, policies, seeds? */
#include "support.h"

static void *other_thread_spawns(void *h)
{
    struct closure c = {ready_poll, NULL, NULL};

    EQ(pirn_spawn(h, &closure_desc, &c, NULL), 0);
    return NULL;
}

/* ---- the end ----------------------------------------------------------------------------------- */

Test(runtime, free_of_null_is_nothing)
{
    pirn_runtime_free(NULL);
    pirn_handle_unref(NULL);
    EQ(pirn_runtime_shutdown(NULL, PIRN_NEVER), -EINVAL);
}

/* (tokio: rt_common outstanding_tasks_dropped, drop futures eagerly on shutdown) */
Test(runtime, shutdown_drops_what_waits_what_is_ready_and_what_never_ran)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate waits = {0}, ready = {0}, fresh = {0};
    pirn_join *a = spawn_gate(h, &waits), *b = spawn_gate(h, &ready), *c;

    rt_idle(rt);
    gate_open(&ready);
    c = spawn_gate(h, &fresh);
    EQ(pirn_runtime_shutdown(rt, 0), 0);
    EQ(waits.polls, 1);
    EQ(ready.polls, 1);
    EQ(fresh.polls, 0);
    EQ(waits.drops, 1);
    EQ(ready.drops, 1);
    EQ(fresh.drops, 1);
    EQ(fresh.drop_id, pirn_join_id(c));
    join_is(a, PIRN_CANCELLED, -ECANCELED);
    join_is(b, PIRN_CANCELLED, -ECANCELED);
    join_is(c, PIRN_CANCELLED, -ECANCELED);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    rt_free(rt);
}

Test(runtime, after_shutdown_it_only_answers)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int drops = 0;
    struct closure c = {ready_poll, count_drop, &drops};
    pirn_join *j = NULL;
    void *frame = NULL;
    int out;

    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(pirn_spawn(h, &closure_desc, &c, &j), 0);
    EQ(drops, 1);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    EQ(pirn_spawn(h, &closure_desc, &c, NULL), 0);
    EQ(drops, 2);
    EQ(pirn_spawn_begin(h, &closure_desc, &frame), 0);
    *(struct closure *)frame = c;
    EQ(pirn_spawn_commit(frame, &j), 0);
    EQ(drops, 3);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    EQ(pirn_spawn_begin(h, &closure_desc, &frame), 0);
    pirn_spawn_cancel(frame);
    EQ(drops, 3);
    EQ(pirn_block_on(h, &closure_desc, &c, NULL, &out), PIRN_ESHUTDOWN);
    EQ(drops, 4);
    EQ(pirn_runtime_turn(rt, 0, NULL), PIRN_ESHUTDOWN);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(metrics_of(h).tasks_spawned, 4);
    rt_free(rt);
}

/* A frame's drop spawns during the shutdown: refused, dropped, resolved. (tokio: task tests,
 * spawn inside a destructor during shutdown) */
struct spawner {
    int drops;
    pirn_join *join;
};

static void spawn_in_drop(void *user)
{
    struct spawner *s = user;
    struct closure c = {ready_poll, count_drop, &s->drops};

    CHECK(pirn_handle_current() != NULL);
    EQ(pirn_spawn(NULL, &closure_desc, &c, &s->join), 0);
    s->drops += 10;
}

Test(runtime, drop_that_spawns_during_shutdown)
{
    pirn_runtime *rt = rt_new();
    struct spawner s = {0};

    pirn_join_free(spawn_dropping(pirn_runtime_handle(rt), pending_poll, spawn_in_drop, &s));
    rt_idle(rt);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(s.drops, 11);
    join_is(s.join, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

/* Drops that wake each other while the runtime ends. (tokio: rt_common wake_while_dropping) */
static struct gate pair[2];

static void drop_and_wake_other(void *user)
{
    struct gate *g = user;

    gate_drop(g);
    pirn_waker_cell_wake(&pair[g == pair].cell);
}

Test(runtime, drops_that_wake_others_during_shutdown)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *a = spawn_dropping(h, gate_poll, drop_and_wake_other, &pair[0]);
    pirn_join *b = spawn_dropping(h, gate_poll, drop_and_wake_other, &pair[1]);

    rt_idle(rt);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(pair[0].drops, 1);
    EQ(pair[1].drops, 1);
    join_is(a, PIRN_CANCELLED, -ECANCELED);
    join_is(b, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

/* ---- handles that outlive it -------------------------------------------------------------------- */

struct survivors {
    pirn_join *join;
    pirn_abort *abort;
    pirn_waker waker;
    pirn_handle *handle;
};

static int keep_waker(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    *(pirn_waker *)user = pirn_cx_waker(cx);
    return PIRN_PENDING;
}

static void use_and_give_up(struct survivors *s, unsigned which)
{
    int drops = 0;
    struct closure c = {ready_poll, count_drop, &drops};

    switch (which) {
    case 0:
        pirn_join_abort(s->join);
        join_is(s->join, PIRN_CANCELLED, -ECANCELED);
        break;
    case 1:
        pirn_abort_now(s->abort);
        pirn_abort_free(s->abort);
        break;
    case 2:
        pirn_waker_wake_by_ref(&s->waker);
        pirn_waker_drop(pirn_waker_clone(&s->waker));
        pirn_waker_wake(s->waker);
        break;
    default:
        EQ(pirn_spawn(s->handle, &closure_desc, &c, NULL), 0);
        EQ(drops, 1);
        pirn_handle_unref(s->handle);
        break;
    }
}

/* (tokio: rt_handle reference_cycles; task: refs with each drop order) */
Test(runtime, every_handle_outlives_it_in_every_order)
{
    unsigned orders = 0;

    for (unsigned n = 0; n < 256; n++) {
        unsigned order[4] = {n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 & 3};
        struct survivors s = {0};
        pirn_runtime *rt;

        if ((1u << order[0] | 1u << order[1] | 1u << order[2] | 1u << order[3]) != 15)
            continue;
        rt = rt_new();
        s.handle = pirn_handle_ref(pirn_runtime_handle(rt));
        s.join = spawn(s.handle, keep_waker, &s.waker);
        s.abort = pirn_join_abort_handle(s.join);
        rt_idle(rt);
        pirn_runtime_free(rt);
        for (unsigned i = 0; i < 4; i++) {
            CHECK_SAYS(tally.live > 0, "order %u: freed before its last handle", n);
            use_and_give_up(&s, order[i]);
        }
        EQ(tally.live, 0);
        orders++;
    }
    EQ(orders, 24);
}

Test(runtime, large_cells_and_begun_frames_outlive_it)
{
    static const pirn_task_desc large = {
        .size = sizeof large,
        .name = "large",
        .poll = NULL,
        .frame_size = 100000,
        .frame_align = 4096,
    };
    pirn_task_desc d = large;
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = NULL;
    void *begun = NULL;

    d.poll = closure_desc.poll;
    EQ(pirn_spawn(h, &d, NULL, &j), 0);
    EQ(pirn_spawn_begin(h, &closure_desc, &begun), 0);
    EQ(metrics_of(h).tasks_alive, 2);
    pirn_runtime_free(rt);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    CHECK(tally.live > 0);
    pirn_spawn_cancel(begun);
    EQ(tally.live, 0);
}

/* A frame that is committed after the runtime has gone is dropped at once. */
Test(runtime, commit_after_free)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_handle_ref(pirn_runtime_handle(rt));
    int drops = 0;
    void *begun = NULL;
    pirn_join *j = NULL;

    EQ(pirn_spawn_begin(h, &closure_desc, &begun), 0);
    *(struct closure *)begun = (struct closure){ready_poll, count_drop, &drops};
    pirn_runtime_free(rt);
    EQ(pirn_spawn_commit(begun, &j), 0);
    EQ(drops, 1);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    pirn_handle_unref(h);
    EQ(tally.live, 0);
}

/* ---- guards -------------------------------------------------------------------------------------- */

/* (tokio: rt_handle enter nesting) */
Test(runtime, guards_nest_and_a_spawn_finds_the_innermost)
{
    pirn_runtime *a = rt_new(), *b = rt_new();
    pirn_enter outer, inner;
    struct closure c = {ready_poll, NULL, NULL};

    CHECK(pirn_handle_current() == NULL);
    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), PIRN_ENORUNTIME);
    EQ(pirn_handle_enter(NULL, &outer), -EINVAL);
    EQ(pirn_handle_enter(pirn_runtime_handle(a), &outer), 0);
    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), 0);
    EQ(pirn_handle_enter(pirn_runtime_handle(b), &inner), 0);
    CHECK(pirn_handle_current() == pirn_runtime_handle(b));
    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), 0);
    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), 0);
    EQ(block_on(NULL, ready_poll, NULL), 0);
    pirn_enter_exit(&inner);
    CHECK(pirn_handle_current() == pirn_runtime_handle(a));
    pirn_enter_exit(&outer);
    CHECK(pirn_handle_current() == NULL);
    EQ(metrics_of(pirn_runtime_handle(a)).tasks_spawned, 1);
    EQ(metrics_of(pirn_runtime_handle(b)).tasks_spawned, 2);
    pirn_runtime_free(a);
    rt_free(b);
}

static void exit_outer_guard_first(void)
{
    pirn_runtime *rt = rt_new();
    pirn_enter outer, inner;

    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &outer), 0);
    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &inner), 0);
    pirn_enter_exit(&outer);
}

static void exit_guard_twice(void)
{
    pirn_runtime *rt = rt_new();
    pirn_enter guard;

    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    pirn_enter_exit(&guard);
    pirn_enter_exit(&guard);
}

static void *exit_guard_here(void *guard)
{
    pirn_enter_exit(guard);
    return NULL;
}

static void exit_guard_elsewhere(void)
{
    pirn_runtime *rt = rt_new();
    pirn_enter guard;

    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    end_thread(start_thread(exit_guard_here, &guard));
}

/* (tokio: rt_handle interleave_then_enter panics) */
Test(runtime, guards_that_end_out_of_order_abort)
{
    expect_abort(exit_outer_guard_first, "pirn_enter_exit");
    expect_abort(exit_guard_twice, "pirn_enter_exit");
    expect_abort(exit_guard_elsewhere, "pirn_enter_exit");
}

static int enter_and_fault(void *other, pirn_cx *cx, int *out)
{
    pirn_enter guard;

    (void)cx;
    (void)out;
    EQ(pirn_handle_enter(other, &guard), 0);
    pirn_fault(5, "between enter and exit");
}

static int note_current(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    *(pirn_handle **)user = pirn_handle_current();
    return 0;
}

/* A fault skips pirn_enter_exit(): the tasks after it are in their own runtime all the same. */
Test(runtime, fault_inside_a_guard_does_not_leak_the_runtime)
{
    pirn_runtime *a = rt_new(), *b = rt_new();
    pirn_handle *seen = NULL;
    pirn_join *j = spawn(pirn_runtime_handle(a), enter_and_fault, pirn_runtime_handle(b));
    pirn_join *k = spawn(pirn_runtime_handle(a), note_current, &seen);

    rt_idle(a);
    join_is(j, PIRN_FAULTED, 5);
    join_done(k, 0);
    CHECK(seen == pirn_runtime_handle(a));
    CHECK(pirn_handle_current() == NULL);
    pirn_runtime_free(b);
    pirn_runtime_free(a);
}

/* ---- PIRN_RT_LOCAL ------------------------------------------------------------------------------- */

static void *everything_is_refused(void *user)
{
    pirn_runtime *rt = user;
    struct closure c = {ready_poll, NULL, NULL};
    pirn_enter guard;
    int out;

    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, &out), -EPERM);
    EQ(pirn_runtime_turn(rt, 0, NULL), -EPERM);
    EQ(pirn_runtime_shutdown(rt, 0), -EPERM);
    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    EQ(pirn_spawn_local(&closure_desc, &c, NULL), -EINVAL);
    pirn_enter_exit(&guard);
    EQ(pirn_spawn_local(&closure_desc, &c, NULL), -EINVAL);
    return NULL;
}

static void *free_here(void *rt)
{
    pirn_runtime_free(rt);
    return NULL;
}

static void free_local_runtime_elsewhere(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flags = PIRN_RT_LOCAL;
    end_thread(start_thread(free_here, rt_new_with(&o)));
}

/* (tokio: rt_local spawn_local from another thread panics) */
Test(runtime, local_runtime_belongs_to_its_thread)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.flags = PIRN_RT_LOCAL;
    rt = rt_new_with(&o);
    end_thread(start_thread(everything_is_refused, rt));
    end_thread(start_thread(other_thread_spawns, pirn_runtime_handle(rt)));
    rt_idle(rt);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, 1);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_alive, 0);
    rt_free(rt);
    expect_abort(free_local_runtime_elsewhere, "pirn_runtime_free");
}

static int spawn_local_here(void *user, pirn_cx *cx, int *out)
{
    struct closure c = {ready_poll, NULL, NULL};

    (void)cx;
    *out = 0;
    EQ(pirn_spawn_local(&closure_desc, &c, user), 0);
    return 0;
}

/* (tokio: rt_local test_spawn_from_handle, test_spawn_local_from_guard) */
Test(runtime, spawn_local_on_a_local_runtime)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_join *from_root = NULL, *from_task = NULL, *from_guard = NULL, *spawner;
    struct closure c = {ready_poll, NULL, NULL};
    pirn_enter guard;
    pirn_runtime *rt;

    o.flags = PIRN_RT_LOCAL;
    rt = rt_new_with(&o);
    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    EQ(pirn_spawn_local(&closure_desc, &c, &from_guard), 0);
    pirn_enter_exit(&guard);
    spawner = spawn(pirn_runtime_handle(rt), spawn_local_here, &from_task);
    EQ(block_on(pirn_runtime_handle(rt), spawn_local_here, &from_root), 0);
    rt_idle(rt);
    join_done(spawner, 0);
    join_done(from_guard, 0);
    join_done(from_task, 0);
    join_done(from_root, 0);
    rt_free(rt);
}

static int spawn_local_refused(void *user, pirn_cx *cx, int *out)
{
    struct closure c = {ready_poll, NULL, NULL};

    (void)user;
    (void)cx;
    *out = 0;
    EQ(pirn_spawn_local(&closure_desc, &c, NULL), -EINVAL);
    SAYS("PIRN_RT_LOCAL");
    return 0;
}

/* (tokio: rt_local on a plain runtime panics) */
Test(runtime, spawn_local_on_a_plain_runtime_is_refused)
{
    pirn_runtime *rt = rt_new();

    EQ(block_on(pirn_runtime_handle(rt), spawn_local_refused, NULL), 0);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, 0);
    rt_free(rt);
}

/* ---- seeds and names ----------------------------------------------------------------------------- */

static int random_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    for (int i = 0; i < 16; i++)
        ((uint64_t *)user)[i] = pirn_random();
    return 0;
}

static void random_sequence(uint64_t seed, uint64_t *numbers)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.seed = seed;
    rt = rt_new_with(&o);
    EQ(block_on(pirn_runtime_handle(rt), random_poll, numbers), 0);
    rt_free(rt);
}

/* (tokio: rt_basic rng_seed) */
Test(runtime, one_seed_gives_one_sequence)
{
    uint64_t a[16], b[16], c[16], d[16], e[16];

    random_sequence(7, a);
    random_sequence(7, b);
    random_sequence(8, c);
    random_sequence(0, d);
    random_sequence(0, e);
    CHECK(memcmp(a, b, sizeof a) == 0);
    CHECK(memcmp(a, c, sizeof a) != 0);
    CHECK(memcmp(d, e, sizeof a) != 0);
    for (int i = 1; i < 16; i++)
        CHECK(a[i] != a[0]);
    CHECK(pirn_random() != pirn_random());
}
