/* SPDX-License-Identifier: MIT */
/* Is each element accounted for when either side ends, and what do permits and weak senders keep open? */
#include "tests/support/death.h"
#include "tests/task/mpsc_fixture.h"

Test(mpsc_ends, permits_set_room_aside)
{
    pirn_mpsc_permit one = {0}, two = {0}, none = {0};

    make(3);
    cr_expect_eq(pirn_mpsc_reserve_many_try(tx, 2, &two), 0);
    cr_expect_eq(pirn_mpsc_reserve_many_try(tx, 2, &one), -EAGAIN);
    cr_expect_eq(reserve_with(&s_op[0], 1, &one), 0);
    cr_expect_eq(try_send(1), -EAGAIN);
    cr_expect_eq(pirn_mpsc_tx_capacity(tx), 0);
    cr_expect_eq(pirn_mpsc_rx_len(rx), 0);
    cr_expect_eq(pirn_mpsc_permit_send(&two, &(int){5}), 0);
    cr_expect_eq(pirn_mpsc_permit_send(&one, &(int){6}), 0);
    cr_expect_eq(pirn_mpsc_permit_send(&two, &(int){7}), 0);
    cr_expect_eq(pirn_mpsc_permit_send(&two, &(int){8}), -EINVAL, "used up");
    cr_expect_eq(next_int(), 5);
    cr_expect_eq(next_int(), 6);
    cr_expect_eq(next_int(), 7);
    cr_expect_eq(reserve_with(&s_op[0], 3, &two), 0);
    cr_expect_eq(reserve_with(&s_op[1], 2, &one), PIRN_PENDING);
    cr_expect_eq(send_with(&s_op[2], 9), PIRN_PENDING);
    cr_expect_eq(pirn_mpsc_permit_send(&two, &(int){5}), 0);
    cr_expect_eq(next_int(), 5);
    cr_expect_eq(by_hand_woken(&s_op[1]) + by_hand_woken(&s_op[2]), 0, "two want it first");
    pirn_mpsc_permit_release(&two);
    pirn_mpsc_permit_release(&two);
    cr_expect_eq(by_hand_woken(&s_op[1]), 1);
    cr_expect_eq(by_hand_woken(&s_op[2]), 1);
    cr_expect_eq(reserve_with(&s_op[1], 2, &one), 0);
    pirn_mpsc_permit_release(&one);
    cr_expect_eq(send_with(&s_op[2], 9), 0);
    cr_expect_eq(next_int(), 9);
    pirn_mpsc_permit_release(&none);
    pirn_mpsc_permit_release(NULL);
    cr_expect_eq(pirn_mpsc_tx_capacity(tx), 3);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    expect_clean();
}

/* One large wish in front of a small one: dropped, it lets that pass. */
Test(mpsc_ends, a_dropped_wish_lets_the_next_pass)
{
    pirn_mpsc_permit all = {0};

    make(2);
    cr_expect_eq(try_send(1), 0);
    cr_expect_eq(reserve_with(&s_op[0], 2, &all), PIRN_PENDING);
    cr_expect_eq(send_with(&s_op[1], 2), PIRN_PENDING, "no overtaking");
    pirn_op_drop(&s_op[0].op);
    cr_expect_eq(by_hand_woken(&s_op[1]), 1);
    cr_expect_eq(send_with(&s_op[1], 2), 0);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    expect_clean();
}

/* While a permit is out, something may come: empty is not closed. */
Test(mpsc_ends, permits_keep_it_open)
{
    pirn_mpsc_permit p = {0};
    int v = 0;

    make(2);
    cr_expect_eq(pirn_mpsc_reserve_many_try(tx, 2, &p), 0);
    pirn_mpsc_rx_close(rx);
    cr_expect_eq(pirn_mpsc_recv_try(rx, &v), -EAGAIN);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    cr_expect_eq(pirn_mpsc_permit_send(&p, &(int){1}), 0);
    cr_expect_eq(by_hand_woken(&r_op), 1);
    cr_expect_eq(recv_with(&r_op, &v), 0);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    pirn_mpsc_permit_release(&p);
    cr_expect_eq(by_hand_woken(&r_op), 1, "the last one given back");
    cr_expect_eq(recv_with(&r_op, &v), PIRN_ECLOSED);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);

    make(2);
    cr_expect_eq(pirn_mpsc_reserve_try(tx, &p), 0);
    pirn_mpsc_tx_unref(tx);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING, "it is as good as a sender");
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(by_hand_woken(&r_op), 1);
    cr_expect_eq(pirn_mpsc_permit_send(&p, &(int){1}), PIRN_ECLOSED);
    cr_expect_eq(pirn_mpsc_permit_send(&p, &(int){1}), -EINVAL);
    cr_expect_eq(recv_with(&r_op, &v), -ECANCELED);
    cr_expect_eq(drops, 0);
    expect_clean();
}

/* A wish that was granted and dropped, in a channel that is closed: the receiver learns of its end. */
Test(mpsc_ends, granted_and_dropped_when_closed)
{
    pirn_mpsc_permit p = {0};
    int v = 0;

    make(1);
    cr_expect_eq(try_send(1), 0);
    cr_expect_eq(reserve_with(&s_op[0], 1, &p), PIRN_PENDING);
    cr_expect_eq(next_int(), 1);
    cr_expect_eq(by_hand_woken(&s_op[0]), 1);
    pirn_mpsc_rx_close(rx);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    pirn_op_drop(&s_op[0].op);
    cr_expect_eq(by_hand_woken(&r_op), 1);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_ECLOSED);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    expect_clean();
}

Test(mpsc_ends, handles_freed_under_operations)
{
    for (int polled = 0; polled < 2; polled++) {
        int v = 5;

        make(1);
        cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
        cr_expect_eq(closed_with(&c_op[0]), PIRN_PENDING);
        pirn_mpsc_rx_free(rx);
        pirn_mpsc_tx_unref(tx);
        cr_expect_eq(by_hand_woken(&r_op), 1);
        cr_expect_eq(by_hand_woken(&c_op[0]), 1);
        if (polled) {
            cr_expect_eq(recv_with(&r_op, &v), -ECANCELED);
            cr_expect_eq(closed_with(&c_op[0]), 0, "the receiver went first");
        } else {
            pirn_op_drop(&r_op.op);
            pirn_op_drop(&c_op[0].op);
        }
        make(1);
        cr_expect_eq(try_send(1), 0);
        for (int i = 0; i < MANY; i++)
            cr_expect_eq(send_with(&s_op[i], 2), PIRN_PENDING);
        cr_expect_eq(closed_with(&c_op[0]), PIRN_PENDING);
        pirn_mpsc_tx_unref(tx);
        cr_expect_eq(next_int(), 1);
        cr_expect_eq(pirn_mpsc_recv_try(rx, &v), PIRN_ECLOSED);
        pirn_mpsc_rx_free(rx);
        for (int i = 0; i < MANY; i++) {
            cr_expect_eq(by_hand_woken(&s_op[i]), 1);
            if (polled)
                cr_expect_eq(send_with(&s_op[i], 2), -ECANCELED);
            else
                pirn_op_drop(&s_op[i].op);
        }
        cr_expect_eq(by_hand_woken(&c_op[0]), 1);
        if (polled)
            cr_expect_eq(closed_with(&c_op[0]), -ECANCELED);
        else
            pirn_op_drop(&c_op[0].op);
        cr_expect_eq(v, 5);
        cr_expect_eq(drops, 0);
        expect_clean();
    }
}

Test(mpsc_ends, receiver_freed_before_a_granted_send)
{
    make(1);
    cr_expect_eq(try_send(1), 0);
    cr_expect_eq(send_with(&s_op[0], 2), PIRN_PENDING);
    cr_expect_eq(send_with(&s_op[1], 3), PIRN_PENDING);
    cr_expect_eq(next_int(), 1);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(send_with(&s_op[0], 2), PIRN_ECLOSED, "granted, but to no purpose");
    cr_expect_eq(send_with(&s_op[1], 3), PIRN_ECLOSED);
    pirn_mpsc_tx_unref(tx);
    cr_expect_eq(drops, 0);
    cr_expect_eq(by_hand_woken(&s_op[0]) + by_hand_woken(&s_op[1]), 2);
    expect_clean();
}

/* More wakers of the callers' own than a list takes, and the receiver's. */
Test(mpsc_ends, the_receiver_is_told_beside_many_others)
{
    int v = 0;

    for (int by_sender = 0; by_sender < 2; by_sender++) {
        make(1);
        cr_expect_eq(try_send(1), 0);
        for (int i = 0; i < 8; i++)
            cr_expect_eq(by_sender ? closed_with(&c_op[i]) : send_with(&s_op[i], i), PIRN_PENDING);
        if (by_sender)
            cr_expect_eq(next_int(), 1);
        (void)by_hand_cx(&r_op);
        r_op.cx.budget = by_sender; /* without it waits whatever there is */
        r_op.cx.budget_full = 1;
        cr_expect_eq(pirn_mpsc_recv_poll(&r_op.op, &r_op.cx, rx, &v), PIRN_PENDING);
        r_op.cx.budget_full = PIRN_UNLIMITED;
        if (by_sender)
            pirn_mpsc_tx_unref(tx);
        else
            pirn_mpsc_rx_close(rx);
        cr_expect_eq(by_hand_woken(&r_op), 1 + !by_sender);
        for (int i = 0; i < 8; i++) {
            cr_expect_eq(by_hand_woken(by_sender ? &c_op[i] : &s_op[i]), 1);
            if (by_sender)
                cr_expect_eq(closed_with(&c_op[i]), -ECANCELED);
            else
                cr_expect_eq(send_with(&s_op[i], i), PIRN_ECLOSED);
        }
        if (!by_sender)
            cr_expect_eq(recv_with(&r_op, &v), 0);
        cr_expect_eq(recv_with(&r_op, &v), PIRN_ECLOSED);
        if (!by_sender)
            pirn_mpsc_tx_unref(tx);
        pirn_mpsc_rx_free(rx);
        expect_clean();
    }
}

Test(mpsc_ends, weak_senders)
{
    pirn_mpsc_weak *weak;
    pirn_mpsc_tx *strong;
    int v;

    make(1);
    weak = pirn_mpsc_tx_downgrade(tx);
    cr_expect_eq(pirn_mpsc_weak_ref(weak), weak);
    strong = pirn_mpsc_weak_upgrade(weak);
    cr_assert_not_null(strong);
    cr_expect(pirn_mpsc_same_channel(strong, tx));
    pirn_mpsc_tx_unref(tx);
    cr_expect_eq(pirn_mpsc_send_try(strong, &(int){4}), 0);
    pirn_mpsc_tx_unref(strong);
    cr_expect_null(pirn_mpsc_weak_upgrade(weak));
    cr_expect_eq(next_int(), 4);
    cr_expect_eq(pirn_mpsc_recv_try(rx, &v), PIRN_ECLOSED);
    pirn_mpsc_weak_unref(weak);
    pirn_mpsc_rx_free(rx);
    cr_expect_null(pirn_mpsc_weak_upgrade(weak), "the last holder");
    pirn_mpsc_weak_unref(weak);
}

static void drop_faults(void *elem)
{
    note_drop(elem);
    pirn_fault(1, "a drop that faults");
}

Test(mpsc_ends, a_fault_in_a_drop_is_contained)
{
    cr_assert_eq(pirn_mpsc_new(sizeof(int), 4, drop_faults, &tx, &rx), 0);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(try_send(i), 0);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(drops, 3);
    pirn_mpsc_tx_unref(tx);
}

Test(mpsc_ends, takes_units_of_budget)
{
    int v = 0;

    make(1);
    (void)by_hand_cx(&s_op[0]);
    s_op[0].cx.budget_full = 2;
    s_op[0].cx.budget = 2;
    cr_expect_eq(pirn_mpsc_send_poll(&s_op[0].op, &s_op[0].cx, tx, &v), 0);
    cr_expect_eq(s_op[0].cx.budget, 1);
    cr_expect_eq(pirn_mpsc_send_poll(&s_op[0].op, &s_op[0].cx, tx, &v), PIRN_PENDING);
    cr_expect_eq(s_op[0].cx.budget, 1, "a wait costs nothing");
    s_op[0].cx.budget = 0;
    cr_expect_eq(pirn_mpsc_send_poll(&s_op[0].op, &s_op[0].cx, tx, &v), PIRN_PENDING);
    cr_expect_eq(by_hand_woken(&s_op[0]), 1, "put off, still in line");
    cr_expect_eq(next_int(), 0);
    s_op[0].cx.budget = 1;
    cr_expect_eq(pirn_mpsc_send_poll(&s_op[0].op, &s_op[0].cx, tx, &v), 0);
    cr_expect_eq(s_op[0].cx.budget, 0);
    (void)by_hand_cx(&r_op);
    r_op.cx.budget_full = 1;
    r_op.cx.budget = 0;
    cr_expect_eq(pirn_mpsc_recv_poll(&r_op.op, &r_op.cx, rx, &v), PIRN_PENDING);
    cr_expect_eq(by_hand_woken(&r_op), 1);
    r_op.cx.budget = 1;
    cr_expect_eq(pirn_mpsc_recv_poll(&r_op.op, &r_op.cx, rx, &v), 0);
    cr_expect_eq(r_op.cx.budget, 0);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    (void)by_hand_woken(&s_op[0]);
    expect_clean();
}

static void free_twice(void *arg)
{
    (void)arg;
    make(1);
    pirn_mpsc_rx_free(rx);
    pirn_mpsc_rx_free(rx);
}

Test(mpsc_ends, misuse)
{
    pirn_mpsc_permit p = {0};
    int v = 0;
    size_t n;

    cr_expect_eq(pirn_mpsc_new(4, 0, NULL, &tx, &rx), -EINVAL);
    cr_expect_eq(pirn_mpsc_new(4, 1, NULL, NULL, &rx), -EINVAL);
    cr_expect_eq(pirn_mpsc_new(4, 1, NULL, &tx, NULL), -EINVAL);
    cr_expect_eq(pirn_mpsc_new(4, SIZE_MAX / 2, NULL, &tx, &rx), -ENOMEM);
    tx = NULL;
    rx = NULL;
    cr_expect_eq(try_send(1), -EINVAL);
    cr_expect_eq(send_with(&s_op[0], 1), -EINVAL);
    cr_expect_eq(reserve_with(&s_op[0], 1, &p), -EINVAL);
    cr_expect_eq(closed_with(&c_op[0]), -EINVAL);
    cr_expect_eq(recv_with(&r_op, &v), -EINVAL);
    cr_expect_eq(pirn_mpsc_recv_try(NULL, &v), -EINVAL);
    cr_expect_eq(pirn_mpsc_recv_many_try(NULL, &v, 1, &n), -EINVAL);
    cr_expect_eq(pirn_mpsc_permit_send(&p, &v), -EINVAL);
    cr_expect_eq(pirn_mpsc_permit_send(NULL, &v), -EINVAL);
    cr_expect_null(pirn_mpsc_tx_ref(NULL));
    cr_expect_null(pirn_mpsc_tx_downgrade(NULL));
    cr_expect_null(pirn_mpsc_weak_ref(NULL));
    cr_expect_null(pirn_mpsc_weak_upgrade(NULL));
    pirn_mpsc_tx_unref(NULL);
    pirn_mpsc_rx_free(NULL);
    pirn_mpsc_rx_close(NULL);
    pirn_mpsc_weak_unref(NULL);
    cr_expect_eq(pirn_mpsc_tx_len(NULL) + pirn_mpsc_rx_len(NULL), 0);
    cr_expect(pirn_mpsc_tx_is_closed(NULL) && pirn_mpsc_rx_is_closed(NULL));
    make(2);
    cr_expect_eq(reserve_with(&s_op[0], 0, &p), -EINVAL);
    cr_expect_eq(reserve_with(&s_op[0], 3, &p), -EINVAL);
    cr_expect_eq(pirn_mpsc_reserve_try(tx, NULL), -EINVAL);
    cr_expect_eq(pirn_mpsc_reserve_try(tx, &p), 0);
    cr_expect_eq(pirn_mpsc_reserve_try(tx, &p), -EINVAL, "not empty");
    pirn_mpsc_permit_release(&p);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    make(PIRN_UNBOUNDED);
    cr_expect_eq(pirn_mpsc_reserve_try(tx, &p), -EINVAL);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    cr_expect(dies_saying(free_twice, NULL, "pirn_mpsc_rx_free"));
    expect_clean();
}
