/* SPDX-License-Identifier: MIT */
/* Ends, on every flavour: aborts, faults, shutdown, what outlives a runtime, hooks, handles.
 * (tokio: rt_common, rt_handle, task_abort, rt_poll_callbacks) */
#include "flavors.h"

/* ---- aborts ------------------------------------------------------------------------------------------ */

static void aborts(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {0}, open = {.open = true, .value = 3};
    pirn_join *j = spawn_gate(h, &g), *k = spawn_gate(h, &open);
    pirn_abort *a = pirn_join_abort_handle(j);

    run_until(h, &g.polls, 1);
    EQ(g.drops, 0);
    pirn_abort_now(a);
    pirn_abort_now(a);
    ends_as(h, j, PIRN_CANCELLED, -ECANCELED);
    EQ(g.drops, 1);
    EQ(g.drop_id, g.poll_id);
    EQ(g.polls, 1);
    pirn_abort_free(a);
    run_until(h, &open.drops, 1);
    pirn_join_abort(k); /* too late */
    ends_done(h, k, 3);
    rt_free(rt);
}
EACH_FLAVOR(common_life, aborts)

static int abort_self_poll(void *user, pirn_cx *cx, int *out)
{
    _Atomic(pirn_join *) *self = user;
    pirn_join *j;

    (void)out;
    while ((j = *self) == NULL)
        (void)sched_yield();
    CHECK(!pirn_cx_cancelled(cx));
    pirn_join_abort(j);
    CHECK(pirn_cx_cancelled(cx));
    return pirn_pending_poll(cx);
}

static void a_task_aborts_itself(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    _Atomic(pirn_join *) self = NULL;
    _Atomic(int) drops = 0;
    pirn_join *j;

    (void)drops;
    j = spawn(pirn_runtime_handle(rt), abort_self_poll, &self);
    self = j;
    ends_as(pirn_runtime_handle(rt), j, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}
EACH_FLAVOR(common_life, a_task_aborts_itself)

/* ---- faults --------------------------------------------------------------------------------------------- */

static int faulting_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(77, "number %d", 77);
}

static void faults_stay_where_they_are(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {faulting_poll, NULL, NULL};
    _Atomic(int) ran = 0;
    pirn_result res;
    int out = 0;

    for (int i = 0; i < 20; i++) {
        ends_as(h, spawn_dropping(h, faulting_poll, add_drop, &ran), PIRN_FAULTED, 77);
        EQ(ran, i + 1);
    }
    EQ(metrics_of(h).faults, 20);
    EQ(pirn_block_on(h, &closure_desc, &c, &res, &out), 0);
    EQ(res.outcome, PIRN_FAULTED);
    EQ(res.code, 77);
    SAYS("number 77");
    ends_done(h, spawn(h, add_poll, &ran), 0);
    rt_free(rt);
}
EACH_FLAVOR(common_life, faults_stay_where_they_are)

static void a_fault_shuts_down(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct closure root = {pending_poll, NULL, NULL};
    _Atomic(int) drops = 0;
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_join *j, *waiting;

    o.unhandled_fault = PIRN_UNHANDLED_SHUTDOWN;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    waiting = spawn_dropping(h, pending_poll, add_drop, &drops);
    j = spawn(h, faulting_poll, NULL);
    EQ(pirn_block_on(h, &closure_desc, &root, NULL, NULL), PIRN_ESHUTDOWN);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(drops, 1);
    join_is(j, PIRN_FAULTED, 77);
    join_is(waiting, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}
EACH_FLAVOR(common_life, a_fault_shuts_down)

static void see_fault(void *user, const pirn_task_info *info, int code, const char *text)
{
    EQ(code, 77);
    SAME_TEXT(text, "number 77");
    SAME_TEXT(info->name, "closure");
    ++*(_Atomic(int) *)user;
}

static void a_callback_sees_faults(struct flavor f)
{
    _Atomic(int) seen = 0;
    pirn_hooks k = {.size = sizeof k, .user = &seen, .on_fault = see_fault};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.unhandled_fault = PIRN_UNHANDLED_CALLBACK;
    o.hooks = &k;
    rt = rt_on_with(f, &o);
    for (int i = 0; i < 10; i++)
        ends_as(pirn_runtime_handle(rt), spawn(pirn_runtime_handle(rt), faulting_poll, NULL),
                PIRN_FAULTED, 77);
    EQ(seen, 10);
    rt_free(rt);
}
EACH_FLAVOR(common_life, a_callback_sees_faults)

/* ---- where a runtime may not be entered ------------------------------------------------------------------ */

static struct flavor inner_flavor;

static int nested_poll(void *user, pirn_cx *cx, int *out)
{
    struct closure c = {ready_poll, NULL, NULL};
    pirn_runtime *rt = rt_on(inner_flavor);
    pirn_join *j = spawn(pirn_runtime_handle(rt), ready_poll, NULL);

    (void)cx;
    *out = 0;
    EQ(pirn_block_on(NULL, &closure_desc, &c, NULL, NULL), -EDEADLK);
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, NULL), -EDEADLK);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), -EDEADLK);
    EQ(pirn_join_wait(j, PIRN_NEVER, NULL, NULL), -EDEADLK);
    pirn_join_free(j);
    *(pirn_runtime **)user = rt; /* freed outside */
    return 0;
}

static void nothing_waits_inside(struct flavor f)
{
    pirn_runtime *rt = rt_on(f), *inner[2] = {NULL, NULL};

    inner_flavor = f;
    EQ(block_on(pirn_runtime_handle(rt), nested_poll, &inner[0]), 0);
    ends_done(pirn_runtime_handle(rt), spawn(pirn_runtime_handle(rt), nested_poll, &inner[1]), 0);
    pirn_runtime_free(inner[0]);
    pirn_runtime_free(inner[1]);
    rt_free(rt);
}
EACH_FLAVOR(common_life, nothing_waits_inside)

static pirn_runtime *freed_inside;
static struct flavor dying_flavor;

static int free_inside_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_runtime_free(freed_inside);
    return 0;
}

static void free_inside(void)
{
    freed_inside = rt_on(dying_flavor);
    ends_done(pirn_runtime_handle(freed_inside),
              spawn(pirn_runtime_handle(freed_inside), free_inside_poll, NULL), 0);
}

static void a_runtime_is_not_freed_by_its_task(struct flavor f)
{
    dying_flavor = f;
    expect_abort(free_inside, "pirn_runtime_free");
}
EACH_FLAVOR(common_life, a_runtime_is_not_freed_by_its_task)

/* ---- shutdown ---------------------------------------------------------------------------------------------- */

enum {
    OUTSTANDING = 200
};

/* Every frame is dropped before the call returns, whatever it waited for.
 * (tokio: outstanding_tasks_dropped, eagerly_drops_futures_on_shutdown) */
static void outstanding_tasks_are_dropped(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct gate g[OUTSTANDING];
    pirn_join *j[OUTSTANDING];
    _Atomic(int) queued = 0;

    for (int i = 0; i < OUTSTANDING; i++)
        j[i] = spawn_gate(h, &g[i]);
    for (int i = 0; i < OUTSTANDING; i++)
        run_until(h, &g[i].polls, 1);
    for (int i = 0; i < OUTSTANDING; i++) /* ready, or not polled yet */
        pirn_join_free(spawn_dropping(h, pending_poll, add_drop, &queued));
    EQ(metrics_of(h).tasks_alive, 2 * OUTSTANDING);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(queued, OUTSTANDING);
    for (int i = 0; i < OUTSTANDING; i++) {
        EQ(g[i].drops, 1);
        EQ(g[i].drop_id, g[i].poll_id);
        join_is(j[i], PIRN_CANCELLED, -ECANCELED);
    }
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    rt_free(rt);
}
EACH_FLAVOR(common_life, outstanding_tasks_are_dropped)

static struct {
    pirn_waker waker[OUTSTANDING];
    _Atomic(int) stored, drops;
} circle;

static int in_circle_poll(void *user, pirn_cx *cx, int *out)
{
    struct pirn_waker *w = &circle.waker[(intptr_t)user];

    (void)out;
    if (w->vt == NULL) { /* else woken by a drop, before its own end */
        *w = pirn_cx_waker(cx);
        circle.stored++;
    }
    return PIRN_PENDING;
}

static void in_circle_drop(void *user)
{
    circle.drops++;
    pirn_waker_wake(circle.waker[((intptr_t)user + 1) % OUTSTANDING]);
}

/* Frames whose end wakes each other. (tokio: wake_while_rt_is_dropping, wake_during_shutdown) */
static void drops_wake_others_while_it_ends(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int i = 0; i < OUTSTANDING; i++)
        pirn_join_free(spawn_dropping(h, in_circle_poll, in_circle_drop, (void *)(intptr_t)i));
    run_until(h, &circle.stored, OUTSTANDING);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(circle.drops, OUTSTANDING);
    EQ(circle.stored, OUTSTANDING);
    rt_free(rt);
}
EACH_FLAVOR(common_life, drops_wake_others_while_it_ends)

static void spawning_drop(void *counter)
{
    pirn_join *j = spawn_dropping(NULL, ready_poll, add_drop, counter);

    pirn_join_free(j);
}

/* What a drop spawns is refused, and dropped. (tokio: spawn during shutdown) */
static void drops_spawn_while_it_ends(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) drops = 0, ran = 0;

    for (int i = 0; i < OUTSTANDING; i++)
        pirn_join_free(spawn_dropping(h, pending_poll, spawning_drop, &drops));
    ends_done(h, spawn(h, add_poll, &ran), 0);
    rt_free(rt);
    EQ(drops, OUTSTANDING);
}
EACH_FLAVOR(common_life, drops_spawn_while_it_ends)

enum {
    RACING = 10000
};

static struct {
    pirn_handle *h;
    pirn_join *joins[RACING];
    _Atomic(int) spawned, drops;
} race;

static void *spawn_all(void *user)
{
    (void)user;
    for (int i = 0; i < RACING; i++) {
        race.joins[i] = spawn_dropping(race.h, ready_poll, add_drop, &race.drops);
        race.spawned++;
    }
    return NULL;
}

static bool has_begun(void *n)
{
    return race.spawned >= *(int *)n;
}

/* (tokio: shutdown_concurrent_spawn) */
static void spawns_race_with_the_end(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    int some = RACING / 4;
    pthread_t t;

    race.h = pirn_handle_ref(pirn_runtime_handle(rt));
    t = start_thread(spawn_all, NULL);
    CHECK(comes_true(has_begun, &some));
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    end_thread(t);
    CHECK_SAYS(race.drops == RACING, "drops %d, alive %d", race.drops,
               (int)metrics_of(race.h).tasks_alive);
    for (int i = 0; i < RACING; i++) {
        pirn_result res;
        int out = -1;

        EQ(pirn_join_try(race.joins[i], &res, &out), 0);
        CHECK(res.outcome == PIRN_DONE || res.outcome == PIRN_CANCELLED);
        pirn_join_free(race.joins[i]);
    }
    EQ(metrics_of(race.h).tasks_alive, 0);
    pirn_handle_unref(race.h);
    rt_free(rt);
}
EACH_FLAVOR(common_life, spawns_race_with_the_end)

/* ---- what outlives it ---------------------------------------------------------------------------------------- */

static pirn_waker kept;
static _Atomic(int) kept_set;

static int keep_waker_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)out;
    kept = pirn_cx_waker(cx);
    kept_set = 1;
    return PIRN_PENDING;
}

static void handles_outlive_it(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_handle_ref(pirn_runtime_handle(rt));
    _Atomic(int) ran = 0;
    pirn_join *waiting = spawn(h, keep_waker_poll, NULL), *done, *refused = NULL;
    pirn_abort *a = pirn_join_abort_handle(waiting);
    struct closure c = {ready_poll, add_drop, &ran};

    run_until(h, &kept_set, 1);
    done = spawn(h, add_poll, &ran);
    run_until(h, &ran, 1);
    while (!pirn_join_is_finished(done))
        EQ(block_on(h, ready_poll, NULL), 0);
    pirn_runtime_free(rt);
    EQ(pirn_spawn(h, &closure_desc, &c, &refused), 0);
    EQ(ran, 2); /* dropped already */
    join_is(refused, PIRN_CANCELLED, -ECANCELED);
    join_done(done, 0);
    join_is(waiting, PIRN_CANCELLED, -ECANCELED);
    EQ(pirn_block_on(h, &closure_desc, &c, NULL, NULL), PIRN_ESHUTDOWN);
    EQ(metrics_of(h).tasks_alive, 0);
    pirn_abort_now(a);
    pirn_abort_free(a);
    pirn_handle_unref(h);
    CHECK(tally.live > 0); /* the waker's */
    pirn_waker_wake(kept);
    EQ(tally.live, 0);
    EQ(tally.bytes, 0);
}
EACH_FLAVOR(common_life, handles_outlive_it)

/* ---- handles ---------------------------------------------------------------------------------------------- */

/* (tokio: rt_handle basic_enter, nested; enter_and_spawn) */
static void entered_runtimes_nest(struct flavor f)
{
    pirn_runtime *rt[2] = {rt_on(f), rt_on(f)};
    pirn_handle *h[2] = {pirn_runtime_handle(rt[0]), pirn_runtime_handle(rt[1])};
    _Atomic(int) ran = 0;
    pirn_enter g[3];
    pirn_join *j;

    CHECK(pirn_handle_current() == NULL);
    for (int i = 0; i < 3; i++) {
        EQ(pirn_handle_enter(h[i % 2], &g[i]), 0);
        CHECK(pirn_handle_current() == h[i % 2]);
        EQ(pirn_worker_index(), -1);
    }
    pirn_enter_exit(&g[2]);
    CHECK(pirn_handle_current() == h[1]);
    j = spawn(NULL, add_poll, &ran);
    pirn_enter_exit(&g[1]);
    CHECK(pirn_handle_current() == h[0]);
    ends_done(h[1], j, 0);
    ends_done(NULL, spawn(NULL, add_poll, &ran), 0);
    pirn_enter_exit(&g[0]);
    CHECK(pirn_handle_current() == NULL);
    EQ(metrics_of(h[0]).tasks_spawned, 1);
    EQ(metrics_of(h[1]).tasks_spawned, 1);
    pirn_runtime_free(rt[1]);
    rt_free(rt[0]);
}
EACH_FLAVOR(common_life, entered_runtimes_nest)

struct sees_itself {
    pirn_handle *h;
    uint64_t id;
};

static int see_itself_poll(void *user, pirn_cx *cx, int *out)
{
    struct sees_itself *s = user;

    (void)cx;
    CHECK(pirn_handle_current() == s->h);
    s->id = pirn_task_id();
    *out = 0;
    return 0;
}

static void tasks_know_where_they_are(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    struct sees_itself s = {pirn_runtime_handle(rt), 1};
    uint64_t id;
    pirn_join *j;

    EQ(block_on(s.h, see_itself_poll, &s), 0);
    EQ(s.id, 0); /* a root is no task */
    for (int i = 0; i < 10; i++) {
        j = spawn(s.h, see_itself_poll, &s);
        id = pirn_join_id(j);
        ends_done(s.h, j, 0);
        EQ(s.id, id);
    }
    rt_free(rt);
}
EACH_FLAVOR(common_life, tasks_know_where_they_are)

/* ---- hooks ---------------------------------------------------------------------------------------------------- */

static struct {
    struct gate gate;
    _Atomic(int) parked;
    pirn_join *join;
} parking;

static int open_parking_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    gate_open(&parking.gate);
    return 0;
}

static void spawn_at_first_park(void *user, uint32_t worker)
{
    (void)user;
    (void)worker;
    if (parking.parked++ == 0)
        parking.join = spawn(NULL, open_parking_poll, NULL);
}

static void wake_at_first_park(void *user, uint32_t worker)
{
    (void)user;
    (void)worker;
    if (parking.parked++ == 0)
        gate_open(&parking.gate);
}

static void park_hook(struct flavor f, void (*hook)(void *user, uint32_t worker))
{
    pirn_hooks k = {.size = sizeof k, .on_thread_park = hook};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.hooks = &k;
    rt = rt_on_with(f, &o);
    EQ(block_on(pirn_runtime_handle(rt), gate_poll, &parking.gate), 0);
    pirn_join_free(parking.join);
    pirn_waker_cell_fini(&parking.gate.cell);
    rt_free(rt);
}

/* (tokio: rt_common_before_park) */
static void a_park_hook_that_spawns_does_not_sleep(struct flavor f)
{
    park_hook(f, spawn_at_first_park);
}
EACH_FLAVOR(common_life, a_park_hook_that_spawns_does_not_sleep)

static void a_park_hook_that_wakes_the_root_does_not_sleep(struct flavor f)
{
    park_hook(f, wake_at_first_park);
}
EACH_FLAVOR(common_life, a_park_hook_that_wakes_the_root_does_not_sleep)

static struct {
    _Atomic(int) spawns, ends, before, after;
} hooked;

static void count_spawn(void *user, const pirn_task_info *t)
{
    (void)user;
    CHECK(t->id != 0 && t->spawn_site != NULL);
    hooked.spawns++;
}

static void count_end(void *user, const pirn_task_info *t)
{
    (void)user;
    CHECK(t->id != 0);
    hooked.ends++;
}

static void count_before(void *user, const pirn_task_info *t)
{
    (void)user;
    (void)t;
    hooked.before++;
}

static void count_after(void *user, const pirn_task_info *t)
{
    (void)user;
    (void)t;
    hooked.after++;
}

/* (tokio: rt_poll_callbacks, task_hooks) */
static void task_hooks_count(struct flavor f)
{
    pirn_hooks k = {.size = sizeof k,
                    .on_task_spawn = count_spawn,
                    .on_task_terminate = count_end,
                    .before_poll = count_before,
                    .after_poll = count_after};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct gate g[20] = {0};
    pirn_join *j[20];
    pirn_runtime *rt;
    pirn_handle *h;

    o.hooks = &k;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    for (int i = 0; i < 20; i++)
        j[i] = spawn_gate(h, &g[i]);
    for (int i = 0; i < 20; i++)
        run_until(h, &g[i].polls, 1);
    for (int i = 0; i < 10; i++)
        gate_open(&g[i]);
    for (int i = 0; i < 10; i++)
        ends_done(h, j[i], 0);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(hooked.spawns, 20);
    EQ(hooked.ends, 20);
    EQ(hooked.before, 30);
    EQ(hooked.after, 30);
    EQ(metrics_of(h).polls, 30);
    for (int i = 10; i < 20; i++)
        join_is(j[i], PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}
EACH_FLAVOR(common_life, task_hooks_count)
