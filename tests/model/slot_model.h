/* SPDX-License-Identifier: MIT */
/* A place for one waiter, and conditions that others make true. */
#ifndef PIRN_TESTS_MODEL_SLOT_MODEL_H
#define PIRN_TESTS_MODEL_SLOT_MODEL_H

#include "tests/model/sync_model.h"

#include "task/wait_slot.c"

static struct wait_slot slot;
static struct slot_waiter waiter;
static atomic_int conditions[2]; /* as users of the slot have it: sequentially consistent */
static int told[2];              /* plain: written before its condition */

static void slot_reset(void)
{
    sync_reset();
    wait_slot_init(&slot);
    waiter.waker.vt = NULL;
    for (int i = 0; i < 2; i++) {
        set(&conditions[i], 0);
        told[i] = 0;
    }
}

static void make_true(int i)
{
    told[i] = 1;
    (void)atomic_exchange_explicit(&conditions[i], 1, memory_order_seq_cst);
    (void)pirn__slot_wake(&slot);
}

/* Leaves a waker, then looks. */
static bool look(struct pirn_cx *cx, int wanted)
{
    int n = 0;

    assert(pirn__slot_set(&slot, &waiter, cx));
    for (int i = 0; i < 2; i++)
        if (atomic_load_explicit(&conditions[i], memory_order_seq_cst)) {
            assert(told[i] == 1);
            n++;
        }
    return n == wanted;
}
#endif
