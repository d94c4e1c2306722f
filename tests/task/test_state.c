/* SPDX-License-Identifier: MIT */
/* Does every transition of the state word do what its row of docs/design/task-state.md says?
 *
 * The rows are written out as literals, so that a change of task/state.h is noticed as well, and
 * stand in the document too: tests/task/table.py compares the two. */
#include <criterion/criterion.h>

#include "task/state.h"
#include "tests/support/death.h"

enum {
    RU = 1,
    CO = 2,
    NO = 4,
    JI = 8,
    JW = 16,
    CA = 32
};
#define R  ((size_t)64)
#define SE ((size_t)1 << 62)
#define WR ((size_t)1 << 63)

/* In the argument of to_complete: its waker was read. */
enum {
    READ = 16
};

enum {
    NOTHING = -1, /* the function answers nothing */
    ABORTS = -2,  /* an assertion ends the process; `after` says nothing */
};

struct row {
    const char *given;
    size_t arg; /* 0 where the function takes none */
    size_t before;
    int result;
    size_t after;
};

typedef int call_fn(struct state *s, size_t arg);

struct attempt {
    call_fn *call;
    struct state *state;
    size_t arg;
};

static void make_attempt(void *arg)
{
    const struct attempt *a = arg;

    (void)a->call(a->state, a->arg);
}

static void check(const struct row *row, call_fn *call)
{
    struct state s;

    pirn__state_init(&s, row->before);
    if (row->result == ABORTS) {
        cr_expect(dies_saying(make_attempt, &(struct attempt){call, &s, row->arg}, "BUG IN PIRN"),
                  "%s: aborts", row->given);
        return;
    }
    cr_expect_eq(call(&s, row->arg), row->result, "%s: result", row->given);
    cr_expect_eq(pirn__state_load(&s), row->after, "%s: word is %zu, not %zu", row->given,
                 pirn__state_load(&s), row->after);
    cr_expect_eq(pirn__state_peek(&s), row->after, "%s: both looks agree", row->given);
}

static enum run_act to_running(struct state *s)
{
    size_t word;
    enum run_act act = pirn__state_to_running(s, &word);

    cr_expect_eq(word, pirn__state_peek(s), "T1 tells the word after");
    return act;
}

/* What T1 may have left, some time before the word became this. */
static size_t older(size_t word)
{
    return (((word & ~(size_t)(NO | JW | CA)) | RU) + R);
}

/* One test per function: its rows stand above it, its call is the last argument. */
#define FOLLOWS_ITS_ROWS(name, call)                                                               \
    static int call_##name(struct state *s, size_t arg)                                            \
    {                                                                                              \
        (void)arg;                                                                                 \
        return (int)(call);                                                                        \
    }                                                                                              \
    Test(task_state, name##_follows_its_rows)                                                      \
    {                                                                                              \
        for (size_t i = 0; i < sizeof name##_rows / sizeof *name##_rows; i++)                      \
            check(&name##_rows[i], call_##name);                                                   \
    }

Test(task_state, words_have_the_bits_the_document_draws)
{
    cr_expect_eq(STATE_RUNNING, RU);
    cr_expect_eq(STATE_COMPLETE, CO);
    cr_expect_eq(STATE_NOTIFIED, NO);
    cr_expect_eq(STATE_JOIN_INTEREST, JI);
    cr_expect_eq(STATE_JOIN_WAKER, JW);
    cr_expect_eq(STATE_CANCELLED, CA);
    cr_expect_eq(STATE_REPLACED, WR);
    cr_expect_eq(STATE_SETTLING, SE);
    cr_expect_eq(STATE_INITIAL_CHILD, 3 * R + NO + JI + JW);
    cr_expect_eq(STATE_REF(5), 5 * R);
    cr_expect_eq(STATE_REFS(7 * R + RU + CO + NO + JI + JW + CA + SE + WR), 7);
    cr_expect_eq(STATE_INITIAL, 3 * R + NO + JI);
    cr_expect_eq(STATE_INITIAL_DETACHED, 2 * R + NO);
    cr_expect_eq(STATE_VACANT, 0);
}

static const struct row is_idle_rows[] = {
    {"waits", 0, 2 * R + JI, true, 2 * R + JI},
    {"queued, cancelled", 0, 3 * R + NO + JI + CA, true, 3 * R + NO + JI + CA},
    {"runs", 0, 3 * R + RU + JI, false, 3 * R + RU + JI},
    {"is complete", 0, 1 * R + CO + JI, false, 1 * R + CO + JI},
};

FOLLOWS_ITS_ROWS(is_idle, pirn__state_is_idle(pirn__state_load(s)))

static const struct row to_running_rows[] = {
    {"first poll", 0, 3 * R + NO + JI, RUN_POLL, 3 * R + RU + JI},
    {"first poll, detached", 0, 2 * R + NO, RUN_POLL, 2 * R + RU},
    {"woken, wakers held, joiner waits", 0, 5 * R + NO + JI + JW, RUN_POLL, 5 * R + RU + JI + JW},
    {"woken, the join waker was replaced", 0, 4 * R + NO + JI + JW + WR, RUN_POLL,
     4 * R + RU + JI + JW + WR},
    {"cancelled in the queue", 0, 3 * R + NO + JI + CA, RUN_CANCEL, 3 * R + RU + JI + CA},
    {"cancelled in the queue, detached", 0, 2 * R + NO + CA, RUN_CANCEL, 2 * R + RU + CA},
    {"settled", 0, 3 * R + NO + JI + SE, RUN_END, 3 * R + RU + JI},
    {"settled, aborted, joiner waits", 0, 3 * R + NO + JI + JW + CA + SE, RUN_END,
     3 * R + RU + JI + JW + CA},
    {"settled, detached, in no list, the join waker was replaced", 0, 2 * R + NO + WR + SE, RUN_END,
     2 * R + RU + WR},
    {"a closer runs it", 0, 3 * R + RU + NO + JI + CA, RUN_SKIP, 2 * R + RU + NO + JI + CA},
    {"a closer's, and it settles", 0, 3 * R + RU + NO + JI + CA + SE, RUN_SKIP,
     2 * R + RU + NO + JI + CA + SE},
    {"a closer has completed it, join handle left", 0, 2 * R + CO + NO + JI + CA, RUN_SKIP,
     1 * R + CO + NO + JI + CA},
    {"a closer has completed it, nobody left", 0, 1 * R + CO + NO + CA, RUN_FREE,
     0 * R + CO + NO + CA},
    {"a closer runs it, last reference (not met)", 0, 1 * R + RU + NO + CA, RUN_FREE,
     0 * R + RU + NO + CA},
    {"no Notified", 0, 2 * R + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(to_running, to_running(s))

static const struct row to_idle_rows[] = {
    {"a waker is held", 0, 4 * R + RU + JI, IDLE_DONE, 3 * R + JI},
    {"a waker is held, joiner waits", 0, 4 * R + RU + JI + JW, IDLE_DONE, 3 * R + JI + JW},
    {"a waker is held, detached", 0, 3 * R + RU, IDLE_DONE, 2 * R},
    {"two wakers are held", 0, 5 * R + RU + JI, IDLE_DONE, 4 * R + JI},
    {"nothing can wake it", 0, 3 * R + RU + JI, IDLE_FORGOTTEN, 2 * R + JI},
    {"nothing can wake it, joiner waits", 0, 3 * R + RU + JI + JW, IDLE_FORGOTTEN, 2 * R + JI + JW},
    {"nothing can wake it, the join waker was replaced", 0, 3 * R + RU + JI + JW + WR,
     IDLE_FORGOTTEN, 2 * R + JI + JW + WR},
    {"nothing can wake it, detached", 0, 2 * R + RU, IDLE_FORGOTTEN, 1 * R},
    {"in no list, last reference", 0, 1 * R + RU, IDLE_FREE, 0 * R},
    {"woken meanwhile", 0, 4 * R + RU + NO + JI, IDLE_REQUEUE, 4 * R + NO + JI},
    {"woken meanwhile, detached", 0, 2 * R + RU + NO, IDLE_REQUEUE, 2 * R + NO},
    {"cancelled meanwhile", 0, 3 * R + RU + NO + JI + CA, IDLE_CANCEL, 3 * R + RU + NO + JI + CA},
    {"a closer came meanwhile", 0, 4 * R + RU + JI + CA, IDLE_CANCEL, 4 * R + RU + JI + CA},
    {"the list refused it", 0, 2 * R + RU + CA, IDLE_CANCEL, 2 * R + RU + CA},
    {"self-woken", 1, 3 * R + RU + JI, IDLE_REQUEUE, 3 * R + NO + JI},
    {"self-woken, detached, last references", 1, 2 * R + RU, IDLE_REQUEUE, 2 * R + NO},
    {"self-woken, and woken by another", 1, 4 * R + RU + NO + JI + JW, IDLE_REQUEUE,
     4 * R + NO + JI + JW},
    {"self-woken, and cancelled", 1, 3 * R + RU + NO + JI + CA, IDLE_CANCEL,
     3 * R + RU + NO + JI + CA},
    {"not running", 0, 3 * R + NO + JI, ABORTS, 0},
    {"complete", 0, 2 * R + CO + JI, ABORTS, 0},
    {"running and complete", 0, 3 * R + RU + CO + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(to_idle, pirn__state_to_idle(s, arg != 0, pirn__state_peek(s)))

static const struct row to_complete_rows[] = {
    {"joiner does not wait yet", 2, 3 * R + RU + JI, COMPLETE_DONE, 1 * R + CO + JI},
    {"joiner does not wait, wakers held", 2, 5 * R + RU + JI, COMPLETE_DONE, 3 * R + CO + JI},
    {"woken during the last poll", 2, 3 * R + RU + NO + JI, COMPLETE_DONE, 1 * R + CO + NO + JI},
    {"aborted during the last poll", 2, 3 * R + RU + NO + JI + CA, COMPLETE_DONE,
     1 * R + CO + NO + JI + CA},
    {"a closer has the list's reference", 1, 3 * R + RU + JI + CA, COMPLETE_DONE,
     2 * R + CO + JI + CA},
    {"joiner waits", 2, 3 * R + RU + JI + JW, COMPLETE_WAKE, 3 * R + CO + JI},
    {"joiner waits, woken during the last poll", 2, 4 * R + RU + NO + JI + JW, COMPLETE_WAKE,
     4 * R + CO + NO + JI},
    {"joiner waits, by the closer", 1, 2 * R + RU + JI + JW + CA, COMPLETE_WAKE,
     2 * R + CO + JI + CA},
    {"joiner waits, its waker was replaced", 2, 3 * R + RU + JI + JW + WR, COMPLETE_WAKE,
     3 * R + CO + JI + WR},
    {"joiner waits, its waker was read", 2 + READ, 3 * R + RU + JI + JW, COMPLETE_WAKE_DONE,
     1 * R + CO + JI},
    {"joiner waits, its waker was read, wakers held, woken", 2 + READ, 5 * R + RU + NO + JI + JW,
     COMPLETE_WAKE_DONE, 3 * R + CO + NO + JI},
    {"joiner waits, its waker was read, by the closer", 1 + READ, 2 * R + RU + JI + JW + CA,
     COMPLETE_WAKE_DONE, 1 * R + CO + JI + CA},
    {"no join handle", 2, 2 * R + RU, COMPLETE_UNJOINED, 2 * R + RU},
    {"no join handle, wakers held, woken", 2, 4 * R + RU + NO, COMPLETE_UNJOINED, 4 * R + RU + NO},
    {"references short of the handle's", 2, 2 * R + RU + JI, ABORTS, 0},
    {"not running", 2, 3 * R + JI, ABORTS, 0},
    {"complete", 2, 3 * R + CO + JI, ABORTS, 0},
    {"running and complete", 2, 3 * R + RU + CO + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(to_complete,
                 pirn__state_to_complete(s, arg % READ, pirn__state_peek(s), arg >= READ))

static const struct row to_complete_by_guess_rows[] = {
    {"nothing has changed", 3 * R + RU + JI + JW, 3 * R + RU + JI + JW, COMPLETE_WAKE_DONE,
     1 * R + CO + JI},
    {"a waker was cloned since", 3 * R + RU + JI + JW, 4 * R + RU + JI + JW, COMPLETE_WAKE,
     4 * R + CO + JI},
    {"aborted since", 3 * R + RU + JI + JW, 3 * R + RU + NO + JI + JW + CA, COMPLETE_WAKE,
     3 * R + CO + NO + JI + CA},
    {"the waker was replaced since", 3 * R + RU + JI + JW, 3 * R + RU + JI + JW + WR, COMPLETE_WAKE,
     3 * R + CO + JI + WR},
    {"the waker was taken back since", 3 * R + RU + JI + JW, 3 * R + RU + JI + WR, COMPLETE_DONE,
     1 * R + CO + JI + WR},
    {"the handle was dropped since", 3 * R + RU + JI + JW, 2 * R + RU, COMPLETE_UNJOINED,
     2 * R + RU},
};

FOLLOWS_ITS_ROWS(to_complete_by_guess, pirn__state_to_complete(s, 2, arg, true))

static const struct row to_complete_unjoined_rows[] = {
    {"nobody else", 2, 2 * R + RU, true, 2 * R + RU},
    {"nobody else, woken and aborted meanwhile", 2, 2 * R + RU + NO + CA, true,
     2 * R + RU + NO + CA},
    {"nobody else, by the closer", 1, 1 * R + RU + CA, true, 1 * R + RU + CA},
    {"nobody else, a join waker was replaced", 2, 2 * R + RU + WR, true, 2 * R + RU + WR},
    {"a waker is held, a join waker was replaced", 2, 3 * R + RU + WR, false, 1 * R + CO + WR},
    {"a waker is held", 2, 3 * R + RU, false, 1 * R + CO},
    {"wakers are held, woken", 2, 4 * R + RU + NO, false, 2 * R + CO + NO},
    {"by the closer, a Notified is queued", 1, 2 * R + RU + NO + CA, false, 1 * R + CO + NO + CA},
    {"too few references", 2, 1 * R + RU, ABORTS, 0},
    {"not running", 2, 3 * R, ABORTS, 0},
    {"complete", 2, 3 * R + CO, ABORTS, 0},
    {"running and complete", 2, 3 * R + RU + CO, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(to_complete_unjoined, pirn__state_to_complete_unjoined(s, arg))

static const struct row ref_dec_rows[] = {
    {"others hold the task", 1, 3 * R + JI + JW, false, 2 * R + JI + JW},
    {"the last one", 1, 1 * R + CO, true, 0 * R + CO},
    {"the last one, a join waker was replaced", 1, 1 * R + CO + WR, true, 0 * R + CO + WR},
    {"the completer's two, the handle is left", 2, 3 * R + CO + JI, false, 1 * R + CO + JI},
    {"the completer's two, the last", 2, 2 * R + CO + NO + CA, true, 0 * R + CO + NO + CA},
    {"there is none", 1, 0 * R + CO, ABORTS, 0},
    {"there are too few", 2, 1 * R + CO, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(ref_dec, pirn__state_ref_dec(s, arg))

static const struct row ref_inc_rows[] = {
    {"idle", 0, 2 * R + JI, NOTHING, 3 * R + JI},
    {"every bit stays", 0, 1 * R + CO + NO + JI + JW + CA + WR, NOTHING,
     2 * R + CO + NO + JI + JW + CA + WR},
    {"the most there may be", 0, 36028797018963967 * R, NOTHING, 36028797018963968 * R},
    {"one more than that", 0, 36028797018963968 * R, ABORTS, 0},
    {"settling is not counted", 0, 3 * R + RU + JI + SE, NOTHING, 4 * R + RU + JI + SE},
    {"there is none", 0, 0 * R + CO, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(ref_inc, (pirn__state_ref_inc(s), NOTHING))

static const struct row drop_waker_rows[] = {
    {"another waker is held", 0, 4 * R + JI, WAKER_DROP_DONE, 3 * R + JI},
    {"another waker is held, detached", 0, 3 * R, WAKER_DROP_DONE, 2 * R},
    {"nothing else can wake it", 0, 3 * R + JI, WAKER_DROP_LAST, 3 * R + JI},
    {"nothing else can wake it, joiner waits", 0, 3 * R + JI + JW, WAKER_DROP_LAST,
     3 * R + JI + JW},
    {"nothing else can wake it, the join waker was replaced", 0, 3 * R + JI + WR, WAKER_DROP_LAST,
     3 * R + JI + WR},
    {"nothing else can wake it, detached", 0, 2 * R, WAKER_DROP_LAST, 2 * R},
    {"queued", 0, 4 * R + NO + JI, WAKER_DROP_DONE, 3 * R + NO + JI},
    {"runs", 0, 4 * R + RU + JI, WAKER_DROP_DONE, 3 * R + RU + JI},
    {"a closer runs it", 0, 3 * R + RU + JI + CA, WAKER_DROP_DONE, 2 * R + RU + JI + CA},
    {"complete, completer and handle left", 0, 3 * R + CO + JI, WAKER_DROP_DONE, 2 * R + CO + JI},
    {"complete, completer left", 0, 2 * R + CO, WAKER_DROP_DONE, 1 * R + CO},
    {"complete, the last reference", 0, 1 * R + CO, WAKER_DROP_FREE, 0 * R + CO},
    {"queued without the list's reference (not met)", 0, 3 * R + NO + JI, WAKER_DROP_DONE,
     2 * R + NO + JI},
    {"runs without the list's reference (not met)", 0, 3 * R + RU + JI, WAKER_DROP_DONE,
     2 * R + RU + JI},
    {"cancelled and not queued (not met)", 0, 3 * R + JI + CA, WAKER_DROP_DONE, 2 * R + JI + CA},
    {"there is none", 0, 0 * R + CO, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(drop_waker, pirn__state_drop_waker(s))

static const struct row wake_by_val_rows[] = {
    {"idle", 0, 3 * R + JI, WAKE_SUBMIT, 4 * R + NO + JI},
    {"idle, joiner waits", 0, 3 * R + JI + JW, WAKE_SUBMIT, 4 * R + NO + JI + JW},
    {"idle, detached", 0, 2 * R, WAKE_SUBMIT, 3 * R + NO},
    {"queued", 0, 4 * R + NO + JI, WAKE_NONE, 3 * R + NO + JI},
    {"runs", 0, 4 * R + RU + JI, WAKE_NONE, 3 * R + RU + NO + JI},
    {"runs, woken already", 0, 4 * R + RU + NO + JI, WAKE_NONE, 3 * R + RU + NO + JI},
    {"a closer runs it", 0, 3 * R + RU + JI + CA, WAKE_NONE, 2 * R + RU + NO + JI + CA},
    {"complete, others hold it", 0, 2 * R + CO + JI, WAKE_NONE, 1 * R + CO + JI},
    {"complete, the last reference", 0, 1 * R + CO, WAKE_FREE, 0 * R + CO},
    {"complete, the last reference, a join waker was replaced", 0, 1 * R + CO + WR, WAKE_FREE,
     0 * R + CO + WR},
    {"complete and notified, the last reference", 0, 1 * R + CO + NO + CA, WAKE_FREE,
     0 * R + CO + NO + CA},
    {"runs, and no reference would be left", 0, 1 * R + RU, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(wake_by_val, pirn__state_wake_by_val(s))

static const struct row wake_hand_over_rows[] = {
    {"idle", 0, 3 * R + JI, WAKE_SUBMIT, 3 * R + NO + JI},
    {"idle, joiner waits", 0, 3 * R + JI + JW, WAKE_SUBMIT, 3 * R + NO + JI + JW},
    {"idle, detached", 0, 2 * R, WAKE_SUBMIT, 2 * R + NO},
    {"queued", 0, 4 * R + NO + JI, WAKE_NONE, 3 * R + NO + JI},
    {"runs", 0, 4 * R + RU + JI, WAKE_NONE, 3 * R + RU + NO + JI},
    {"runs, woken already", 0, 4 * R + RU + NO + JI, WAKE_NONE, 3 * R + RU + NO + JI},
    {"a closer runs it", 0, 3 * R + RU + JI + CA, WAKE_NONE, 2 * R + RU + NO + JI + CA},
    {"complete, others hold it", 0, 2 * R + CO + JI, WAKE_NONE, 1 * R + CO + JI},
    {"complete, the last reference", 0, 1 * R + CO, WAKE_FREE, 0 * R + CO},
    {"complete, the last reference, a join waker was replaced", 0, 1 * R + CO + WR, WAKE_FREE,
     0 * R + CO + WR},
    {"complete and notified, the last reference", 0, 1 * R + CO + NO + CA, WAKE_FREE,
     0 * R + CO + NO + CA},
    {"runs, and no reference would be left", 0, 1 * R + RU, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(wake_hand_over, pirn__state_wake_hand_over(s))

static const struct row wake_by_ref_rows[] = {
    {"idle", 0, 3 * R + JI, WAKE_SUBMIT, 4 * R + NO + JI},
    {"idle, joiner waits", 0, 3 * R + JI + JW, WAKE_SUBMIT, 4 * R + NO + JI + JW},
    {"idle, detached", 0, 2 * R, WAKE_SUBMIT, 3 * R + NO},
    {"queued", 0, 4 * R + NO + JI, WAKE_NONE, 4 * R + NO + JI},
    {"runs", 0, 4 * R + RU + JI, WAKE_NONE, 4 * R + RU + NO + JI},
    {"runs, woken already", 0, 4 * R + RU + NO + JI, WAKE_NONE, 4 * R + RU + NO + JI},
    {"a closer runs it", 0, 3 * R + RU + JI + CA, WAKE_NONE, 3 * R + RU + NO + JI + CA},
    {"complete", 0, 2 * R + CO + JI, WAKE_NONE, 2 * R + CO + JI},
};

FOLLOWS_ITS_ROWS(wake_by_ref, pirn__state_wake_by_ref(s))

static const struct row cancel_rows[] = {
    {"idle", 0, 3 * R + JI, true, 4 * R + NO + JI + CA},
    {"idle, joiner waits", 0, 2 * R + JI + JW, true, 3 * R + NO + JI + JW + CA},
    {"idle, detached", 0, 2 * R, true, 3 * R + NO + CA},
    {"queued", 0, 3 * R + NO + JI, false, 3 * R + NO + JI + CA},
    {"runs", 0, 3 * R + RU + JI, false, 3 * R + RU + NO + JI + CA},
    {"runs, woken already", 0, 3 * R + RU + NO + JI, false, 3 * R + RU + NO + JI + CA},
    {"cancelled already, queued", 0, 3 * R + NO + JI + CA, false, 3 * R + NO + JI + CA},
    {"a closer runs it", 0, 2 * R + RU + JI + CA, false, 2 * R + RU + JI + CA},
    {"complete", 0, 2 * R + CO + JI, false, 2 * R + CO + JI},
    {"complete, cancelled earlier", 0, 2 * R + CO + NO + JI + CA, false, 2 * R + CO + NO + JI + CA},
};

FOLLOWS_ITS_ROWS(cancel, pirn__state_cancel(s))

static const struct row to_shutdown_rows[] = {
    {"idle", 0, 2 * R + JI, SHUTDOWN_CANCEL, 2 * R + RU + JI + CA},
    {"idle, joiner waits, a waker is held", 0, 3 * R + JI + JW, SHUTDOWN_CANCEL,
     3 * R + RU + JI + JW + CA},
    {"idle, detached", 0, 1 * R, SHUTDOWN_CANCEL, 1 * R + RU + CA},
    {"idle, a Notified is queued", 0, 3 * R + NO + JI, SHUTDOWN_CANCEL, 3 * R + RU + NO + JI + CA},
    {"idle, aborted, a Notified is queued", 0, 3 * R + NO + JI + CA, SHUTDOWN_CANCEL,
     3 * R + RU + NO + JI + CA},
    {"runs", 0, 3 * R + RU + JI, SHUTDOWN_SKIP, 3 * R + RU + JI + CA},
    {"runs, woken already", 0, 3 * R + RU + NO + JI, SHUTDOWN_SKIP, 3 * R + RU + NO + JI + CA},
    {"complete", 0, 2 * R + CO + JI, SHUTDOWN_SKIP, 2 * R + CO + JI + CA},
    {"settles", 0, 3 * R + RU + JI + SE, SHUTDOWN_SKIP, 3 * R + RU + JI + CA + SE},
    {"settled, a Notified is queued", 0, 3 * R + NO + JI + SE, SHUTDOWN_END,
     3 * R + RU + NO + JI + CA},
};

FOLLOWS_ITS_ROWS(to_shutdown, pirn__state_to_shutdown(s))

static const struct row to_settling_rows[] = {
    {"the poll was the last one", 0, 3 * R + RU + JI, NOTHING, 3 * R + RU + JI + SE},
    {"woken and aborted meanwhile, joiner waits", 0, 4 * R + RU + NO + JI + JW + CA, NOTHING,
     4 * R + RU + NO + JI + JW + CA + SE},
    {"by the closer, detached", 0, 1 * R + RU + CA, NOTHING, 1 * R + RU + CA + SE},
    {"not running", 0, 3 * R + NO + JI, ABORTS, 0},
    {"complete", 0, 2 * R + CO + JI, ABORTS, 0},
    {"settles already", 0, 3 * R + RU + JI + SE, ABORTS, 0},
    {"running and complete", 0, 3 * R + RU + CO + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(to_settling, (pirn__state_to_settling(s), NOTHING))

static const struct row to_settled_rows[] = {
    {"the last child is gone", 0, 3 * R + RU + JI + SE, NOTHING, 3 * R + NO + JI + SE},
    {"woken and aborted meanwhile, joiner waits", 0, 4 * R + RU + NO + JI + JW + CA + SE, NOTHING,
     4 * R + NO + JI + JW + CA + SE},
    {"detached, in no list", 0, 2 * R + RU + SE, NOTHING, 2 * R + NO + SE},
    {"the join waker was replaced", 0, 3 * R + RU + JI + WR + SE, NOTHING,
     3 * R + NO + JI + WR + SE},
    {"does not settle", 0, 3 * R + RU + JI, ABORTS, 0},
    {"settled already", 0, 3 * R + NO + JI + SE, ABORTS, 0},
    {"complete", 0, 2 * R + CO + JI, ABORTS, 0},
    {"running and complete", 0, 3 * R + RU + CO + JI + SE, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(to_settled, (pirn__state_to_settled(s), NOTHING))

static const struct row end_settling_rows[] = {
    {"a Notified is queued", 0, 3 * R + RU + NO + JI + CA + SE, NOTHING, 3 * R + RU + NO + JI + CA},
    {"detached", 0, 1 * R + RU + CA + SE, NOTHING, 1 * R + RU + CA},
    {"does not settle", 0, 1 * R + RU + CA, ABORTS, 0},
    {"settled already", 0, 3 * R + NO + JI + SE, ABORTS, 0},
    {"running and complete", 0, 3 * R + RU + CO + JI + SE, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(end_settling, (pirn__state_end_settling(s), NOTHING))

static const struct row cancel_queued_rows[] = {
    {"queued", 0, 3 * R + NO + JI, NOTHING, 3 * R + NO + JI + CA},
    {"aborted already", 0, 3 * R + NO + JI + CA, NOTHING, 3 * R + NO + JI + CA},
    {"runs", 0, 3 * R + RU + JI, NOTHING, 3 * R + RU + JI + CA},
};

FOLLOWS_ITS_ROWS(cancel_queued, (pirn__state_cancel_queued(s), NOTHING))

static const struct row drop_join_rows[] = {
    {"nothing has happened yet", 0, 3 * R + NO + JI, JOIN_DROP_DONE, 2 * R + NO},
    {"idle", 0, 3 * R + JI, JOIN_DROP_DONE, 2 * R},
    {"idle, a waker is set", 0, 3 * R + JI + JW, JOIN_DROP_WAKER, 2 * R},
    {"idle, the waker was replaced", 0, 3 * R + JI + JW + WR, JOIN_DROP_WAKER, 2 * R + WR},
    {"runs", 0, 4 * R + RU + JI, JOIN_DROP_DONE, 3 * R + RU},
    {"runs, a waker is set", 0, 4 * R + RU + NO + JI + JW, JOIN_DROP_WAKER, 3 * R + RU + NO},
    {"aborted", 0, 3 * R + NO + JI + CA, JOIN_DROP_DONE, 2 * R + NO + CA},
    {"complete, alone", 0, 1 * R + CO + JI, JOIN_DROP_COMPLETE, 1 * R + CO + JI},
    {"complete, the completer is still waking", 0, 3 * R + CO + JI, JOIN_DROP_COMPLETE,
     3 * R + CO + JI},
    {"there is no join handle", 0, 3 * R + NO, ABORTS, 0},
    {"nobody would own the task", 0, 1 * R + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(drop_join, pirn__state_drop_join(s))

static const struct row ref_dec_join_rows[] = {
    {"alone", 0, 1 * R + CO + JI, true, 1 * R + CO + JI},
    {"alone, every other bit", 0, 1 * R + CO + NO + JI + CA, true, 1 * R + CO + NO + JI + CA},
    {"alone, the waker was replaced", 0, 1 * R + CO + JI + WR, true, 1 * R + CO + JI + WR},
    {"a waker is held, the join waker was replaced", 0, 2 * R + CO + JI + WR, false,
     1 * R + CO + WR},
    {"a waker is held", 0, 2 * R + CO + JI, false, 1 * R + CO},
    {"the completer is still waking", 0, 3 * R + CO + NO + JI + CA, false, 2 * R + CO + NO + CA},
    {"there is no join handle", 0, 1 * R + CO, ABORTS, 0},
    {"not complete", 0, 2 * R + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(ref_dec_join, pirn__state_ref_dec_join(s))

static const struct row set_join_waker_rows[] = {
    {"queued", 0, 3 * R + NO + JI, true, 3 * R + NO + JI + JW},
    {"runs", 0, 4 * R + RU + JI, true, 4 * R + RU + JI + JW},
    {"taken back before", 0, 3 * R + JI + WR, true, 3 * R + JI + JW + WR},
    {"completed meanwhile", 0, 2 * R + CO + JI, false, 2 * R + CO + JI},
    {"there is no join handle", 0, 3 * R + NO, ABORTS, 0},
    {"set already", 0, 3 * R + NO + JI + JW, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(set_join_waker, pirn__state_set_join_waker(s))

static const struct row unset_join_waker_rows[] = {
    {"idle", 0, 3 * R + JI + JW, true, 3 * R + JI + WR},
    {"again", 0, 3 * R + JI + JW + WR, true, 3 * R + JI + WR},
    {"runs, woken", 0, 4 * R + RU + NO + JI + JW, true, 4 * R + RU + NO + JI + WR},
    {"completed meanwhile", 0, 2 * R + CO + JI, false, 2 * R + CO + JI},
    {"there is no join handle", 0, 3 * R + JW, ABORTS, 0},
    {"not set", 0, 3 * R + JI, ABORTS, 0},
};

FOLLOWS_ITS_ROWS(unset_join_waker, pirn__state_unset_join_waker(s))

static int idle_by_an_older_guess(struct state *s, size_t arg)
{
    return (int)pirn__state_to_idle(s, arg != 0, older(pirn__state_peek(s)));
}

static int complete_by_an_older_guess(struct state *s, size_t arg)
{
    return (int)pirn__state_to_complete(s, arg, older(pirn__state_peek(s)), false);
}

Test(task_state, an_older_guess_changes_nothing)
{
    for (size_t i = 0; i < sizeof to_idle_rows / sizeof *to_idle_rows; i++)
        check(&to_idle_rows[i], idle_by_an_older_guess);
    for (size_t i = 0; i < sizeof to_complete_rows / sizeof *to_complete_rows; i++)
        if (to_complete_rows[i].arg < READ)
            check(&to_complete_rows[i], complete_by_an_older_guess);
}
