/* SPDX-License-Identifier: MIT */
/* Does a join handle get its task's result once, and is its waker woken, dropped or replaced once? */
#include "task/join.h"

#include <criterion/criterion.h>

#include "task/cx.h"
#include "tests/support/death.h"
#include "tests/support/one_task.h"

enum {
    CO = 2,
    JI = 8,
    JW = 16,
    R = 64
};

static struct one_task o;
static struct count_waker w1, w2;
static pirn_result res;
static unsigned char out[16];

static void start(const enum step *steps)
{
    one_init(&o, steps, sizeof out);
    one_spawn(&o, true);
}

static int poll_join(void *frame, pirn_cx *cx, void *poll_out)
{
    (void)frame;
    return pirn_join_poll(o.join, cx, &res, poll_out);
}

static int poll_with(struct count_waker *w)
{
    pirn_waker waker = count_waker(w);

    return pirn_poll_with(&waker, poll_join, NULL, out);
}

static void finish(void)
{
    pirn_join_free(o.join);
    cr_expect(fake_is_empty(&o.f));
}

Test(join, a_poll_waits_is_woken_and_takes_the_output_once)
{
    start(STEPS(READY));
    cr_expect_eq(poll_with(&w1), PIRN_PENDING);
    cr_expect_eq(w1.clones, 1);
    cr_expect_eq(poll_with(&w1), PIRN_PENDING);
    cr_expect_eq(w1.clones, 1, "the same waker stays");
    cr_expect(one_word(&o) & JW);
    cr_expect_not(pirn_join_is_finished(o.join));
    fake_step(&o.f);
    cr_expect(pirn_join_is_finished(o.join));
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(poll_with(&w1), 0);
    cr_expect(script_output_is_whole(out, sizeof out));
    cr_expect_eq(res.outcome, PIRN_DONE);
    cr_expect_eq(res.code, 0);
    cr_expect_eq(res.task_id, pirn_join_id(o.join));
    cr_expect_eq(poll_with(&w1), -EINVAL);
    cr_expect_str_eq(pirn_last_error_text(), "pirn_join: the result was taken before");
    cr_expect_eq(pirn_join_try(o.join, NULL, NULL), -EINVAL);
    cr_expect_eq(count_waker_live(&w1), 1);
    cr_expect_eq(o.s.out_drops, 0);
    finish();
    cr_expect_eq(o.s.out_drops, 0);
}

Test(join, the_waker_of_the_last_poll_is_the_one_woken)
{
    start(STEPS(READY));
    cr_expect_eq(poll_with(&w1), PIRN_PENDING);
    cr_expect_eq(poll_with(&w2), PIRN_PENDING);
    cr_expect_eq(w1.drops, 1);
    fake_step(&o.f);
    cr_expect_eq(w1.wakes, 0);
    cr_expect_eq(w2.wakes, 1);
    cr_expect_eq(count_waker_live(&w1), 1);
    cr_expect_eq(count_waker_live(&w2), 1);
    finish();
}

Test(join, a_task_waits_for_another)
{
    static struct one_task child;
    struct header *parent;
    struct script_frame frame;

    one_init(&o, STEPS(KEEP_WAKER, PEND, READY), 0);
    one_spawn(&o, true);
    parent = o.h;
    frame = script_frame(&child.s);
    script_init(&child.s, &child.d, STEPS(READY), 4, 0);
    child.join = (pirn_join *)(void *)fake_spawn(&o.f, &child.d, &frame, true);
    fake_step(&o.f);
    cr_expect_not(pirn__join_register((struct join_handle){join_cell(child.join)}, &o.s.kept[0]));
    pirn_waker_drop(o.s.kept[0]);
    cr_expect_eq(o.f.count[FAKE_FORGOTTEN], 0, "the child's completion wakes the parent");
    (void)one_trace(&o);
    fake_step(&o.f);
    cr_expect_str_eq(one_trace(&o), "schedule");
    cr_expect_eq(fake_pop(&o.f).cell, parent);
    fake_run(&o.f, (struct local_notified){parent});
    pirn_join_free(child.join);
    finish();
}

Test(join, try_looks_and_takes)
{
    start(STEPS(READY));
    cr_expect_eq(pirn_join_try(o.join, &res, out), -EAGAIN);
    fake_step(&o.f);
    cr_expect_eq(pirn_join_try(o.join, NULL, out), 0);
    cr_expect(script_output_is_whole(out, sizeof out));
    cr_expect_eq(pirn_join_try(o.join, &res, out), -EINVAL);
    finish();
}

static void ask_again(struct script *s)
{
    (void)s;
    cr_expect_eq(pirn_join_try(o.join, NULL, NULL), -EINVAL, "marked as taken first");
}

Test(join, taking_without_a_place_drops_the_output)
{
    start(STEPS(READY));
    o.s.out_drop_call = ask_again;
    fake_step(&o.f);
    cr_expect_eq(pirn_join_try(o.join, &res, NULL), 0);
    cr_expect_eq(o.s.out_drops, 1);
    cr_expect(o.s.out_whole);
    cr_expect_eq(o.s.id_seen, o.f.last_id, "under the task's id");
    cr_expect_eq(pirn_task_id(), 0);
    finish();
    cr_expect_eq(o.s.out_drops, 1);
}

Test(join, a_waker_is_taken_back_or_is_the_completers)
{
    pirn_waker waker = count_waker(&w1);
    struct join_handle j;

    start(STEPS(READY));
    j.cell = o.h;
    cr_expect_not(pirn__join_unregister(j), "nothing was left");
    cr_expect_not(pirn__join_register(j, &waker));
    cr_expect(pirn__join_unregister(j));
    cr_expect_eq(w1.drops, 1);
    cr_expect_not(one_word(&o) & JW);
    cr_expect_not(pirn__join_register(j, &waker));
    fake_step(&o.f);
    cr_expect_eq(w1.wakes, 1);
    cr_expect_not(pirn__join_unregister(j), "the completer has it");
    cr_expect_eq(w1.drops, 1);
    cr_expect(pirn__join_register(j, &waker), "complete: nothing is left");
    cr_expect_eq(count_waker_live(&w1), 1);
    finish();
}

Test(join, a_waker_that_goes_with_its_handle_is_dropped)
{
    start(STEPS(READY));
    cr_expect_eq(poll_with(&w1), PIRN_PENDING);
    pirn_join_free(o.join);
    cr_expect_eq(w1.drops, 1);
    fake_step(&o.f);
    cr_expect_eq(w1.wakes, 0);
    cr_expect(fake_is_empty(&o.f));
}

Test(join, an_empty_waker_waits_for_nothing)
{
    pirn_waker none = {NULL, NULL};

    start(STEPS(READY));
    cr_expect_not(pirn__join_register((struct join_handle){o.h}, &none));
    cr_expect_eq(poll_with(&w1), PIRN_PENDING);
    cr_expect_not(pirn__join_register((struct join_handle){o.h}, &none));
    cr_expect_eq(w1.drops, 1);
    fake_step(&o.f);
    cr_expect_eq(w1.wakes, 0);
    finish();
}

/* In a poll with one unit of budget. */
static void join_twice(struct script *s, pirn_cx *cx)
{
    pirn_join *j = s->user;

    cr_expect_eq(pirn_join_poll(j, cx, &res, NULL), 0);
    cr_expect_eq(cx->budget, 0);
    cr_expect_eq(pirn_join_poll(j, cx, &res, NULL), PIRN_PENDING, "no unit is left");
    cr_expect(cx->self_woken);
}

static void join_in_vain(struct script *s, pirn_cx *cx)
{
    cr_expect_eq(pirn_join_poll(s->user, cx, &res, NULL), PIRN_PENDING);
    cr_expect_eq(cx->budget, 1, "no progress costs nothing");
}

Test(join, a_poll_costs_one_unit_of_budget)
{
    static struct script parent;
    static pirn_task_desc d;
    struct script_frame frame;

    start(STEPS(READY));
    o.f.poller.budget = 1;
    script_init(&parent, &d, STEPS(CALL, PEND, CALL, PEND, READY), 0, 0);
    parent.user = o.join;
    frame = script_frame(&parent);
    cr_assert_not_null(fake_spawn(&o.f, &d, &frame, false));
    fake_run(&o.f, (struct local_notified){fake_pop(&o.f).cell});
    parent.call = join_twice;
    fake_step(&o.f);
    cr_expect_eq(stat_get(&o.f.poller.stats.budget_yields), 1);
    cr_expect_eq(o.f.queued, 1);
    cr_expect_eq(o.f.count[FAKE_YIELD], 1);
    pirn_join_abort(o.join);
    fake_shutdown(&o.f);
    finish();
}

Test(join, a_wait_costs_no_budget)
{
    static struct script parent;
    static pirn_task_desc d;
    struct script_frame frame;
    struct local_notified child;

    start(STEPS(READY));
    o.f.poller.budget = 1;
    script_init(&parent, &d, STEPS(CALL, PEND), 0, 0);
    parent.call = join_in_vain;
    parent.user = o.join;
    frame = script_frame(&parent);
    cr_assert_not_null(fake_spawn(&o.f, &d, &frame, false));
    child = fake_pop(&o.f);
    fake_step(&o.f);
    fake_run(&o.f, child);
    cr_expect_eq(o.f.queued, 1, "the parent is woken");
    fake_shutdown(&o.f);
    finish();
}

static void free_again(void *arg)
{
    (void)arg;
    pirn_join_free(o.join);
}

static void try_freed(void *arg)
{
    (void)arg;
    (void)!pirn_join_try(o.join, NULL, NULL);
}

static void abort_freed(void *arg)
{
    (void)arg;
    pirn_join_abort(o.join);
}

static void ask_null(void *arg)
{
    (void)arg;
    (void)pirn_join_is_finished(NULL);
}

Test(join, misuse_names_the_call)
{
    pirn_abort *a;

    start(STEPS(READY));
    a = pirn_join_abort_handle(o.join);
    pirn_join_free(o.join);
    cr_expect(dies_saying(free_again, NULL, "pirn_join_free"));
    cr_expect(dies_saying(try_freed, NULL, "pirn_join_try"));
    cr_expect(dies_saying(abort_freed, NULL, "pirn_join_abort"));
    cr_expect(dies_saying(ask_null, NULL, "pirn_join_is_finished"));
    cr_expect_eq(pirn_join_try(NULL, NULL, NULL), -EINVAL);
    cr_expect_str_eq(pirn_last_error_text(), "pirn_join_try: the handle is NULL");
    pirn_abort_now(a);
    fake_step(&o.f);
    cr_expect_eq(o.s.polls, 0);
    cr_expect_eq(o.s.drops, 1);
    pirn_abort_now(a);
    pirn_abort_free(a);
    cr_expect(fake_is_empty(&o.f));
}

Test(join, status_in_one_int)
{
    cr_expect_eq(pirn_result_status(&(pirn_result){PIRN_DONE, 0, 1}), 0);
    cr_expect_eq(pirn_result_status(&(pirn_result){PIRN_DONE, -EIO, 1}), -EIO);
    cr_expect_eq(pirn_result_status(&(pirn_result){PIRN_CANCELLED, -ECANCELED, 1}), -ECANCELED);
    cr_expect_eq(pirn_result_status(&(pirn_result){PIRN_FAULTED, 41, 1}), PIRN_EFAULT);
}
