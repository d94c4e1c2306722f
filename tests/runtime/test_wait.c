/* SPDX-License-Identifier: MIT */
/* Does a plain thread that waits, for a join or for any poll function, wake up when it should? */
#include "support.h"

struct driving {
    pirn_runtime *rt;
    struct gate stop; /* the root of the thread that drives */
    pthread_t thread;
};

static void *drive(void *user)
{
    struct driving *d = user;

    EQ(block_on(pirn_runtime_handle(d->rt), gate_poll, &d->stop), 0);
    pirn_waker_cell_fini(&d->stop.cell);
    return NULL;
}

static pirn_handle *start_driving(struct driving *d)
{
    d->rt = rt_new();
    d->thread = start_thread(drive, d);
    return pirn_runtime_handle(d->rt);
}

static void stop_driving(struct driving *d)
{
    gate_open(&d->stop);
    end_thread(d->thread);
    rt_free(d->rt);
}

Test(wait, another_thread_drives, .timeout = 20)
{
    struct driving d = {0};
    pirn_handle *h = start_driving(&d);

    for (int i = 0; i < 1000; i++) {
        struct gate g = {.open = true, .value = i};
        pirn_join *j = spawn_gate(h, &g);
        pirn_result res;
        int out = -1;

        EQ(pirn_join_wait(j, PIRN_NEVER, &res, &out), 0);
        EQ(out, i);
        EQ(res.task_id, pirn_join_id(j));
        EQ(pirn_join_wait(j, PIRN_NEVER, &res, &out), -EINVAL);
        pirn_join_free(j);
    }
    stop_driving(&d);
}

Test(wait, a_deadline_leaves_the_handle_as_it_was, .timeout = 20)
{
    struct driving d = {0};
    pirn_handle *h = start_driving(&d);
    struct gate g = {.value = 3};
    pirn_join *j = spawn_gate(h, &g);
    pirn_result res = {PIRN_FAULTED, 77, 78};
    pirn_time before = pirn_now();
    int out = 79;

    EQ(pirn_join_wait(j, pirn_after(5 * PIRN_MS), &res, &out), -ETIMEDOUT);
    CHECK(pirn_now() - before >= 5 * PIRN_MS);
    EQ(pirn_join_wait(j, before, &res, &out), -ETIMEDOUT);
    EQ(pirn_join_wait(j, 0, &res, &out), -ETIMEDOUT);
    EQ(pirn_join_wait(j, INT64_MIN, &res, &out), -ETIMEDOUT);
    EQ(pirn_join_try(j, &res, &out), -EAGAIN);
    EQ(res.code, 77);
    EQ(out, 79);
    gate_open(&g);
    EQ(pirn_join_wait(j, PIRN_NEVER, &res, &out), 0);
    EQ(out, 3);
    pirn_join_free(j);
    stop_driving(&d);
}

Test(wait, a_look_at_a_finished_task_needs_nobody)
{
    pirn_runtime *rt = rt_new();
    pirn_join *j = spawn(pirn_runtime_handle(rt), ready_poll, NULL);
    pirn_enter guard;

    EQ(pirn_join_wait(j, 0, NULL, NULL), -ETIMEDOUT);
    rt_idle(rt);
    /* A mere enter may wait. */
    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    EQ(pirn_join_wait(j, 0, NULL, NULL), 0);
    pirn_enter_exit(&guard);
    EQ(outputs_dropped, 1);
    pirn_join_free(j);
    rt_free(rt);
}

static void *abort_it(void *join)
{
    pirn_join_abort(join);
    return NULL;
}

/* (tokio: task_abort: an abort wakes the joiner, #3964) */
Test(wait, an_abort_and_a_shutdown_end_it, .timeout = 20)
{
    struct driving d = {0};
    pirn_handle *h = start_driving(&d);
    struct gate g = {0}, k = {0};
    pirn_join *j = spawn_gate(h, &g), *l;
    pthread_t t = start_thread(abort_it, j);
    pirn_result res;

    EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    EQ(res.outcome, PIRN_CANCELLED);
    EQ(g.drops, 1);
    end_thread(t);
    pirn_join_free(j);
    l = spawn_gate(h, &k);
    gate_open(&d.stop);
    end_thread(d.thread);
    EQ(pirn_runtime_shutdown(d.rt, PIRN_NEVER), 0);
    EQ(pirn_join_wait(l, PIRN_NEVER, &res, NULL), 0);
    EQ(res.outcome, PIRN_CANCELLED);
    pirn_join_free(l);
    rt_free(d.rt);
}

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(-33, "%0300d", 7);
}

Test(wait, the_text_of_a_fault_is_this_threads_last_error)
{
    pirn_runtime *rt = rt_new();
    pirn_join *j = spawn(pirn_runtime_handle(rt), fault_poll, NULL);
    pirn_result res;

    CHECK(pirn_join_fault_text(j) == NULL);
    rt_idle(rt);
    EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    EQ(res.outcome, PIRN_FAULTED);
    EQ(res.code, -33);
    EQ(pirn_result_status(&res), PIRN_EFAULT);
    EQ(strlen(pirn_last_error_text()), 255); /* cut there */
    SAME_TEXT(pirn_last_error_text(), pirn_join_fault_text(j));
    pirn_join_free(j);
    rt_free(rt);
}

/* A waiter replaces a poller, and is gone again after its deadline. */
Test(wait, waiter_and_poller_share_the_one_slot)
{
    pirn_runtime *rt = rt_new();
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    struct gate g = {.value = 1};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);
    int out;

    EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
    EQ(w.clones, 2);
    EQ(pirn_join_wait(j, 0, NULL, NULL), -ETIMEDOUT);
    EQ(w.drops, 1);
    EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
    EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
    EQ(w.clones, 3);
    gate_open(&g);
    rt_idle(rt);
    EQ(w.woken, 1);
    EQ(w.drops, 2);
    EQ(pirn_join_wait(j, 0, NULL, &out), 0);
    EQ(out, 1);
    pirn_join_free(j);
    pirn_waker_drop(waker);
    rt_free(rt);
}

/* ---- pirn_poll_wait ---------------------------------------------------------------------------------- */

static int plain_gate_poll(void *gate, pirn_cx *cx, void *out)
{
    EQ(pirn_task_id(), 0);
    return gate_poll(gate, cx, out);
}

static void *open_it(void *gate)
{
    while (((struct gate *)gate)->polls == 0)
        sched_yield();
    gate_open(gate);
    return NULL;
}

Test(wait, any_poll_as_a_wait, .timeout = 20)
{
    for (int i = 0; i < 200; i++) {
        struct gate g = {.value = i};
        pthread_t t = start_thread(open_it, &g);
        int out = -1;

        EQ(pirn_poll_wait(plain_gate_poll, &g, PIRN_NEVER, &out), 0);
        EQ(out, i);
        end_thread(t);
        pirn_waker_cell_fini(&g.cell);
    }
}

static int code_poll(void *code, pirn_cx *cx, void *out)
{
    (void)cx;
    (void)out;
    return *(int *)code;
}

static int yield_poll(void *state, pirn_cx *cx, void *out)
{
    (void)out;
    return pirn_yield_poll(state, cx);
}

static int budget_poll(void *user, pirn_cx *cx, void *out)
{
    (void)user;
    (void)out;
    for (int i = 0; i < 10000; i++)
        if (pirn_consume_budget_poll(cx) != 0)
            return -1;
    return 0;
}

Test(wait, what_the_poll_returns_and_deadlines)
{
    struct gate g = {0};
    unsigned state = 0;
    int code = -12, out;

    EQ(pirn_poll_wait(code_poll, &code, 0, NULL), -12);
    EQ(pirn_poll_wait(yield_poll, &state, PIRN_NEVER, NULL), 0);
    EQ(state, 0);
    /* One in the past still polls once. */
    EQ(pirn_poll_wait(plain_gate_poll, &g, 0, &out), -ETIMEDOUT);
    EQ(g.polls, 1);
    EQ(pirn_poll_wait(plain_gate_poll, &g, pirn_after(2 * PIRN_MS), &out), -ETIMEDOUT);
    EQ(g.polls, 2);
    /* A waker that outlives the call wakes nobody. */
    gate_open(&g);
    EQ(pirn_poll_wait(plain_gate_poll, &g, PIRN_NEVER, &out), 0);
    pirn_waker_cell_fini(&g.cell);
    /* Outside of a poll there is no limit. (tokio: coop outside of a runtime) */
    EQ(pirn_poll_wait(budget_poll, NULL, PIRN_NEVER, NULL), 0);
}

static int sum_poll(void *user, pirn_cx *cx, int *out)
{
    struct wakes *w = user;
    pirn_waker inner = wakes_waker(w);
    int units = 0, r;

    /* The budget inside is that of the poll around it. */
    while ((r = pirn_consume_budget_poll(cx)) == 0 && units < 100)
        units++;
    r = pirn_poll_with(&inner, budget_poll, NULL, NULL);
    EQ(r, -1);
    EQ(w->woken, 1); /* the inner executor is told, and passes it on */
    r = pirn_consume_budget_poll(cx);
    EQ(r, PIRN_PENDING);
    pirn_waker_drop(inner);
    *out = units;
    return 0;
}

Test(wait, poll_with_shares_the_budget_around_it)
{
    pirn_runtime *rt = rt_new();
    struct wakes w = {0};
    pirn_join *j = spawn(pirn_runtime_handle(rt), sum_poll, &w);

    rt_idle(rt);
    join_done(j, 100);
    EQ(w.clones, w.drops);
    rt_free(rt);
}
