/* SPDX-License-Identifier: MIT */
/* Are hooks told of everything, once, with the right task; and do the fault policies what they say? */
#include "support.h"

#include <unistd.h>

enum {
    SPAWN,
    TERMINATE,
    BEFORE,
    AFTER,
    PARK,
    UNPARK,
    FAULT,
    FORGOTTEN,
    KINDS
};

struct event {
    int kind;
    uint64_t id;
    pirn_task_info info;
};

static struct log {
    _Atomic(int) count[KINDS];
    struct event events[256];
    int used;
    int code;
    char text[300], name[100];
    bool fault_in[KINDS];
    sem_t parking;
} told;

static void note(void *user, int kind, const pirn_task_info *info)
{
    struct log *l = user;

    l->count[kind]++;
    if (info != NULL && l->used < 256) {
        EQ(info->size, sizeof *info);
        l->events[l->used++] = (struct event){kind, info->id, *info};
        (void)snprintf(l->name, sizeof l->name, "%s", info->name);
    }
    if (l->fault_in[kind])
        pirn_fault(99, "in hook %d", kind);
}

static void on_spawn(void *user, const pirn_task_info *info)
{
    note(user, SPAWN, info);
}

static void on_terminate(void *user, const pirn_task_info *info)
{
    note(user, TERMINATE, info);
}

static void on_before(void *user, const pirn_task_info *info)
{
    note(user, BEFORE, info);
}

static void on_after(void *user, const pirn_task_info *info)
{
    note(user, AFTER, info);
}

static void on_park(void *user, uint32_t worker)
{
    EQ(worker, 0);
    note(user, PARK, NULL);
    post(&((struct log *)user)->parking);
}

static void on_unpark(void *user, uint32_t worker)
{
    EQ(worker, 0);
    note(user, UNPARK, NULL);
}

static void on_fault(void *user, const pirn_task_info *info, int code, const char *text)
{
    struct log *l = user;

    l->code = code;
    (void)snprintf(l->text, sizeof l->text, "%s", text);
    note(user, FAULT, info);
}

static void on_forgotten(void *user, const pirn_task_info *info)
{
    note(user, FORGOTTEN, info);
}

static const pirn_hooks all_hooks = {
    .size = sizeof all_hooks,
    .user = &told,
    .on_thread_park = on_park,
    .on_thread_unpark = on_unpark,
    .on_task_spawn = on_spawn,
    .on_task_terminate = on_terminate,
    .before_poll = on_before,
    .after_poll = on_after,
    .on_fault = on_fault,
    .on_forgotten_wake = on_forgotten,
};

static pirn_runtime *hooked(enum pirn_unhandled_fault policy)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    EQ(sem_init(&told.parking, 0, 0), 0);
    o.hooks = &all_hooks;
    o.unhandled_fault = policy;
    return rt_new_with(&o);
}

/* ---- hooks --------------------------------------------------------------------------------------- */

/* (tokio: task_hooks, rt_poll_callbacks: counts, ids, spawn location) */
Test(report, every_step_of_a_task_is_told_in_order)
{
    static const int order[] = {SPAWN, BEFORE, AFTER, BEFORE, AFTER, TERMINATE};
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    struct gate g = {.value = 6};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);
    const void *site;

    rt_idle(rt);
    gate_open(&g);
    rt_idle(rt);
    EQ(told.used, 6);
    site = told.events[0].info.spawn_site;
    CHECK(site != NULL);
    for (int i = 0; i < 6; i++) {
        const pirn_task_info *info = &told.events[i].info;

        EQ(told.events[i].kind, order[i]);
        EQ(info->id, pirn_join_id(j));
        EQ(info->worker, 0);
        EQ(info->polls, i < 1 ? 0 : i < 3 ? 1 : 2);
        EQ(info->last_poll_at != 0, i > 0);
        CHECK(info->spawn_site == site && info->spawned_at > 0);
        EQ(info->state & 3, i == 0 ? 0 : i == 5 ? 2 : 1);
    }
    SAME_TEXT(told.name, "closure");
    join_done(j, 6);
    EQ(told.used, 6);
    rt_free(rt);
}

Test(report, a_task_that_is_never_polled_terminates_all_the_same)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_join *j = spawn(pirn_runtime_handle(rt), ready_poll, NULL);

    pirn_join_abort(j);
    rt_idle(rt);
    pirn_join_free(j);
    pirn_join_free(spawn(pirn_runtime_handle(rt), ready_poll, NULL));
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    pirn_join_free(spawn(pirn_runtime_handle(rt), ready_poll, NULL));
    EQ(told.count[SPAWN], 3);
    EQ(told.count[TERMINATE], 3);
    EQ(told.count[BEFORE], 0);
    EQ(told.count[AFTER], 0);
    rt_free(rt);
}

/* A task that never waits; roots are no tasks. */
Test(report, roots_are_not_told_of)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);

    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    EQ(told.used, 0);
    rt_free(rt);
}

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    pirn_fault(42, "%s", (const char *)user);
}

Test(report, a_fault_in_any_hook_is_contained_and_counted)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_CALLBACK);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {.value = 1};
    char text[] = "first";
    pirn_join *j, *k, *l;

    for (int i = 0; i < KINDS; i++)
        told.fault_in[i] = true;
    j = spawn_gate(h, &g);
    k = spawn(h, fault_poll, text);
    rt_idle(rt);
    gate_open(&g);
    l = spawn(h, ready_poll, NULL);
    rt_idle(rt);
    join_done(j, 1);
    SAME_TEXT(pirn_join_fault_text(k), "first");
    join_is(k, PIRN_FAULTED, 42);
    join_done(l, 0);
    EQ(metrics_of(h).faults, 1);
    EQ(metrics_of(h).contained_faults, told.used + told.count[PARK] + told.count[UNPARK]);
    EQ(told.count[TERMINATE], 3);
    EQ(told.count[BEFORE], 4);
    EQ(told.count[FAULT], 1);
    rt_free(rt);
}

static void *open_when_parked(void *gate)
{
    await(&told.parking);
    gate_open(gate);
    return NULL;
}

/* (tokio: rt_basic, rt_threaded: before_park and after_unpark) */
Test(report, park_and_unpark_come_in_pairs_around_a_sleep)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {.value = 12};
    pthread_t t = start_thread(open_when_parked, &g);

    EQ(block_on(h, gate_poll, &g), 12);
    end_thread(t);
    pirn_waker_cell_fini(&g.cell);
    CHECK(told.count[PARK] >= 1);
    EQ(told.count[PARK], told.count[UNPARK]);
    rt_free(rt);
}

/* (tokio: rt_common_before_park: a hook that wakes the root must not let it sleep) */
static struct gate root_gate;
static pirn_join *hook_join;

static void park_opens_root(void *user, uint32_t worker)
{
    struct closure c = {ready_poll, NULL, NULL};

    (void)worker;
    ++*(int *)user;
    if (hook_join == NULL)
        EQ(pirn_spawn(NULL, &closure_desc, &c, &hook_join), 0);
    else
        gate_open(&root_gate);
}

Test(report, a_park_hook_may_spawn_and_wake, .timeout = 20)
{
    int parks = 0;
    pirn_hooks k = {.size = sizeof k, .user = &parks, .on_thread_park = park_opens_root};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt;

    o.hooks = &k;
    rt = rt_new_with(&o);
    root_gate.value = 3;
    EQ(block_on(pirn_runtime_handle(rt), gate_poll, &root_gate), 3);
    pirn_waker_cell_fini(&root_gate.cell);
    EQ(parks, 2);
    join_done(hook_join, 0);
    rt_free(rt);
}

/* ---- fault policies ------------------------------------------------------------------------------ */

Test(report, ignore_leaves_it_to_the_join)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct joining f = {0};
    char text[] = "ignored";
    pirn_join *j = spawn(h, fault_poll, text);

    f.join = spawn(h, ready_poll, NULL);
    EQ(block_on(h, joining_poll, &f), 0);
    EQ(told.count[FAULT], 1);
    EQ(told.code, 42);
    SAME_TEXT(told.text, "ignored");
    join_is(j, PIRN_FAULTED, 42);
    SAME_TEXT(pirn_last_error_text(), "ignored");
    rt_free(rt);
}

/* (tokio: rt_basic shutdown_on_panic: spawned, wake of others, block_on unwinds) */
Test(report, shutdown_cancels_all_and_ends_block_on)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_SHUTDOWN);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {0};
    int drops = 0;
    char text[] = "the end";
    struct closure root = {pending_poll, count_drop, &drops};
    pirn_join *waits = spawn_gate(h, &g), *faults = spawn(h, fault_poll, text);
    int out;

    EQ(pirn_block_on(h, &closure_desc, &root, NULL, &out), PIRN_ESHUTDOWN);
    EQ(drops, 1);
    EQ(g.drops, 1);
    EQ(told.count[FAULT], 1);
    join_is(waits, PIRN_CANCELLED, -ECANCELED);
    join_is(faults, PIRN_FAULTED, 42);
    EQ(pirn_block_on(h, &closure_desc, &root, NULL, &out), PIRN_ESHUTDOWN);
    EQ(pirn_runtime_turn(rt, 0, NULL), PIRN_ESHUTDOWN);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    rt_free(rt);
}

Test(report, shutdown_policy_acts_in_a_turn)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_SHUTDOWN);
    pirn_handle *h = pirn_runtime_handle(rt);
    char text[] = "x";
    struct gate g = {0};
    pirn_join *waits = spawn_gate(h, &g);

    pirn_join_free(spawn(h, fault_poll, text));
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), PIRN_ESHUTDOWN);
    join_is(waits, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

static void abort_policy(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    char text[] = "last words";
    pirn_runtime *rt;

    o.unhandled_fault = PIRN_UNHANDLED_ABORT;
    rt = rt_new_with(&o);
    pirn_join_free(spawn(pirn_runtime_handle(rt), fault_poll, text));
    rt_idle(rt);
}

static void fault_outside_of_a_task(void)
{
    pirn_fault(1, "nobody %s", "home");
}

Test(report, abort_says_why)
{
    expect_abort(abort_policy, "last words");
    expect_abort(fault_outside_of_a_task, "nobody home");
}

static void decide(void *user, const pirn_task_info *info, int code, const char *text)
{
    (void)info;
    (void)code;
    (void)text;
    ++*(int *)user;
}

Test(report, callback_decides)
{
    int calls = 0;
    pirn_hooks k = {.size = sizeof k, .user = &calls, .on_fault = decide};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    char text[] = "y";
    pirn_runtime *rt;
    pirn_join *j;

    o.unhandled_fault = PIRN_UNHANDLED_CALLBACK;
    o.hooks = &k;
    rt = rt_new_with(&o);
    j = spawn(pirn_runtime_handle(rt), fault_poll, text);
    rt_idle(rt);
    join_is(j, PIRN_FAULTED, 42);
    EQ(calls, 1);
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    rt_free(rt);
}

/* ---- forgotten wakes ----------------------------------------------------------------------------- */

struct line_frame {
    uint32_t line; /* first: PIRN_TASK_LINE */
    pirn_waker *keep;
};

static int forget_poll(void *frame, pirn_cx *cx, void *out)
{
    struct line_frame *f = frame;

    (void)out;
    f->line = 1234;
    if (f->keep != NULL && f->keep->vt == NULL)
        *f->keep = pirn_cx_waker(cx);
    return PIRN_PENDING;
}

static const pirn_task_desc forgetful = {
    .size = sizeof forgetful,
    .name = "forgetful",
    .poll = forget_poll,
    .frame_size = sizeof(struct line_frame),
    .flags = PIRN_TASK_LINE,
};

Test(report, a_poll_that_keeps_no_waker_is_told_with_name_and_line)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = NULL;

    EQ(pirn_spawn(h, &forgetful, NULL, &j), 0);
    rt_idle(rt);
    EQ(told.count[FORGOTTEN], 1);
    EQ(told.events[told.used - 1].id, pirn_join_id(j));
    EQ(told.events[told.used - 1].info.await_line, 1234);
    SAME_TEXT(told.name, "forgetful");
    /* The hook is called once a second, the metrics count them all. */
    EQ(pirn_spawn(h, &forgetful, NULL, NULL), 0);
    rt_idle(rt);
    EQ(told.count[FORGOTTEN], 1);
    EQ(metrics_of(h).forgotten_wakes, 2);
    pirn_join_free(j);
    rt_free(rt);
}

Test(report, a_last_waker_that_is_dropped_is_told)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_waker waker = {0}, second;
    struct line_frame f = {0, &waker};
    pirn_join *j = NULL;

    EQ(pirn_spawn(h, &forgetful, &f, &j), 0);
    rt_idle(rt);
    EQ(metrics_of(h).forgotten_wakes, 0);
    second = pirn_waker_clone(&waker);
    pirn_waker_drop(waker);
    EQ(metrics_of(h).forgotten_wakes, 0);
    pirn_waker_drop(second);
    EQ(metrics_of(h).forgotten_wakes, 1);
    EQ(told.events[told.used - 1].info.await_line, 1234);
    pirn_join_abort(j);
    rt_idle(rt);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

Test(report, an_abort_handle_hides_it_until_it_is_freed)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = NULL;
    pirn_abort *a;

    EQ(pirn_spawn(h, &forgetful, NULL, &j), 0);
    a = pirn_join_abort_handle(j);
    rt_idle(rt);
    EQ(metrics_of(h).forgotten_wakes, 0);
    pirn_abort_free(a);
    EQ(metrics_of(h).forgotten_wakes, 1);
    pirn_join_free(j);
    rt_free(rt);
}

static int pend_twice(void *user, pirn_cx *cx, int *out)
{
    pirn_waker *w = user;

    if (w->vt == NULL)
        *w = pirn_cx_waker(cx);
    return pending_poll(user, cx, out);
}

Test(report, waiting_for_ever_on_purpose_is_not_told)
{
    pirn_runtime *rt = hooked(PIRN_UNHANDLED_IGNORE);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_waker w = {0};

    pirn_join_free(spawn(h, pending_poll, NULL));
    pirn_join_free(spawn(h, pend_twice, &w));
    rt_idle(rt);
    pirn_waker_drop(w);
    EQ(metrics_of(h).forgotten_wakes, 0);
    EQ(told.count[FORGOTTEN], 0);
    rt_free(rt);
}
