/* SPDX-License-Identifier: MIT */
/* Does nobody go on before all have come, round after round, with one leader each? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/notify.h>

#include "tests/support/await.h"

enum {
    MANY = 40
};

static pirn_barrier *b;
static struct await w[MANY];
static bool leads[MANY];

static int poll_barrier(struct await *a, pirn_cx *cx)
{
    return pirn_barrier_poll(&a->op, cx, a->object, a->out);
}

static void begin(uint32_t parties)
{
    cr_assert_eq(pirn_barrier_new(parties, &b), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_barrier, b, &leads[i]);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
}

TestSuite(barrier, .fini = fini);

Test(barrier, rounds)
{
    begin(3);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            leads[i] = i < 2;
        cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
        cr_expect_eq(await_poll(&w[0]), PIRN_PENDING, "who is polled again has come once");
        cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
        cr_expect_eq(await_poll(&w[2]), 0);
        cr_expect(leads[2]);
        cr_expect_eq(await_poll(&w[1]), 0);
        cr_expect_not(leads[1]);
        cr_expect_eq(await_poll(&w[0]), 0);
        cr_expect_not(leads[0]);
        cr_expect_eq(w[0].waker.wakes, (unsigned)round + 1);
    }
    pirn_barrier_unref(b);
}

Test(barrier, alone)
{
    begin(1);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect(leads[0]);
    w[1].out = NULL;
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_barrier_unref(b);
}

Test(barrier, who_is_dropped_has_not_come)
{
    begin(3);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    pirn_op_drop(&w[0].op);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    w[3].out = NULL;
    cr_expect_eq(await_poll(&w[3]), 0);
    pirn_op_drop(&w[1].op);
    cr_expect_eq(await_poll(&w[2]), 0);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING, "a new round, of three");
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[3]), 0);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_barrier_unref(b);
}

static int early;

/* Between two goes of waking: one of the round that is over leaves, and the next one begins. */
static void next_round(struct count_waker *waker)
{
    (void)waker;
    pirn_op_drop(&w[18].op);
    cr_expect_eq(await_poll(&w[20 + early++]), PIRN_PENDING);
}

Test(barrier, a_round_that_begins_while_the_last_one_is_woken)
{
    begin(20);
    for (int i = 0; i < 19; i++)
        cr_expect_eq(await_poll(&w[i]), PIRN_PENDING);
    w[0].waker.on_wake = next_round;
    cr_expect_eq(await_poll(&w[19]), 0);
    for (int i = 0; i < 18; i++)
        cr_expect_eq(await_poll(&w[i]), 0);
    cr_expect_eq(early, 1);
    for (int i = 1; i < 19; i++)
        cr_expect_eq(await_poll(&w[i]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[0]), 0, "the twentieth of its round");
    cr_expect_eq(await_poll(&w[20]), 0);
    for (int i = 1; i < 19; i++)
        cr_expect_eq(await_poll(&w[i]), 0);
    pirn_barrier_unref(b);
}

Test(barrier, freed_it_ends_who_waits)
{
    begin(3);
    cr_expect_eq(pirn_barrier_ref(b), b);
    pirn_barrier_unref(b);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    pirn_barrier_unref(b);
    leads[0] = true;
    cr_expect_eq(await_poll(&w[0]), -ECANCELED);
    cr_expect(leads[0], "not written");
    pirn_op_drop(&w[1].op);
    pirn_barrier_unref(NULL);
    cr_expect_null(pirn_barrier_ref(NULL));
}

Test(barrier, errors)
{
    begin(1);
    cr_expect_eq(pirn_barrier_new(0, &b), -EINVAL);
    cr_expect_eq(pirn_barrier_new(1, NULL), -EINVAL);
    w[0].object = NULL;
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    pirn_barrier_unref(b);
}
