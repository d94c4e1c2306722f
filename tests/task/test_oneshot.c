/* SPDX-License-Identifier: MIT */
/* Does one element come from one sender to one receiver, whoever goes first, and in whatever order both
 * are freed? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/oneshot.h>

#include "task/base/scope.h"
#include "tests/support/by_hand.h"
#include "tests/support/death.h"

static int dropped[4], drops;

static void note_drop(void *elem)
{
    dropped[drops++] = *(int *)elem;
}

static pirn_oneshot_tx *tx;
static pirn_oneshot_rx *rx;
static struct by_hand recv_op, closed_op, other_op;

static void make(void)
{
    cr_assert_eq(pirn_oneshot_new(sizeof(int), note_drop, &tx, &rx), 0);
}

static int send_int(int v)
{
    return pirn_oneshot_send(tx, &v);
}

static int recv_with(struct by_hand *b, int *v)
{
    return pirn_oneshot_recv_poll(&b->op, by_hand_cx(b), rx, v);
}

static int closed_with(struct by_hand *b)
{
    return pirn_oneshot_tx_closed_poll(&b->op, by_hand_cx(b), tx);
}

static void expect_clean(void)
{
    cr_expect(by_hand_is_clean(&recv_op));
    cr_expect(by_hand_is_clean(&closed_op));
    cr_expect(by_hand_is_clean(&other_op));
}

Test(oneshot, sent_then_received)
{
    int v = 0;

    make();
    cr_expect_eq(pirn_oneshot_recv_try(rx, &v), -EAGAIN);
    cr_expect_eq(send_int(7), 0);
    cr_expect_eq(recv_with(&recv_op, &v), 0);
    cr_expect_eq(v, 7);
    cr_expect_eq(recv_with(&recv_op, &v), -EINVAL, "received before");
    cr_expect_eq(pirn_oneshot_recv_try(rx, &v), -EINVAL);
    pirn_oneshot_rx_free(rx);
    cr_expect_eq(drops, 0);
    expect_clean();
}

Test(oneshot, waited_for)
{
    int v = 0;

    make();
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING);
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING, "polled again for no reason");
    cr_expect_eq(by_hand_woken(&recv_op), 0);
    cr_expect_eq(v, 0);
    cr_expect_eq(send_int(8), 0);
    cr_expect_eq(by_hand_woken(&recv_op), 1);
    cr_expect_eq(recv_with(&recv_op, &v), 0);
    cr_expect_eq(v, 8);
    pirn_oneshot_rx_free(rx);
    cr_expect_eq(drops, 0);
    expect_clean();
}

Test(oneshot, sender_freed)
{
    int v = 3;

    make();
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING);
    pirn_oneshot_tx_free(tx);
    cr_expect_eq(by_hand_woken(&recv_op), 1);
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_ECLOSED);
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_ECLOSED, "and again");
    cr_expect_eq(pirn_oneshot_recv_try(rx, &v), PIRN_ECLOSED);
    cr_expect_eq(v, 3);
    pirn_oneshot_rx_free(rx);
    cr_expect_eq(drops, 0);
    expect_clean();
}

Test(oneshot, receiver_freed_drops_what_was_sent)
{
    make();
    cr_expect_eq(send_int(9), 0);
    pirn_oneshot_rx_free(rx);
    cr_expect_eq(drops, 1);
    cr_expect_eq(dropped[0], 9);
}

Test(oneshot, receiver_freed_refuses_what_comes)
{
    make();
    cr_expect_eq(closed_with(&closed_op), PIRN_PENDING);
    cr_expect_eq(closed_with(&other_op), -EBUSY);
    cr_expect_not(pirn_oneshot_tx_is_closed(tx));
    pirn_oneshot_rx_free(rx);
    cr_expect_eq(by_hand_woken(&closed_op), 1);
    cr_expect(pirn_oneshot_tx_is_closed(tx));
    cr_expect_eq(closed_with(&closed_op), 0);
    cr_expect_eq(closed_with(&closed_op), 0, "still closed");
    cr_expect_eq(send_int(9), PIRN_ECLOSED);
    cr_expect_eq(drops, 0, "the element stays the caller's");
    expect_clean();
}

Test(oneshot, closed_by_the_receiver)
{
    int v = 0;

    make();
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING);
    cr_expect_eq(recv_with(&other_op, &v), -EBUSY);
    cr_expect_eq(closed_with(&closed_op), PIRN_PENDING);
    pirn_oneshot_rx_close(rx);
    cr_expect_eq(by_hand_woken(&recv_op), 1);
    cr_expect_eq(by_hand_woken(&closed_op), 1);
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_ECLOSED);
    cr_expect_eq(closed_with(&closed_op), 0);
    cr_expect_eq(send_int(1), PIRN_ECLOSED);
    pirn_oneshot_rx_free(rx);
    cr_expect_eq(drops, 0);
    expect_clean();
}

Test(oneshot, closed_after_the_send_is_received)
{
    int v = 0;

    make();
    cr_expect_eq(send_int(4), 0);
    pirn_oneshot_rx_close(rx);
    cr_expect_eq(recv_with(&recv_op, &v), 0);
    cr_expect_eq(v, 4);
    pirn_oneshot_rx_free(rx);
    expect_clean();
}

/* What waits on a handle that is freed ends, and may be polled, or dropped, later than everything. */
Test(oneshot, handles_freed_under_operations)
{
    for (int polled = 0; polled < 2; polled++) {
        int v = 5;

        make();
        cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING);
        cr_expect_eq(closed_with(&closed_op), PIRN_PENDING);
        cr_expect_eq(send_int(6), 0);
        pirn_oneshot_rx_free(rx);
        cr_expect_eq(by_hand_woken(&recv_op), 1);
        cr_expect_eq(by_hand_woken(&closed_op), 1);
        cr_expect_eq(drops, polled + 1, "the send came first");
        if (polled) {
            cr_expect_eq(recv_with(&recv_op, &v), -ECANCELED);
            cr_expect_eq(closed_with(&closed_op), -ECANCELED);
        } else {
            pirn_op_drop(&recv_op.op);
            pirn_op_drop(&closed_op.op);
        }
        cr_expect_eq(v, 5);
        expect_clean();
    }
}

Test(oneshot, operations_dropped_half_way)
{
    int v = 0;

    make();
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING);
    cr_expect_eq(closed_with(&closed_op), PIRN_PENDING);
    pirn_op_drop(&recv_op.op);
    pirn_op_drop(&closed_op.op);
    expect_clean();
    cr_expect_eq(recv_with(&other_op, &v), PIRN_PENDING, "another one may wait now");
    cr_expect_eq(send_int(2), 0);
    cr_expect_eq(by_hand_woken(&recv_op), 0);
    cr_expect_eq(by_hand_woken(&closed_op), 0);
    cr_expect_eq(recv_with(&other_op, &v), 0);
    cr_expect_eq(v, 2);
    pirn_oneshot_rx_free(rx);
    expect_clean();
}

/* Another waker in a later poll: that one is woken. */
Test(oneshot, moved_to_another_waker)
{
    int v = 0;

    make();
    cr_expect_eq(recv_with(&recv_op, &v), PIRN_PENDING);
    cr_expect_eq(pirn_oneshot_recv_poll(&recv_op.op, by_hand_cx(&other_op), rx, &v), PIRN_PENDING);
    cr_expect_eq(count_waker_live(&recv_op.counts), 1);
    cr_expect_eq(send_int(2), 0);
    cr_expect_eq(by_hand_woken(&recv_op), 0);
    cr_expect_eq(by_hand_woken(&other_op), 1);
    cr_expect_eq(recv_with(&recv_op, &v), 0);
    pirn_oneshot_rx_free(rx);
    expect_clean();
}

Test(oneshot, takes_units_of_budget)
{
    int v = 0;

    make();
    cr_expect_eq(send_int(2), 0);
    (void)by_hand_cx(&recv_op);
    recv_op.cx.budget_full = 1;
    recv_op.cx.budget = 0;
    cr_expect_eq(pirn_oneshot_recv_poll(&recv_op.op, &recv_op.cx, rx, &v), PIRN_PENDING);
    cr_expect(pirn_op_is_pending(&recv_op.op));
    cr_expect_eq(by_hand_woken(&recv_op), 1, "to come again");
    recv_op.cx.budget = 1;
    cr_expect_eq(pirn_oneshot_recv_poll(&recv_op.op, &recv_op.cx, rx, &v), 0);
    cr_expect_eq(v, 2);
    cr_expect_eq(recv_op.cx.budget, 0);
    recv_op.cx.budget_full = 2;
    cr_expect_eq(pirn_oneshot_recv_poll(&recv_op.op, &recv_op.cx, rx, &v), PIRN_PENDING);
    recv_op.cx.budget = 1;
    cr_expect_eq(pirn_oneshot_recv_poll(&recv_op.op, &recv_op.cx, rx, &v), -EINVAL);
    pirn_oneshot_rx_free(rx);
    make();
    recv_op.cx.budget = 1;
    cr_expect_eq(pirn_oneshot_recv_poll(&recv_op.op, &recv_op.cx, rx, &v), PIRN_PENDING);
    cr_expect_eq(recv_op.cx.budget, 1, "a wait costs nothing");
    pirn_op_drop(&recv_op.op);
    pirn_oneshot_rx_free(rx);
    pirn_oneshot_tx_free(tx);
    expect_clean();
}

static void free_twice(void *arg)
{
    (void)arg;
    make();
    pirn_oneshot_rx_free(rx);
    pirn_oneshot_rx_free(rx);
}

Test(oneshot, misuse)
{
    int v = 0;

    cr_expect_eq(pirn_oneshot_new(4, NULL, NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_oneshot_new(4, NULL, &tx, NULL), -EINVAL);
    cr_expect_eq(pirn_oneshot_new(SIZE_MAX, NULL, &tx, &rx), -ENOMEM);
    cr_expect_eq(pirn_oneshot_send(NULL, &v), -EINVAL);
    cr_expect_eq(pirn_oneshot_recv_try(NULL, &v), -EINVAL);
    tx = NULL;
    rx = NULL;
    cr_expect_eq(recv_with(&recv_op, &v), -EINVAL);
    cr_expect_eq(closed_with(&closed_op), -EINVAL);
    cr_expect(pirn_oneshot_tx_is_closed(NULL));
    pirn_oneshot_tx_free(NULL);
    pirn_oneshot_rx_free(NULL);
    pirn_oneshot_rx_close(NULL);
    cr_expect(dies_saying(free_twice, NULL, "pirn_oneshot_rx_free"));
    expect_clean();
}

Test(oneshot, events_have_no_bytes)
{
    cr_assert_eq(pirn_oneshot_new(0, NULL, &tx, &rx), 0);
    cr_expect_eq(pirn_oneshot_send(tx, NULL), 0);
    cr_expect_eq(pirn_oneshot_recv_try(rx, NULL), 0);
    pirn_oneshot_rx_free(rx);
}
