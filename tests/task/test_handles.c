/* SPDX-License-Identifier: MIT */
/* Do the references balance, in whatever order the handles of a task are given up? */
#include <criterion/criterion.h>

#include "task/harness.h"
#include "task/waker.h"
#include "tests/support/one_task.h"

enum {
    CO = 2,
    JI = 8,
    R = 64
};

enum handle {
    NOTIFIED,        /* run: polled for the last time, or cancelled */
    JOIN,            /* freed */
    ABORT,           /* freed */
    WAKER,           /* dropped */
    WAKER_WAKES,     /* woken by value, on the driving thread */
    WAKER_WAKES_OUT, /* and from outside */
    HANDLES_AT_MOST = 6
};

static struct one_task o;

static void give_up(enum handle which)
{
    struct task_waker w = {o.h};

    switch (which) {
    case NOTIFIED:
        fake_step(&o.f);
        break;
    case JOIN:
        pirn_join_free(o.join);
        break;
    case ABORT:
        pirn_abort_free((pirn_abort *)(void *)o.h);
        break;
    case WAKER:
        pirn__waker_drop(w);
        break;
    case WAKER_WAKES:
        pirn__waker_wake(w);
        break;
    case WAKER_WAKES_OUT:
        o.f.here = false;
        pirn__waker_wake(w);
        o.f.here = true;
        break;
    default:
        cr_assert(false);
    }
}

/* The n-th order of @count handles, n < count!: each step takes one of those that are left. */
static void order(unsigned n, const enum handle *all, unsigned count, enum handle *wanted)
{
    bool taken[HANDLES_AT_MOST] = {false};

    for (unsigned i = 0; i < count; i++) {
        unsigned skip = n % (count - i), k = 0;

        n /= count - i;
        while (taken[k] || skip-- > 0)
            k++;
        taken[k] = true;
        wanted[i] = all[k];
    }
}

static unsigned orders(unsigned count)
{
    return count <= 1 ? 1 : count * orders(count - 1);
}

enum start {
    NEVER_POLLED,
    ABORTED,
    WOKEN
};

/* A task with one Notified, and one of each other handle in @all. */
static void begin(enum start start, const enum handle *all, unsigned count)
{
    one_init(&o, start == WOKEN ? STEPS(KEEP_WAKER, PEND, READY) : STEPS(READY), 8);
    one_spawn(&o, true);
    if (start == WOKEN) {
        fake_step(&o.f);
        pirn_waker_wake(o.s.kept[0]);
    }
    if (start == ABORTED)
        pirn_join_abort(o.join);
    for (unsigned i = 0; i < count; i++) {
        if (all[i] == ABORT)
            cr_assert_eq((void *)pirn_join_abort_handle(o.join), (void *)o.h);
        else if (all[i] >= WAKER)
            pirn__waker_clone(o.h);
    }
}

static void check_order(enum start start, const enum handle *all, unsigned count, unsigned n)
{
    enum handle given[HANDLES_AT_MOST];
    bool run = false, joined = true;

    order(n, all, count, given);
    begin(start, all, count);
    cr_assert_eq(one_word(&o) / R, count + 1, "each handle's, and the list's");
    for (unsigned i = 0; i < count; i++) {
        give_up(given[i]);
        run |= given[i] == NOTIFIED;
        joined &= given[i] != JOIN;
        if (i + 1 == count)
            break;
        cr_assert_eq(o.f.cells, 1, "start %d, order %u: freed after %u", start, n, i + 1);
        cr_expect_eq(one_word(&o) / R, count - i - 1 + !run, "start %d, order %u: after %u", start,
                     n, i + 1);
        cr_expect_eq(one_word(&o) & (CO | JI), (run ? CO : 0) | (joined ? JI : 0));
    }
    cr_expect_eq(o.f.count[FAKE_FREE], 1);
    cr_expect(fake_is_empty(&o.f), "start %d, order %u", start, n);
    cr_expect_eq(o.s.drops, 1);
    cr_expect_eq(o.s.out_drops, start == ABORTED ? 0 : 1);
    cr_expect_eq(o.s.polls, start == WOKEN ? 2 : start == ABORTED ? 0 : 1);
    cr_expect_eq(o.f.count[FAKE_FORGOTTEN], 0);
}

Test(handles, every_order_of_four)
{
    static const enum handle all[][4] = {{NOTIFIED, JOIN, ABORT, WAKER},
                                         {NOTIFIED, JOIN, ABORT, WAKER_WAKES},
                                         {NOTIFIED, JOIN, ABORT, WAKER_WAKES_OUT},
                                         {NOTIFIED, JOIN, WAKER, WAKER_WAKES}};

    for (enum start start = NEVER_POLLED; start <= WOKEN; start++)
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            for (unsigned n = 0; n < orders(4); n++)
                check_order(start, all[i], 4, n);
}

Test(handles, every_order_of_six)
{
    static const enum handle all[] = {NOTIFIED, JOIN, ABORT, ABORT, WAKER, WAKER_WAKES_OUT};

    for (enum start start = NEVER_POLLED; start <= WOKEN; start++)
        for (unsigned n = 0; n < orders(6); n++)
            check_order(start, all, 6, n);
}

Test(handles, an_order_takes_each_once)
{
    static const enum handle all[] = {NOTIFIED, JOIN, ABORT, WAKER};
    bool seen[256] = {false};

    for (unsigned n = 0; n < orders(4); n++) {
        enum handle got[4];
        unsigned code = 0, each = 0;

        order(n, all, 4, got);
        for (unsigned i = 0; i < 4; i++) {
            code = code * 4 + got[i];
            each |= 1u << got[i];
        }
        cr_expect_eq(each, 15);
        cr_expect_not(seen[code]);
        seen[code] = true;
    }
}

/* An idle task: nothing but a wake, an abort or the shutdown goes on with it. */
Test(handles, every_order_while_idle_then_shutdown)
{
    static const enum handle all[] = {JOIN, ABORT, WAKER};

    for (unsigned n = 0; n < orders(3); n++) {
        enum handle given[3];

        order(n, all, 3, given);
        one_start(&o, STEPS(KEEP_WAKER, PEND));
        fake_step(&o.f);
        cr_assert_not_null(pirn_join_abort_handle(o.join));
        for (unsigned i = 0; i < 3; i++) {
            give_up(given[i]);
            cr_expect_eq(one_word(&o) / R, 3 - i, "order %u", n);
        }
        cr_expect_eq(o.f.count[FAKE_FORGOTTEN], 1, "order %u", n);
        fake_shutdown(&o.f);
        cr_expect_eq(o.s.drops, 1);
        cr_expect(fake_is_empty(&o.f));
    }
}

Test(handles, a_detached_task_frees_itself)
{
    static const enum handle all[] = {NOTIFIED, ABORT, WAKER};

    for (unsigned n = 0; n < orders(3); n++) {
        enum handle given[3];

        order(n, all, 3, given);
        one_init(&o, STEPS(READY), 8);
        one_spawn(&o, false);
        pirn__waker_clone(o.h);
        pirn__waker_clone(o.h);
        for (unsigned i = 0; i < 3; i++) {
            cr_assert_eq(o.f.cells, 1, "order %u", n);
            give_up(given[i]);
        }
        cr_expect(fake_is_empty(&o.f), "order %u", n);
        cr_expect_eq(o.s.out_drops, 1);
    }
}

Test(handles, give_up_null)
{
    pirn_join_free(NULL);
    pirn_join_abort(NULL);
    pirn_abort_free(NULL);
    pirn_abort_now(NULL);
    pirn_waker_drop((pirn_waker){NULL, NULL});
    pirn_waker_wake((pirn_waker){NULL, NULL});
}
