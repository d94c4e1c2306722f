/* SPDX-License-Identifier: MIT */
/* Do intervals tick at their times, and what becomes of the ticks that nobody took? On a clock that
 * stands still. */
#include "paused.h"

enum {
    TICKS = 12
};

/* Takes ticks; before those whose pause is set it lets time pass, inside its poll. */
struct ticking {
    pirn_interval i;
    int64_t pause[TICKS]; /* before it asks for this tick */
    int wanted, got;
    bool asked; /* for the next one: its pause is over */
    pirn_time at[TICKS];
    uint64_t missed[TICKS];
};

static int ticking_poll(void *user, pirn_cx *cx, int *out)
{
    struct ticking *t = user;

    *out = 0;
    while (t->got < t->wanted) {
        int r;

        if (!t->asked && t->pause[t->got] != 0)
            EQ(pirn_clock_advance(NULL, t->pause[t->got]), 0);
        t->asked = true;
        r = pirn_interval_poll(&t->i, cx, &t->missed[t->got]);
        if (r != 0)
            return r;
        t->at[t->got++] = pirn_now();
        t->asked = false;
    }
    return 0;
}

struct wanted {
    int64_t ms;
    uint64_t missed;
};

/* Every 100 ms, from now on. */
static void ticks_are(enum pirn_missed mode, const int64_t *pause_ms, const struct wanted *w, int n)
{
    for (int as_task = 0; as_task < 2; as_task++) {
        pirn_runtime *rt = rt_paused();
        pirn_handle *h = pirn_runtime_handle(rt);
        pirn_time begin = time_of(h);
        struct ticking t = {.wanted = n};

        pirn_interval_init(&t.i, begin, 100 * PIRN_MS, mode);
        for (int i = 0; i < n; i++)
            t.pause[i] = pause_ms[i] * PIRN_MS;
        if (as_task) {
            pirn_join *j = spawn(h, ticking_poll, &t);

            sleep_in(h, begin + 3600 * PIRN_SEC);
            join_done(j, 0);
        } else {
            EQ(block_on(h, ticking_poll, &t), 0);
        }
        for (int i = 0; i < n; i++) {
            CHECK_SAYS(t.at[i] - begin == w[i].ms * PIRN_MS, "tick %d at %lld", i,
                       (long long)(t.at[i] - begin));
            CHECK_SAYS(t.missed[i] == w[i].missed, "tick %d has missed %llu", i,
                       (unsigned long long)t.missed[i]);
        }
        CHECK(!pirn_op_is_pending(&t.i.op));
        rt_free(rt);
    }
}

Test(interval, ticks_at_once_and_then_every_period)
{
    static const int64_t pause[] = {0, 0, 0, 0};
    static const struct wanted w[] = {{0, 0}, {100, 0}, {200, 0}, {300, 0}};

    for (int mode = 0; mode <= 2; mode++)
        ticks_are((enum pirn_missed)mode, pause, w, 4);
}

Test(interval, up_to_5_ms_are_not_late)
{
    static const int64_t pause[] = {0, 105, 0, 0};
    static const struct wanted w[] = {{0, 0}, {105, 0}, {200, 0}, {300, 0}};

    for (int mode = 0; mode <= 2; mode++)
        ticks_are((enum pirn_missed)mode, pause, w, 4);
}

Test(interval, burst_catches_up)
{
    static const int64_t pause[] = {0, 350, 0, 0, 0, 0};
    static const struct wanted w[] = {{0, 0}, {350, 2}, {350, 1}, {350, 0}, {400, 0}, {500, 0}};

    ticks_are(PIRN_MISSED_BURST, pause, w, 6);
}

Test(interval, delay_counts_from_the_late_tick)
{
    static const int64_t pause[] = {0, 350, 0, 106, 0};
    static const struct wanted w[] = {{0, 0}, {350, 2}, {450, 0}, {556, 0}, {656, 0}};

    ticks_are(PIRN_MISSED_DELAY, pause, w, 5);
}

Test(interval, skip_goes_on_at_the_next_multiple)
{
    static const int64_t pause[] = {0, 350, 0, 0, 600, 0};
    static const struct wanted w[] = {{0, 0}, {350, 2}, {400, 0}, {500, 0}, {1100, 5}, {1200, 0}};

    ticks_are(PIRN_MISSED_SKIP, pause, w, 6);
}

static int reset_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_interval *i = user;
    static int at;
    int r;

    switch (at) {
    case 0:
        EQ(pirn_interval_poll(i, cx, NULL), PIRN_PENDING); /* for a tick in 50 s */
        pirn_interval_reset(i, pirn_after(2 * PIRN_SEC));
        at = 1;
        return PIRN_PENDING; /* without another look */
    case 1:
        EQ(pirn_interval_poll(i, cx, NULL), 0);
        EQ(i->next, pirn_now() + 10 * PIRN_SEC);
        pirn_interval_reset(i, pirn_now());
        EQ(pirn_interval_poll(i, cx, NULL), 0);
        at = 2;
    }
    r = pirn_interval_poll(i, cx, NULL);
    *out = 0;
    return r;
}

Test(interval, is_reset_waiting_or_not)
{
    pirn_interval i;
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);
    pirn_join *j;

    pirn_interval_init(&i, begin + 50 * PIRN_SEC, 10 * PIRN_SEC, PIRN_MISSED_BURST);
    j = spawn(h, reset_poll, &i);
    sleep_in(h, begin + 12 * PIRN_SEC);
    settle(h);
    join_done(j, 0);
    EQ(i.next, begin + 22 * PIRN_SEC);
    rt_free(rt);
}

static int to_the_end_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_interval *i = user;
    int r;

    *out = 0;
    while ((r = pirn_interval_poll(i, cx, NULL)) == 0) {
        if (i->next == PIRN_NEVER)
            return 0;
    }
    return r;
}

Test(interval, a_tick_beyond_all_time_never_comes)
{
    static const int64_t periods[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int mode = 0; mode <= 2; mode++) {
        pirn_interval i;

        pirn_interval_init(&i, 0, periods[mode], (enum pirn_missed)mode);
        i.next = 1; /* 0 and less are never late */
        EQ(block_on(h, to_the_end_poll, &i), 0);
        EQ(i.next, PIRN_NEVER);
    }
    rt_free(rt);
}

/* Any first time is one, also long before the clock began. */
Test(interval, begins_at_any_time)
{
    static const pirn_time firsts[] = {-PIRN_SEC, -3600 * PIRN_SEC, INT64_MIN + 1, INT64_MIN};
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int mode = 0; mode <= 2; mode++)
        for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
            struct ticking t = {.wanted = 3};
            pirn_time now = time_of(h);

            pirn_interval_init(&t.i, firsts[i], PIRN_SEC, (enum pirn_missed)mode);
            EQ(block_on(h, ticking_poll, &t), 0);
            CHECK(t.missed[0] != 0);
            EQ(t.at[0], now);
            CHECK(t.i.next != PIRN_NEVER);
            if (mode == PIRN_MISSED_BURST)
                EQ(t.i.next - firsts[i], 3 * PIRN_SEC);
            else if (mode == PIRN_MISSED_DELAY)
                EQ(t.at[2] - now, 2 * PIRN_SEC);
            else
                CHECK(t.at[1] > now && t.at[1] - now <= PIRN_SEC && t.at[2] - t.at[1] == PIRN_SEC);
        }
    rt_free(rt);
}

/* Budget: a tick is a unit, so that one that is always due lets others run. */
static int always_due_poll(void *user, pirn_cx *cx, int *out)
{
    struct ticking *t = user;
    int r = 0;

    *out = 0;
    while (t->got < 300 && (r = pirn_interval_poll(&t->i, cx, NULL)) == 0)
        t->got++;
    t->wanted++;
    return t->got < 300 ? r : 0;
}

Test(interval, ticks_take_budget)
{
    struct ticking t = {.got = 0};
    pirn_runtime *rt = rt_paused();

    pirn_interval_init(&t.i, 1, 1, PIRN_MISSED_BURST);
    EQ(block_on(pirn_runtime_handle(rt), always_due_poll, &t), 0);
    EQ(t.got, 300);
    EQ(t.wanted, 3); /* polls: 128, 128, 44 */
    rt_free(rt);
}

/* Dropped while it waits: the tick is still to come. */
static int drop_and_go_on_poll(void *user, pirn_cx *cx, int *out)
{
    pirn_interval *i = user;

    *out = 0;
    pirn_op_drop(&i->op);
    return pirn_interval_poll(i, cx, NULL);
}

Test(interval, a_drop_loses_no_tick)
{
    pirn_interval i;
    pirn_runtime *rt = rt_paused();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time begin = time_of(h);

    pirn_interval_init(&i, begin + 10 * PIRN_SEC, 10 * PIRN_SEC, PIRN_MISSED_BURST);
    EQ(block_on(h, drop_and_go_on_poll, &i), 0);
    EQ(time_of(h), begin + 10 * PIRN_SEC);
    EQ(i.next, begin + 20 * PIRN_SEC);
    rt_free(rt);
}

/* ---- misuse -----------------------------------------------------------------------------------
 * */

static void no_period(void)
{
    pirn_interval i;

    pirn_interval_init(&i, 0, 0, PIRN_MISSED_BURST);
}

static void no_mode(void)
{
    pirn_interval i;

    pirn_interval_init(&i, 0, 1, (enum pirn_missed)3);
}

static void not_made(void)
{
    static pirn_interval i;
    pirn_runtime *rt = rt_paused();

    (void)block_on(pirn_runtime_handle(rt), drop_and_go_on_poll, &i);
}

Test(interval, misuse_is_named)
{
    expect_abort(no_period, "pirn_interval_init");
    expect_abort(no_mode, "pirn_interval_init");
    expect_abort(not_made, "pirn_interval_poll");
}
