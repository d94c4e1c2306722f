/* SPDX-License-Identifier: MIT */
/* Does a task that is cancelled or shut down, at whatever moment, end as one that is done? */
#include <criterion/criterion.h>
#include <string.h>

#include "task/base/scope.h"
#include "task/harness.h"
#include "task/join.h"
#include "tests/support/expect.h"

static struct one_task o;

/* ---- cancel ---------------------------------------------------------------------------------- */

Test(harness, an_abort_before_the_first_poll_drops_the_frame_only)
{
    one_start(&o, STEPS(READY));
    pirn_join_abort(o.join);
    pirn_join_abort(o.join);
    cr_expect_eq(o.f.queued, 1);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "drop");
    cr_expect_eq(o.s.id_seen, o.f.last_id);
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    free_last(&o);
}

Test(harness, an_abort_of_an_idle_task_schedules_its_end)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND));
    fake_step(&o.f);
    pirn_join_abort(o.join);
    pirn_waker_wake(o.s.kept[0]);
    pirn_join_abort(o.join);
    cr_expect_eq(o.f.queued, 1);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule drop unlink");
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    pirn_join_abort(o.join);
    cr_expect_eq(o.f.queued, 0);
    free_last(&o);
}

Test(harness, an_abort_with_a_faulting_drop_is_a_fault)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND));
    o.s.drop_faults = true;
    fake_step(&o.f);
    pirn_waker_drop(o.s.kept[0]);
    (void)one_trace(&o);
    pirn_join_abort(o.join);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "schedule drop faulted unlink");
    cr_expect_str_eq(o.f.fault_text, "drop faults");
    expect_result(&o, PIRN_FAULTED, 43);
    free_last(&o);
}

static void abort_now(struct script *s, pirn_cx *cx)
{
    cr_expect(!pirn_cx_cancelled(cx));
    pirn_join_abort(((struct one_task *)s->user)->join);
    cr_expect(pirn_cx_cancelled(cx));
}

Test(harness, an_abort_during_a_poll_ends_it_if_that_waits)
{
    one_start(&o, STEPS(KEEP_WAKER, CALL, PEND));
    o.s.call = abort_now;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link drop unlink");
    pirn_waker_drop(o.s.kept[0]);
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    free_last(&o);

    one_start(&o, STEPS(CALL, YIELD));
    o.s.call = abort_now;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    free_last(&o);
}

Test(harness, an_abort_during_the_last_poll_changes_nothing)
{
    one_start(&o, STEPS(CALL, READY));
    o.s.call = abort_now;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    expect_result(&o, PIRN_DONE, 0);
    free_last(&o);
}

/* ---- shutdown -------------------------------------------------------------------------------- */

Test(harness, shutdown_of_an_idle_task)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND));
    fake_step(&o.f);
    fake_shutdown(&o.f);
    EXPECT_TRACE(&o, "poll link drop");
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    pirn_waker_wake(o.s.kept[0]);
    free_last(&o);
}

Test(harness, shutdown_of_a_woken_task_leaves_its_notified_nothing_to_do)
{
    one_init(&o, STEPS(KEEP_WAKER, PEND), 0);
    one_spawn(&o, false);
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_shutdown(&o.f);
    EXPECT_TRACE(&o, "poll link schedule drop free");
    cr_expect(fake_is_empty(&o.f));
}

Test(harness, shutdown_before_the_first_poll)
{
    one_start(&o, STEPS(READY));
    fake_shutdown(&o.f);
    EXPECT_TRACE(&o, "drop");
    cr_expect_eq(o.s.polls, 0);
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    free_last(&o);
}

static void shut_down_inside(struct script *s, pirn_cx *cx)
{
    struct one_task *t = s->user;
    struct task popped;

    (void)cx;
    pirn__owned_close(&t->f.owned);
    while (pirn__owned_pop(&t->f.owned, &popped))
        pirn__harness_shutdown(popped, &t->f.poller);
}

Test(harness, shutdown_of_a_running_task_that_waits_again)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, KEEP_WAKER, CALL, PEND));
    o.s.call = shut_down_inside;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop miss");
    pirn_waker_drop(o.s.kept[1]);
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    free_last(&o);
}

Test(harness, shutdown_of_a_running_task_that_is_done)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, CALL, READY));
    o.s.call = shut_down_inside;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop miss");
    expect_result(&o, PIRN_DONE, 0);
    free_last(&o);
}

Test(harness, shutdown_with_a_faulting_drop_is_a_fault)
{
    one_init(&o, STEPS(KEEP_WAKER, PEND), 0);
    one_spawn(&o, false);
    o.s.drop_faults = true;
    fake_step(&o.f);
    pirn_waker_drop(o.s.kept[0]);
    (void)one_trace(&o);
    fake_shutdown(&o.f);
    EXPECT_TRACE(&o, "drop faulted free");
    cr_expect(fake_is_empty(&o.f));
}

/* ---- operations ------------------------------------------------------------------------------ */

Test(harness, pending_operations_are_dropped_newest_first_before_the_frame)
{
    static const struct {
        enum step end;
        const char *trace;
    } ends[] = {
        {READY, "poll drop3 drop2 drop1 drop0 drop"},
        {FAIL, "poll drop3 drop2 drop1 drop0 drop"},
        {FAULT, "poll faulted drop3 drop2 drop1 drop0 drop"},
        {CX_FAULT, "poll faulted drop3 drop2 drop1 drop0 drop"},
        {RETURN_7, "poll faulted drop3 drop2 drop1 drop0 drop"},
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        one_start(&o, STEPS(BEGIN_OP, BEGIN_OP, BEGIN_OP, BEGIN_OP, ends[i].end));
        fake_step(&o.f);
        EXPECT_TRACE(&o, ends[i].trace);
        cr_expect_eq(o.s.op_drops, 4);
        free_last(&o);
    }
}

Test(harness, operations_of_earlier_polls_are_dropped_by_abort_and_shutdown)
{
    one_start(&o, STEPS(BEGIN_OP, BEGIN_OP, KEEP_WAKER, PEND, BEGIN_OP, YIELD));
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    (void)one_trace(&o);
    pirn_join_abort(o.join);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "drop2 drop1 drop0 drop unlink");
    free_last(&o);

    one_start(&o, STEPS(BEGIN_OP, BEGIN_OP, DONE_OP, PEND_FOREVER));
    fake_step(&o.f);
    (void)one_trace(&o);
    fake_shutdown(&o.f);
    EXPECT_TRACE(&o, "drop0 drop");
    free_last(&o);
}

Test(harness, operations_are_dropped_under_their_tasks_id)
{
    one_start(&o, STEPS(BEGIN_OP, READY));
    fake_step(&o.f);
    cr_expect_eq(o.s.op_id_seen, o.f.last_id, "done");
    free_last(&o);

    one_start(&o, STEPS(BEGIN_OP, FAULT));
    fake_step(&o.f);
    cr_expect_eq(o.s.op_id_seen, o.f.last_id, "faulted");
    free_last(&o);

    one_start(&o, STEPS(BEGIN_OP, PEND_FOREVER));
    fake_step(&o.f);
    pirn_join_abort(o.join);
    fake_step(&o.f);
    cr_expect_eq(o.s.op_id_seen, o.f.last_id, "aborted");
    free_last(&o);
}

Test(harness, faults_in_the_drops_of_operations_are_contained_one_by_one)
{
    static const struct {
        enum step end;
        const char *trace;
        enum pirn_outcome outcome;
    } ends[] = {
        {READY, "poll drop1 contained drop0 contained drop", PIRN_DONE},
        {FAULT, "poll faulted drop1 contained drop0 contained drop", PIRN_FAULTED},
        {PEND_FOREVER, "poll link schedule drop1 contained drop0 contained drop unlink",
         PIRN_CANCELLED},
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        pirn_result res;

        one_start(&o, STEPS(BEGIN_OP, BEGIN_OP, ends[i].end));
        o.s.op_drop_faults = true;
        fake_step(&o.f);
        if (ends[i].outcome == PIRN_CANCELLED) {
            pirn_join_abort(o.join);
            fake_step(&o.f);
        }
        EXPECT_TRACE(&o, ends[i].trace);
        cr_assert_eq(pirn_join_try(o.join, &res, NULL), 0);
        cr_expect_eq(res.outcome, ends[i].outcome);
        if (res.outcome == PIRN_FAULTED)
            cr_expect_str_eq(pirn_join_fault_text(o.join), "poll 1 faults");
        free_last(&o);
    }
}
