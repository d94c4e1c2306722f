/* SPDX-License-Identifier: MIT */
/* Does one at a time hold a mutex, in the order of their asking? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/lock.h>

#include "tests/support/await.h"

enum {
    MANY = 4
};

static pirn_mutex *m;
static struct await w[MANY];
static pirn_guard g[MANY];

static int poll_lock(struct await *a, pirn_cx *cx)
{
    return pirn_mutex_lock_poll(&a->op, cx, a->object, a->out);
}

static void init(void)
{
    cr_assert_eq(pirn_mutex_new(&m), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_lock, m, &g[i]);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
}

TestSuite(mutex, .init = init, .fini = fini);

Test(mutex, one_at_a_time_in_order)
{
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(g[0].lock, m);
    cr_expect_eq(pirn_mutex_lock_try(m, &g[3]), -EAGAIN);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_guard_release(&g[0]);
    cr_expect_eq(pirn_mutex_lock_try(m, &g[3]), -EAGAIN, "it is the next one's");
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_guard_release(&g[0]);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING, "an empty guard unlocks nothing");
    pirn_guard_release(&g[1]);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_guard_release(&g[2]);
    cr_expect_eq(pirn_mutex_lock_try(m, &g[3]), 0);
    pirn_guard_release(&g[3]);
    cr_expect_null(g[3].lock);
    pirn_mutex_unref(m);
}

Test(mutex, a_dropped_one_lets_the_next_have_it)
{
    cr_assert_eq(pirn_mutex_lock_try(m, &g[3]), 0);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_op_drop(&w[0].op);
    pirn_guard_release(&g[3]);
    cr_expect_eq(w[0].waker.wakes, 0);
    cr_expect_eq(w[1].waker.wakes, 1);
    pirn_op_drop(&w[1].op);
    cr_expect_eq(w[2].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_guard_release(&g[2]);
    pirn_mutex_unref(m);
}

Test(mutex, freed_it_ends_who_waits_and_the_guard_stays)
{
    cr_expect_eq(pirn_mutex_ref(m), m);
    pirn_mutex_unref(m);
    cr_assert_eq(pirn_mutex_lock_try(m, &g[3]), 0);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    pirn_mutex_unref(m);
    cr_expect_eq(await_poll(&w[0]), -ECANCELED);
    pirn_guard_release(&g[3]);
    cr_expect_eq(await_poll(&w[1]), -ECANCELED);
    pirn_mutex_unref(NULL);
    cr_expect_null(pirn_mutex_ref(NULL));
}

Test(mutex, freed_what_was_granted_is_locked)
{
    cr_assert_eq(pirn_mutex_lock_try(m, &g[3]), 0);
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    pirn_guard_release(&g[3]);
    pirn_mutex_unref(m);
    cr_expect_eq(await_poll(&w[0]), 0);
    pirn_guard_release(&g[0]);
}

Test(mutex, errors)
{
    w[0].object = NULL;
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    cr_expect_eq(pirn_mutex_lock_try(NULL, &g[0]), -EINVAL);
    cr_expect_eq(pirn_mutex_new(NULL), -EINVAL);
    pirn_mutex_unref(m);
}
