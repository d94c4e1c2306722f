/* SPDX-License-Identifier: MIT */
/* Do readers share a lock and writers not, and does nobody overtake? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/lock.h>

#include "tests/support/await.h"
#include "tests/support/death.h"

enum {
    MANY = 6
};

static pirn_rwlock *l;
static struct await w[MANY];
static pirn_guard g[MANY];

static int poll_read(struct await *a, pirn_cx *cx)
{
    return pirn_rwlock_read_poll(&a->op, cx, a->object, a->out);
}

static int poll_write(struct await *a, pirn_cx *cx)
{
    return pirn_rwlock_write_poll(&a->op, cx, a->object, a->out);
}

static void begin(uint32_t readers)
{
    cr_assert_eq(pirn_rwlock_new(readers, &l), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_read, l, &g[i]);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
}

TestSuite(rwlock, .fini = fini);

static void writes(int i)
{
    w[i].poll = poll_write;
}

Test(rwlock, readers_share_writers_do_not)
{
    begin(PIRN_UNLIMITED);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[0]), 0);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[1]), 0);
    cr_expect_eq(pirn_rwlock_write_try(l, &g[2]), -EAGAIN);
    pirn_guard_release(&g[0]);
    cr_expect_eq(pirn_rwlock_write_try(l, &g[2]), -EAGAIN);
    pirn_guard_release(&g[1]);
    cr_expect_eq(pirn_rwlock_write_try(l, &g[2]), 0);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[0]), -EAGAIN);
    cr_expect_eq(pirn_rwlock_write_try(l, &g[0]), -EAGAIN);
    pirn_guard_release(&g[2]);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[0]), 0);
    pirn_guard_release(&g[0]);
    pirn_rwlock_unref(l);
}

Test(rwlock, nobody_overtakes_a_writer)
{
    begin(10);
    cr_expect_eq(await_poll(&w[0]), 0);
    writes(1);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[3]), PIRN_PENDING);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[5]), -EAGAIN);
    writes(4);
    cr_expect_eq(await_poll(&w[4]), PIRN_PENDING);
    pirn_guard_release(&g[0]);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_guard_release(&g[1]);
    cr_expect_eq(await_poll(&w[3]), 0, "both readers at once");
    cr_expect_eq(await_poll(&w[2]), 0);
    cr_expect_eq(await_poll(&w[4]), PIRN_PENDING);
    pirn_guard_release(&g[2]);
    cr_expect_eq(await_poll(&w[4]), PIRN_PENDING);
    pirn_guard_release(&g[3]);
    cr_expect_eq(await_poll(&w[4]), 0);
    pirn_guard_release(&g[4]);
    pirn_rwlock_unref(l);
}

Test(rwlock, a_dropped_writer_lets_readers_go_on)
{
    begin(10);
    cr_expect_eq(await_poll(&w[0]), 0);
    writes(1);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_op_drop(&w[1].op);
    cr_expect_eq(w[2].waker.wakes, 1);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_guard_release(&g[0]);
    pirn_guard_release(&g[2]);
    cr_expect_eq(pirn_rwlock_write_try(l, &g[1]), 0, "nothing is lost");
    pirn_guard_release(&g[1]);
    pirn_rwlock_unref(l);
}

Test(rwlock, so_many_readers_and_no_more)
{
    begin(2);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_guard_release(&g[1]);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_guard_release(&g[0]);
    pirn_guard_release(&g[2]);
    pirn_rwlock_unref(l);
}

Test(rwlock, downgraded_it_lets_readers_in_but_no_writer)
{
    begin(3);
    writes(0);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    writes(2);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_rwlock_downgrade(&g[0]);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_guard_release(&g[0]);
    pirn_guard_release(&g[1]);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_guard_release(&g[2]);
    pirn_rwlock_unref(l);
    begin(1);
    cr_expect_eq(pirn_rwlock_write_try(l, &g[0]), 0);
    pirn_rwlock_downgrade(&g[0]);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[1]), -EAGAIN);
    pirn_rwlock_unref(l);
    pirn_guard_release(&g[0]);
}

Test(rwlock, freed_it_ends_who_waits)
{
    begin(3);
    cr_expect_eq(pirn_rwlock_ref(l), l);
    pirn_rwlock_unref(l);
    cr_expect_eq(pirn_rwlock_read_try(l, &g[0]), 0);
    writes(1);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_rwlock_unref(l);
    cr_expect_eq(await_poll(&w[2]), -ECANCELED);
    cr_expect_eq(await_poll(&w[1]), -ECANCELED);
    pirn_guard_release(&g[0]);
    pirn_rwlock_unref(NULL);
    cr_expect_null(pirn_rwlock_ref(NULL));
}

static void downgrade(void *guard)
{
    pirn_rwlock_downgrade(guard);
}

Test(rwlock, errors)
{
    pirn_mutex *m;

    begin(1);
    w[0].object = NULL;
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    writes(0);
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    cr_expect_eq(pirn_rwlock_read_try(NULL, &g[0]), -EINVAL);
    cr_expect_eq(pirn_rwlock_write_try(NULL, &g[0]), -EINVAL);
    cr_expect_eq(pirn_rwlock_new(0, &l), -EINVAL);
    cr_expect_eq(pirn_rwlock_new(0x20000000, &l), -EINVAL);
    cr_expect_eq(pirn_rwlock_new(1, NULL), -EINVAL);
    cr_expect(dies_saying(downgrade, &g[0], "pirn_rwlock_downgrade"));
    cr_expect_eq(pirn_rwlock_read_try(l, &g[0]), 0);
    cr_expect(dies_saying(downgrade, &g[0], "pirn_rwlock_downgrade"));
    pirn_guard_release(&g[0]);
    pirn_rwlock_unref(l);
    cr_assert_eq(pirn_mutex_new(&m), 0);
    cr_expect_eq(pirn_mutex_lock_try(m, &g[0]), 0);
    cr_expect(dies_saying(downgrade, &g[0], "pirn_rwlock_downgrade"));
    pirn_guard_release(&g[0]);
    pirn_mutex_unref(m);
}
