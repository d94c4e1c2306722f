/* SPDX-License-Identifier: MIT */
/* Does every receiver see the latest value, learn of changes once, and outlive the senders? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/watch.h>

#include "tests/support/boxed.h"
#include "tests/support/by_hand.h"

enum {
    MANY = 20
};

static pirn_watch_tx *tx;
static pirn_watch_rx *rx;
static struct by_hand w_op[MANY], c_op[MANY];

static void make(int v)
{
    cr_assert_eq(pirn_watch_new(sizeof v, &v, NULL, NULL, &tx, &rx), 0);
}

static void make_boxed(int n)
{
    struct boxed b = boxed(n);

    cr_assert_eq(pirn_watch_new(sizeof b, &b, boxed_clone, boxed_drop, &tx, &rx), 0);
}

static int changed_with(struct by_hand *b, pirn_watch_rx *at)
{
    return pirn_watch_changed_poll(&b->op, by_hand_cx(b), at);
}

static int closed_with(struct by_hand *b)
{
    return pirn_watch_tx_closed_poll(&b->op, by_hand_cx(b), tx);
}

static int latest(void)
{
    int v = -1;

    cr_expect_eq(pirn_watch_peek(rx, &v), 0);
    return v;
}

static void expect_clean(void)
{
    for (int i = 0; i < MANY; i++) {
        cr_expect(by_hand_is_clean(&w_op[i]), "changed %d", i);
        cr_expect(by_hand_is_clean(&c_op[i]), "closed %d", i);
    }
}

Test(watch, the_latest_value_counts)
{
    int v = 0;

    make(1);
    cr_expect_eq(latest(), 1);
    cr_expect_eq(pirn_watch_has_changed(rx), 0, "the first value is known");
    for (v = 2; v < 5; v++)
        cr_expect_eq(pirn_watch_send(tx, &v), 0);
    cr_expect_eq(pirn_watch_has_changed(rx), 1);
    cr_expect_eq(latest(), 4);
    cr_expect_eq(pirn_watch_has_changed(rx), 1, "a peek is no look");
    cr_expect_eq(changed_with(&w_op[0], rx), 0);
    cr_expect_eq(pirn_watch_has_changed(rx), 0);
    cr_expect_eq(changed_with(&w_op[0], rx), PIRN_PENDING);
    pirn_op_drop(&w_op[0].op);
    cr_expect_eq(pirn_watch_send(tx, &v), 0);
    cr_expect_eq(by_hand_woken(&w_op[0]), 0);
    cr_expect_eq(pirn_watch_get(rx, &v), 0);
    cr_expect_eq(v, 5);
    cr_expect_eq(pirn_watch_has_changed(rx), 0);
    pirn_watch_mark(rx, true);
    cr_expect_eq(changed_with(&w_op[0], rx), 0);
    v = 6;
    cr_expect_eq(pirn_watch_send(tx, &v), 0);
    pirn_watch_mark(rx, false);
    cr_expect_eq(pirn_watch_has_changed(rx), 0);
    v = 0;
    cr_expect_eq(pirn_watch_tx_peek(tx, &v), 0);
    cr_expect_eq(v, 6);
    pirn_watch_tx_unref(tx);
    pirn_watch_rx_free(rx);
    expect_clean();
}

Test(watch, all_who_wait_are_woken_once)
{
    pirn_watch_rx *more[MANY];
    int v = 2;

    make(1);
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(pirn_watch_subscribe(tx, &more[i]), 0);
        cr_expect_eq(changed_with(&w_op[i], more[i]), PIRN_PENDING);
    }
    cr_expect_eq(pirn_watch_tx_receivers(tx), MANY + 1);
    cr_expect_eq(changed_with(&c_op[0], more[0]), -EBUSY);
    cr_expect_eq(changed_with(&w_op[3], more[3]), PIRN_PENDING);
    cr_expect_eq(pirn_watch_send(tx, &v), 0);
    cr_expect_eq(pirn_watch_send(tx, &v), 0);
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(by_hand_woken(&w_op[i]), 1, "receiver %d", i);
        cr_expect_eq(changed_with(&w_op[i], more[i]), 0);
        cr_expect_eq(changed_with(&w_op[i], more[i]), PIRN_PENDING, "both are one change");
    }
    /* Freed under its operation; its neighbours are not touched. */
    pirn_watch_rx_free(more[7]);
    cr_expect_eq(by_hand_woken(&w_op[7]), 1);
    cr_expect_eq(changed_with(&w_op[7], more[7]), -ECANCELED);
    pirn_watch_rx_free(more[8]);
    pirn_op_drop(&w_op[8].op);
    pirn_watch_tx_unref(tx);
    for (int i = 0; i < MANY; i++) {
        if (i == 7 || i == 8)
            continue;
        cr_expect_eq(by_hand_woken(&w_op[i]), 1);
        cr_expect_eq(changed_with(&w_op[i], more[i]), PIRN_ECLOSED);
        pirn_watch_rx_free(more[i]);
    }
    cr_expect_eq(pirn_watch_has_changed(rx), 1, "the last value was not seen by this one");
    cr_expect_eq(changed_with(&w_op[0], rx), 0);
    cr_expect_eq(changed_with(&w_op[0], rx), PIRN_ECLOSED);
    cr_expect_eq(pirn_watch_has_changed(rx), PIRN_ECLOSED);
    cr_expect_eq(latest(), 2, "still there");
    pirn_watch_rx_free(rx);
    (void)by_hand_woken(&w_op[8]);
    expect_clean();
}

/* Woken, not polled yet, and freed: the wake was the last thing that came. */
Test(watch, freed_after_the_wake)
{
    int v = 2;

    for (int polled = 0; polled < 2; polled++) {
        make(1);
        cr_expect_eq(changed_with(&w_op[0], rx), PIRN_PENDING);
        cr_expect_eq(pirn_watch_send(tx, &v), 0);
        pirn_watch_rx_free(rx);
        pirn_watch_tx_unref(tx);
        cr_expect_eq(by_hand_woken(&w_op[0]), 1);
        if (polled)
            cr_expect_eq(changed_with(&w_op[0], rx), -ECANCELED);
        else
            pirn_op_drop(&w_op[0].op);
        expect_clean();
    }
}

Test(watch, nobody_receives)
{
    int v = 5;

    make(1);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(closed_with(&c_op[i]), PIRN_PENDING);
    pirn_watch_rx_free(rx);
    cr_expect_eq(pirn_watch_tx_receivers(tx), 0);
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(by_hand_woken(&c_op[i]), 1);
        cr_expect_eq(closed_with(&c_op[i]), 0);
    }
    cr_expect_eq(closed_with(&c_op[0]), 0);
    cr_expect_eq(pirn_watch_send(tx, &v), PIRN_ECLOSED);
    cr_expect_eq(pirn_watch_subscribe(tx, &rx), 0);
    cr_expect_eq(latest(), 1, "what could not be sent is not there");
    pirn_watch_rx_free(rx);
    cr_expect_eq(pirn_watch_put(tx, &v), 0);
    cr_expect_eq(pirn_watch_subscribe(tx, &rx), 0);
    cr_expect_eq(latest(), 5);
    cr_expect_eq(pirn_watch_has_changed(rx), 0, "a new receiver knows what there is");
    cr_expect_eq(closed_with(&c_op[0]), PIRN_PENDING);
    cr_expect_eq(closed_with(&c_op[1]), PIRN_PENDING);
    pirn_watch_tx_unref(tx);
    cr_expect_eq(by_hand_woken(&c_op[0]) + by_hand_woken(&c_op[1]), 2);
    cr_expect_eq(closed_with(&c_op[0]), -ECANCELED);
    pirn_op_drop(&c_op[1].op);
    pirn_watch_rx_free(rx);
    expect_clean();
}

static bool add(void *elem, void *arg)
{
    *(int *)elem += *(int *)arg;
    return *(int *)arg != 0;
}

/* Another sender comes between copy and exchange, once. */
static bool add_and_interfere(void *elem, void *arg)
{
    int *left = arg, v = 100;

    if (*left > 0) {
        (*left)--;
        cr_expect_eq(pirn_watch_send(tx, &v), 0);
    }
    *(int *)elem += 1;
    return true;
}

Test(watch, modified_copies)
{
    int v = 4, times = 1;

    make(1);
    cr_expect_eq(pirn_watch_send_modify(tx, add, &v), 1);
    cr_expect_eq(latest(), 5);
    cr_expect_eq(pirn_watch_has_changed(rx), 1);
    pirn_watch_mark(rx, false);
    v = 0;
    cr_expect_eq(pirn_watch_send_modify(tx, add, &v), 0);
    cr_expect_eq(pirn_watch_has_changed(rx), 0);
    cr_expect_eq(pirn_watch_send_modify(tx, add_and_interfere, &times), 1);
    cr_expect_eq(latest(), 101, "on top of the newest");
    pirn_watch_tx_unref(tx);
    pirn_watch_rx_free(rx);
}

static bool exceeds(const void *elem, void *arg)
{
    return *(const int *)elem > *(int *)arg;
}

static int wait_for_with(struct by_hand *b, int *limit, int *v)
{
    return pirn_watch_wait_for_poll(&b->op, by_hand_cx(b), rx, exceeds, limit, v);
}

Test(watch, waits_for_a_value)
{
    int limit = 5, v = 3, got = 0;

    make(1);
    cr_expect_eq(wait_for_with(&w_op[0], &limit, &got), PIRN_PENDING);
    cr_expect_eq(pirn_watch_send(tx, &v), 0);
    cr_expect_eq(by_hand_woken(&w_op[0]), 1);
    cr_expect_eq(wait_for_with(&w_op[0], &limit, &got), PIRN_PENDING, "not that one");
    v = 8;
    cr_expect_eq(pirn_watch_send(tx, &v), 0);
    cr_expect_eq(by_hand_woken(&w_op[0]), 1);
    cr_expect_eq(got, 0);
    cr_expect_eq(wait_for_with(&w_op[0], &limit, &got), 0);
    cr_expect_eq(got, 8);
    cr_expect_eq(wait_for_with(&w_op[0], &limit, NULL), 0, "it is there still");
    limit = 10;
    cr_expect_eq(wait_for_with(&w_op[0], &limit, &got), PIRN_PENDING);
    pirn_watch_tx_unref(tx);
    cr_expect_eq(wait_for_with(&w_op[0], &limit, &got), PIRN_ECLOSED);
    pirn_watch_rx_free(rx);
    (void)by_hand_woken(&w_op[0]);
    expect_clean();
}

Test(watch, values_are_dropped_once)
{
    struct boxed b, out = {NULL};
    pirn_watch_ref ref = {0}, other = {0};
    pirn_watch_rx *clone;

    make_boxed(1);
    cr_expect_eq(pirn_watch_get(rx, &out), 0);
    cr_expect_eq(boxed_live, 2);
    cr_expect_eq(boxed_open(&out), 1);
    cr_expect_eq(pirn_watch_borrow(rx, &ref), 0);
    cr_expect_eq(pirn_watch_borrow(rx, &ref), -EINVAL, "not empty");
    b = boxed(2);
    cr_expect_eq(pirn_watch_send(tx, &b), 0);
    cr_expect_eq(boxed_live, 2, "the old one is looked at");
    cr_expect_eq(*((const struct boxed *)ref.elem)->number, 1);
    pirn_watch_ref_release(&ref);
    pirn_watch_ref_release(&ref);
    pirn_watch_ref_release(NULL);
    cr_expect_eq(boxed_live, 1);
    cr_assert_eq(pirn_watch_rx_clone(rx, &clone), 0);
    cr_expect_eq(pirn_watch_has_changed(clone), 1, "it has seen what that one has");
    cr_expect_eq(pirn_watch_borrow(clone, &other), 0);
    pirn_watch_rx_free(clone);
    pirn_watch_rx_free(rx);
    b = boxed(3);
    cr_expect_eq(pirn_watch_send(tx, &b), PIRN_ECLOSED);
    boxed_drop(&b);
    pirn_watch_tx_unref(tx);
    cr_expect_eq(boxed_live, 1, "held beyond the channel");
    cr_expect_eq(*((const struct boxed *)other.elem)->number, 2);
    pirn_watch_ref_release(&other);
    cr_expect_eq(boxed_live, 0);
}

static bool boxed_add(void *elem, void *arg)
{
    *((struct boxed *)elem)->number += 10;
    return arg == NULL;
}

Test(watch, a_clone_that_fails_changes_nothing)
{
    struct boxed out = {NULL};

    make_boxed(1);
    boxed_clone_fails = 1;
    cr_expect_eq(pirn_watch_get(rx, &out), -ENOBUFS);
    cr_expect_null(out.number);
    boxed_clone_fails = 1;
    cr_expect_eq(pirn_watch_send_modify(tx, boxed_add, NULL), -ENOBUFS);
    cr_expect_eq(boxed_live, 1);
    cr_expect_eq(pirn_watch_send_modify(tx, boxed_add, tx), 0);
    cr_expect_eq(boxed_live, 1, "the copy is dropped");
    cr_expect_eq(pirn_watch_send_modify(tx, boxed_add, NULL), 1);
    cr_expect_eq(boxed_live, 1);
    cr_expect_eq(pirn_watch_get(rx, &out), 0);
    cr_expect_eq(boxed_open(&out), 11);
    pirn_watch_rx_free(rx);
    pirn_watch_tx_unref(tx);
    cr_expect_eq(boxed_live, 0);
}

Test(watch, misuse)
{
    int v = 0;
    pirn_watch_ref ref = {0};

    cr_expect_eq(pirn_watch_new(4, &v, NULL, NULL, NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_watch_new(4, &v, NULL, NULL, &tx, NULL), -EINVAL);
    cr_expect_eq(pirn_watch_new(4, NULL, NULL, NULL, &tx, &rx), -EINVAL);
    cr_expect_eq(pirn_watch_new(4, &v, NULL, boxed_drop, &tx, &rx), -EINVAL);
    cr_expect_eq(pirn_watch_new(SIZE_MAX, &v, NULL, NULL, &tx, &rx), -ENOMEM);
    cr_expect_eq(pirn_watch_send(NULL, &v), -EINVAL);
    cr_expect_eq(pirn_watch_send_modify(NULL, add, &v), -EINVAL);
    cr_expect_eq(changed_with(&w_op[0], NULL), -EINVAL);
    tx = NULL;
    cr_expect_eq(closed_with(&c_op[0]), -EINVAL);
    cr_expect_eq(pirn_watch_get(NULL, &v), -EINVAL);
    cr_expect_eq(pirn_watch_peek(NULL, &v), -EINVAL);
    cr_expect_eq(pirn_watch_tx_peek(NULL, &v), -EINVAL);
    cr_expect_eq(pirn_watch_borrow(NULL, &ref), -EINVAL);
    cr_expect_eq(pirn_watch_has_changed(NULL), -EINVAL);
    cr_expect_eq(pirn_watch_subscribe(NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_watch_rx_clone(NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_watch_wait_for_poll(&w_op[0].op, by_hand_cx(&w_op[0]), NULL, exceeds, &v, &v),
                 -EINVAL);
    cr_expect_eq(pirn_watch_tx_receivers(NULL), 0);
    cr_expect_null(pirn_watch_tx_ref(NULL));
    pirn_watch_tx_unref(NULL);
    pirn_watch_rx_free(NULL);
    pirn_watch_mark(NULL, true);
    make(1);
    cr_expect_eq(pirn_watch_send(tx, NULL), -EINVAL);
    cr_expect_eq(pirn_watch_subscribe(tx, NULL), -EINVAL);
    cr_expect_eq(pirn_watch_send_modify(tx, NULL, &v), -EINVAL);
    cr_expect_eq(pirn_watch_tx_ref(tx), tx);
    pirn_watch_tx_unref(tx);
    cr_expect_eq(pirn_watch_has_changed(rx), 0, "one sender is left");
    pirn_watch_tx_unref(tx);
    pirn_watch_rx_free(rx);
    expect_clean();
}
