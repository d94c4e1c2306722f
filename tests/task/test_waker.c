/* SPDX-License-Identifier: MIT */
/* Does every wake lead to one poll, and is it noticed when nothing is left that could wake a task? */
#include "task/waker.h"

#include <criterion/criterion.h>

#include "task/base/scope.h"
#include "tests/support/expect.h"

static struct one_task o;

/* Idle, with @count wakers in `kept`. */
static void idle(unsigned count)
{
    static const enum step steps[] = {KEEP_WAKER, KEEP_WAKER, KEEP_WAKER, PEND, READY, STEPS_END};

    one_start(&o, steps + 3 - count);
    fake_step(&o.f);
    EXPECT_TRACE(&o, count != 0 ? "poll link" : "poll link forgotten");
}

static void end(void)
{
    fake_shutdown(&o.f);
    pirn_join_free(o.join);
    cr_expect(fake_is_empty(&o.f));
}

Test(waker, a_wake_by_value_on_the_driving_thread_hands_its_reference_over)
{
    idle(2);
    cr_expect_eq(one_word(&o), 4 * R + JI);
    pirn_waker_wake(o.s.kept[0]);
    cr_expect_eq(one_word(&o), 4 * R + NO + JI);
    pirn_waker_wake(o.s.kept[1]);
    cr_expect_eq(one_word(&o), 3 * R + NO + JI);
    EXPECT_TRACE(&o, "schedule");
    cr_expect_eq(fake_drain(&o.f), 1);
    cr_expect_eq(o.s.polls, 2);
    end();
}

static size_t word_in_schedule;
static void (*real_schedule)(struct sched *s, struct notified n);

static void look_and_schedule(struct sched *s, struct notified n)
{
    word_in_schedule = fake_word(n.cell);
    real_schedule(s, n);
}

Test(waker, a_wake_from_outside_keeps_a_reference_until_it_has_scheduled)
{
    struct sched_ops ops;

    idle(1);
    ops = *o.f.base.ops;
    real_schedule = ops.schedule;
    ops.schedule = look_and_schedule;
    o.f.base.ops = &ops;
    o.f.here = false;
    pirn_waker_wake(o.s.kept[0]);
    cr_expect_eq(word_in_schedule, 4 * R + NO + JI, "list, Notified, waker, handle");
    cr_expect_eq(one_word(&o), 3 * R + NO + JI);
    cr_expect_eq(fake_drain(&o.f), 1);
    end();

    idle(1);
    o.f.base.ops = &ops;
    pirn_waker_wake(o.s.kept[0]);
    cr_expect_eq(word_in_schedule, 3 * R + NO + JI, "the driving thread need not");
    end();
}

/* The task is run, and ends, before the wake has returned. */
static void schedule_and_run(struct sched *s, struct notified n)
{
    real_schedule(s, n);
    fake_step(&o.f);
    pirn_join_free(o.join);
    o.join = NULL;
    cr_expect_eq(o.f.cells, 1, "the waker's reference keeps the cell");
}

Test(waker, a_wake_from_outside_may_be_the_last_holder)
{
    struct sched_ops ops;

    idle(1);
    ops = *o.f.base.ops;
    real_schedule = ops.schedule;
    ops.schedule = schedule_and_run;
    o.f.base.ops = &ops;
    o.f.here = false;
    pirn_waker_wake(o.s.kept[0]);
    EXPECT_TRACE(&o, "schedule poll drop unlink free");
    cr_expect(fake_is_empty(&o.f));
}

Test(waker, a_wake_by_reference_keeps_the_waker)
{
    idle(1);
    pirn_waker_wake_by_ref(&o.s.kept[0]);
    pirn_waker_wake_by_ref(&o.s.kept[0]);
    cr_expect_eq(one_word(&o), 4 * R + NO + JI);
    EXPECT_TRACE(&o, "schedule");
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "");
    cr_expect_eq(fake_drain(&o.f), 1);
    end();
}

Test(waker, equal_words_wake_the_same)
{
    static struct one_task other;
    pirn_waker none = {NULL, NULL}, copy;

    idle(1);
    copy = pirn_waker_clone(&o.s.kept[0]);
    cr_expect(pirn_waker_will_wake(&copy, &o.s.kept[0]));
    cr_expect_not(pirn_waker_will_wake(&copy, &none));
    cr_expect(pirn_waker_will_wake(&none, &none));
    one_start(&other, STEPS(KEEP_WAKER, PEND));
    fake_step(&other.f);
    cr_expect_not(pirn_waker_will_wake(&copy, &other.s.kept[0]));
    none = pirn_waker_clone(&none);
    cr_expect_null(none.vt);
    pirn_waker_wake_by_ref(&none);
    pirn_waker_drop(copy);
    pirn_waker_drop(o.s.kept[0]);
    pirn_waker_drop(other.s.kept[0]);
    end();
}

/* ---- in the task's own poll -------------------------------------------------------------------- */

static void look_at_word(struct script *s, pirn_cx *cx)
{
    (void)s;
    cr_expect_eq(one_word(&o), 4 * R + RU + JI, "it is a plain flag");
    cr_expect(cx->self_woken);
}

Test(waker, a_poll_that_wakes_itself_leaves_the_word_alone)
{
    one_start(&o, STEPS(KEEP_WAKER, WAKE_SELF, CALL, KEEP_WAKER, WAKE_KEPT, CALL, PEND, READY));
    o.s.call = look_at_word;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll requeue");
    cr_expect_eq(one_word(&o), 4 * R + NO + JI);
    pirn_waker_drop(o.s.kept[0]);
    cr_expect_eq(fake_drain(&o.f), 1);
    end();
}

static int wake_inside(void *frame, pirn_cx *cx, void *out)
{
    struct script *s = frame;

    (void)cx;
    (void)out;
    pirn_waker_wake_by_ref(&s->kept[0]);
    return 0;
}

static void poll_nested(struct script *s, pirn_cx *cx)
{
    cr_expect_eq(pirn_poll_with(pirn_cx_borrow_waker(cx), wake_inside, s, NULL), 0);
}

Test(waker, a_wake_inside_a_nested_poll_goes_through_the_word)
{
    one_start(&o, STEPS(KEEP_WAKER, CALL, PEND, READY));
    o.s.call = poll_nested;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link requeue");
    cr_expect_eq(o.f.queued, 1);
    pirn_waker_drop(o.s.kept[0]);
    cr_expect_eq(fake_drain(&o.f), 1);
    end();
}

/* ---- forgotten wakes ----------------------------------------------------------------------------- */

Test(waker, forgotten_when_a_poll_keeps_no_waker)
{
    one_init(&o, STEPS(PEND), 0);
    o.d.flags = PIRN_TASK_LINE;
    one_spawn(&o, true);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link forgotten");
    cr_expect_eq(o.f.facts.id, o.f.last_id);
    cr_expect_str_eq(o.f.facts.desc->name, "script");
    cr_expect_eq(o.f.facts.await_line, 10);
    cr_expect_eq(o.f.facts.polls, 1);
    end();
}

Test(waker, forgotten_when_the_last_waker_is_dropped)
{
    idle(2);
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "");
    pirn_waker_drop(o.s.kept[1]);
    EXPECT_TRACE(&o, "forgotten");
    cr_expect_eq(o.f.facts.id, o.f.last_id);
    cr_expect_eq(one_word(&o), 2 * R + JI);
    end();
}

Test(waker, forgotten_when_the_poll_drops_the_last_waker_itself)
{
    one_start(&o, STEPS(KEEP_WAKER, KEEP_WAKER, DROP_KEPT, DROP_KEPT, PEND));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link forgotten");
    end();
}

Test(waker, a_detached_task_is_forgotten_as_well)
{
    one_init(&o, STEPS(KEEP_WAKER, PEND), 0);
    one_spawn(&o, false);
    fake_step(&o.f);
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "poll link forgotten");
    fake_shutdown(&o.f);
    cr_expect(fake_is_empty(&o.f));
}

Test(waker, a_join_handle_and_its_waker_hide_nothing)
{
    idle(0);
    end();

    one_start(&o, STEPS(KEEP_WAKER, PEND));
    fake_step(&o.f);
    pirn_join_free(o.join);
    o.join = NULL;
    EXPECT_TRACE(&o, "poll link");
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "forgotten");
    end();
}

Test(waker, an_abort_handle_hides_it_until_it_goes)
{
    pirn_abort *a;

    one_start(&o, STEPS(KEEP_WAKER, PEND));
    a = pirn_join_abort_handle(o.join);
    fake_step(&o.f);
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "poll link");
    pirn_abort_free(a);
    EXPECT_TRACE(&o, "forgotten");
    end();

    one_start(&o, STEPS(PEND));
    a = pirn_join_abort_handle(o.join);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link"); /* the other place where it is asked */
    pirn_abort_free(a);
    EXPECT_TRACE(&o, "forgotten");
    end();
}

Test(waker, an_abort_that_is_under_way_is_not_a_forgotten_wake)
{
    idle(1);
    pirn_join_abort(o.join);
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "schedule");
    cr_expect_eq(fake_drain(&o.f), 1);
    EXPECT_TRACE(&o, "drop unlink");
    end();
}

Test(waker, pending_on_purpose_is_never_forgotten)
{
    one_start(&o, STEPS(PEND_FOREVER));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link");
    end();

    one_start(&o, STEPS(KEEP_WAKER, PEND_FOREVER));
    fake_step(&o.f);
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "poll link");
    end();
}

Test(waker, pending_on_purpose_counts_for_its_own_poll_only)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND_FOREVER, PEND));
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll forgotten");
    end();
}

Test(waker, dropping_wakers_of_queued_and_finished_tasks_reports_nothing)
{
    idle(2);
    pirn_waker_wake(o.s.kept[0]);
    pirn_waker_drop(o.s.kept[1]);
    EXPECT_TRACE(&o, "schedule");
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop unlink");
    end();

    idle(1);
    fake_shutdown(&o.f);
    pirn_waker_drop(o.s.kept[0]);
    EXPECT_TRACE(&o, "drop");
    end();
}

/* ---- the join waker's wake ------------------------------------------------------------------------ */

static const pirn_waker_vt own_kind = {WAKER_VT_OWN, NULL, NULL, NULL, NULL};

Test(waker, wakes_of_every_kind_are_contained_or_known_not_to_fault)
{
    struct count_waker w = {.wake_faults = true};
    pirn_waker foreign = count_waker(&w), none = {NULL, NULL}, task;
    struct count_waker plain = {.wake_faults = false};
    pirn_waker_vt vt = own_kind;
    pirn_waker own = count_waker(&plain);

    idle(1);
    pirn__waker_wake_contained(&foreign, &o.f.base);
    EXPECT_TRACE(&o, "contained");
    cr_expect_null(pirn__scope.recovery);
    pirn__waker_wake_contained(&none, &o.f.base);
    EXPECT_TRACE(&o, "");
    vt.wake = own.vt->wake;
    own.vt = &vt;
    pirn__waker_wake_contained(&own, &o.f.base);
    cr_expect_eq(plain.wakes, 1);
    task = o.s.kept[0];
    pirn__waker_wake_contained(&task, &o.f.base);
    EXPECT_TRACE(&o, "schedule");
    end();
}
