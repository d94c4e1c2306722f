/* SPDX-License-Identifier: MIT */
/* Does every receiver get every element, or is told how many it missed, and is each element dropped once? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/broadcast.h>

#include "tests/support/boxed.h"
#include "tests/support/by_hand.h"

enum {
    MANY = 20
};

static pirn_broadcast_tx *tx;
static pirn_broadcast_rx *rx;
static struct by_hand r_op[MANY], c_op[MANY];

static void make(size_t capacity)
{
    cr_assert_eq(pirn_broadcast_new(sizeof(int), capacity, NULL, NULL, &tx, &rx), 0);
}

static void make_boxed(size_t capacity)
{
    cr_assert_eq(
        pirn_broadcast_new(sizeof(struct boxed), capacity, boxed_clone, boxed_drop, &tx, &rx), 0);
}

static pirn_broadcast_rx *subscribe(void)
{
    pirn_broadcast_rx *out = NULL;

    cr_assert_eq(pirn_broadcast_subscribe(tx, &out), 0);
    return out;
}

static size_t send_int(int v)
{
    size_t n = 0;

    cr_expect_eq(pirn_broadcast_send(tx, &v, &n), 0);
    return n;
}

static size_t send_boxed(int n)
{
    struct boxed b = boxed(n);
    size_t receivers = 0;

    cr_expect_eq(pirn_broadcast_send(tx, &b, &receivers), 0);
    return receivers;
}

static int recv_with(struct by_hand *b, pirn_broadcast_rx *at, int *v, uint64_t *missed)
{
    return pirn_broadcast_recv_poll(&b->op, by_hand_cx(b), at, v, missed);
}

static int next_int(pirn_broadcast_rx *at)
{
    int v = -1;

    cr_expect_eq(pirn_broadcast_recv_try(at, &v, NULL), 0);
    return v;
}

static int next_boxed(pirn_broadcast_rx *at)
{
    struct boxed b;

    cr_assert_eq(pirn_broadcast_recv_try(at, &b, NULL), 0);
    return boxed_open(&b);
}

static void expect_clean(void)
{
    for (int i = 0; i < MANY; i++) {
        cr_expect(by_hand_is_clean(&r_op[i]), "receive %d", i);
        cr_expect(by_hand_is_clean(&c_op[i]), "closed %d", i);
    }
}

Test(broadcast, everybody_gets_everything_since_it_came)
{
    pirn_broadcast_rx *second, *third;
    int v;

    make(4);
    cr_expect_eq(send_int(1), 1);
    second = subscribe();
    cr_expect_eq(send_int(2), 2);
    cr_assert_eq(pirn_broadcast_resubscribe(rx, &third), 0);
    cr_expect_eq(send_int(3), 3);
    cr_expect_eq(pirn_broadcast_rx_len(rx), 3);
    cr_expect_eq(pirn_broadcast_tx_receivers(tx), 3);
    cr_expect_eq(next_int(rx), 1);
    cr_expect_eq(next_int(second), 2);
    cr_expect_eq(next_int(third), 3);
    cr_expect_eq(next_int(rx), 2);
    cr_expect_eq(next_int(second), 3);
    cr_expect_eq(pirn_broadcast_recv_try(second, &v, NULL), -EAGAIN);
    pirn_broadcast_tx_unref(tx);
    cr_expect_eq(next_int(rx), 3, "what is left is still received");
    cr_expect_eq(pirn_broadcast_recv_try(rx, &v, NULL), PIRN_ECLOSED);
    cr_expect_eq(recv_with(&r_op[0], second, &v, NULL), PIRN_ECLOSED);
    pirn_broadcast_rx_free(rx);
    pirn_broadcast_rx_free(second);
    pirn_broadcast_rx_free(third);
    expect_clean();
}

Test(broadcast, slow_receivers_are_told_what_they_missed)
{
    pirn_broadcast_rx *fast;
    uint64_t missed = 77;
    int v = 0;

    make(3);
    fast = subscribe();
    for (int i = 0; i < 3; i++) {
        (void)send_int(i);
        cr_expect_eq(next_int(fast), i);
    }
    cr_expect_eq(next_int(rx), 0, "just in time");
    for (int i = 3; i < 7; i++) {
        (void)send_int(i);
        cr_expect_eq(next_int(fast), i);
    }
    cr_expect_eq(pirn_broadcast_rx_len(rx), 6);
    cr_expect_eq(recv_with(&r_op[0], rx, &v, &missed), PIRN_ELAGGED);
    cr_expect_eq(missed, 3);
    cr_expect_eq(v, 0);
    for (int i = 4; i < 7; i++)
        cr_expect_eq(next_int(rx), i);
    for (int i = 7; i < 11; i++)
        (void)send_int(i);
    cr_expect_eq(pirn_broadcast_recv_try(rx, &v, NULL), PIRN_ELAGGED);
    cr_expect_eq(next_int(rx), 8);
    pirn_broadcast_rx_free(rx);
    pirn_broadcast_rx_free(fast);
    pirn_broadcast_tx_unref(tx);
    expect_clean();
}

Test(broadcast, all_who_wait_are_woken)
{
    pirn_broadcast_rx *more[MANY];
    int v = 0;

    make(2);
    for (int i = 0; i < MANY; i++) {
        more[i] = subscribe();
        cr_expect_eq(recv_with(&r_op[i], more[i], &v, NULL), PIRN_PENDING);
    }
    cr_expect_eq(recv_with(&c_op[0], more[0], &v, NULL), -EBUSY);
    pirn_op_drop(&r_op[2].op);
    cr_expect_eq(send_int(5), MANY + 1);
    cr_expect_eq(send_int(6), MANY + 1);
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(by_hand_woken(&r_op[i]), i != 2, "receiver %d", i);
        cr_expect_eq(recv_with(&r_op[i], more[i], &v, NULL), 0);
        cr_expect_eq(v, 5);
        cr_expect_eq(recv_with(&r_op[i], more[i], &v, NULL), 0);
        cr_expect_eq(v, 6);
        cr_expect_eq(recv_with(&r_op[i], more[i], &v, NULL), PIRN_PENDING);
    }
    pirn_broadcast_rx_free(more[4]);
    cr_expect_eq(by_hand_woken(&r_op[4]), 1);
    cr_expect_eq(recv_with(&r_op[4], more[4], &v, NULL), -ECANCELED);
    pirn_broadcast_tx_unref(tx);
    for (int i = 0; i < MANY; i++) {
        if (i == 4)
            continue;
        cr_expect_eq(by_hand_woken(&r_op[i]), 1);
        if (i % 2 == 0) {
            cr_expect_eq(recv_with(&r_op[i], more[i], &v, NULL), PIRN_ECLOSED);
            pirn_broadcast_rx_free(more[i]);
        } else {
            pirn_broadcast_rx_free(more[i]);
            pirn_op_drop(&r_op[i].op);
        }
    }
    pirn_broadcast_rx_free(rx);
    expect_clean();
}

Test(broadcast, nobody_receives)
{
    int v = 1;

    make(2);
    cr_expect_eq(pirn_broadcast_tx_closed_poll(&c_op[0].op, by_hand_cx(&c_op[0]), tx),
                 PIRN_PENDING);
    cr_expect_eq(pirn_broadcast_tx_closed_poll(&c_op[1].op, by_hand_cx(&c_op[1]), tx),
                 PIRN_PENDING);
    pirn_op_drop(&c_op[1].op);
    pirn_broadcast_rx_free(rx);
    cr_expect_eq(by_hand_woken(&c_op[0]), 1);
    cr_expect_eq(by_hand_woken(&c_op[1]), 0);
    cr_expect_eq(pirn_broadcast_tx_closed_poll(&c_op[0].op, by_hand_cx(&c_op[0]), tx), 0);
    cr_expect_eq(pirn_broadcast_send(tx, &v, NULL), PIRN_ECLOSED);
    rx = subscribe();
    cr_expect_eq(send_int(3), 1, "open again");
    cr_expect_eq(next_int(rx), 3);
    pirn_broadcast_rx_free(rx);
    pirn_broadcast_tx_unref(tx);
    expect_clean();
}

Test(broadcast, elements_are_dropped_with_their_last_receiver)
{
    pirn_broadcast_rx *second;
    struct boxed b;

    make_boxed(3);
    second = subscribe();
    cr_expect_eq(send_boxed(1), 2);
    cr_expect_eq(send_boxed(2), 2);
    cr_expect_eq(boxed_live, 2);
    cr_expect_eq(next_boxed(rx), 1);
    cr_expect_eq(boxed_live, 2);
    cr_expect_eq(boxed_clones, 1);
    cr_expect_eq(next_boxed(second), 1);
    cr_expect_eq(boxed_clones, 1, "the last one gets the element itself");
    cr_expect_eq(boxed_live, 1);
    cr_expect_eq(next_boxed(rx), 2);
    for (int i = 3; i < 7; i++)
        (void)send_boxed(i);
    cr_expect_eq(boxed_live, 3, "the overwritten are dropped");
    pirn_broadcast_rx_free(second);
    cr_expect_eq(boxed_live, 3, "the other one still gets them");
    cr_expect_eq(pirn_broadcast_recv_try(rx, &b, NULL), PIRN_ELAGGED);
    cr_expect_eq(next_boxed(rx), 4);
    cr_expect_eq(boxed_live, 2);
    pirn_broadcast_rx_free(rx);
    cr_expect_eq(boxed_live, 0);
    b = boxed(9);
    cr_expect_eq(pirn_broadcast_send(tx, &b, NULL), PIRN_ECLOSED);
    cr_expect_eq(boxed_open(&b), 9);
    pirn_broadcast_tx_unref(tx);
    cr_expect_eq(boxed_live, 0);
}

/* A receiver with more to give up than it does at a time, half of it overwritten long ago. */
Test(broadcast, a_long_rest_is_given_up)
{
    pirn_broadcast_rx *second;

    make_boxed(100);
    second = subscribe();
    for (int i = 0; i < 150; i++)
        (void)send_boxed(i);
    cr_expect_eq(boxed_live, 100);
    pirn_broadcast_rx_free(rx);
    cr_expect_eq(boxed_live, 100);
    pirn_broadcast_tx_unref(tx);
    pirn_broadcast_rx_free(second);
    cr_expect_eq(boxed_live, 0);
}

Test(broadcast, a_clone_that_fails_skips_the_element)
{
    pirn_broadcast_rx *second;
    struct boxed b = {NULL};

    make_boxed(2);
    second = subscribe();
    (void)send_boxed(1);
    (void)send_boxed(2);
    boxed_clone_fails = 1;
    cr_expect_eq(pirn_broadcast_recv_try(rx, &b, NULL), -ENOBUFS);
    cr_expect_null(b.number);
    cr_expect_eq(next_boxed(rx), 2);
    cr_expect_eq(next_boxed(second), 1);
    cr_expect_eq(next_boxed(second), 2);
    cr_expect_eq(boxed_live, 0);
    pirn_broadcast_rx_free(rx);
    pirn_broadcast_rx_free(second);
    pirn_broadcast_tx_unref(tx);
}

Test(broadcast, weak_senders)
{
    pirn_broadcast_weak *weak;
    pirn_broadcast_tx *strong;
    int v;

    make(1);
    weak = pirn_broadcast_tx_downgrade(tx);
    cr_expect_eq(pirn_broadcast_weak_ref(weak), weak);
    strong = pirn_broadcast_weak_upgrade(weak);
    cr_assert_not_null(strong);
    pirn_broadcast_tx_unref(tx);
    cr_expect_eq(pirn_broadcast_recv_try(rx, &v, NULL), -EAGAIN);
    pirn_broadcast_tx_unref(strong);
    cr_expect_eq(pirn_broadcast_recv_try(rx, &v, NULL), PIRN_ECLOSED);
    cr_expect_null(pirn_broadcast_weak_upgrade(weak));
    pirn_broadcast_weak_unref(weak);
    pirn_broadcast_rx_free(rx);
    pirn_broadcast_weak_unref(weak);
}

Test(broadcast, takes_units_of_budget)
{
    int v = 0;

    make(2);
    (void)send_int(1);
    (void)by_hand_cx(&r_op[0]);
    r_op[0].cx.budget_full = 1;
    r_op[0].cx.budget = 0;
    cr_expect_eq(pirn_broadcast_recv_poll(&r_op[0].op, &r_op[0].cx, rx, &v, NULL), PIRN_PENDING);
    cr_expect_eq(by_hand_woken(&r_op[0]), 1);
    r_op[0].cx.budget = 1;
    cr_expect_eq(pirn_broadcast_recv_poll(&r_op[0].op, &r_op[0].cx, rx, &v, NULL), 0);
    cr_expect_eq(r_op[0].cx.budget, 0);
    r_op[0].cx.budget = 1;
    cr_expect_eq(pirn_broadcast_recv_poll(&r_op[0].op, &r_op[0].cx, rx, &v, NULL), PIRN_PENDING);
    cr_expect_eq(r_op[0].cx.budget, 1, "a wait costs nothing");
    pirn_op_drop(&r_op[0].op);
    pirn_broadcast_rx_free(rx);
    pirn_broadcast_tx_unref(tx);
    expect_clean();
}

Test(broadcast, misuse)
{
    int v = 0;

    cr_expect_eq(pirn_broadcast_new(4, 0, NULL, NULL, &tx, &rx), -EINVAL);
    cr_expect_eq(pirn_broadcast_new(4, 1, NULL, boxed_drop, &tx, &rx), -EINVAL);
    cr_expect_eq(pirn_broadcast_new(4, 1, NULL, NULL, NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_broadcast_new(4, 1, NULL, NULL, &tx, NULL), -EINVAL);
    cr_expect_eq(pirn_broadcast_new(4, SIZE_MAX / 2, NULL, NULL, &tx, &rx), -ENOMEM);
    cr_expect_eq(pirn_broadcast_send(NULL, &v, NULL), -EINVAL);
    cr_expect_eq(pirn_broadcast_recv_try(NULL, &v, NULL), -EINVAL);
    cr_expect_eq(recv_with(&r_op[0], NULL, &v, NULL), -EINVAL);
    cr_expect_eq(pirn_broadcast_tx_closed_poll(&c_op[0].op, by_hand_cx(&c_op[0]), NULL), -EINVAL);
    cr_expect_eq(pirn_broadcast_subscribe(NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_broadcast_resubscribe(NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_broadcast_tx_receivers(NULL) + pirn_broadcast_rx_len(NULL), 0);
    cr_expect_null(pirn_broadcast_tx_ref(NULL));
    cr_expect_null(pirn_broadcast_tx_downgrade(NULL));
    cr_expect_null(pirn_broadcast_weak_upgrade(NULL));
    pirn_broadcast_tx_unref(NULL);
    pirn_broadcast_rx_free(NULL);
    pirn_broadcast_weak_unref(NULL);
    expect_clean();
}
