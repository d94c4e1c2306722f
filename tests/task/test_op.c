/* SPDX-License-Identifier: MIT */
/* Is an operation idle or pending, listed once, and dropped at most once per time pending? */
#include "task/op.h"

#include <criterion/criterion.h>
#include <string.h>

#include "task/cx.h"
#include "tests/support/death.h"
#include "tests/support/trace.h"

static pirn_op ops[4];
static pirn_op *head;
static struct pirn_cx cx = {.ops = &head};
static struct trace trace;

static void drop_named(void *state)
{
    trace_word(&trace, state);
}

static const pirn_op_kind named = {sizeof(pirn_op_kind), "named", drop_named};
static const pirn_op_kind other = {sizeof(pirn_op_kind), "other", drop_named};
static const pirn_op_kind silent = {sizeof(pirn_op_kind), "silent", NULL};
static const pirn_op_kind small = {sizeof(pirn_op_kind) - 1, "small", NULL};

static void begin(unsigned i, const char *name)
{
    memcpy(pirn_op_state(&ops[i], &cx, &named), name, strlen(name) + 1);
}

static void drop_all(void)
{
    while (head != NULL)
        pirn__op_drop_listed(head);
}

static void expect_trace(const char *wanted)
{
    const char *got = trace_take(&trace);

    cr_expect_str_eq(got, wanted, "dropped \"%s\", not \"%s\"", got, wanted);
}

Test(op, state_is_zeroed_and_stays_while_pending)
{
    static const char zero[PIRN_OP_STATE];
    char *state;

    memset(&ops[0], 0xee, sizeof ops[0]);
    ops[0].kind = NULL;
    cr_expect_not(pirn_op_is_pending(&ops[0]));
    state = pirn_op_state(&ops[0], &cx, &named);
    cr_expect_eq(memcmp(state, zero, sizeof zero), 0);
    cr_expect_eq((uintptr_t)state % 8, 0);
    cr_expect_gt(state, (char *)&ops[0]);
    cr_expect_geq((char *)(&ops[0] + 1) - state, PIRN_OP_STATE);
    cr_expect(pirn_op_is_pending(&ops[0]));
    memset(state, 7, PIRN_OP_STATE);
    cr_expect_eq(pirn_op_state(&ops[0], &cx, &named), state);
    cr_expect_eq(state[PIRN_OP_STATE - 1], 7);
    pirn_op_done(&ops[0]);
    cr_expect_not(pirn_op_is_pending(&ops[0]));
    cr_expect_null(head);
    state = pirn_op_state(&ops[0], &cx, &other);
    cr_expect_eq(state[0], 0, "idle, it serves any call");
}

Test(op, dropped_newest_first)
{
    begin(0, "a");
    begin(2, "c");
    begin(1, "b");
    begin(3, "d");
    begin(2, "c"); /* resumed: stays where it is */
    drop_all();
    expect_trace("d b c a");
    for (unsigned i = 0; i < 4; i++)
        cr_expect_not(pirn_op_is_pending(&ops[i]));
}

Test(op, taken_out_from_anywhere)
{
    for (unsigned out = 0; out < 4; out++) {
        static const char *const rest[] = {"d c b", "d c a", "d b a", "c b a"};
        static const char *const names[] = {"a", "b", "c", "d"};

        for (unsigned i = 0; i < 4; i++)
            begin(i, names[i]);
        if (out % 2 == 0) {
            pirn_op_done(&ops[out]);
            expect_trace("");
        } else {
            pirn_op_drop(&ops[out]);
            pirn_op_drop(&ops[out]);
            expect_trace(names[out]);
        }
        drop_all();
        expect_trace(rest[out]);
    }
}

static void drop_itself(void *state)
{
    (void)state;
    trace_word(&trace, "self");
    cr_expect_not(pirn_op_is_pending(&ops[0]));
    pirn_op_drop(&ops[0]);
    pirn_op_drop(&ops[1]);
}

static const pirn_op_kind selfish = {sizeof(pirn_op_kind), "selfish", drop_itself};

Test(op, a_drop_may_drop_again_and_others)
{
    begin(1, "b");
    cr_assert_not_null(pirn_op_state(&ops[0], &cx, &selfish));
    begin(2, "c");
    drop_all();
    expect_trace("c self b");
}

Test(op, a_kind_without_drop_and_nothing_at_all)
{
    cr_assert_not_null(pirn_op_state(&ops[0], &cx, &silent));
    drop_all();
    cr_expect_not(pirn_op_is_pending(&ops[0]));
    pirn_op_drop(NULL);
    pirn_op_drop(&ops[1]);
    cr_expect_not(pirn_op_is_pending(NULL));
}

Test(op, outside_of_a_task_it_is_listed_nowhere)
{
    struct pirn_cx nowhere = {.ops = NULL};

    strcpy(pirn_op_state(&ops[0], &nowhere, &named), "x");
    cr_expect_null(head);
    pirn_op_drop(&ops[0]);
    expect_trace("x");
}

Test(op, the_list_may_get_another_head)
{
    pirn_op *moved;

    begin(0, "a");
    begin(1, "b");
    moved = head;
    pirn__op_rehead(&moved);
    head = NULL;
    pirn_op_done(&ops[1]);
    cr_expect_eq(moved, &ops[0]);
    pirn_op_drop(&ops[0]);
    cr_expect_null(moved);
    pirn__op_rehead(&moved);
    expect_trace("a");
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static void call_another_kind(void *arg)
{
    (void)arg;
    (void)!pirn_op_state(&ops[0], &cx, &other);
}

static void call_with(void *kind)
{
    (void)!pirn_op_state(&ops[1], &cx, kind);
}

static void defer_nothing(void *arg)
{
    (void)arg;
    pirn_defer(&ops[1], &cx, NULL, NULL);
}

Test(op, misuse_names_the_call)
{
    begin(0, "a");
    cr_expect(dies_saying(call_another_kind, NULL, "pirn_op_state"));
    cr_expect(dies_saying(call_with, NULL, "pirn_op_state"));
    cr_expect(dies_saying(call_with, (void *)(uintptr_t)&small, "pirn_op_state"));
    cr_expect(dies_saying(defer_nothing, NULL, "pirn_defer"));
}

/* ---- pirn_defer ------------------------------------------------------------------------------- */

/* An argument is not const. */
static char *text(const char *s)
{
    static char kept[4][16];
    static unsigned n;

    return strcpy(kept[n++ % 4], s);
}

static void note(void *arg)
{
    trace_word(&trace, arg);
}

Test(op, deferred_functions_run_among_the_operations)
{
    begin(0, "a");
    pirn_defer(&ops[1], &cx, note, text("deferred"));
    pirn_defer(&ops[1], &cx, note, text("not this one"));
    begin(2, "c");
    drop_all();
    expect_trace("c deferred a");

    pirn_defer(&ops[1], &cx, note, text("again"));
    pirn_op_drop(&ops[1]);
    expect_trace("again");

    pirn_defer(&ops[1], &cx, note, text("taken back"));
    pirn_op_done(&ops[1]);
    drop_all();
    expect_trace("");
}
