/* SPDX-License-Identifier: MIT */
/* Does a run do everything a task is owed, once and in order, whichever way it ends? */
#include <criterion/criterion.h>
#include <string.h>

#include "task/base/scope.h"
#include "task/harness.h"
#include "task/join.h"
#include "task/task.h"
#include "tests/support/expect.h"

static struct one_task o;

/* ---- the poll says done ---------------------------------------------------------------------- */

static const struct {
    size_t size, align;
} outputs[] = {{0, 0},   {1, 0},     {1, 64},     {256, 0},  {256, 64}, {257, 0},
               {8, 128}, {256, 128}, {300, 4096}, {5000, 8}, {0, 4096}, {112, 16}};

static void begin(size_t i, const enum step *steps, bool joined)
{
    one_init(&o, steps, outputs[i].size);
    o.s.out_align = o.d.out_align = outputs[i].align;
    one_spawn(&o, joined);
    cr_assert_eq((uintptr_t)cell_stage(o.h) % (outputs[i].align != 0 ? outputs[i].align : 16), 0);
}

Test(harness, every_size_of_output_reaches_the_joiner)
{
    static unsigned char out[8192];

    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        pirn_result res;

        begin(i, STEPS(READY), true);
        fake_step(&o.f);
        EXPECT_TRACE(&o, "poll drop");
        cr_expect_eq(one_word(&o), R + CO + JI);
        memset(out, 0xee, sizeof out);
        cr_assert_eq(pirn_join_try(o.join, &res, out), 0);
        cr_expect_eq(res.outcome, PIRN_DONE);
        cr_expect_eq(res.code, 0);
        cr_expect(script_output_is_whole(out, outputs[i].size), "output %zu", i);
        cr_expect_eq(out[outputs[i].size], 0xee, "output %zu: not a byte more", i);
        cr_expect(!o.s.out_misaligned, "output %zu", i);
        cr_expect_eq(o.s.out_drops, 0);
        free_last(&o);
    }
}

Test(harness, every_size_of_output_that_nobody_takes_is_dropped_once)
{
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        bool has_output = outputs[i].size != 0;

        begin(i, STEPS(READY), false);
        fake_step(&o.f);
        EXPECT_TRACE(&o, has_output ? "poll drop out_drop free" : "poll drop free");
        cr_expect(o.s.out_whole == has_output, "output %zu", i);
        cr_expect(fake_is_empty(&o.f));

        begin(i, STEPS(READY), true);
        fake_step(&o.f);
        pirn_join_free(o.join);
        EXPECT_TRACE(&o, has_output ? "poll drop out_drop free" : "poll drop free");
        cr_expect(fake_is_empty(&o.f));
    }
}

Test(harness, a_negative_code_is_a_result_without_output)
{
    begin(3, STEPS(FAIL), true);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    expect_result(&o, PIRN_DONE, -EIO);
    cr_expect_null(pirn_join_fault_text(o.join));
    free_last(&o);
    cr_expect_eq(o.s.out_drops, 0);

    begin(3, STEPS(FAIL), false);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop free");
}

Test(harness, a_task_without_drop_functions_and_without_frame_ends)
{
    one_init(&o, STEPS(READY), 4);
    o.d.drop = NULL;
    o.d.out_drop = NULL;
    one_spawn(&o, false);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll free");
    cr_expect(fake_is_empty(&o.f));
}

Test(harness, a_fault_of_a_task_without_a_drop_function)
{
    one_init(&o, STEPS(FAULT), 0);
    o.d.drop = NULL;
    one_spawn(&o, false);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll faulted free");
    cr_expect(fake_is_empty(&o.f));
}

/* ---- the poll says pending ------------------------------------------------------------------- */

Test(harness, the_first_wait_links_and_the_end_unlinks)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND, KEEP_WAKER, PEND, READY));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll link");
    cr_expect_eq(one_word(&o), 3 * R + JI);
    pirn_waker_wake(o.s.kept[0]);
    EXPECT_TRACE(&o, "schedule");
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll");
    pirn_waker_wake(o.s.kept[1]);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "schedule poll drop unlink");
    expect_result(&o, PIRN_DONE, 0);
    free_last(&o);
}

Test(harness, a_poll_that_wakes_itself_is_requeued_and_not_linked)
{
    one_start(&o, STEPS(WAKE_SELF, WAKE_SELF, PEND, YIELD, READY));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll requeue");
    cr_expect_eq(one_word(&o), 3 * R + NO + JI);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll yield");
    cr_expect_eq(one_word(&o), 3 * R + NO + JI);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop");
    cr_expect_eq(o.s.polls, 3);
    pirn_join_free(o.join);
    cr_expect(fake_is_empty(&o.f));
}

Test(harness, a_refused_link_ends_the_task_on_the_spot)
{
    one_start(&o, STEPS(KEEP_WAKER, PEND));
    pirn__owned_close(&o.f.owned);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll refuse drop");
    expect_result(&o, PIRN_CANCELLED, -ECANCELED);
    pirn_join_free(o.join);
    EXPECT_TRACE(&o, "");
    pirn_waker_wake(o.s.kept[0]);
    EXPECT_TRACE(&o, "free");
    cr_expect(fake_is_empty(&o.f));
}

/* ---- faults ---------------------------------------------------------------------------------- */

static const struct {
    enum step how;
    int code;
    const char *text;
} faults[] = {
    {FAULT, 41, "poll 1 faults"},
    {CX_FAULT, 42, "poll 1 says so"},
    {RETURN_7, 7, "poll of \"script\" returned 7, which is neither 0, PIRN_PENDING nor negative"},
};

Test(harness, a_fault_in_the_poll_is_the_result_and_the_frame_is_dropped)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        begin(3, STEPS(faults[i].how), true);
        fake_step(&o.f);
        EXPECT_TRACE(&o, "poll faulted drop");
        cr_expect_eq(o.f.fault_code, faults[i].code);
        cr_expect_str_eq(o.f.fault_text, faults[i].text);
        cr_expect_eq(o.f.facts.id, o.f.last_id);
        cr_expect_eq(o.f.facts.polls, 1);
        cr_expect_str_eq(pirn_join_fault_text(o.join), faults[i].text);
        expect_result(&o, PIRN_FAULTED, faults[i].code);
        cr_expect_str_eq(pirn_last_error_text(), faults[i].text);
        cr_expect_str_eq(pirn_join_fault_text(o.join), faults[i].text, "still there");
        cr_expect_eq(o.s.out_drops, 0);
        free_last(&o);
    }
}

Test(harness, a_fault_of_a_linked_or_detached_task_frees_everything)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        one_init(&o, STEPS(WAKE_SELF, KEEP_WAKER, PEND, KEEP_WAKER, PEND, faults[i].how), 0);
        one_spawn(&o, false);
        cr_expect_eq(fake_drain(&o.f), 2);
        pirn_waker_drop(o.s.kept[0]);
        pirn_waker_wake(o.s.kept[1]);
        fake_step(&o.f);
        EXPECT_TRACE(&o, "poll requeue poll link schedule poll faulted drop unlink free");
        cr_expect(fake_is_empty(&o.f));
    }
}

Test(harness, a_second_fault_in_the_drop_is_contained)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        one_init(&o, STEPS(faults[i].how), 0);
        o.s.drop_faults = true;
        one_spawn(&o, true);
        fake_step(&o.f);
        EXPECT_TRACE(&o, "poll faulted drop contained");
        cr_expect_str_eq(pirn_join_fault_text(o.join), faults[i].text);
        expect_result(&o, PIRN_FAULTED, faults[i].code);
        free_last(&o);
    }
}

Test(harness, a_fault_in_the_drop_after_the_end_is_the_result_and_the_output_is_dropped)
{
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        bool has_output = outputs[i].size != 0;

        begin(i, STEPS(READY), true);
        o.s.drop_faults = true;
        fake_step(&o.f);
        EXPECT_TRACE(&o, has_output ? "poll drop faulted out_drop" : "poll drop faulted");
        cr_expect(o.s.out_whole == has_output);
        cr_expect_str_eq(pirn_join_fault_text(o.join), "drop faults");
        expect_result(&o, PIRN_FAULTED, 43);
        free_last(&o);
    }
}

Test(harness, a_fault_in_both_drops_after_the_end_leaves_the_first)
{
    begin(3, STEPS(READY), false);
    o.s.drop_faults = o.s.out_drop_faults = true;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop faulted out_drop contained free");
    cr_expect_eq(o.f.fault_code, 43);
    cr_expect(fake_is_empty(&o.f));
}

Test(harness, a_fault_in_the_drop_after_a_code_drops_no_output)
{
    begin(3, STEPS(FAIL), true);
    o.s.drop_faults = true;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop faulted");
    expect_result(&o, PIRN_FAULTED, 43);
    free_last(&o);
}

Test(harness, a_fault_in_the_outputs_drop_is_contained)
{
    begin(3, STEPS(READY), false);
    o.s.out_drop_faults = true;
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop out_drop contained free");

    begin(3, STEPS(READY), true);
    o.s.out_drop_faults = true;
    fake_step(&o.f);
    expect_result(&o, PIRN_DONE, 0); /* which drops the output: nobody takes it */
    EXPECT_TRACE(&o, "poll drop out_drop contained");
    free_last(&o);
}

Test(harness, without_memory_for_its_text_a_fault_keeps_its_code)
{
    one_start(&o, STEPS(FAULT));
    o.f.memory.fail_from = 1;
    fake_step(&o.f);
    cr_expect_str_eq(o.f.fault_text, "poll 1 faults");
    cr_expect_str_eq(pirn_join_fault_text(o.join), "");
    expect_result(&o, PIRN_FAULTED, 41);
    cr_expect_str_eq(pirn_join_fault_text(o.join), "");
    EXPECT_TRACE(&o, "poll faulted drop");
    free_last(&o);
}

/* ---- what is told ---------------------------------------------------------------------------- */

Test(harness, hooks_are_called_around_a_poll_and_at_the_end)
{
    one_init(&o, STEPS(YIELD, READY), 0);
    o.f.base.watch = WATCH_POLL | WATCH_TERMINATE;
    one_spawn(&o, true);
    cr_expect_eq(fake_drain(&o.f), 2);
    EXPECT_TRACE(&o,
                 "before_poll poll after_poll yield before_poll poll after_poll drop terminated");
    cr_expect_eq(o.f.facts.id, o.f.last_id);
    cr_expect_eq(o.f.facts.polls, 2);
    cr_expect_eq(o.f.facts.desc, &o.d);
    cr_expect_eq(o.f.facts.state & (RU | CO), CO);
    free_last(&o);

    one_init(&o, STEPS(FAULT), 0);
    o.f.base.watch = WATCH_POLL | WATCH_TERMINATE;
    one_spawn(&o, true);
    fake_step(&o.f);
    cr_expect_eq(o.f.count[FAKE_BEFORE_POLL], 1);
    cr_expect_eq(o.f.count[FAKE_AFTER_POLL], 1, "a poll that faults is over too");
    cr_expect_eq(o.f.count[FAKE_TERMINATED], 1);
    free_last(&o);

    one_init(&o, STEPS(READY), 0);
    o.f.base.watch = WATCH_TERMINATE;
    one_spawn(&o, true);
    pirn_join_abort(o.join);
    fake_step(&o.f);
    EXPECT_TRACE(&o, "drop terminated");
    free_last(&o);
}

Test(harness, the_poller_counts)
{
    one_start(&o, STEPS(YIELD, FAULT));
    cr_expect_eq(fake_drain(&o.f), 2);
    cr_expect_eq(stat_get(&o.f.poller.stats.polls), 2);
    cr_expect_eq(stat_get(&o.f.poller.stats.finished), 1);
    cr_expect_eq(stat_get(&o.f.poller.stats.faults), 1);
    cr_expect_eq(stat_get(&o.f.poller.stats.budget_yields), 0);
    pirn_join_free(o.join);
}

static void note_running(struct script *s, pirn_cx *cx)
{
    struct one_task *t = s->user;

    (void)cx;
    cr_expect_eq(atomic_load(&t->f.poller.running_id), t->f.last_id);
    cr_expect_eq(atomic_load(&t->f.poller.running_desc), &t->d);
    cr_expect_eq(pirn_task_id(), t->f.last_id);
}

Test(harness, facts_tell_polls_ticks_and_the_await_line)
{
    struct task_facts facts;

    one_init(&o, STEPS(CALL, KEEP_WAKER, PEND, KEEP_WAKER, PEND_FOREVER), 0);
    o.s.call = note_running;
    o.d.flags = PIRN_TASK_LINE;
    one_spawn(&o, true);
    o.f.poller.tick = 5;
    fake_step(&o.f);
    pirn__harness_facts(o.h, &facts);
    cr_expect_eq(facts.await_line, 10, "line %u", facts.await_line);
    cr_expect_eq(facts.last_poll_tick, 5);
    cr_expect_eq(facts.spawned_tick, 0);
    cr_expect_eq(facts.polls, 1);
    cr_expect(!facts.forever);
    o.f.poller.tick = 9;
    pirn_waker_wake(o.s.kept[0]);
    fake_step(&o.f);
    pirn__harness_facts(o.h, &facts);
    cr_expect_eq(facts.await_line, 20);
    cr_expect_eq(facts.last_poll_tick, 9);
    cr_expect_eq(facts.polls, 2);
    cr_expect(facts.forever);
    cr_expect_eq(facts.state, 3 * R + JI);
    pirn_waker_drop(o.s.kept[1]);
    fake_shutdown(&o.f);
    pirn_join_free(o.join);
    cr_expect(fake_is_empty(&o.f));
}

static int waits_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    return pirn_pending_poll(cx);
}

/* The first word of a frame of that size, and the line that is shown. */
static const struct {
    const char *what;
    uint32_t flags;
    uint32_t word;
    size_t frame_size;
    uint32_t line;
} line_rows[] = {
    {"LINE, by hand", PIRN_TASK_LINE, 77, 8, 77},
    {"LINE, of PIRN_FRAME", PIRN_TASK_LINE, 0x5a50004d, 8, 77},
    {"LINE, too large", PIRN_TASK_LINE, 0xffffffff, 8, 134217727},
    {"FRAME, of PIRN_FRAME", PIRN_TASK_FRAME, 0x5a50004d, 4, 77},
    {"FRAME, the last line there is", PIRN_TASK_FRAME, 0x5a5fffff, 4, 1048575},
    {"FRAME, fresh", PIRN_TASK_FRAME, 0, 8, 0},
    {"FRAME, some other word", PIRN_TASK_FRAME, 77, 8, 0},
    {"FRAME, some large word", PIRN_TASK_FRAME, 0x5a60004d, 8, 0},
    {"FRAME, a frame of three bytes", PIRN_TASK_FRAME, 0x5a50004d, 3, 0},
    {"neither", 0, 0x5a50004d, 8, 0},
};

Test(harness, the_line_is_the_first_words_if_the_descriptor_says_so)
{
    for (size_t i = 0; i < sizeof line_rows / sizeof *line_rows; i++) {
        const uint32_t frame[2] = {line_rows[i].word, 0};
        const pirn_task_desc d = {.size = sizeof d,
                                  .poll = waits_poll,
                                  .frame_size = line_rows[i].frame_size,
                                  .flags = line_rows[i].flags};
        struct task_facts facts;
        struct header *h;

        cr_assert_eq(pirn__task_check(&d), 0, "%s", line_rows[i].what);
        fake_init(&o.f);
        h = fake_spawn(&o.f, &d, frame, true);
        fake_step(&o.f);
        pirn__harness_facts(h, &facts);
        cr_expect_eq(facts.await_line, line_rows[i].line, "%s: line %u", line_rows[i].what,
                     facts.await_line);
        fake_shutdown(&o.f);
        pirn_join_free((pirn_join *)(void *)h);
        cr_expect(fake_is_empty(&o.f));
    }
}

Test(harness, the_end_is_told_without_the_join_wakers_bit)
{
    struct count_waker w = {.wake_faults = false};
    pirn_waker waker = count_waker(&w);

    one_init(&o, STEPS(READY), 0);
    o.f.base.watch = WATCH_TERMINATE;
    one_spawn(&o, true);
    cr_expect(!pirn__join_register((struct join_handle){o.h}, &waker));
    fake_step(&o.f);
    cr_expect_eq(o.f.facts.state & (RU | CO | JW), CO);
    free_last(&o);
}

/* ---- the join waker's wake -------------------------------------------------------------------- */

Test(harness, a_fault_in_a_foreign_join_waker_is_contained)
{
    struct count_waker w = {.wake_faults = true};
    pirn_waker waker = count_waker(&w);

    one_start(&o, STEPS(READY));
    cr_expect(!pirn__join_register((struct join_handle){o.h}, &waker));
    fake_step(&o.f);
    EXPECT_TRACE(&o, "poll drop contained");
    cr_expect_eq(w.wakes, 1);
    cr_expect_eq(count_waker_live(&w), 1);
    cr_expect_eq(one_word(&o), R + CO + JI);
    expect_result(&o, PIRN_DONE, 0);
    free_last(&o);
}
