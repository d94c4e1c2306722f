/* SPDX-License-Identifier: MIT */
/* A channel, and operations at it that are polled by hand: for the tests of mpsc. */
#ifndef PIRN_TESTS_TASK_MPSC_FIXTURE_H
#define PIRN_TESTS_TASK_MPSC_FIXTURE_H

#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/mpsc.h>

#include "tests/support/by_hand.h"

enum {
    MANY = 20
};

static int dropped[64], drops;

static inline void note_drop(void *elem)
{
    dropped[drops++] = *(int *)elem;
}

static pirn_mpsc_tx *tx;
static pirn_mpsc_rx *rx;
static struct by_hand r_op, s_op[MANY], c_op[MANY];

static inline void make(size_t capacity)
{
    cr_assert_eq(pirn_mpsc_new(sizeof(int), capacity, note_drop, &tx, &rx), 0);
}

static inline int try_send(int v)
{
    return pirn_mpsc_send_try(tx, &v);
}

static inline int send_with(struct by_hand *b, int v)
{
    return pirn_mpsc_send_poll(&b->op, by_hand_cx(b), tx, &v);
}

static inline int recv_with(struct by_hand *b, int *v)
{
    return pirn_mpsc_recv_poll(&b->op, by_hand_cx(b), rx, v);
}

static inline int reserve_with(struct by_hand *b, size_t n, pirn_mpsc_permit *p)
{
    return pirn_mpsc_reserve_many_poll(&b->op, by_hand_cx(b), tx, n, p);
}

static inline int closed_with(struct by_hand *b)
{
    return pirn_mpsc_tx_closed_poll(&b->op, by_hand_cx(b), tx);
}

/* The next element, which is there. */
static inline int next_int(void)
{
    int v = -1;

    cr_expect_eq(pirn_mpsc_recv_try(rx, &v), 0);
    return v;
}

static inline void expect_clean(void)
{
    cr_expect(by_hand_is_clean(&r_op));
    for (int i = 0; i < MANY; i++) {
        cr_expect(by_hand_is_clean(&s_op[i]), "send %d", i);
        cr_expect(by_hand_is_clean(&c_op[i]), "closed %d", i);
    }
}

#endif
