/* SPDX-License-Identifier: MIT */
/* Does a poll's context lend its waker, count its budget, and pass it on to nested polls? */
#include "task/cx.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "task/base/scope.h"
#include "tests/support/expect.h"

static struct one_task o;

/* Takes units until there are none. */
static int spend(void *frame, pirn_cx *cx, void *out)
{
    unsigned *spent = frame;

    (void)out;
    while (*spent < 1000 && pirn_consume_budget_poll(cx) == 0)
        ++*spent;
    return *spent < 1000 ? PIRN_PENDING : 0;
}

static unsigned units;

static void spend_all(struct script *s, pirn_cx *cx)
{
    (void)s;
    units = 0;
    (void)spend(&units, cx, NULL);
}

Test(cx, a_poll_has_so_many_units_and_then_yields)
{
    one_start(&o, STEPS(CALL, PEND, CALL, PEND));
    o.s.call = spend_all;
    o.f.poller.budget = 17;
    fake_step(&o.f);
    cr_expect_eq(units, 17);
    EXPECT_TRACE(&o, "poll yield");
    cr_expect_eq(stat_get(&o.f.poller.stats.budget_yields), 1);
    fake_step(&o.f);
    cr_expect_eq(units, 17, "each poll has its own");
    fake_shutdown(&o.f);
    pirn_join_free(o.join);
}

Test(cx, an_unconstrained_task_is_not_counted)
{
    one_init(&o, STEPS(CALL, PEND_FOREVER), 0);
    o.d.flags = PIRN_TASK_UNCONSTRAINED;
    o.s.call = spend_all;
    o.f.poller.budget = 17;
    one_spawn(&o, true);
    fake_step(&o.f);
    cr_expect_eq(units, 1000);
    EXPECT_TRACE(&o, "poll link");
    fake_shutdown(&o.f);
    pirn_join_free(o.join);
}

static void spend_nested(struct script *s, pirn_cx *cx)
{
    (void)s;
    units = 0;
    cr_expect_eq(pirn_poll_with(pirn_cx_borrow_waker(cx), spend, &units, NULL), PIRN_PENDING);
    cr_expect_eq(cx->budget, 0);
    cr_expect_eq(pirn__scope.cx, cx, "back in the outer poll");
}

Test(cx, a_nested_poll_spends_the_surrounding_budget)
{
    one_start(&o, STEPS(CALL, PEND));
    o.s.call = spend_nested;
    o.f.poller.budget = 17;
    fake_step(&o.f);
    cr_expect_eq(units, 17);
    cr_expect_eq(o.f.queued, 1, "and its task is polled again");
    cr_expect_eq(o.s.polls, 1);
    fake_shutdown(&o.f);
    pirn_join_free(o.join);
}

Test(cx, outside_of_a_task_there_is_no_limit)
{
    struct count_waker w = {.clones = 0};
    pirn_waker waker = count_waker(&w);

    units = 0;
    cr_expect_eq(pirn_poll_with(&waker, spend, &units, NULL), 0);
    cr_expect_eq(units, 1000);
    cr_expect_null(pirn__scope.cx);
    cr_expect_eq(pirn_poll_with(&waker, NULL, NULL, NULL), -EINVAL);
    cr_expect_str_eq(pirn_last_error_text(), "pirn_poll_with: poll is NULL");
}

static int look_at_waker(void *frame, pirn_cx *cx, void *out)
{
    pirn_waker mine = count_waker(frame), second = pirn_cx_waker(cx);

    (void)out;
    cr_expect(pirn_waker_will_wake(pirn_cx_borrow_waker(cx), &mine));
    cr_expect(pirn_waker_will_wake(&second, &mine));
    cr_expect_eq(pirn_task_id(), 0);
    cr_expect_not(pirn_cx_cancelled(cx));
    cr_expect_eq(pirn_pending_poll(cx), PIRN_PENDING);
    pirn_waker_wake(second);
    return -EIO;
}

Test(cx, an_executor_of_the_callers_lends_its_waker)
{
    struct count_waker w = {.clones = 0};
    pirn_waker waker = count_waker(&w);

    cr_expect_eq(pirn_poll_with(&waker, look_at_waker, &w, NULL), -EIO);
    cr_expect_eq(w.clones, 1);
    cr_expect_eq(w.wakes, 1);
    cr_expect_eq(count_waker_live(&w), 1);
}

static int yield_twice(void *frame, pirn_cx *cx, void *out)
{
    (void)out;
    return pirn_yield_poll(frame, cx);
}

Test(cx, a_yield_is_pending_once)
{
    struct count_waker w = {.clones = 0};
    pirn_waker waker = count_waker(&w);
    unsigned state = 0;

    for (unsigned round = 1; round <= 2; round++) {
        cr_expect_eq(pirn_poll_with(&waker, yield_twice, &state, NULL), PIRN_PENDING);
        cr_expect_eq(state, 1);
        cr_expect_eq(w.refs_waked, round);
        cr_expect_eq(pirn_poll_with(&waker, yield_twice, &state, NULL), 0);
        cr_expect_eq(state, 0);
        cr_expect_eq(w.refs_waked, round);
    }
}

static void look_for_a_stop(struct script *s, pirn_cx *cx)
{
    struct one_task *t = s->user;

    cr_expect_not(pirn_cx_cancelled(cx));
    t->f.stopping = true;
    cr_expect(pirn_cx_cancelled(cx));
    t->f.stopping = false;
}

Test(cx, a_long_poll_may_ask_whether_everything_stops)
{
    one_start(&o, STEPS(CALL, READY));
    o.s.call = look_for_a_stop;
    fake_step(&o.f);
    cr_expect_eq(o.s.polls, 1);
    pirn_join_free(o.join);
}
