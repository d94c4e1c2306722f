/* SPDX-License-Identifier: MIT */
/* Who frees what when two sides of a task meet? The sixteen orders of docs/design/task-state.md,
 * each played step by step on one thread.
 *
 *      completer                     handle, waker or closer
 *      T1 . poll . T3 . wake . T4    T10, T11, T12 . T5, T6 . pop . T8
 *
 * Where the library itself calls out between two steps (a waker's clone, a poll, a drop) the other
 * side acts from there; where it does not, the completer is played by hand: `by_hand_*`. */
#include <criterion/criterion.h>

#include "task/base/scope.h"
#include "task/harness.h"
#include "task/join.h"
#include "task/waker.h"
#include "tests/support/expect.h"

#define WR ((size_t)1 << 63)

static struct one_task o;
static struct count_waker w1, w2;

static void expect_freed(void)
{
    cr_expect(fake_is_empty(&o.f));
}

static void start_with_output(const enum step *steps)
{
    one_init(&o, steps, 16);
    one_spawn(&o, true);
}

/* The handle leaves @w. Return: true: it found the task complete. */
static bool leave(struct count_waker *w)
{
    pirn_waker waker = count_waker(w);

    return pirn__join_register((struct join_handle){o.h}, &waker);
}

static void by_hand_t1(void)
{
    size_t word;

    cr_assert_eq(pirn__state_to_running(&fake_pop(&o.f).cell->state, &word), RUN_POLL);
}

/* Poll and drop have run, and left an output. */
static void by_hand_store(void)
{
    ((unsigned char *)cell_stage(o.h))[0] = 1;
    o.h->end.code = 0;
    o.h->owned.outcome = OUTCOME_DONE;
}

static enum complete_act by_hand_t3(bool read)
{
    return pirn__state_to_complete(&o.h->state, 2, one_word(&o), read);
}

static pirn_waker by_hand_read_waker(void)
{
    return (pirn_waker){slot_vt(&o.h->join_waker), slot_data(&o.h->join_waker)};
}

static void drop_handle(struct script *s, pirn_cx *cx)
{
    (void)s;
    (void)cx;
    pirn_join_free(o.join);
}

Test(interleavings, a_handle_goes_then_complete)
{
    start_with_output(STEPS(CALL, READY));
    o.s.call = drop_handle;
    cr_expect(!leave(&w1));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop out_drop free");
    cr_expect_eq(w1.wakes, 0);
    cr_expect_eq(w1.drops, 1, "the handle dropped its waker");
    expect_freed();
}

Test(interleavings, b_complete_without_waker_then_handle_goes)
{
    start_with_output(STEPS(READY));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    cr_expect_eq(one_word(&o), R + CO + JI);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "out_drop free");
    expect_freed();
}

Test(interleavings, c_complete_then_handle_goes_then_wake)
{
    pirn_waker read;

    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    by_hand_t1();
    by_hand_store();
    cr_expect_eq(by_hand_t3(false), COMPLETE_WAKE);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "out_drop");
    cr_expect_eq(w1.drops, 0, "the waker is the completer's");
    cr_expect_eq(one_word(&o), 2 * R + CO);
    read = by_hand_read_waker();
    pirn__waker_wake_contained(&read, &o.f.base);
    cr_expect(pirn__state_ref_dec(&o.h->state, 2));
    pirn__harness_free(o.h);
    EXPECT_TRACE(&o, "free");
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(count_waker_live(&w1), 1);
    expect_freed();
}

Test(interleavings, c_the_same_with_the_waker_read_before)
{
    pirn_waker read;

    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    by_hand_t1();
    by_hand_store();
    read = by_hand_read_waker();
    cr_expect_eq(by_hand_t3(true), COMPLETE_WAKE_DONE);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "out_drop free");
    pirn__waker_wake_contained(&read, &o.f.base); /* and nothing of the cell */
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(w1.drops, 0);
    expect_freed();
}

static void drop_handle_in_wake(struct count_waker *w)
{
    (void)w;
    pirn_join_free(o.join);
}

Test(interleavings, c_the_handle_goes_inside_the_wake)
{
    for (int replaced = 0; replaced < 2; replaced++) {
        w1 = w2 = (struct count_waker){.on_wake = drop_handle_in_wake};
        start_with_output(STEPS(READY));
        cr_expect(!leave(&w1));
        if (replaced)
            cr_expect(!leave(&w2));
        fake_step(&o.f);
        EXPECT_TRACE(&o, "poll drop out_drop free");
        cr_expect_eq(w1.wakes + w2.wakes, 1);
        cr_expect_eq(count_waker_live(&w1), 1);
        cr_expect_eq(count_waker_live(&w2), 1);
        expect_freed();
    }
}

Test(interleavings, d_complete_and_wake_then_handle_goes)
{
    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(one_word(&o), R + CO + JI);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "out_drop free");
    cr_expect_eq(w1.drops, 0);
    cr_expect_eq(count_waker_live(&w1), 1);
    expect_freed();
}

Test(interleavings, d_the_same_with_a_waker_that_was_replaced)
{
    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    cr_expect(!leave(&w2));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    cr_expect_eq(w2.wakes, 1);
    cr_expect_eq(one_word(&o), R + CO + JI + WR);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "out_drop free");
    cr_expect_eq(w1.drops, 1);
    cr_expect_eq(w2.drops, 0);
    expect_freed();
}

static void complete_now(struct count_waker *w)
{
    (void)w;
    fake_step(&o.f);
}

Test(interleavings, e_complete_between_writing_and_setting_the_waker)
{
    unsigned char out[16];

    w1.on_clone = complete_now;
    start_with_output(STEPS(READY));
    cr_expect(leave(&w1), "the handle finds it complete");
    cr_expect_eq(one_word(&o), R + CO + JI);
    cr_expect_eq(w1.wakes, 0);
    cr_expect_eq(w1.drops, 1, "the poll drops what it wrote");
    cr_expect_eq(pirn_join_try(o.join, NULL, out), 0);
    cr_expect(script_output_is_whole(out, sizeof out));
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "poll drop free");
    expect_freed();
}

Test(interleavings, f_complete_between_taking_the_old_waker_back_and_setting_the_new_one)
{
    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    w2.on_clone = complete_now;
    cr_expect(leave(&w2));
    cr_expect_eq(one_word(&o), R + CO + JI + WR);
    cr_expect_eq(w1.wakes + w2.wakes, 0);
    cr_expect_eq(w1.drops, 1, "the old one");
    cr_expect_eq(w2.drops, 1, "the new one");
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "poll drop out_drop free");
    expect_freed();
}

Test(interleavings, f_complete_before_the_old_waker_is_taken_back)
{
    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    fake_step(&o.f);
    cr_expect(!pirn__state_unset_join_waker(&o.h->state), "T12 fails");
    cr_expect(leave(&w2));
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(w1.drops + w2.clones, 0);
    pirn_join_free(o.join);
    expect_freed();
}

Test(interleavings, g_complete_while_the_handle_compares_wakers)
{
    pirn_waker mine = count_waker(&w1), read;

    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    cr_expect(!leave(&w1), "the same again: nothing is cloned");
    cr_expect_eq(w1.clones, 1);
    by_hand_t1();
    by_hand_store();
    cr_expect(one_word(&o) & JW, "the handle looks");
    cr_expect_eq(by_hand_t3(false), COMPLETE_WAKE);
    read = by_hand_read_waker();
    cr_expect(pirn_waker_will_wake(&read, &mine), "it compares, and answers pending");
    pirn__waker_wake_contained(&read, &o.f.base);
    cr_expect_not(pirn__state_ref_dec(&o.h->state, 2));
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(count_waker_live(&w1), 1);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "out_drop free");
    expect_freed();
}

static void cancel_task(struct script *s, pirn_cx *cx)
{
    (void)s;
    (void)cx;
    pirn_join_abort(o.join);
}

static struct task popped;

/* The closer: takes the list's reference, if it is there. */
static void pop(struct script *s, pirn_cx *cx)
{
    (void)s;
    (void)cx;
    pirn__owned_close(&o.f.owned);
    if (!pirn__owned_pop(&o.f.owned, &popped))
        popped.cell = NULL;
}

static void pop_and_shut_down(struct script *s, pirn_cx *cx)
{
    pop(s, cx);
    pirn__harness_shutdown(popped, &o.f.poller);
    cr_expect_eq(one_word(&o) & (RU | CA), RU | CA, "T8 finds it running");
}

static void expect_outcome(enum pirn_outcome wanted)
{
    pirn_result res;

    cr_assert_eq(pirn_join_try(o.join, &res, NULL), 0);
    cr_expect_eq(res.outcome, wanted);
    pirn_join_free(o.join);
    expect_freed();
}

Test(interleavings, h_cancelled_during_a_poll_that_waits)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, CALL, PEND));
    o.s.call = cancel_task;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop unlink");
    expect_outcome(PIRN_CANCELLED);

    one_start(&o, STEPS(KEEP_WAKER, PEND, CALL, PEND));
    o.s.call = pop_and_shut_down;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop miss");
    expect_outcome(PIRN_CANCELLED);
}

Test(interleavings, i_cancelled_during_a_poll_that_is_done)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, CALL, READY));
    o.s.call = cancel_task;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop unlink");
    expect_outcome(PIRN_DONE);

    one_start(&o, STEPS(KEEP_WAKER, PEND, CALL, READY));
    o.s.call = pop_and_shut_down;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop miss");
    expect_outcome(PIRN_DONE);
}

static void start_idle_with_notified(void)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, READY));
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    EXPECT_TRACE(&o, "poll link schedule");
    cr_expect_eq(o.f.queued, 1);
}

Test(interleavings, j_shut_down_with_a_notified_queued)
{
    struct task t;

    start_idle_with_notified();
    cr_assert(pirn__owned_pop(&o.f.owned, &t));
    pirn__harness_shutdown(t, &o.f.poller);
    EXPECT_TRACE(&o, "drop");
    cr_expect_eq(one_word(&o), 2 * R + CO + NO + JI + CA);
    fake_step(&o.f); /* T1 skips */
    EXPECT_TRACE(&o, "");
    cr_expect_eq(one_word(&o), R + CO + NO + JI + CA);
    expect_outcome(PIRN_CANCELLED);

    start_idle_with_notified();
    cr_assert(pirn__owned_pop(&o.f.owned, &t));
    pirn__harness_shutdown(t, &o.f.poller);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "drop");
    fake_step(&o.f); /* T1 frees */
    EXPECT_TRACE(&o, "free");
    expect_freed();
}

Test(interleavings, k_aborted_with_a_notified_queued)
{
    start_idle_with_notified();
    pirn_join_abort(o.join);
    EXPECT_TRACE(&o, "");
    cr_expect_eq(o.f.queued, 1, "still one Notified");
    cr_expect_eq(one_word(&o), 3 * R + NO + JI + CA);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "drop unlink");
    expect_outcome(PIRN_CANCELLED);
}

/* A complete task whose completer has not given its two references up. */
static void complete_halfway(void)
{
    start_with_output(STEPS(READY));
    cr_expect(!leave(&w1));
    pirn__waker_clone(o.h);
    by_hand_t1();
    by_hand_store();
    cr_expect_eq(by_hand_t3(false), COMPLETE_WAKE);
    cr_expect_eq(one_word(&o), 4 * R + CO + JI);
}

Test(interleavings, l_woken_between_complete_and_giving_up)
{
    for (int here = 0; here < 2; here++) {
        complete_halfway();
        o.f.here = here;
        pirn__waker_wake_by_ref(o.h);
        cr_expect_eq(one_word(&o), 4 * R + CO + JI, "by reference: no write");
        pirn__waker_wake((struct task_waker){o.h});
        cr_expect_eq(one_word(&o), 3 * R + CO + JI, "by value: its reference");
        cr_expect_not(pirn__state_ref_dec(&o.h->state, 2));
        pirn_join_free(o.join);
        EXPECT_TRACE(&o, "out_drop free");
        expect_freed();
    }
}

Test(interleavings, l_woken_after_everything)
{
    for (int here = 0; here < 2; here++) {
        complete_halfway();
        o.f.here = here;
        cr_expect_not(pirn__state_ref_dec(&o.h->state, 2));
        pirn_join_free(o.join);
        EXPECT_TRACE(&o, "out_drop");
        pirn__waker_wake_by_ref(o.h);
        cr_expect_eq(one_word(&o), R + CO);
        pirn__waker_wake((struct task_waker){o.h});
        EXPECT_TRACE(&o, "free");
        expect_freed();
    }
}

static void start_linked_and_popped_while_running(void)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, CALL, READY));
    o.s.call = pop;
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop miss");
    cr_expect_eq(popped.cell, o.h);
    cr_expect_eq(one_word(&o), 2 * R + CO + JI, "the completer gave one up");
}

Test(interleavings, m_the_closer_pops_first)
{
    start_linked_and_popped_while_running();
    pirn__harness_shutdown(popped, &o.f.poller);
    cr_expect_eq(one_word(&o), R + CO + JI + CA);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "free");
    expect_freed();

    start_linked_and_popped_while_running();
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "");
    pirn__harness_shutdown(popped, &o.f.poller); /* the closer frees */
    EXPECT_TRACE(&o, "free");
    expect_freed();
}

Test(interleavings, m_the_completer_unlinks_first)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, READY));
    fake_step(&o.f);
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link schedule poll drop unlink");
    cr_expect_eq(one_word(&o), R + CO + JI, "the completer gave two up");
    pop(NULL, NULL);
    cr_expect_null(popped.cell);
    expect_outcome(PIRN_DONE);
}

/* As from another thread: no poll is this thread's. */
static void wake_from_outside(struct script *s, pirn_cx *cx)
{
    struct pirn_cx *mine = pirn__scope.cx;

    (void)cx;
    pirn__scope.cx = NULL;
    for (int here = 0; here < 2; here++) {
        o.f.here = here;
        pirn_waker_wake(s->kept[--s->kept_count]);
        cr_expect(one_word(&o) & NO);
    }
    pirn__scope.cx = mine;
    o.f.here = true;
}

Test(interleavings, n_woken_twice_during_a_poll)
{
    one_start(&o, STEPS(KEEP_WAKER, KEEP_WAKER, WAKE_KEPT, WAKE_KEPT, PEND, KEEP_WAKER, KEEP_WAKER,
                        CALL, PEND, READY));
    o.s.call = wake_from_outside;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll requeue");
    cr_expect_eq(one_word(&o), 3 * R + NO + JI);
    cr_expect_eq(o.f.queued, 1);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link requeue");
    cr_expect_eq(one_word(&o), 3 * R + NO + JI);
    cr_expect_eq(o.f.queued, 1);
    cr_expect_eq(fake_drain(&o.f), 1);
    cr_expect_eq(o.s.polls, 3);
    expect_outcome(PIRN_DONE);
}

Test(interleavings, o_the_last_waker_goes_while_idle)
{
    for (int joined = 0; joined < 2; joined++) {
        one_init(&o, STEPS(KEEP_WAKER, PEND), 0);
        one_spawn(&o, joined);
        fake_step(&o.f);
        EXPECT_TRACE(&o, "poll link");
        pirn_waker_drop(o.s.kept[0]);
        EXPECT_TRACE(&o, "forgotten");
        cr_expect_eq(one_word(&o), joined ? 2 * R + JI : R, "the list still holds it");
        cr_expect_eq(o.s.drops, 0);
        fake_shutdown(&o.f);
        EXPECT_TRACE(&o, joined ? "drop" : "drop free");
        if (joined)
            pirn_join_free(o.join);
        expect_freed();
    }
}

Test(interleavings, p_a_waker_outlives_the_shutdown)
{
    for (int here = 0; here < 2; here++) {
        one_init(&o, STEPS(KEEP_WAKER, PEND), 0);
        one_spawn(&o, false);
        fake_step(&o.f);
        fake_shutdown(&o.f);
        EXPECT_TRACE(&o, "poll link drop");
        o.f.here = here;
        pirn_waker_wake_by_ref(&o.s.kept[0]);
        cr_expect_eq(one_word(&o), R + CO + CA);
        pirn_waker_wake(o.s.kept[0]);
        EXPECT_TRACE(&o, "free");
        expect_freed();
    }
}
