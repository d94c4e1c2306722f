/* SPDX-License-Identifier: MIT */
/* Do poll functions written with pirn/async.h go on where they stopped, and drop what lost? */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <pirn/async.h>

#include "tests/support/death.h"
#include "tests/support/trace.h"

static struct trace trace;

static void expect_trace(const char *wanted)
{
    const char *got = trace_take(&trace);

    cr_expect_str_eq(got, wanted, "\"%s\", not \"%s\"", got, wanted);
}

/* ---- an operation that is done when told ------------------------------------------------------- */

struct gate {
    const char *name;
    int result; /* PIRN_PENDING until it is opened */
};

static void gate_drop(void *state)
{
    const struct gate *g;

    memcpy(&g, state, sizeof g);
    trace_word(&trace, "drop");
    trace_word(&trace, g->name);
}

static const pirn_op_kind gate_kind = {sizeof(pirn_op_kind), "gate", gate_drop};

static int gate_poll(pirn_op *op, pirn_cx *cx, const struct gate *g)
{
    void *state = pirn_op_state(op, cx, &gate_kind);

    trace_word(&trace, g->name);
    memcpy(state, &g, sizeof g);
    if (g->result != PIRN_PENDING)
        pirn_op_done(op);
    return g->result;
}

static struct gate gates[8] = {
    {"a", PIRN_PENDING}, {"b", PIRN_PENDING}, {"c", PIRN_PENDING}, {"d", PIRN_PENDING},
    {"e", PIRN_PENDING}, {"f", PIRN_PENDING}, {"g", PIRN_PENDING}, {"h", PIRN_PENDING},
};

static void close_gates(void)
{
    for (unsigned i = 0; i < 8; i++)
        gates[i].result = PIRN_PENDING;
}

/* One frame serves all functions under test. */
struct frame {
    PIRN_FRAME;
    int i, sum;
    unsigned mask;
    int r[8];
    pirn_op op[8];
    struct inner {
        PIRN_FRAME;
        int i;
        pirn_op op;
    } inner;
};

static struct frame frame;

static int poll_once(int (*poll)(void *, pirn_cx *, void *))
{
    return pirn_poll_with(NULL, poll, &frame, NULL);
}

static void expect_fresh(void)
{
    cr_expect_eq(frame.pirn_at_, 0, "the frame is not fresh");
}

/* ---- await ---------------------------------------------------------------------------------------- */

static int loop_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;
    int r;

    (void)out;
    trace_word(&trace, "poll");
    PIRN_BEGIN(f);
    trace_word(&trace, "begin");
    for (f->i = 0; f->i < 3; f->i++) {
        if (f->i == 1)
            continue;
        PIRN_AWAIT(f, r = gate_poll(&f->op[0], cx, &gates[f->i]));
        f->sum += r;
        if (r == -EIO)
            break;
    }
    trace_word(&trace, "end");
    PIRN_END(f);
}

Test(async, goes_on_inside_the_users_loop)
{
    cr_expect_eq(poll_once(loop_poll), PIRN_PENDING);
    expect_trace("poll begin a");
    cr_expect_eq(poll_once(loop_poll), PIRN_PENDING);
    expect_trace("poll a");
    gates[0].result = -EAGAIN;
    cr_expect_eq(poll_once(loop_poll), PIRN_PENDING);
    expect_trace("poll a c");
    gates[2].result = 0;
    cr_expect_eq(poll_once(loop_poll), 0);
    expect_trace("poll c end");
    cr_expect_eq(frame.sum, -EAGAIN);
    expect_fresh();

    /* Again from the top, through a break this time. */
    gates[0].result = -EIO;
    cr_expect_eq(poll_once(loop_poll), 0);
    expect_trace("poll begin a end");
    expect_fresh();
}

static int line_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    f->i = __LINE__ + 1;
    PIRN_AWAIT(f, r = gate_poll(&f->op[0], cx, &gates[0]));
    cr_expect_eq(f->pirn_at_, 0, "stored when it suspends, cleared on entry");
    f->i = __LINE__ + 1;
    PIRN_AWAIT(f, r = gate_poll(&f->op[0], cx, &gates[1]));
    if (r < 0)
        return r;
    PIRN_END(f);
}

Test(async, the_line_it_waits_at_is_in_the_first_word)
{
    cr_expect_eq(poll_once(line_poll), PIRN_PENDING);
    cr_expect_eq(frame.pirn_at_, PIRN_FRAME_MARK + (uint32_t)frame.i);
    gates[0].result = 0;
    cr_expect_eq(poll_once(line_poll), PIRN_PENDING);
    cr_expect_eq(frame.pirn_at_, PIRN_FRAME_MARK + (uint32_t)frame.i);
    gates[1].result = -EPIPE;
    cr_expect_eq(poll_once(line_poll), -EPIPE);
    expect_fresh();
    cr_expect_eq(offsetof(struct frame, pirn_at_), 0);
}

static int returns_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    trace_word(&trace, "begin");
    PIRN_AWAIT(f, r = gate_poll(&f->op[0], cx, &gates[0]));
    if (r < 0)
        return PIRN_PENDING; /* by hand: ends the run as well */
    PIRN_TRY(f, gate_poll(&f->op[0], cx, &gates[1]));
    trace_word(&trace, "end");
    PIRN_END(f);
}

Test(async, a_plain_return_leaves_the_frame_fresh)
{
    cr_expect_eq(poll_once(returns_poll), PIRN_PENDING);
    gates[0].result = -1;
    cr_expect_eq(poll_once(returns_poll), PIRN_PENDING);
    expect_fresh();
    gates[0].result = 0;
    cr_expect_eq(poll_once(returns_poll), PIRN_PENDING);
    expect_trace("begin a a begin a b");
}

Test(async, try_returns_the_error_and_nothing_else)
{
    gates[0].result = 0;
    gates[1].result = -ENOSPC;
    cr_expect_eq(poll_once(returns_poll), -ENOSPC);
    expect_fresh();
    gates[1].result = 0;
    cr_expect_eq(poll_once(returns_poll), 0);
    expect_trace("begin a b begin a b end");
}

static int inner_poll(struct inner *f, pirn_cx *cx)
{
    PIRN_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++)
        PIRN_TRY(f, gate_poll(&f->op, cx, &gates[f->i]));
    PIRN_END(f);
}

static int outer_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;

    (void)out;
    PIRN_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++)
        PIRN_TRY(f, inner_poll(&f->inner, cx));
    PIRN_END(f);
}

Test(async, a_frame_inside_a_frame)
{
    cr_expect_eq(poll_once(outer_poll), PIRN_PENDING);
    gates[0].result = 0;
    cr_expect_eq(poll_once(outer_poll), PIRN_PENDING);
    expect_trace("a a b");
    gates[1].result = 0;
    gates[0].result = PIRN_PENDING;
    cr_expect_eq(poll_once(outer_poll), PIRN_PENDING);
    expect_trace("b a"); /* done once, begun again */
    cr_expect_eq(frame.i, 1);
    gates[0].result = -EINTR;
    cr_expect_eq(poll_once(outer_poll), -EINTR);
    cr_expect_eq(frame.inner.pirn_at_, 0);
    expect_fresh();
}

static int yield_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;

    (void)out;
    PIRN_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++)
        PIRN_YIELD(f, cx);
    PIRN_END(f);
}

Test(async, yields_once_each_time)
{
    cr_expect_eq(poll_once(yield_poll), PIRN_PENDING);
    cr_expect_eq(poll_once(yield_poll), PIRN_PENDING);
    cr_expect_eq(poll_once(yield_poll), 0);
    expect_fresh();
}

/* ---- select --------------------------------------------------------------------------------------- */

static int select_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;
    int r;
    unsigned won;

    (void)out;
    PIRN_BEGIN(f);
    PIRN_SELECT(f, won, r, &f->op[0], gate_poll(&f->op[0], cx, &gates[0]), /* three ops, */
                NULL, gate_poll(&f->op[1], cx, &gates[1]),                 /* one kept */
                &f->op[2], gate_poll(&f->op[2], cx, &gates[2]), &f->op[3],
                gate_poll(&f->op[3], cx, &gates[3]));
    trace_word(&trace, "won");
    f->i = (int)won;
    f->sum = r;
    PIRN_END(f);
}

Test(async, select_polls_in_order_and_drops_the_losers_newest_first)
{
    cr_expect_eq(poll_once(select_poll), PIRN_PENDING);
    expect_trace("a b c d");
    cr_expect_eq(poll_once(select_poll), PIRN_PENDING);
    expect_trace("a b c d");
    gates[2].result = -ECONNRESET;
    gates[3].result = 0;
    cr_expect_eq(poll_once(select_poll), 0);
    expect_trace("a b c drop d drop a won");
    cr_expect_eq(frame.i, 2);
    cr_expect_eq(frame.sum, -ECONNRESET);
    cr_expect_not(pirn_op_is_pending(&frame.op[0]));
    cr_expect(pirn_op_is_pending(&frame.op[1]), "given as NULL it stays");
    cr_expect_not(pirn_op_is_pending(&frame.op[2]));
    cr_expect_not(pirn_op_is_pending(&frame.op[3]));
    expect_fresh();

    /* The one that stayed goes on; what was never begun is not dropped. */
    gates[0].result = 0;
    cr_expect_eq(poll_once(select_poll), 0);
    expect_trace("a won");
    cr_expect_eq(frame.i, 0);
    gates[0].result = PIRN_PENDING;
    gates[1].result = 0;
    cr_expect_eq(poll_once(select_poll), 0);
    expect_trace("a b drop a won");
    cr_expect_eq(frame.i, 1);
}

static int select_eight_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    PIRN_SELECT(f, f->i, r, &f->op[0], gate_poll(&f->op[0], cx, &gates[0]), &f->op[1],
                gate_poll(&f->op[1], cx, &gates[1]), &f->op[2], gate_poll(&f->op[2], cx, &gates[2]),
                &f->op[3], gate_poll(&f->op[3], cx, &gates[3]), &f->op[4],
                gate_poll(&f->op[4], cx, &gates[4]), &f->op[5], gate_poll(&f->op[5], cx, &gates[5]),
                &f->op[6], gate_poll(&f->op[6], cx, &gates[6]), &f->op[7],
                gate_poll(&f->op[7], cx, &gates[7]));
    f->sum = r;
    PIRN_END(f);
}

Test(async, any_of_eight_may_win)
{
    static const char *const wanted[8] = {
        "a drop h drop g drop f drop e drop d drop c drop b",
        "a b drop h drop g drop f drop e drop d drop c drop a",
        "a b c drop h drop g drop f drop e drop d drop b drop a",
        "a b c d drop h drop g drop f drop e drop c drop b drop a",
        "a b c d e drop h drop g drop f drop d drop c drop b drop a",
        "a b c d e f drop h drop g drop e drop d drop c drop b drop a",
        "a b c d e f g drop h drop f drop e drop d drop c drop b drop a",
        "a b c d e f g h drop g drop f drop e drop d drop c drop b drop a",
    };

    for (int i = 0; i < 8; i++) {
        close_gates();
        cr_expect_eq(poll_once(select_eight_poll), PIRN_PENDING);
        expect_trace("a b c d e f g h");
        gates[i].result = -i;
        cr_expect_eq(poll_once(select_eight_poll), 0);
        expect_trace(wanted[i]);
        cr_expect_eq(frame.i, i);
        cr_expect_eq(frame.sum, -i);
    }
}

/* ---- join all -------------------------------------------------------------------------------------- */

static int join_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;

    (void)out;
    PIRN_BEGIN(f);
    PIRN_JOIN_ALL(f, f->mask, f->r[0] = gate_poll(&f->op[0], cx, &gates[0]),
                  f->r[1] = gate_poll(&f->op[1], cx, &gates[1]),
                  f->r[2] = gate_poll(&f->op[2], cx, &gates[2]));
    trace_word(&trace, "all");
    PIRN_END(f);
}

Test(async, join_all_waits_for_all_and_an_error_ends_none)
{
    cr_expect_eq(poll_once(join_poll), PIRN_PENDING);
    gates[1].result = -EIO;
    cr_expect_eq(poll_once(join_poll), PIRN_PENDING);
    gates[1].result = 0; /* not asked again */
    gates[2].result = 0;
    cr_expect_eq(poll_once(join_poll), PIRN_PENDING);
    gates[0].result = -EPIPE;
    cr_expect_eq(poll_once(join_poll), 0);
    expect_trace("a b c b c a c a a all");
    cr_expect_eq(frame.r[0], -EPIPE);
    cr_expect_eq(frame.r[1], -EIO);
    cr_expect_eq(frame.r[2], 0);
    cr_expect_eq(frame.mask, 0);
    expect_fresh();

    gates[0].result = 0;
    cr_expect_eq(poll_once(join_poll), 0, "all at once");
    expect_trace("a b c all");
    cr_expect_eq(frame.mask, 0);
}

Test(async, every_poll_of_a_join_begins_one_further_on)
{
    for (unsigned i = 0; i < 5; i++)
        cr_expect_eq(poll_once(join_poll), PIRN_PENDING);
    expect_trace("a b c b c a c a b a b c b c a");
}

static int join_eight_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;

    (void)out;
    PIRN_BEGIN(f);
    PIRN_JOIN_ALL(f, f->mask, f->r[0] = gate_poll(&f->op[0], cx, &gates[0]),
                  f->r[1] = gate_poll(&f->op[1], cx, &gates[1]),
                  f->r[2] = gate_poll(&f->op[2], cx, &gates[2]),
                  f->r[3] = gate_poll(&f->op[3], cx, &gates[3]),
                  f->r[4] = gate_poll(&f->op[4], cx, &gates[4]),
                  f->r[5] = gate_poll(&f->op[5], cx, &gates[5]),
                  f->r[6] = gate_poll(&f->op[6], cx, &gates[6]),
                  f->r[7] = gate_poll(&f->op[7], cx, &gates[7]));
    PIRN_JOIN_ALL(f, f->mask, f->sum = gate_poll(&f->op[0], cx, &gates[0]));
    PIRN_END(f);
}

Test(async, eight_and_one_are_joined)
{
    for (int i = 7; i >= 0; i--) {
        cr_expect_eq(poll_once(join_eight_poll), PIRN_PENDING);
        gates[i].result = -i - 10;
    }
    cr_expect_eq(poll_once(join_eight_poll), 0);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(frame.r[i], -i - 10);
    cr_expect_eq(frame.sum, -10);
    cr_expect_eq(frame.mask, 0);
}

/* ---- what goes wrong ------------------------------------------------------------------------------- */

static int in_a_switch_poll(void *p, pirn_cx *cx, void *out)
{
    struct frame *f = p;

    (void)out;
    PIRN_BEGIN(f);
    /* 64 bits wide, so that no compiler notices. */
    switch ((uint64_t)f->sum) {
    case 0:
        PIRN_TRY(f, gate_poll(&f->op[0], cx, &gates[0]));
        break;
    default:
        break;
    }
    PIRN_END(f);
}

static void poll_twice(void *arg)
{
    int (**poll)(void *, pirn_cx *, void *) = arg;

    if (poll_once(*poll) == PIRN_PENDING)
        (void)poll_once(*poll);
}

Test(async, an_await_in_a_switch_of_the_users_is_reported_when_it_goes_on)
{
    int (*poll)(void *, pirn_cx *, void *) = in_a_switch_poll;

    cr_expect(dies_saying(poll_twice, &poll, "PIRN_BEGIN"));
    cr_expect(dies_saying(poll_twice, &poll, "in_a_switch_poll() at "));
    cr_expect(dies_saying(poll_twice, &poll, "inside a switch"));
    gates[0].result = 0;
    cr_expect_eq(poll_once(in_a_switch_poll), 0, "no harm while it does not wait");
}

static void poll_loop(void *arg)
{
    frame.pirn_at_ = *(const uint32_t *)arg;
    (void)poll_once(loop_poll);
}

Test(async, a_frame_that_was_not_zeroed_is_reported)
{
    uint32_t words[] = {1, 2, 0xfefefefe, UINT32_MAX, __LINE__};

    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        cr_expect(dies_saying(poll_loop, &words[i], "not zeroed"));
    /* What an await of another function left. */
    words[0] = PIRN_FRAME_MARK + 1;
    cr_expect(dies_saying(poll_loop, &words[0], "at line 1,"));
}
