/* SPDX-License-Identifier: MIT */
/* Who goes on when a notify is notified, and what becomes of a notification nobody takes? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/notify.h>

#include "tests/support/await.h"
#include "tests/support/death.h"

enum {
    MANY = 100
};

static pirn_notify *n;
static struct await w[MANY];

static int poll_notify(struct await *a, pirn_cx *cx)
{
    return pirn_notify_poll(&a->op, cx, a->object);
}

static void init(void)
{
    cr_assert_eq(pirn_notify_new(&n), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_notify, n, NULL);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
}

TestSuite(notify, .init = init, .fini = fini);

static void wait_all(int count)
{
    for (int i = 0; i < count; i++)
        cr_assert_eq(await_poll(&w[i]), PIRN_PENDING);
}

/* Which of the first eight have been woken, one bit each. */
static unsigned woken(void)
{
    unsigned bits = 0;

    for (int i = 0; i < 8; i++)
        bits |= (unsigned)(w[i].waker.wakes != 0) << i;
    return bits;
}

Test(notify, a_permit_is_kept_for_who_comes_and_there_is_one)
{
    pirn_notify_one(n);
    pirn_notify_one(n);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(w[0].waker.clones, 0, "who does not wait leaves no waker");
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    pirn_op_drop(&w[1].op);
    pirn_notify_last(n);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_notify_unref(n);
}

Test(notify, one_wakes_the_oldest_and_last_the_newest)
{
    wait_all(4);
    pirn_notify_one(n);
    cr_expect_eq(woken(), 1);
    pirn_notify_last(n);
    cr_expect_eq(woken(), 1 + 8);
    pirn_notify_one(n);
    cr_expect_eq(woken(), 1 + 2 + 8);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[3]), 0);
    pirn_notify_one(n);
    cr_expect_eq(await_poll(&w[2]), 0);
    cr_expect_eq(await_poll(&w[4]), PIRN_PENDING, "all permits went to who waited");
    pirn_op_drop(&w[4].op);
    pirn_notify_unref(n);
}

Test(notify, who_is_notified_first_comes_only_at_its_next_poll_and_once)
{
    wait_all(1);
    pirn_notify_one(n);
    pirn_notify_one(n);
    cr_expect_eq(w[0].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(await_poll(&w[0]), 0, "the second one was stored");
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    pirn_op_drop(&w[0].op);
    pirn_notify_unref(n);
}

Test(notify, waiters_are_those_who_wait_and_no_permit)
{
    pirn_notify_waiters(n);
    wait_all(3);
    pirn_notify_waiters(n);
    cr_expect_eq(woken(), 7);
    cr_expect_eq(await_poll(&w[3]), PIRN_PENDING);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(await_poll(&w[i]), 0);
    cr_expect_eq(await_poll(&w[3]), PIRN_PENDING);
    pirn_op_drop(&w[3].op);
    pirn_notify_one(n);
    pirn_notify_waiters(n);
    cr_expect_eq(await_poll(&w[0]), 0, "a permit stays");
    pirn_notify_unref(n);
}

static int come_late;

static void late_comer(struct count_waker *waker)
{
    (void)waker;
    cr_expect_eq(await_poll(&w[50 + come_late++]), PIRN_PENDING);
}

/* More of other people's wakers than are woken in one go: between two goes others come. */
Test(notify, latecomers_are_not_among_the_waiters)
{
    wait_all(30);
    for (int i = 0; i < 30; i++)
        w[i].waker.on_wake = late_comer;
    pirn_notify_waiters(n);
    cr_expect_eq(come_late, 30);
    for (int i = 0; i < 30; i++) {
        cr_expect_eq(w[i].waker.wakes, 1, "waiter %d", i);
        cr_expect_eq(w[50 + i].waker.wakes, 0, "latecomer %d", i);
        cr_expect_eq(await_poll(&w[i]), 0);
        cr_expect_eq(await_poll(&w[50 + i]), PIRN_PENDING);
    }
    pirn_notify_waiters(n);
    for (int i = 0; i < 30; i++)
        cr_expect_eq(await_poll(&w[50 + i]), 0);
    pirn_notify_unref(n);
}

static void drop_the_last_one(struct count_waker *waker)
{
    (void)waker;
    pirn_op_drop(&w[29].op);
    pirn_notify_one(n);
}

Test(notify, a_waiter_may_go_while_others_are_woken)
{
    wait_all(30);
    w[0].waker.on_wake = drop_the_last_one;
    pirn_notify_waiters(n);
    for (int i = 0; i < 29; i++) {
        cr_expect_eq(w[i].waker.wakes, 1);
        cr_expect_eq(await_poll(&w[i]), 0);
    }
    cr_expect_eq(w[29].waker.wakes, 0);
    cr_expect_eq(await_poll(&w[40]), 0, "nobody waited: the one of meanwhile was stored");
    pirn_notify_unref(n);
}

/* ---- dropped half-way --------------------------------------------------------------------------- */

Test(notify, a_dropped_waiter_is_passed_over)
{
    wait_all(3);
    pirn_op_drop(&w[0].op);
    pirn_notify_one(n);
    cr_expect_eq(woken(), 2);
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_op_drop(&w[2].op);
    pirn_notify_unref(n);
}

Test(notify, what_was_given_to_a_dropped_one_goes_to_the_next)
{
    wait_all(4);
    pirn_notify_one(n);
    pirn_op_drop(&w[0].op);
    cr_expect_eq(woken(), 1 + 2, "the oldest");
    pirn_notify_last(n);
    cr_expect_eq(woken(), 1 + 2 + 8);
    pirn_op_drop(&w[3].op);
    cr_expect_eq(woken(), 1 + 2 + 4 + 8, "the newest");
    pirn_op_drop(&w[1].op);
    pirn_op_drop(&w[2].op);
    cr_expect_eq(await_poll(&w[4]), 0, "nobody else waited");
    cr_expect_eq(await_poll(&w[4]), PIRN_PENDING, "two became one");
    pirn_op_drop(&w[4].op);
    pirn_notify_unref(n);
}

Test(notify, what_was_said_to_all_is_not_passed_on)
{
    wait_all(1);
    pirn_notify_waiters(n);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    pirn_op_drop(&w[0].op);
    cr_expect_eq(woken(), 1);
    pirn_op_drop(&w[1].op);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_op_drop(&w[2].op);
    pirn_notify_unref(n);
}

/* ---- arming ------------------------------------------------------------------------------------------ */

static bool arm(struct await *a)
{
    struct pirn_cx cx = {.waker = count_waker(&a->waker), .budget_full = PIRN_UNLIMITED};

    return pirn_notify_arm(&a->op, &cx, n);
}

Test(notify, armed_it_waits_from_then_on)
{
    cr_expect_not(arm(&w[0]));
    pirn_notify_waiters(n);
    cr_expect(arm(&w[0]));
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    pirn_op_drop(&w[0].op);
    pirn_notify_unref(n);
}

Test(notify, armed_it_takes_a_permit_and_passes_it_on)
{
    pirn_notify_one(n);
    cr_expect(arm(&w[0]));
    cr_expect(arm(&w[0]));
    cr_expect_not(arm(&w[1]));
    pirn_op_drop(&w[0].op);
    cr_expect_eq(w[1].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_op_drop(&w[2].op);
    pirn_notify_unref(n);
}

Test(notify, waiters_before_permits)
{
    cr_expect_not(arm(&w[0]));
    pirn_notify_waiters(n);
    pirn_notify_one(n);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(await_poll(&w[1]), 0, "the permit was not used for who had been told");
    pirn_notify_unref(n);
}

/* ---- freeing ----------------------------------------------------------------------------------------- */

Test(notify, freed_it_ends_who_waits)
{
    cr_expect_eq(pirn_notify_ref(n), n);
    wait_all(3);
    pirn_notify_unref(n);
    cr_expect_eq(woken(), 0);
    pirn_notify_one(n);
    pirn_notify_unref(n);
    cr_expect_eq(woken(), 7);
    cr_expect_eq(await_poll(&w[0]), 0, "told before it was freed");
    cr_expect_eq(await_poll(&w[1]), -ECANCELED);
    pirn_op_drop(&w[2].op);
    cr_expect_null(pirn_notify_ref(NULL));
    pirn_notify_unref(NULL);
}

Test(notify, freed_what_was_given_may_be_dropped)
{
    wait_all(2);
    pirn_notify_one(n);
    pirn_notify_unref(n);
    pirn_op_drop(&w[0].op);
    pirn_op_drop(&w[1].op);
}

/* ---- wakers ------------------------------------------------------------------------------------------ */

Test(notify, the_waker_of_the_last_poll_is_woken)
{
    struct count_waker other = {0};
    pirn_waker ow = count_waker(&other);
    struct pirn_cx cx = {.waker = ow, .budget_full = PIRN_UNLIMITED};

    wait_all(1);
    wait_all(1);
    cr_expect_eq(w[0].waker.clones, 1, "the same one stays");
    cr_expect_eq(pirn_notify_poll(&w[0].op, &cx, NULL), PIRN_PENDING);
    cr_expect_eq(w[0].waker.drops, 1);
    pirn_notify_one(n);
    cr_expect_eq(other.wakes, 1);
    cr_expect_eq(w[0].waker.wakes, 0);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(count_waker_live(&other), 1);
    pirn_notify_unref(n);
}

static void notify_at_clone(struct count_waker *waker)
{
    waker->on_clone = NULL;
    pirn_notify_one(n);
}

Test(notify, notified_between_the_first_look_and_the_lock)
{
    w[0].waker.on_clone = notify_at_clone;
    cr_expect_eq(await_poll(&w[0]), 0);
    pirn_notify_unref(n);
}

Test(notify, notified_while_the_waker_is_changed)
{
    struct count_waker other = {.on_clone = notify_at_clone};
    struct pirn_cx cx = {.waker = count_waker(&other), .budget_full = PIRN_UNLIMITED};

    wait_all(1);
    cr_expect_eq(pirn_notify_poll(&w[0].op, &cx, n), 0);
    cr_expect_eq(w[0].waker.wakes, 1);
    cr_expect_eq(count_waker_live(&other), 1);
    pirn_notify_unref(n);
}

Test(notify, a_waker_that_faults_stops_nobody)
{
    wait_all(20);
    w[3].waker.wake_faults = true;
    pirn_notify_waiters(n);
    for (int i = 0; i < 20; i++) {
        cr_expect_eq(w[i].waker.wakes, 1);
        cr_expect_eq(await_poll(&w[i]), 0);
    }
    pirn_notify_unref(n);
}

/* ---- tasks ------------------------------------------------------------------------------------------- */

static struct fake_sched f;

Test(notify, tasks_are_woken_in_order_and_leave_no_reference)
{
    fake_init(&f);
    for (int i = 0; i < MANY; i++) {
        (void)await_spawn(&f, &w[i]);
        fake_step(&f);
        (void)trace_take(&f.trace);
    }
    cr_expect_eq(f.count[FAKE_FORGOTTEN], 0, "a task that waits is not forgotten");
    pirn_notify_waiters(n);
    cr_expect_eq(f.queued, MANY);
    for (int i = 0; i < MANY; i++) {
        (void)trace_take(&f.trace);
        fake_step(&f);
        cr_expect_eq(w[i].result, 0, "task %d comes %dth", i, i);
    }
    cr_expect(fake_is_empty(&f));
    pirn_notify_unref(n);
}

Test(notify, a_task_that_is_aborted_leaves_and_passes_on)
{
    struct header *h[3];

    fake_init(&f);
    for (int i = 0; i < 3; i++)
        h[i] = await_spawn(&f, &w[i]);
    (void)fake_drain(&f);
    pirn_notify_one(n);
    await_abort(&f, h[0]);
    await_abort(&f, h[1]);
    (void)fake_drain(&f);
    cr_expect_eq(w[0].polls, 1);
    cr_expect_eq(w[1].polls, 1);
    cr_expect_eq(w[2].result, 0, "by way of the first, or of the second");
    cr_expect(fake_is_empty(&f));
    pirn_notify_unref(n);
}

Test(notify, from_outside_too)
{
    fake_init(&f);
    for (int i = 0; i < 10; i++)
        (void)await_spawn(&f, &w[i]);
    (void)fake_drain(&f);
    f.here = false;
    pirn_notify_one(n);
    pirn_notify_waiters(n);
    f.here = true;
    (void)fake_drain(&f);
    for (int i = 0; i < 10; i++)
        cr_expect_eq(w[i].result, 0);
    cr_expect(fake_is_empty(&f));
    pirn_notify_unref(n);
}

/* Its first poll under a waker of the task's own making. */
static int poll_wrapped(struct await *a, pirn_cx *cx)
{
    if (a->polls == 1) {
        cr_expect_eq(await_poll(&w[9]), PIRN_PENDING);
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    }
    return pirn_notify_poll(&w[9].op, cx, n);
}

Test(notify, begun_under_another_executor_it_is_the_tasks_later)
{
    struct header *h;

    fake_init(&f);
    w[0].poll = poll_wrapped;
    h = await_spawn(&f, &w[0]);
    cr_expect_eq(fake_drain(&f), 2);
    cr_expect_eq(count_waker_live(&w[9].waker), 1);
    await_abort(&f, h);
    (void)fake_drain(&f);
    cr_expect(fake_is_empty(&f));
    cr_expect(!pirn_op_is_pending(&w[9].op), "it died with the task");
    pirn_notify_one(n);
    cr_expect_eq(await_poll(&w[1]), 0, "kept");
    pirn_notify_unref(n);
}

Test(notify, the_budget_is_respected)
{
    struct pirn_cx cx = {.waker = count_waker(&w[0].waker), .budget = 2, .budget_full = 2};

    for (int i = 0; i < 3; i++)
        cr_expect_eq(pirn_notify_poll(&w[0].op, &cx, n), PIRN_PENDING);
    cr_expect_eq(cx.budget, 2, "waiting uses none");
    pirn_notify_one(n);
    cr_expect_eq(pirn_notify_poll(&w[0].op, &cx, n), 0);
    pirn_notify_one(n);
    cr_expect_eq(pirn_notify_poll(&w[0].op, &cx, n), 0);
    pirn_notify_one(n);
    cr_expect_eq(pirn_notify_poll(&w[0].op, &cx, n), PIRN_PENDING);
    cr_expect_eq(w[0].waker.refs_waked, 1, "to be polled again at once");
    cr_expect(pirn_op_is_pending(&w[0].op), "in line all the same");
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING, "the permit is kept for it");
    pirn_op_drop(&w[0].op);
    cr_expect_eq(await_poll(&w[1]), 0, "and passed on");
    pirn_notify_unref(n);
}

/* ---- misuse ------------------------------------------------------------------------------------------ */

static void call_with_null(void *fn)
{
    (*(void (**)(pirn_notify *))fn)(NULL);
}

Test(notify, misuse)
{
    void (*calls[])(pirn_notify *) = {pirn_notify_one, pirn_notify_last, pirn_notify_waiters};
    static const char *const names[] = {"pirn_notify_one", "pirn_notify_last",
                                        "pirn_notify_waiters"};

    for (int i = 0; i < 3; i++)
        cr_expect(dies_saying(call_with_null, &calls[i], names[i]));
    w[0].object = NULL;
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    cr_expect_eq(pirn_notify_new(NULL), -EINVAL);
    pirn_notify_unref(n);
}
