/* SPDX-License-Identifier: MIT */
/* Is the one operation that waits in a slot woken once, by whatever polls it last? */
#include "task/wait_slot.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "task/op.h"
#include "tests/support/await.h"

static struct wait_slot slot;
static bool is_true;
static struct await w[2];
static struct fake_sched f;

static void leave(void *state)
{
    pirn__slot_clear(&slot, state);
}

static const pirn_op_kind slot_kind = {sizeof(pirn_op_kind), "slot", leave};

static int poll_slot(struct await *a, pirn_cx *cx)
{
    struct slot_waiter *me = pirn_op_state(&a->op, cx, &slot_kind);

    if (!pirn__slot_set(&slot, me, cx)) {
        pirn_op_done(&a->op);
        return -EBUSY;
    }
    op_set_armed(me, cx->cell != NULL);
    if (!is_true)
        return PIRN_PENDING;
    pirn__slot_clear(&slot, me);
    pirn_op_done(&a->op);
    return 0;
}

static void init(void)
{
    wait_slot_init(&slot);
    is_true = false;
    fake_init(&f);
    for (int i = 0; i < 2; i++)
        await_init(&w[i], poll_slot, NULL, NULL);
}

static void fini(void)
{
    cr_expect_eq(atomic_load(&slot.word), SLOT_EMPTY);
    for (int i = 0; i < 2; i++)
        cr_expect(await_is_clean(&w[i]));
    cr_expect(fake_is_empty(&f));
}

TestSuite(wait_slot, .init = init, .fini = fini);

Test(wait_slot, one_is_woken_once)
{
    cr_expect_not(pirn__slot_wake(&slot), "nobody waits");
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), -EBUSY, "there is one place");
    is_true = true;
    cr_expect(pirn__slot_wake(&slot));
    cr_expect_not(pirn__slot_wake(&slot));
    cr_expect_eq(w[0].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[0]), 0);
}

Test(wait_slot, who_leaves_is_not_woken)
{
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    pirn_op_drop(&w[0].op);
    cr_expect_not(pirn__slot_wake(&slot));
    cr_expect_eq(w[0].waker.wakes, 0);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING, "the place is free");
    pirn_op_drop(&w[1].op);
}

Test(wait_slot, a_task_leaves_no_reference)
{
    (void)await_spawn(&f, &w[0]);
    cr_expect_eq(fake_drain(&f), 1);
    cr_expect_eq(f.count[FAKE_FORGOTTEN], 0);
    is_true = true;
    cr_expect(pirn__slot_wake(&slot));
    cr_expect_eq(fake_drain(&f), 1);
    cr_expect_eq(w[0].result, 0);
}

/* First under an executor inside the task, then by the task itself. */
static int poll_both(struct await *a, pirn_cx *cx)
{
    if (a->polls == 1) {
        cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    }
    return poll_slot(&w[1], cx);
}

Test(wait_slot, what_polls_it_last_is_woken)
{
    w[0].poll = poll_both;
    (void)await_spawn(&f, &w[0]);
    cr_expect_eq(fake_drain(&f), 2);
    cr_expect_eq(w[1].waker.drops, 1);
    is_true = true;
    cr_expect(pirn__slot_wake(&slot));
    cr_expect_eq(fake_drain(&f), 1, "the task, not the executor's waker");
    cr_expect_eq(w[1].waker.wakes, 0);
    cr_expect_eq(w[0].result, 0);
}
