/* SPDX-License-Identifier: MIT */
/* Does a timeout end what is too late, and nothing else? On a clock that stands still. */
#include "paused.h"

struct limited {
    pirn_time until;
    struct gate *gate; /* the inner operation; NULL: one that uses up the budget, and never ends */
    int result, drops, waits;
    pirn_op limit, inner;
};

static void count_inner(void *arg)
{
    ++*(int *)arg;
}

static int limited_poll(void *user, pirn_cx *cx, int *out)
{
    struct limited *l = user;
    int r = PIRN_PENDING;

    l->waits++;
    pirn_defer(&l->inner, cx, count_inner, &l->drops);
    if (l->gate != NULL)
        r = gate_poll(l->gate, cx, out);
    else
        while (pirn_consume_budget_poll(cx) == 0) {
        }
    if (r == 0)
        pirn_op_done(&l->inner);
    r = pirn_timeout_poll(&l->limit, cx, l->until, &l->inner, r);
    if (r == PIRN_PENDING)
        return PIRN_PENDING;
    CHECK(!pirn_op_is_pending(&l->limit) && !pirn_op_is_pending(&l->inner));
    l->result = r;
    *out = 0;
    return 0;
}

static int open_later_poll(void *user, pirn_cx *cx, int *out)
{
    struct sleeper *s = user;
    int r = sleeper_poll(s, cx, out);

    if (r == 0)
        gate_open((struct gate *)(void *)(s + 1));
    return r;
}

Test(timeout, whichever_comes_first)
{
    static const struct {
        int64_t until, opens;
        int result, drops;
        int64_t took;
    } rows[] = {
        {5, 3, 0, 0, 3},           {3, 5, -ETIMEDOUT, 1, 3}, {0, 5, -ETIMEDOUT, 1, 0},
        {-4, 5, -ETIMEDOUT, 1, 0}, {86400, 1, 0, 0, 1},
    };
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct {
            struct sleeper s;
            struct gate gate;
        } opener = {.gate.value = 0};
        pirn_time begin = time_of(h);
        struct limited l = {.until = begin + rows[i].until * PIRN_SEC, .gate = &opener.gate};
        pirn_join *j;

        opener.s.at = begin + rows[i].opens * PIRN_SEC;
        j = spawn(h, open_later_poll, &opener);
        EQ(block_on(h, limited_poll, &l), 0);
        EQ(l.result, rows[i].result);
        EQ(l.drops, rows[i].drops);
        EQ(time_of(h) - begin, rows[i].took * PIRN_SEC);
        sleep_in(h, begin + 10 * PIRN_SEC);
        join_done(j, 0);
        gate_drop(&opener.gate);
    }
    rt_free(rt);
}

Test(timeout, what_has_ended_counts_however_late)
{
    struct gate gate = {.open = true};
    pirn_runtime *rt = rt_paused();
    struct limited l = {.until = 1, .gate = &gate};

    EQ(block_on(pirn_runtime_handle(rt), limited_poll, &l), 0);
    EQ(l.result, 0);
    EQ(l.drops, 0);
    gate_drop(&gate);
    rt_free(rt);
}

static int advance_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    EQ(pirn_clock_advance(NULL, *(int64_t *)user), 0);
    *out = 0;
    return 0;
}

/* Its task never waits: it is always ready, and always out of budget. */
Test(timeout, of_what_uses_up_the_budget)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    int64_t by = PIRN_SEC - 1, rest = 1;
    struct limited l = {.until = time_of(h) + PIRN_SEC};
    pirn_join *j = spawn(h, limited_poll, &l), *k;

    settle(h);
    k = spawn(h, advance_poll, &by);
    settle(h);
    settle(h);
    join_done(k, 0);
    EQ(l.result, 0);
    CHECK(l.waits >= 10);
    k = spawn(h, advance_poll, &rest);
    settle(h);
    join_done(k, 0);
    EQ(l.result, -ETIMEDOUT);
    EQ(l.drops, 1);
    join_done(j, 0);
    rt_free(rt);
}

static int no_inner_poll(void *user, pirn_cx *cx, int *out)
{
    int r = pirn_timeout_poll(user, cx, pirn_after(PIRN_SEC), NULL, PIRN_PENDING);

    if (r == PIRN_PENDING)
        return r;
    SAYS("pirn_timeout_poll");
    *out = r;
    return 0;
}

Test(timeout, without_an_inner_operation)
{
    pirn_op op = {.kind = NULL};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);

    EQ(block_on(h, no_inner_poll, &op), -ETIMEDOUT);
    EQ(time_of(h) - begin, PIRN_SEC);
    rt_free(rt);
}

static int passes_on_poll(void *user, pirn_cx *cx, int *out)
{
    static const int results[] = {0, -EIO, PIRN_ECLOSED};

    for (size_t i = 0; i < 3; i++) {
        EQ(pirn_timeout_poll(user, cx, 0, NULL, results[i]), results[i]);
        CHECK(!pirn_op_is_pending(user));
        EQ(pirn_timeout_poll(user, cx, PIRN_NEVER, NULL, PIRN_PENDING), PIRN_PENDING);
        CHECK(pirn_op_is_pending(user));
        EQ(pirn_timeout_poll(user, cx, 0, NULL, results[i]), results[i]);
        CHECK(!pirn_op_is_pending(user));
    }
    *out = 3;
    return 0;
}

Test(timeout, passes_on_what_the_inner_poll_returned)
{
    pirn_op op = {.kind = NULL};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    EQ(block_on(h, passes_on_poll, &op), 3);
    rt_free(rt);
}

/* ---- by length --------------------------------------------------------------------------------
 * */

static int no_inner_after_poll(void *user, pirn_cx *cx, int *out)
{
    int r = pirn_timeout_after_poll(user, cx, PIRN_SEC, NULL, PIRN_PENDING);

    if (r == PIRN_PENDING)
        return r;
    SAYS("pirn_timeout_after_poll");
    *out = r;
    return 0;
}

static int late_at_once_poll(void *user, pirn_cx *cx, int *out)
{
    EQ(pirn_timeout_after_poll(user, cx, 0, NULL, 0), 0);
    EQ(pirn_timeout_after_poll(user, cx, 5, NULL, PIRN_ECLOSED), PIRN_ECLOSED);
    EQ(pirn_timeout_after_poll(user, cx, -5, NULL, PIRN_PENDING), -ETIMEDOUT);
    EQ(pirn_timeout_after_poll(user, cx, PIRN_SEC, NULL, PIRN_PENDING), PIRN_PENDING);
    CHECK(pirn_op_is_pending(user));
    EQ(pirn_timeout_after_poll(user, cx, 0, NULL, PIRN_PENDING), PIRN_PENDING);
    EQ(pirn_timeout_after_poll(user, cx, 0, NULL, 0), 0);
    CHECK(!pirn_op_is_pending(user));
    *out = 1;
    return 0;
}

Test(timeout_after, counts_from_the_first_call)
{
    pirn_op op = {.kind = NULL}, other = op;
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    pirn_join *j = spawn(h, no_inner_after_poll, &other);

    EQ(block_on(h, no_inner_after_poll, &op), -ETIMEDOUT);
    EQ(time_of(h) - begin, PIRN_SEC);
    settle(h);
    join_done(j, -ETIMEDOUT);
    EQ(block_on(h, late_at_once_poll, &op), 1);
    j = spawn(h, late_at_once_poll, &other);
    settle(h);
    join_done(j, 1);
    rt_free(rt);
}

/* ---- misuse -----------------------------------------------------------------------------------
 * */

static int polled;

static int wrong_op_poll(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    EQ(pirn_sleep_poll(user, cx, PIRN_NEVER), PIRN_PENDING);
    return pirn_timeout_poll(user, cx, PIRN_NEVER, NULL, polled);
}

static void wrong_op(void)
{
    static pirn_op op;
    pirn_runtime *rt = rt_paused();

    (void)block_on(pirn_runtime_handle(rt), wrong_op_poll, &op);
}

Test(timeout, an_op_that_is_pending_elsewhere_is_misuse)
{
    polled = 0;
    expect_abort(wrong_op, "pirn_timeout_poll");
    polled = PIRN_PENDING;
    expect_abort(wrong_op, "pirn_op_state");
}
