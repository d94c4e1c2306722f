/* SPDX-License-Identifier: MIT */
/* Does a task's end go as it should: ids in every callback, aborts at every moment, destructors that
 * do unusual things? */
#include "support.h"

/* ---- ids (tokio: task_id) --------------------------------------------------------------------------- */

struct ids {
    uint64_t poll, drop, out_drop;
    bool waits;
};

static struct ids *out_ids;

static int ids_poll(void *user, pirn_cx *cx, int *out)
{
    struct ids *s = user;

    s->poll = pirn_task_id();
    if (s->waits)
        return pending_poll(user, cx, out);
    *out = 1;
    return 0;
}

static void ids_drop(void *user)
{
    struct ids *s = user;

    s->drop = pirn_task_id();
}

static void ids_out_drop(void *out)
{
    (void)out;
    out_ids->out_drop = pirn_task_id();
}

static pirn_join *spawn_ids(pirn_handle *h, struct ids *s)
{
    static pirn_task_desc d;
    struct closure c = {ids_poll, ids_drop, s};
    pirn_join *j = NULL;

    d = closure_desc;
    d.out_drop = ids_out_drop;
    out_ids = s;
    EQ(pirn_spawn(h, &d, &c, &j), 0);
    return j;
}

/* (tokio: task_id_future_destructor_completion, _output_destructor_handle_dropped_after/before) */
Test(life, the_id_in_polls_drops_and_output_drops)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ids after = {0}, before = {0};
    pirn_join *j = spawn_ids(h, &after);
    uint64_t id = pirn_join_id(j);

    EQ(pirn_task_id(), 0);
    rt_idle(rt);
    EQ(after.out_drop, 0);
    pirn_join_free(j);
    EQ(after.poll, id);
    EQ(after.drop, id);
    EQ(after.out_drop, id);
    j = spawn_ids(h, &before);
    id = pirn_join_id(j);
    pirn_join_free(j);
    rt_idle(rt);
    EQ(before.poll, id);
    EQ(before.drop, id);
    EQ(before.out_drop, id);
    EQ(pirn_task_id(), 0);
    rt_free(rt);
}

/* (tokio: task_id_future_destructor_abort) */
Test(life, the_id_in_the_drop_of_an_aborted_task)
{
    pirn_runtime *rt = rt_new();
    struct ids s = {.waits = true}, never = {0};
    pirn_join *j = spawn_ids(pirn_runtime_handle(rt), &s), *k;

    rt_idle(rt);
    k = spawn_ids(pirn_runtime_handle(rt), &never);
    pirn_join_abort(j);
    pirn_join_abort(k);
    rt_idle(rt);
    EQ(s.drop, pirn_join_id(j));
    EQ(never.drop, pirn_join_id(k));
    CHECK(pirn_join_id(j) != pirn_join_id(k) && pirn_join_id(k) != 0);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

/* An output that is dropped inside another task keeps its own id, and gives the other's back. */
static int drop_other_poll(void *user, pirn_cx *cx, int *out)
{
    uint64_t id = pirn_task_id();

    (void)cx;
    pirn_join_free(user);
    EQ(pirn_task_id(), id);
    *out = 0;
    return 0;
}

Test(life, the_id_nests)
{
    pirn_runtime *rt = rt_new();
    struct ids s = {0};
    pirn_join *j = spawn_ids(pirn_runtime_handle(rt), &s), *k;
    uint64_t id = pirn_join_id(j);

    rt_idle(rt);
    k = spawn(pirn_runtime_handle(rt), drop_other_poll, j);
    rt_idle(rt);
    EQ(s.out_drop, id);
    join_done(k, 0);
    rt_free(rt);
}

/* ---- aborts (tokio: task_abort) --------------------------------------------------------------------- */

/* (tokio: test_abort_without_panic_3157, _3662; test_abort_wakes_task_3964) */
Test(life, an_abort_ends_a_task_that_waits_and_tells_the_joiner)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {0};
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);

    rt_idle(rt);
    EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
    for (int i = 0; i < 3; i++)
        pirn_join_abort(j); /* again changes nothing */
    EQ(g.drops, 0);         /* never on this thread by the abort itself */
    EQ(w.woken, 0);
    rt_idle(rt);
    EQ(g.drops, 1);
    EQ(g.polls, 1);
    EQ(w.woken, 1);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    pirn_waker_drop(waker);
    EQ(w.clones, w.drops);
    pirn_join_abort(NULL);
    pirn_abort_now(NULL);
    pirn_abort_free(NULL);
    pirn_join_free(NULL);
    rt_free(rt);
}

struct self_abort {
    pirn_join *join;
    pirn_abort *abort;
    bool finishes, saw;
};

static int self_abort_poll(void *user, pirn_cx *cx, int *out)
{
    struct self_abort *s = user;

    CHECK(!pirn_cx_cancelled(cx));
    pirn_join_abort(s->join);
    s->saw = pirn_cx_cancelled(cx);
    *out = 5;
    return s->finishes ? 0 : PIRN_PENDING;
}

/* An abort acts between polls: one that comes in the last changes nothing. */
Test(life, an_abort_inside_the_poll)
{
    pirn_runtime *rt = rt_new();
    struct self_abort a = {.finishes = true}, b = {0};

    a.join = spawn(pirn_runtime_handle(rt), self_abort_poll, &a);
    b.join = spawn(pirn_runtime_handle(rt), self_abort_poll, &b);
    rt_idle(rt);
    CHECK(a.saw && b.saw);
    join_done(a.join, 5);
    join_is(b.join, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

static void free_own_join(void *user)
{
    struct self_abort *s = user;

    CHECK(!pirn_join_is_finished(s->join));
    pirn_join_abort(s->join);
    pirn_abort_now(s->abort);
    pirn_abort_free(s->abort);
    pirn_join_free(s->join);
}

/* (tokio: rt_common: a task that holds its own handle) */
Test(life, a_frame_that_owns_its_own_handles)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct self_abort done = {.finishes = true}, cut = {0};

    cut.join = spawn_dropping(h, pending_poll, free_own_join, &cut);
    cut.abort = pirn_join_abort_handle(cut.join);
    rt_idle(rt);
    pirn_abort_now(cut.abort);
    rt_idle(rt);
    EQ(metrics_of(h).tasks_alive, 0);
    done.join = spawn_dropping(h, ready_poll, free_own_join, &done);
    done.abort = pirn_join_abort_handle(done.join);
    rt_idle(rt);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(outputs_dropped, 1);
    rt_free(rt);
}

/* ---- destructors ------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void lock_in_drop(void *user)
{
    EQ(pthread_mutex_lock(&mutex), 0);
    count_drop(user);
    EQ(pthread_mutex_unlock(&mutex), 0);
}

/* (tokio: rt_basic acquire_mutex_in_drop; task_local_set acquire_mutex_in_drop: no lock of ours is
 * held while a destructor runs, whatever it calls) */
static void everything_in_drop(void *user)
{
    pirn_metrics m = {.size = sizeof m};
    struct closure c = {ready_poll, lock_in_drop, user};

    lock_in_drop(user);
    CHECK(pirn_handle_current() != NULL); /* (tokio: drop_tasks_in_context) */
    EQ(pirn_spawn(NULL, &closure_desc, &c, NULL), 0);
    EQ(pirn_runtime_metrics(NULL, &m), 0);
}

Test(life, drops_run_in_the_runtime_and_may_do_anything)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int drops = 0;
    pirn_join *j = spawn_dropping(h, ready_poll, everything_in_drop, &drops);
    pirn_join *k = spawn_dropping(h, pending_poll, everything_in_drop, &drops);
    pirn_join *l = spawn_dropping(h, pending_poll, everything_in_drop, &drops);

    rt_idle(rt);
    pirn_join_abort(k);
    rt_idle(rt);
    EQ(drops, 4);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(drops, 6);
    join_done(j, 0);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    join_is(l, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

struct waking {
    struct gate *other;
    int drops;
};

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(3, "then wake");
}

static void wake_in_drop(void *user)
{
    struct waking *w = user;

    w->drops++;
    gate_open(w->other);
}

/* (tokio: rt_basic wake_in_drop_after_panic) */
Test(life, a_drop_after_a_fault_wakes_another_task)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {.value = 8};
    struct waking w = {&g, 0};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g), *k;

    k = spawn_dropping(pirn_runtime_handle(rt), fault_poll, wake_in_drop, &w);
    rt_idle(rt);
    EQ(w.drops, 1);
    join_done(j, 8);
    join_is(k, PIRN_FAULTED, 3);
    rt_free(rt);
}

static void fault_in_out_drop(void *out)
{
    (void)out;
    pirn_fault(4, "in an output's drop");
}

/* (tokio: join_handle_panic) */
Test(life, a_faulting_output_does_not_reach_who_frees_the_handle)
{
    static pirn_task_desc d;
    struct closure c = {ready_poll, NULL, NULL};
    pirn_runtime *rt = rt_new();
    pirn_join *j = NULL;

    d = closure_desc;
    d.out_drop = fault_in_out_drop;
    EQ(pirn_spawn(pirn_runtime_handle(rt), &d, &c, &j), 0);
    rt_idle(rt);
    pirn_join_free(j);
    EQ(metrics_of(pirn_runtime_handle(rt)).contained_faults, 1);
    EQ(metrics_of(pirn_runtime_handle(rt)).faults, 0);
    EQ(pirn_spawn(pirn_runtime_handle(rt), &d, &c, &j), 0);
    rt_idle(rt);
    EQ(pirn_join_try(j, NULL, NULL), 0); /* taken by nobody: dropped here */
    EQ(metrics_of(pirn_runtime_handle(rt)).contained_faults, 2);
    pirn_join_free(j);
    rt_free(rt);
}

/* ---- wakers ------------------------------------------------------------------------------------------- */

static pirn_waker kept;

static int keep_and_count(void *user, pirn_cx *cx, int *out)
{
    int *polls = user;

    *out = ++*polls;
    if (kept.vt == NULL)
        kept = pirn_cx_waker(cx);
    CHECK(pirn_waker_will_wake(&kept, pirn_cx_borrow_waker(cx)));
    return *polls == 4 ? 0 : PIRN_PENDING;
}

Test(life, several_wakes_before_a_poll_are_one)
{
    pirn_runtime *rt = rt_new();
    int polls = 0;
    pirn_join *j = spawn(pirn_runtime_handle(rt), keep_and_count, &polls);
    pirn_waker w;

    rt_idle(rt);
    for (int n = 2; n <= 4; n++) {
        for (int i = 0; i < 5; i++)
            pirn_waker_wake_by_ref(&kept);
        w = pirn_waker_clone(&kept);
        pirn_waker_wake(w);
        rt_idle(rt);
        EQ(polls, n);
    }
    pirn_waker_wake_by_ref(&kept); /* finished: nothing */
    rt_idle(rt);
    EQ(polls, 4);
    join_done(j, 4);
    CHECK(tally.live > 0);
    pirn_waker_wake(kept);
    rt_free(rt);
}

/* ---- misuse -------------------------------------------------------------------------------------------- */

static pirn_join *gone(bool finished)
{
    pirn_runtime *rt = rt_new();
    pirn_join *j = spawn(pirn_runtime_handle(rt), pending_poll, NULL);
    pirn_abort *keep = pirn_join_abort_handle(j); /* keeps the memory a task's */

    rt_idle(rt);
    if (finished) {
        pirn_join_abort(j);
        rt_idle(rt);
    }
    (void)keep;
    pirn_join_free(j);
    return j;
}

static void free_twice(void)
{
    pirn_join_free(gone(false));
}

static void free_twice_finished(void)
{
    pirn_join_free(gone(true));
}

static void try_after_free(void)
{
    (void)!pirn_join_try(gone(true), NULL, NULL);
}

static void abort_after_free(void)
{
    pirn_join_abort(gone(false));
}

static void id_of_null(void)
{
    (void)pirn_join_id(NULL);
}

Test(life, misuse_of_handles_is_reported)
{
    expect_abort(free_twice, "pirn_join_free");
    expect_abort(free_twice_finished, "pirn_join_free");
    expect_abort(try_after_free, "pirn_join_try");
    expect_abort(abort_after_free, "pirn_join_abort");
    expect_abort(id_of_null, "pirn_join_id");
    EQ(pirn_join_wait(NULL, 0, NULL, NULL), -EINVAL);
    EQ(pirn_join_try(NULL, NULL, NULL), -EINVAL);
    EQ(pirn_join_fd(NULL), -EINVAL);
}
