/* SPDX-License-Identifier: MIT */
/* Does a cancel reach all that is below, whoever was freed in between, and nobody else? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/cancel.h>

#include "tests/support/await.h"
#include "tests/support/death.h"

enum {
    MANY = 40
};

static pirn_cancel_token *root, *mid, *leaf, *other;
static struct await w[MANY];

static int poll_token(struct await *a, pirn_cx *cx)
{
    return pirn_cancel_token_poll(&a->op, cx, a->object);
}

/* root > mid > leaf, root > other */
static void init(void)
{
    cr_assert_eq(pirn_cancel_token_new(NULL, &root), 0);
    cr_assert_eq(pirn_cancel_token_new(root, &mid), 0);
    cr_assert_eq(pirn_cancel_token_new(mid, &leaf), 0);
    cr_assert_eq(pirn_cancel_token_new(root, &other), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_token, NULL, NULL);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
    pirn_cancel_token_unref(root);
    pirn_cancel_token_unref(mid);
    pirn_cancel_token_unref(leaf);
    pirn_cancel_token_unref(other);
}

TestSuite(cancel_token, .init = init, .fini = fini);

static void give_up(pirn_cancel_token **t)
{
    pirn_cancel_token_unref(*t);
    *t = NULL;
}

static void wait_for(int i, pirn_cancel_token *t)
{
    w[i].object = t;
    cr_assert_eq(await_poll(&w[i]), PIRN_PENDING);
}

static unsigned cancelled(void)
{
    pirn_cancel_token *all[] = {root, mid, leaf, other};
    unsigned bits = 0;

    for (int i = 0; i < 4; i++)
        bits |= (unsigned)(all[i] != NULL && pirn_cancel_token_is_cancelled(all[i])) << i;
    return bits;
}

Test(cancel_token, downwards_only)
{
    cr_expect_eq(cancelled(), 0);
    pirn_cancel_token_cancel(mid);
    cr_expect_eq(cancelled(), 2 + 4);
    pirn_cancel_token_cancel(mid);
    pirn_cancel_token_cancel(other);
    cr_expect_eq(cancelled(), 2 + 4 + 8);
    pirn_cancel_token_cancel(root);
    cr_expect_eq(cancelled(), 15);
    pirn_cancel_token_cancel(leaf);
    pirn_cancel_token_cancel(NULL);
}

Test(cancel_token, who_waits_is_woken)
{
    wait_for(0, root);
    wait_for(1, mid);
    wait_for(2, leaf);
    wait_for(3, other);
    wait_for(4, leaf);
    pirn_cancel_token_cancel(mid);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(w[1].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[1]), 0, "also who comes later");
    cr_expect_eq(await_poll(&w[2]), 0);
    cr_expect_eq(await_poll(&w[3]), PIRN_PENDING);
    pirn_op_drop(&w[4].op);
    pirn_op_drop(&w[3].op);
    pirn_cancel_token_cancel(root);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(w[3].waker.wakes, 0);
}

Test(cancel_token, below_a_cancelled_one_it_is_born_cancelled)
{
    pirn_cancel_token *late;

    pirn_cancel_token_cancel(mid);
    cr_assert_eq(pirn_cancel_token_new(mid, &late), 0);
    cr_expect(pirn_cancel_token_is_cancelled(late));
    pirn_cancel_token_unref(late);
}

Test(cancel_token, what_is_below_a_freed_one_is_still_reached)
{
    give_up(&mid);
    cr_expect_eq(cancelled(), 0);
    wait_for(0, leaf);
    pirn_cancel_token_cancel(root);
    cr_expect_eq(cancelled(), 1 + 4 + 8);
    cr_expect_eq(await_poll(&w[0]), 0);
}

Test(cancel_token, below_a_freed_root_each_stands_for_itself)
{
    pirn_cancel_token *late;

    give_up(&root);
    pirn_cancel_token_cancel(other);
    cr_expect_eq(cancelled(), 8);
    give_up(&other);
    cr_assert_eq(pirn_cancel_token_new(mid, &late), 0);
    pirn_cancel_token_cancel(mid);
    cr_expect_eq(cancelled(), 2 + 4);
    cr_expect(pirn_cancel_token_is_cancelled(late));
    pirn_cancel_token_unref(late);
}

/* In a loop a chain would grow for ever if a parent had to stay for its children. */
Test(cancel_token, a_chain_whose_middle_goes)
{
    pirn_cancel_token *at = pirn_cancel_token_ref(leaf), *next;

    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(pirn_cancel_token_new(at, &next), 0);
        pirn_cancel_token_unref(at);
        at = next;
    }
    cr_expect_not(pirn_cancel_token_is_cancelled(at));
    pirn_cancel_token_cancel(root);
    cr_expect(pirn_cancel_token_is_cancelled(at));
    pirn_cancel_token_unref(at);
}

Test(cancel_token, freed_it_ends_who_waits)
{
    cr_expect_eq(pirn_cancel_token_ref(leaf), leaf);
    wait_for(0, leaf);
    wait_for(1, leaf);
    pirn_cancel_token_unref(leaf);
    cr_expect_eq(w[0].waker.wakes, 0);
    give_up(&leaf);
    cr_expect_eq(w[0].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[0]), -ECANCELED);
    pirn_op_drop(&w[1].op);
    cr_expect_null(pirn_cancel_token_ref(NULL));
}

/* ---- many, and what happens between two goes ------------------------------------------------------------ */

Test(cancel_token, many_tokens_and_many_who_wait)
{
    pirn_cancel_token *t[100];

    for (int i = 0; i < 100; i++)
        cr_assert_eq(pirn_cancel_token_new(i % 2 ? t[i / 2] : leaf, &t[i]), 0);
    for (int i = 0; i < MANY; i++)
        wait_for(i, i < 20 ? mid : t[i]);
    pirn_cancel_token_cancel(root);
    for (int i = 0; i < 100; i++)
        cr_expect(pirn_cancel_token_is_cancelled(t[i]));
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(w[i].waker.wakes, 1);
        cr_expect_eq(await_poll(&w[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        pirn_cancel_token_unref(t[i]);
}

static void meddle(struct count_waker *waker)
{
    (void)waker;
    give_up(&mid);
    pirn_op_drop(&w[MANY - 1].op);
}

/* Woken eight at a time: in between the token that is at work is freed, before those below had their
 * turn. */
Test(cancel_token, freed_while_it_is_cancelled)
{
    for (int i = 0; i < MANY - 2; i++)
        wait_for(i, mid);
    wait_for(MANY - 2, leaf);
    wait_for(MANY - 1, leaf);
    w[0].waker.on_wake = meddle;
    pirn_cancel_token_cancel(root);
    cr_expect_eq(cancelled(), 1 + 4 + 8);
    for (int i = 0; i < MANY - 1; i++)
        cr_expect_eq(await_poll(&w[i]), 0, "waiter %d", i);
}

static void cancel_leaf_too(struct count_waker *waker)
{
    (void)waker;
    pirn_cancel_token_cancel(leaf);
    cr_expect(pirn_cancel_token_is_cancelled(leaf));
    give_up(&other);
}

Test(cancel_token, cancelled_from_two_sides)
{
    for (int i = 0; i < MANY; i++)
        wait_for(i, i < 20 ? root : i < 30 ? other : leaf);
    w[0].waker.on_wake = cancel_leaf_too;
    pirn_cancel_token_cancel(root);
    cr_expect_eq(cancelled(), 1 + 2 + 4);
    for (int i = 0; i < MANY; i++) {
        int r = await_poll(&w[i]);

        cr_expect_eq(r, i >= 20 && i < 30 ? -ECANCELED : 0, "waiter %d: %d", i, r);
    }
}

/* ---- the guard ----------------------------------------------------------------------------------------- */

Test(cancel_token, the_guard_cancels_when_it_goes)
{
    struct pirn_cx cx = {.waker = {NULL, NULL}};
    pirn_op op = {0};

    pirn_cancel_token_guard(&op, &cx, mid);
    pirn_cancel_token_guard(&op, &cx, other);
    cr_expect_eq(cancelled(), 0);
    give_up(&mid);
    wait_for(0, leaf);
    pirn_op_drop(&op);
    cr_expect_eq(cancelled(), 4, "what is below it, while it lives by its guard");
    cr_expect_eq(await_poll(&w[0]), 0);
}

Test(cancel_token, the_guard_can_be_taken_back)
{
    struct pirn_cx cx = {.waker = {NULL, NULL}};
    pirn_op op = {0};

    pirn_cancel_token_guard(&op, &cx, mid);
    pirn_cancel_token_disarm(&op);
    pirn_cancel_token_disarm(&op);
    cr_expect_eq(cancelled(), 0);
    cr_expect_not(pirn_op_is_pending(&op));
}

static struct fake_sched f;

static int poll_guarded(struct await *a, pirn_cx *cx)
{
    pirn_cancel_token_guard(&w[9].op, cx, mid);
    return pirn_cancel_token_poll(&a->op, cx, root);
}

Test(cancel_token, a_task_that_ends_cancels_what_it_guards)
{
    struct header *h;

    fake_init(&f);
    w[0].poll = poll_guarded;
    h = await_spawn(&f, &w[0]);
    w[1].object = leaf;
    (void)await_spawn(&f, &w[1]);
    (void)fake_drain(&f);
    cr_expect_eq(f.count[FAKE_FORGOTTEN], 0);
    await_abort(&f, h);
    (void)fake_drain(&f);
    cr_expect_eq(cancelled(), 2 + 4);
    cr_expect_eq(w[1].result, 0);
    cr_expect(fake_is_empty(&f));
}

/* ---- errors ---------------------------------------------------------------------------------------------- */

static void ask_null(void *t)
{
    (void)pirn_cancel_token_is_cancelled(t);
}

static void guard_null(void *t)
{
    struct pirn_cx cx = {.waker = {NULL, NULL}};
    pirn_op op = {0};

    pirn_cancel_token_guard(&op, &cx, t);
}

static void disarm_another(void *op)
{
    pirn_cancel_token_disarm(op);
}

static void cancel_at_clone(struct count_waker *waker)
{
    (void)waker;
    pirn_cancel_token_cancel(leaf);
}

Test(cancel_token, errors)
{
    cr_expect_eq(pirn_cancel_token_new(NULL, NULL), -EINVAL);
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    cr_expect(dies_saying(ask_null, NULL, "pirn_cancel_token_is_cancelled"));
    cr_expect(dies_saying(guard_null, NULL, "pirn_cancel_token_guard"));
    wait_for(0, leaf);
    cr_expect(dies_saying(disarm_another, &w[0].op, "pirn_cancel_token_disarm"));
    pirn_op_drop(&w[0].op);
    w[0].waker.on_clone = cancel_at_clone;
    cr_expect_eq(await_poll(&w[0]), 0, "between the first look and the lock");
}
