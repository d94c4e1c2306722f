/* SPDX-License-Identifier: MIT */
/* Do sleeps end at their times, and do they wait, change and go as they are told, in tasks and
 * elsewhere? On a clock that stands still. */
#include "paused.h"

/* ---- sleep ------------------------------------------------------------------------------------
 * */

Test(sleep, ends_at_its_deadline_to_the_nanosecond)
{
    static const int64_t lengths[] = {1,
                                      999,
                                      PIRN_MS,
                                      63 * PIRN_MS + 7,
                                      5 * PIRN_SEC,
                                      3600 * PIRN_SEC + 1,
                                      400 * 86400 * PIRN_SEC};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        pirn_time begin = time_of(h);
        struct sleeper s = {.at = begin + lengths[i]}, t = s;
        pirn_join *j = spawn(h, sleeper_poll, &t);

        EQ(block_on(h, sleeper_poll, &s), 0);
        EQ(s.woke - begin, lengths[i]);
        EQ(s.polls, 2);
        rt_idle(rt);
        EQ(t.woke - begin, lengths[i]);
        EQ(t.polls, 2);
        join_done(j, 0);
    }
    rt_free(rt);
}

Test(sleep, a_deadline_that_is_past_ends_at_the_first_poll)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time past[] = {INT64_MIN, -1, 0, 1, time_of(h), time_of(h) + 1500 * PIRN_US};

    /* The last is past, and after the tick. */
    EQ(pirn_clock_advance(h, 1500 * PIRN_US), 0);

    for (size_t i = 0; i < sizeof past / sizeof *past; i++) {
        struct sleeper s = {.at = past[i]}, t = s;
        pirn_join *j = spawn(h, sleeper_poll, &t);

        EQ(block_on(h, sleeper_poll, &s), 0);
        rt_idle(rt);
        EQ(s.polls, 1);
        EQ(t.polls, 1);
        CHECK(!pirn_op_is_pending(&s.op));
        join_done(j, 0);
    }
    rt_free(rt);
}

Test(sleep, tasks_wake_in_the_order_of_their_deadlines)
{
    enum {
        N = 200
    };
    static struct sleeper s[N];
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    pirn_join *j[N];

    sleeper_turns = 0;
    for (int i = 0; i < N; i++) {
        /* 7 and 200 have no common factor: each length once. */
        s[i] = (struct sleeper){.at = begin + (i * 7 % N + 1) * 10 * PIRN_MS};
        j[i] = spawn(h, sleeper_poll, &s[i]);
    }
    sleep_in(h, begin + (N + 1) * 10 * PIRN_MS);
    for (int i = 0; i < N; i++) {
        EQ(s[i].turn, i * 7 % N + 1);
        EQ(s[i].woke, s[i].at);
        join_done(j[i], 0);
    }
    rt_free(rt);
}

Test(sleep, those_of_one_deadline_wake_in_the_order_they_came)
{
    static struct sleeper s[50];
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time at = time_of(h) + 90 * PIRN_SEC;
    pirn_join *j[50];

    sleeper_turns = 0;
    for (int i = 0; i < 50; i++) {
        s[i].at = at;
        j[i] = spawn(h, sleeper_poll, &s[i]);
    }
    sleep_in(h, at + 1);
    for (int i = 0; i < 50; i++) {
        EQ(s[i].turn, i + 1);
        join_done(j[i], 0);
    }
    rt_free(rt);
}

/* An aborted sleep leaves nothing behind: the clock goes by its deadline without a stop. */
Test(sleep, an_abort_takes_the_timer_along)
{
    struct sleeper s = {.op.kind = NULL};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    pirn_join *j;

    s.at = begin + PIRN_SEC;
    j = spawn(h, sleeper_poll, &s);
    settle(h);
    EQ(s.polls, 1);
    pirn_join_abort(j);
    sleep_in(h, begin + 2 * PIRN_SEC);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    EQ(s.polls, 1);
    EQ(time_of(h), begin + 2 * PIRN_SEC);
    rt_free(rt);
}

/* The first deadline counts while it is pending; afterwards the op serves again. */
static int twice_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_op *op = user;
    pirn_time begin = pirn_now();
    static int at;

    switch (at) {
    case 0:
        EQ(pirn_sleep_poll(op, cx, begin + PIRN_SEC), PIRN_PENDING);
        EQ(pirn_sleep_poll(op, cx, begin - 1), PIRN_PENDING);
        at = 1;
        return PIRN_PENDING;
    case 1:
        EQ(pirn_sleep_poll(op, cx, PIRN_NEVER), 0);
        CHECK(!pirn_op_is_pending(op));
        EQ(pirn_sleep_poll(op, cx, begin + PIRN_SEC), PIRN_PENDING);
        at = 2;
        return PIRN_PENDING;
    default:
        EQ(pirn_sleep_poll(op, cx, 0), 0);
        *out = 7;
        return 0;
    }
}

Test(sleep, the_first_deadline_counts_and_an_op_serves_again)
{
    pirn_op op = {.kind = NULL};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);

    EQ(block_on(h, twice_poll, &op), 7);
    EQ(time_of(h), begin + 2 * PIRN_SEC);
    rt_free(rt);
}

/* What waits takes no budget, however often it is asked. */
static int asks_often_poll(void *user, pirn_cx *cx, int *out)
{
    int units = 0;

    for (int i = 0; i < 1000; i++)
        EQ(pirn_sleep_poll(user, cx, PIRN_NEVER), PIRN_PENDING);
    while (pirn_consume_budget_poll(cx) == 0)
        units++;
    *out = units;
    return 0;
}

Test(sleep, asking_takes_no_budget)
{
    pirn_op op[2] = {{.kind = NULL}, {.kind = NULL}};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = spawn(h, asks_often_poll, &op[0]);

    EQ(block_on(h, asks_often_poll, &op[1]), 128);
    settle(h);
    join_done(j, 128);
    rt_free(rt);
}

/* ---- by length --------------------------------------------------------------------------------
 * */

struct lasting {
    int64_t length;
    int polls, others; /* polls that look at it with the other call */
    pirn_time woke;
    pirn_op op;
};

static int lasting_poll(void *user, pirn_cx *cx, int *out)
{
    struct lasting *s = user;
    int r = s->polls++ < s->others ? pirn_sleep_poll(&s->op, cx, 0)
                                   : pirn_sleep_after_poll(&s->op, cx, s->length);

    if (r == 0) {
        s->woke = pirn_now();
        *out = 0;
    } else if (s->polls < 4) { /* looked at again, and its length does not begin again */
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    }
    return r;
}

Test(sleep_after, counts_from_the_first_call)
{
    static const struct {
        int64_t length, took;
        int polls;
    } rows[] = {
        {PIRN_SEC + 1, PIRN_SEC + 1, 5},
        {1, 1, 5},
        {0, 0, 1},
        {-1, 0, 1},
        {INT64_MIN, 0, 1},
        {86400 * PIRN_SEC, 86400 * PIRN_SEC, 5},
    };
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pirn_time begin = time_of(h);
        struct lasting s = {.length = rows[i].length}, t = s;
        pirn_join *j = spawn(h, lasting_poll, &t);

        EQ(block_on(h, lasting_poll, &s), 0);
        rt_idle(rt);
        EQ(s.woke - begin, rows[i].took);
        EQ(t.woke - begin, rows[i].took);
        EQ(s.polls, rows[i].polls);
        EQ(t.polls, rows[i].polls);
        join_done(j, 0);
    }
    rt_free(rt);
}

/* On a clock that runs: put off, then by the tick; looked at by both calls; never early. */
static int never_early_poll(void *user, pirn_cx *cx, int *out)
{
    struct lasting *s = user;
    pirn_time now;
    int r;

    if (s->polls++ == 0)
        s->woke = pirn_now() + s->length; /* before it begins */
    r = s->polls % 2 != 0 || s->polls == 2 ? pirn_sleep_after_poll(&s->op, cx, s->length)
                                           : pirn_sleep_poll(&s->op, cx, 0);
    now = pirn_now();
    if (r == 0) {
        CHECK(now >= s->woke);
        *out = 0;
    } else if (s->others != 0) {
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx)); /* never waits */
    }
    return r;
}

static int nothing_left_poll(void *user, pirn_cx *cx, int *out)
{
    *out = pirn_sleep_after_poll(user, cx, 0) == 0 && pirn_sleep_after_poll(user, cx, -1) == 0 &&
           pirn_timeout_after_poll(user, cx, 0, NULL, PIRN_PENDING) == -ETIMEDOUT;
    return 0;
}

Test(sleep_after, no_length_is_at_once_on_a_clock_that_runs)
{
    pirn_op op = {.kind = NULL};
    pirn_runtime *rt = rt_new();
    pirn_join *j = spawn(pirn_runtime_handle(rt), nothing_left_poll, &op);

    rt_idle(rt);
    join_done(j, 1);
    rt_free(rt);
}

/* The first call is in a poll that has not read the clock. */
static int unread_poll(void *user, pirn_cx *cx, int *out)
{
    struct lasting *s = user;

    if (s->polls++ == 0 && s->length != 0) {
        int r = pirn_sleep_after_poll(&s->op, cx, s->length);

        s->woke = pirn_now();
        EQ(r, PIRN_PENDING);
    } else if (pirn_sleep_after_poll(&s->op, cx, s->length) == 0) {
        CHECK(pirn_now() >= s->woke + s->length);
        *out = 0;
        return 0;
    }
    if (s->others != 0)
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

Test(sleep_after, is_never_early_on_a_clock_that_runs)
{
    static const int64_t lengths[] = {1, PIRN_US, 500 * PIRN_US, 3 * PIRN_MS};
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (int busy = 0; busy < 2; busy++) {
            struct lasting s = {.length = lengths[i], .others = busy}, t = s;
            struct joining a = {spawn(h, never_early_poll, &s), {.code = 0}};
            struct joining b = {spawn(h, unread_poll, &t), {.code = 0}};

            EQ(block_on(h, joining_poll, &a), 0);
            EQ(block_on(h, joining_poll, &b), 0);
        }
    rt_free(rt);
}

/* ---- reset ------------------------------------------------------------------------------------
 * */

struct resetting {
    pirn_time first, second;
    int when; /* 0: in the first poll; 1: in the next, when it waits; 2: when it has fired */
    int polls;
    pirn_time woke;
    pirn_op op, other;
};

static int resetting_poll(void *user, pirn_cx *cx, int *out)
{
    struct resetting *s = user;
    int r;

    s->polls++;
    if (s->polls == 1) {
        EQ(pirn_sleep_poll(&s->op, cx, s->first), PIRN_PENDING);
        if (s->when == 1) /* so that there is a next */
            EQ(pirn_sleep_poll(&s->other, cx, s->first / 2 + pirn_now() / 2), PIRN_PENDING);
    }
    if (s->polls == 2 && s->when == 1)
        EQ(pirn_sleep_poll(&s->other, cx, 0), 0);
    if (s->polls == (s->when == 0 ? 1 : 2)) {
        pirn_sleep_reset(&s->op, s->second);
        return PIRN_PENDING; /* without a look at it */
    }
    r = pirn_sleep_poll(&s->op, cx, 0);
    if (r == 0) {
        s->woke = pirn_now();
        *out = 0;
    }
    return r;
}

Test(reset, moves_the_deadline_of_a_task_whatever_it_does)
{
    static const int64_t seconds[][2] = {{10, 5}, {10, 20}, {10, 10}, {10, 90000}};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int when = 0; when < 3; when++)
        for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
            pirn_time begin = time_of(h), to = begin + seconds[i][1] * PIRN_SEC;
            struct resetting s = {.first = begin + seconds[i][0] * PIRN_SEC, .when = when};
            pirn_join *j;

            /* In a moment when the new deadline is past already, it is at once. */
            s.second = to;
            j = spawn(h, resetting_poll, &s);
            sleep_in(h, begin + 100000 * PIRN_SEC);
            EQ(s.polls, when == 0 ? 2 : 3);
            if (when == 1 && seconds[i][1] == 5)
                CHECK(s.woke >= to && s.woke <= begin + 5 * PIRN_SEC + 1);
            else
                EQ(s.woke, when == 2 && to < s.first ? s.first : to);
            join_done(j, 0);
        }
    rt_free(rt);
}

static int never_and_back_poll(void *user, pirn_cx *cx, int *out)
{
    struct resetting *s = user;
    int r;

    if (s->polls++ == 0) {
        EQ(pirn_sleep_poll(&s->op, cx, PIRN_NEVER), PIRN_PENDING);
        EQ(pirn_sleep_poll(&s->other, cx, s->first), PIRN_PENDING);
        return PIRN_PENDING;
    }
    if (s->polls == 2) {
        EQ(pirn_sleep_poll(&s->other, cx, 0), 0);
        pirn_sleep_reset(&s->op, s->second);
        return PIRN_PENDING;
    }
    r = pirn_sleep_poll(&s->op, cx, 0);
    s->woke = pirn_now();
    *out = 0;
    return r;
}

Test(reset, from_never_to_a_deadline)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    struct resetting s = {.first = begin + PIRN_SEC, .second = begin + 3 * PIRN_SEC};
    pirn_join *j = spawn(h, never_and_back_poll, &s);

    sleep_in(h, begin + 10 * PIRN_SEC);
    EQ(s.woke, s.second);
    join_done(j, 0);
    rt_free(rt);
}

static int root_resets_poll(void *user, pirn_cx *cx, int *out)
{
    struct resetting *s = user;
    int r;

    if (s->polls++ == 0) {
        EQ(pirn_sleep_poll(&s->op, cx, s->first), PIRN_PENDING);
        pirn_sleep_reset(&s->op, s->second); /* it waits with the waker it has */
        return PIRN_PENDING;
    }
    r = pirn_sleep_poll(&s->op, cx, 0);
    s->woke = pirn_now();
    *out = 0;
    return r;
}

Test(reset, of_a_root)
{
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    struct resetting s = {.first = begin + 9 * PIRN_SEC, .second = begin + PIRN_SEC};

    EQ(block_on(h, root_resets_poll, &s), 0);
    EQ(s.woke, begin + PIRN_SEC);
    s = (struct resetting){.first = begin + 9 * PIRN_SEC, .second = begin + 20 * PIRN_SEC};
    EQ(block_on(h, root_resets_poll, &s), 0);
    EQ(s.woke, begin + 20 * PIRN_SEC);
    pirn_sleep_reset(&s.op, 5); /* idle: nothing */
    CHECK(!pirn_op_is_pending(&s.op));
    rt_free(rt);
}

static void nothing(void *arg)
{
    (void)arg;
}

static int reset_wrong_poll(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    pirn_defer(user, cx, nothing, NULL);
    pirn_sleep_reset(user, 5);
    return 0;
}

static void reset_wrong(void)
{
    static pirn_op op;
    pirn_runtime *rt = rt_paused();

    (void)block_on(pirn_runtime_handle(rt), reset_wrong_poll, &op);
}

Test(reset, of_another_kind_is_misuse)
{
    expect_abort(reset_wrong, "pirn_sleep_reset");
}

/* ---- elsewhere than in tasks ----------------------------------------------------------------- */

static int poll_sleep(void *op, pirn_cx *cx, void *at)
{
    return pirn_sleep_poll(op, cx, *(pirn_time *)at);
}

Test(elsewhere, the_waker_of_the_last_poll_is_woken)
{
    struct wakes a = {0}, b = {0};
    pirn_waker wa = wakes_waker(&a), wb = wakes_waker(&b);
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time at = time_of(h) + PIRN_SEC;
    pirn_op op = {.kind = NULL};
    pirn_enter guard;

    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(pirn_poll_with(&wa, poll_sleep, &op, &at), PIRN_PENDING);
    EQ(pirn_poll_with(&wb, poll_sleep, &op, &at), PIRN_PENDING);
    EQ(a.drops, 1);
    EQ(pirn_clock_advance(NULL, PIRN_SEC - 1), 0);
    EQ(a.woken + b.woken, 0);
    EQ(pirn_clock_advance(NULL, 1), 0);
    EQ(a.woken, 0);
    EQ(b.woken, 1);
    EQ(pirn_poll_with(&wa, poll_sleep, &op, &at), 0);
    CHECK(!pirn_op_is_pending(&op));
    pirn_enter_exit(&guard);
    pirn_waker_drop(wa);
    pirn_waker_drop(wb);
    EQ(a.clones, a.drops);
    EQ(b.clones, b.drops);
    rt_free(rt);
}

Test(elsewhere, a_sleep_may_be_dropped_after_its_runtime)
{
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    pirn_runtime *rt = rt_paused();
    pirn_time at = PIRN_NEVER - 1;
    pirn_op op = {.kind = NULL}, gone = op;
    pirn_enter guard;

    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    EQ(pirn_poll_with(&waker, poll_sleep, &op, &at), PIRN_PENDING);
    EQ(pirn_poll_with(&waker, poll_sleep, &gone, &at), PIRN_PENDING);
    pirn_op_drop(&gone);
    pirn_enter_exit(&guard);
    pirn_runtime_free(rt);
    EQ(w.woken, 1); /* to be told that it has ended */
    EQ(pirn_poll_with(&waker, poll_sleep, &op, &at), PIRN_ESHUTDOWN);
    SAYS("pirn_sleep_poll");
    pirn_waker_drop(waker);
    EQ(w.clones, w.drops);
    EQ(tally.live, 0);
}

Test(elsewhere, without_a_runtime_there_are_no_timers)
{
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    pirn_time at = 0;
    pirn_op op = {.kind = NULL};

    EQ(pirn_poll_with(&waker, poll_sleep, &op, &at), PIRN_ENORUNTIME);
    SAYS("pirn_sleep_poll");
    CHECK(!pirn_op_is_pending(&op));
    pirn_waker_drop(waker);
}

Test(elsewhere, a_stopped_runtime_refuses)
{
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    pirn_runtime *rt = rt_paused();
    pirn_time at = PIRN_NEVER - 1;
    pirn_op op = {.kind = NULL};
    pirn_enter guard;

    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    EQ(pirn_poll_with(&waker, poll_sleep, &op, &at), PIRN_ESHUTDOWN);
    CHECK(!pirn_op_is_pending(&op));
    pirn_enter_exit(&guard);
    pirn_waker_drop(waker);
    EQ(w.clones, w.drops);
    rt_free(rt);
}

/* ---- forgotten wakes --------------------------------------------------------------------------
 * */

static int sleeps_for_ever_poll(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    return pirn_sleep_poll(user, cx, PIRN_NEVER);
}

Test(sleep, who_sleeps_is_not_forgotten_nor_for_ever)
{
    pirn_op op = {.kind = NULL};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct sleeper s = {.at = time_of(h) + PIRN_SEC};
    pirn_join *j = spawn(h, sleeps_for_ever_poll, &op), *k = spawn(h, sleeper_poll, &s);

    settle(h);
    EQ(metrics_of(h).forgotten_wakes, 0);
    sleep_in(h, time_of(h) + 2 * PIRN_SEC);
    EQ(metrics_of(h).forgotten_wakes, 0);
    join_done(k, 0);
    pirn_join_free(j);
    rt_free(rt);
}
