/* SPDX-License-Identifier: MIT */
/* Does each element sent come out once, in order, and do senders wait for room, receivers for elements? */
#include "tests/task/mpsc_fixture.h"

Test(mpsc, in_order_up_to_the_capacity)
{
    make(3);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            cr_expect_eq(try_send(10 * round + i), 0);
        cr_expect_eq(try_send(99), -EAGAIN);
        cr_expect_eq(pirn_mpsc_rx_len(rx), 3);
        cr_expect_eq(pirn_mpsc_tx_capacity(tx), 0);
        cr_expect_eq(next_int(), 10 * round);
        cr_expect_eq(try_send(10 * round + 3), 0, "room for exactly one");
        cr_expect_eq(try_send(99), -EAGAIN);
        for (int i = 1; i < 4; i++)
            cr_expect_eq(next_int(), 10 * round + i);
        cr_expect_eq(pirn_mpsc_recv_try(rx, &round), -EAGAIN);
        cr_expect_eq(pirn_mpsc_tx_capacity(tx), 3);
    }
    cr_expect_eq(pirn_mpsc_tx_max_capacity(tx), 3);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(drops, 0);
}

Test(mpsc, unbounded_grows_and_keeps_the_order)
{
    int in = 0, out = 0;

    make(PIRN_UNBOUNDED);
    cr_expect_eq(pirn_mpsc_tx_capacity(tx), PIRN_UNBOUNDED);
    /* Ever more, and in between not quite empty: every ring is filled, wrapped, left behind. */
    for (int round = 1; round < 200; round++) {
        for (int i = 0; i < 40 * round; i++)
            cr_assert_eq(try_send(in++), 0);
        for (int i = 0; i < 40 * round - round % 7; i++)
            cr_assert_eq(next_int(), out++);
        cr_assert_eq(pirn_mpsc_rx_len(rx), (size_t)(in - out));
    }
    while (out < in)
        cr_assert_eq(next_int(), out++);
    cr_expect_eq(pirn_mpsc_recv_try(rx, &in), -EAGAIN);
    for (int i = 0; i < 30; i++)
        cr_expect_eq(try_send(i), 0);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(drops, 30);
    cr_expect_eq(dropped[29], 29);
    pirn_mpsc_tx_unref(tx);
}

Test(mpsc, receive_waits_for_a_send)
{
    int v = 0;

    make(2);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    cr_expect_eq(recv_with(&s_op[0], &v), -EBUSY);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    cr_expect_eq(try_send(1), 0);
    cr_expect_eq(by_hand_woken(&r_op), 1);
    cr_expect_eq(try_send(2), 0);
    cr_expect_eq(by_hand_woken(&r_op), 0, "it knows");
    cr_expect_eq(recv_with(&r_op, &v), 0);
    cr_expect_eq(v, 1);
    cr_expect_eq(recv_with(&r_op, &v), 0);
    cr_expect_eq(v, 2);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    pirn_op_drop(&r_op.op);
    cr_expect_eq(try_send(3), 0);
    cr_expect_eq(by_hand_woken(&r_op), 0, "dropped");
    cr_expect_eq(next_int(), 3, "nothing was lost");
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    expect_clean();
}

Test(mpsc, closed_by_the_last_sender)
{
    int v = 0;

    make(2);
    cr_expect_eq(pirn_mpsc_tx_ref(tx), tx);
    cr_expect_eq(try_send(1), 0);
    pirn_mpsc_tx_unref(tx);
    cr_expect_not(pirn_mpsc_rx_is_closed(rx));
    pirn_mpsc_tx_unref(tx);
    cr_expect(pirn_mpsc_rx_is_closed(rx));
    cr_expect_eq(recv_with(&r_op, &v), 0);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_ECLOSED);
    cr_expect_eq(pirn_mpsc_recv_try(rx, &v), PIRN_ECLOSED);
    pirn_mpsc_rx_free(rx);
    make(2);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_PENDING);
    pirn_mpsc_tx_unref(tx);
    cr_expect_eq(by_hand_woken(&r_op), 1);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_ECLOSED);
    pirn_mpsc_rx_free(rx);
    expect_clean();
}

Test(mpsc, closed_by_the_receiver)
{
    int v = 0;

    make(1);
    cr_expect_eq(try_send(1), 0);
    cr_expect_eq(send_with(&s_op[0], 2), PIRN_PENDING);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(closed_with(&c_op[i]), PIRN_PENDING);
    cr_expect_eq(closed_with(&c_op[3]), PIRN_PENDING);
    cr_expect_not(pirn_mpsc_tx_is_closed(tx));
    pirn_mpsc_rx_close(rx);
    cr_expect(pirn_mpsc_tx_is_closed(tx));
    cr_expect_eq(by_hand_woken(&s_op[0]), 1);
    cr_expect_eq(send_with(&s_op[0], 2), PIRN_ECLOSED);
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(by_hand_woken(&c_op[i]), 1, "closed %d", i);
        cr_expect_eq(closed_with(&c_op[i]), 0);
    }
    cr_expect_eq(try_send(3), PIRN_ECLOSED);
    cr_expect_eq(recv_with(&r_op, &v), 0, "what is in it is still received");
    cr_expect_eq(v, 1);
    cr_expect_eq(recv_with(&r_op, &v), PIRN_ECLOSED);
    pirn_mpsc_rx_free(rx);
    pirn_mpsc_tx_unref(tx);
    cr_expect_eq(drops, 0);
    expect_clean();
}

Test(mpsc, senders_in_line_are_served_in_order)
{
    make(2);
    cr_expect_eq(try_send(0), 0);
    cr_expect_eq(try_send(1), 0);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(send_with(&s_op[i], 100 + i), PIRN_PENDING);
    for (int i = 0; i < MANY; i++) {
        cr_expect_eq(by_hand_woken(&s_op[i]), 0);
        cr_expect_eq(next_int(), i < 2 ? i : 100 + i - 2);
        cr_expect_eq(by_hand_woken(&s_op[i]), 1, "send %d", i);
        cr_expect_eq(try_send(99), -EAGAIN, "the room is the first in line's");
        cr_expect_eq(send_with(&s_op[i], 100 + i), 0);
    }
    for (int i = MANY - 2; i < MANY; i++)
        cr_expect_eq(next_int(), 100 + i);
    cr_expect_eq(try_send(5), 0);
    cr_expect_eq(try_send(6), 0);
    cr_expect_eq(next_int(), 5);
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(drops, 1);
    expect_clean();
}

/* More room at once than a list of wakes takes. */
Test(mpsc, a_batch_makes_room_for_all_in_line)
{
    int v[MANY];
    size_t n = 0;

    make(MANY);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(try_send(i), 0);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(send_with(&s_op[i], 100 + i), PIRN_PENDING);
    cr_expect_eq(pirn_mpsc_recv_many_poll(&r_op.op, by_hand_cx(&r_op), rx, v, MANY, &n), 0);
    cr_expect_eq(n, MANY);
    cr_expect_eq(v[MANY - 1], MANY - 1);
    for (int i = MANY - 1; i >= 0; i--) {
        cr_expect_eq(by_hand_woken(&s_op[i]), 1, "send %d", i);
        cr_expect_eq(send_with(&s_op[i], 100 + i), 0);
    }
    cr_expect_eq(next_int(), 100 + MANY - 1, "in the order in which the sends end");
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(drops, MANY - 1);
    expect_clean();
}

/* Dropped in line, dropped with room granted: the next one gets it. */
Test(mpsc, dropped_sends_pass_the_room_on)
{
    make(1);
    cr_expect_eq(try_send(0), 0);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(send_with(&s_op[i], i), PIRN_PENDING);
    pirn_op_drop(&s_op[0].op);
    cr_expect_eq(next_int(), 0);
    cr_expect_eq(by_hand_woken(&s_op[1]), 1);
    pirn_op_drop(&s_op[1].op);
    cr_expect_eq(by_hand_woken(&s_op[2]), 1);
    cr_expect_eq(send_with(&s_op[2], 2), 0);
    cr_expect_eq(next_int(), 2);
    cr_expect_eq(send_with(&s_op[3], 3), 0);
    pirn_mpsc_rx_free(rx);
    cr_expect_eq(drops, 1);
    cr_expect_eq(dropped[0], 3);
    pirn_mpsc_tx_unref(tx);
    (void)by_hand_woken(&s_op[3]);
    expect_clean();
}

Test(mpsc, received_in_batches)
{
    int v[8];
    size_t n = 7;

    make(5);
    cr_expect_eq(pirn_mpsc_recv_many_try(rx, v, 8, &n), -EAGAIN);
    cr_expect_eq(n, 7);
    cr_expect_eq(pirn_mpsc_recv_many_try(rx, v, 0, &n), 0);
    cr_expect_eq(n, 0);
    for (int round = 0; round < 9; round++) {
        for (int i = 0; i < 4; i++)
            cr_expect_eq(try_send(i), 0);
        cr_expect_eq(pirn_mpsc_recv_many_try(rx, v, 3, &n), 0);
        cr_expect_eq(n, 3);
        cr_expect(v[0] == 0 && v[1] == 1 && v[2] == 2);
        cr_expect_eq(pirn_mpsc_recv_many_try(rx, v, 8, &n), 0);
        cr_expect_eq(n, 1);
        cr_expect_eq(v[0], 3);
    }
    cr_expect_eq(pirn_mpsc_recv_many_poll(&r_op.op, by_hand_cx(&r_op), rx, v, 8, &n), PIRN_PENDING);
    cr_expect_eq(try_send(6), 0);
    cr_expect_eq(try_send(7), 0);
    cr_expect_eq(pirn_mpsc_recv_many_poll(&r_op.op, by_hand_cx(&r_op), rx, v, 8, &n), 0);
    cr_expect_eq(n, 2);
    cr_expect_eq(v[1], 7);
    cr_expect_eq(pirn_mpsc_recv_many_poll(&r_op.op, by_hand_cx(&r_op), rx, v, 0, &n), 0);
    cr_expect_eq(n, 0);
    pirn_mpsc_tx_unref(tx);
    cr_expect_eq(pirn_mpsc_recv_many_poll(&r_op.op, by_hand_cx(&r_op), rx, v, 8, &n), PIRN_ECLOSED);
    cr_expect_eq(pirn_mpsc_recv_many_try(rx, v, 8, &n), PIRN_ECLOSED);
    pirn_mpsc_rx_free(rx);
    (void)by_hand_woken(&r_op);
    expect_clean();
}
