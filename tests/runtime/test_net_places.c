/* SPDX-License-Identifier: MIT */
/* From where can an operation of the net be awaited? Roots and tasks are everywhere in the other tests: here are
 * local sets, foreign loops, plain and blocking threads, limits, selections, and other runtimes.
 * (tokio: rt_common local_set_client_server_block_on, io_notify_while_shutting_down; rt_handle_block_on) */
#include "net.h"

#include <poll.h>
#include <unistd.h>

#include <pirn/async.h>

struct asking {
    PIRN_FRAME;
    pirn_op op, other;
    pirn_stream *s;
    pirn_time limit;
    size_t n;
    char buf[8];
    int64_t patience;
};

/* Sends, reads the echo. */
static int ask_poll(void *user, pirn_cx *cx, int *out)
{
    struct asking *a = user;

    PIRN_BEGIN(a);
    PIRN_TRY(a, pirn_stream_write_all_poll(&a->op, cx, a->s, "question", 8, NULL));
    PIRN_TRY(a, pirn_stream_read_exact_poll(&a->op, cx, a->s, a->buf, 8, NULL));
    *out = memcmp(a->buf, "question", 8) == 0 ? 8 : -1;
    PIRN_END(a);
}

static int echo_poll(void *user, pirn_cx *cx, int *out)
{
    struct asking *a = user;

    PIRN_BEGIN(a);
    PIRN_TRY(a, pirn_stream_read_exact_poll(&a->op, cx, a->s, a->buf, 8, NULL));
    PIRN_TRY(a, pirn_stream_write_all_poll(&a->op, cx, a->s, a->buf, 8, NULL));
    *out = 1;
    PIRN_END(a);
}

/* ---- a local set ------------------------------------------------------------------------------------ */

static int set_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_local_set *set = user;
    int r = pirn_local_set_poll(set, cx);

    *out = r;
    return r == PIRN_PENDING ? r : 0;
}

static void in_a_local_set(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    struct asking one = {.s = e.a}, two = {.s = e.b};
    struct closure c[2] = {{ask_poll, NULL, &one}, {echo_poll, NULL, &two}};
    pirn_local_set *set = NULL;
    pirn_join *j[2];

    EQ(pirn_local_set_new(h, &set), 0);
    for (int i = 0; i < 2; i++)
        EQ(pirn_local_set_spawn(set, &closure_desc, &c[i], &j[i]), 0);
    EQ(block_on(h, set_poll, set), 0);
    join_done(j[0], 8);
    join_done(j[1], 1);
    pirn_local_set_free(set);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(net_places, in_a_local_set)

/* ---- a foreign loop --------------------------------------------------------------------------------- */

/* The runtime's descriptor tells of the sockets in it. */
Test(net_places, in_a_foreign_loop)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    struct asking a = {.s = e.a};
    struct pollfd p = {.fd = pirn_runtime_fd(rt), .events = POLLIN};
    pirn_join *j = spawn(h, echo_poll, &a);
    char buf[8];
    int peer = dup(pirn_stream_fd(e.b));

    rt_idle(rt);
    EQ(poll(&p, 1, 0), 0);
    EQ(write(peer, "question", 8), 8);
    EQ(poll(&p, 1, 10000), 1);
    rt_idle(rt);
    join_done(j, 1);
    EQ(read(peer, buf, 8), 8);
    EQ(poll(&p, 1, 0), 0);
    (void)close(peer);
    ends_free(&e);
    rt_free(rt);
}

/* ---- threads ----------------------------------------------------------------------------------------- */

struct on_thread {
    struct asking a;
    step_fn *step;
    int output, result;
};

static int thread_step(void *user, pirn_cx *cx, void *out)
{
    struct on_thread *t = user;

    (void)out;
    return t->step(&t->a, cx, &t->output);
}

static int wait_here(void *user)
{
    struct on_thread *t = user;

    t->result = pirn_poll_wait(thread_step, t, pirn_after(10 * PIRN_SEC), NULL);
    return t->result;
}

static int joined(void *user, pirn_cx *cx, int *out)
{
    pirn_join **j = user;
    pirn_result res;
    int r = pirn_join_poll(*j, cx, &res, NULL);

    if (r == PIRN_PENDING)
        return r;
    *out = pirn_result_status(&res);
    return 0;
}

/* A task of the blocking pool waits for what a task of the workers' answers. */
static void on_a_blocking_thread(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    struct asking a = {.s = e.b};
    struct on_thread t = {.a = {.s = e.a}, .step = ask_poll};
    pirn_join *echo = spawn(h, echo_poll, &a), *j = NULL;

    EQ(pirn_spawn_fn(h, PIRN_TASK_BLOCKING, wait_here, &t, NULL, &j), 0);
    EQ(block_on(h, joined, &j), 0);
    pirn_join_free(j);
    EQ(t.output, 8);
    ends_done(h, echo, 1);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(net_places, on_a_blocking_thread)

/* ---- limits and selections --------------------------------------------------------------------------- */

static int limited_poll(void *user, pirn_cx *cx, int *out)
{
    struct asking *a = user;
    int r;

    PIRN_BEGIN(a);
    a->limit = pirn_after(a->patience);
    PIRN_AWAIT(a, r = pirn_timeout_poll(
                      &a->other, cx, a->limit, &a->op,
                      pirn_stream_read_poll(&a->op, cx, a->s, a->buf, sizeof a->buf, &a->n)));
    *out = r;
    PIRN_END(a);
}

static int either_poll(void *user, pirn_cx *cx, int *out)
{
    struct asking *a = user;
    int won, r;

    PIRN_BEGIN(a);
    a->limit = pirn_after(a->patience);
    PIRN_SELECT(a, won, r, &a->op,
                pirn_stream_read_poll(&a->op, cx, a->s, a->buf, sizeof a->buf, &a->n), &a->other,
                pirn_sleep_poll(&a->other, cx, a->limit));
    EQ(r, 0);
    *out = won;
    PIRN_END(a);
}

/* A read that is too late, or that loses, leaves what comes to the next one. */
static void limits_and_selections(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct ends e = tcp_ends(h);
    struct asking a = {.s = e.a, .patience = 5 * PIRN_MS};

    ends_done(h, spawn(h, limited_poll, &a), -ETIMEDOUT);
    EQ(block_on(h, limited_poll, &a), -ETIMEDOUT);
    EQ(block_on(h, either_poll, &a), 1);
    a.patience = 20 * PIRN_SEC; /* however slow the machine is */
    EQ(do_write_all(h, e.b, "late", 4), 0);
    EQ(block_on(h, either_poll, &a), 0);
    EQ(a.n, 4);
    EQ(do_write_all(h, e.b, "again", 5), 0);
    ends_done(h, spawn(h, limited_poll, &a), 0);
    EQ(a.n, 5);
    ends_free(&e);
    rt_free(rt);
}
EACH_FLAVOR(net_places, limits_and_selections)

/* ---- two runtimes ------------------------------------------------------------------------------------- */

/* A stream's events come by the runtime it was made on, and wake tasks of any other. */
Test(net_places, in_another_runtime)
{
    pirn_runtime *here = rt_mt(1), *there = rt_mt(1);
    struct ends e = tcp_ends(pirn_runtime_handle(here));
    struct asking a = {.s = e.a}, b = {.s = e.b};
    pirn_join *j = spawn(pirn_runtime_handle(there), echo_poll, &b);

    EQ(block_on(pirn_runtime_handle(there), ask_poll, &a), 8);
    ends_done(pirn_runtime_handle(there), j, 1);
    b = (struct asking){.s = e.b};
    j = spawn(pirn_runtime_handle(there), echo_poll, &b);
    rt_quiet(pirn_runtime_handle(there));
    pirn_runtime_free(here);
    ends_as(pirn_runtime_handle(there), j, PIRN_DONE, PIRN_ESHUTDOWN);
    ends_free(&e);
    rt_free(there);
}
