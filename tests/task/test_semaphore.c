/* SPDX-License-Identifier: MIT */
/* Who gets permits, in which order, and where do they go when they are not taken? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/semaphore.h>

#include "tests/support/await.h"
#include "tests/support/death.h"

enum {
    MANY = 40
};

static pirn_semaphore *s;
static struct await w[MANY];
static pirn_permit p[MANY];

static int poll_acquire(struct await *a, pirn_cx *cx)
{
    return pirn_semaphore_acquire_poll(&a->op, cx, a->object, a->n, a->out);
}

static void begin(uint32_t permits)
{
    cr_assert_eq(pirn_semaphore_new(permits, &s), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_acquire, s, &p[i]);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
}

TestSuite(semaphore, .fini = fini);

/* Waits for so many. */
static void ask(int i, uint32_t n)
{
    w[i].n = n;
    cr_assert_eq(await_poll(&w[i]), PIRN_PENDING);
}

static unsigned woken(void)
{
    unsigned bits = 0;

    for (int i = 0; i < 8; i++)
        bits |= (unsigned)(w[i].waker.wakes != 0) << i;
    return bits;
}

Test(semaphore, what_is_free_is_taken_at_once)
{
    begin(3);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(p[0].semaphore, s);
    cr_expect_eq(p[0].count, 1);
    cr_expect_eq(pirn_semaphore_acquire_try(s, 3, &p[1]), -EAGAIN);
    cr_expect_null(p[1].semaphore, "written only on success");
    cr_expect_eq(pirn_semaphore_acquire_try(s, 2, &p[1]), 0);
    cr_expect_eq(pirn_semaphore_available(s), 0);
    pirn_permit_release(&p[1]);
    cr_expect_eq(pirn_semaphore_available(s), 2);
    pirn_permit_release(&p[1]);
    cr_expect_eq(pirn_semaphore_available(s), 2, "an empty one gives nothing back");
    pirn_permit_release(&p[0]);
    cr_expect_eq(pirn_semaphore_available(s), 3);
    pirn_semaphore_unref(s);
}

Test(semaphore, first_come_first_served)
{
    begin(1);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 1, &p[7]), 0);
    ask(0, 1);
    ask(1, 2);
    ask(2, 1);
    pirn_permit_release(&p[7]);
    cr_expect_eq(woken(), 1);
    cr_expect_eq(pirn_semaphore_acquire_try(s, 1, &p[7]), -EAGAIN, "it is the first one's");
    cr_expect_eq(await_poll(&w[0]), 0);
    pirn_permit_release(&p[0]);
    cr_expect_eq(woken(), 1, "it is one of two that the second one needs");
    cr_expect_eq(pirn_semaphore_acquire_try(s, 1, &p[7]), -EAGAIN, "nobody overtakes");
    cr_expect_eq(pirn_semaphore_available(s), 0);
    cr_expect_eq(pirn_semaphore_add(s, 1), 0);
    cr_expect_eq(woken(), 1 + 2);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(p[1].count, 2);
    pirn_permit_release(&p[1]);
    cr_expect_eq(woken(), 1 + 2 + 4);
    cr_expect_eq(pirn_semaphore_available(s), 1);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_permit_release(&p[2]);
    cr_expect_eq(pirn_semaphore_available(s), 2);
    pirn_semaphore_unref(s);
}

Test(semaphore, the_first_poll_counts)
{
    begin(0);
    ask(0, 2);
    w[0].object = NULL;
    w[0].n = 77;
    cr_expect_eq(await_poll(&w[0]), PIRN_PENDING);
    cr_expect_eq(pirn_semaphore_add(s, 2), 0);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(p[0].semaphore, s);
    cr_expect_eq(p[0].count, 2);
    pirn_permit_release(&p[0]);
    pirn_semaphore_unref(s);
}

/* More of other people's wakers than are woken in one go. */
Test(semaphore, many_are_served_by_one_release)
{
    begin(0);
    for (int i = 0; i < MANY; i++)
        ask(i, 2);
    cr_expect_eq(pirn_semaphore_add(s, 2 * MANY - 1), 0);
    for (int i = 0; i < MANY - 1; i++) {
        cr_expect_eq(w[i].waker.wakes, 1);
        cr_expect_eq(await_poll(&w[i]), 0);
    }
    cr_expect_eq(await_poll(&w[MANY - 1]), PIRN_PENDING);
    pirn_permit_release(&p[0]);
    cr_expect_eq(await_poll(&w[MANY - 1]), 0);
    cr_expect_eq(pirn_semaphore_available(s), 1);
    for (int i = 0; i < MANY; i++)
        pirn_permit_release(&p[i]);
    cr_expect_eq(pirn_semaphore_available(s), 2 * MANY - 1);
    pirn_semaphore_unref(s);
}

static void free_meanwhile(struct count_waker *waker)
{
    (void)waker;
    pirn_semaphore_unref(s);
}

/* Freed in the middle of it, by the code of a waker: who has not been served yet is not any more, and
 * the rest of the release touches nothing that is gone. */
Test(semaphore, freed_while_many_are_served)
{
    int served = 0;

    begin(1);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 1, &p[MANY - 1]), 0);
    cr_assert_eq(pirn_semaphore_add(s, 19), 0);
    cr_assert_eq(pirn_permit_split(&p[MANY - 1], 0, &p[MANY - 2]), -EINVAL);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 19, &p[MANY - 2]), 0);
    cr_assert_eq(pirn_permit_merge(&p[MANY - 1], &p[MANY - 2]), 0);
    for (int i = 0; i < 20; i++)
        ask(i, 1);
    w[0].waker.on_wake = free_meanwhile;
    pirn_permit_release(&p[MANY - 1]);
    for (int i = 0; i < 20; i++) {
        int r = await_poll(&w[i]);

        cr_expect(r == 0 || r == -ECANCELED);
        served += r == 0;
        cr_expect_eq(r == 0, i < 8, "waiter %d", i);
        pirn_permit_release(&p[i]);
    }
    cr_expect_eq(served, 8);
}

/* ---- dropped half-way --------------------------------------------------------------------------- */

Test(semaphore, a_dropped_one_gives_back_what_it_had_in_part)
{
    begin(2);
    ask(0, 3);
    ask(1, 1);
    ask(2, 2);
    cr_expect_eq(pirn_semaphore_available(s), 0);
    pirn_op_drop(&w[0].op);
    cr_expect_eq(woken(), 2, "one for the next, one for the one after");
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    pirn_permit_release(&p[1]);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_permit_release(&p[2]);
    cr_expect_eq(pirn_semaphore_available(s), 2);
    pirn_semaphore_unref(s);
}

Test(semaphore, a_dropped_one_gives_back_what_it_was_granted)
{
    begin(0);
    ask(0, 2);
    ask(1, 2);
    cr_expect_eq(pirn_semaphore_add(s, 2), 0);
    cr_expect_eq(woken(), 1);
    pirn_op_drop(&w[0].op);
    cr_expect_eq(woken(), 1 + 2);
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_permit_release(&p[1]);
    cr_expect_eq(pirn_semaphore_available(s), 2);
    pirn_semaphore_unref(s);
}

static struct fake_sched f;

Test(semaphore, tasks_in_their_order_and_aborted)
{
    struct header *h[4];

    begin(0);
    fake_init(&f);
    for (int i = 0; i < 4; i++)
        h[i] = await_spawn(&f, &w[i]);
    (void)fake_drain(&f);
    cr_expect_eq(f.count[FAKE_FORGOTTEN], 0);
    cr_expect_eq(pirn_semaphore_add(s, 2), 0);
    await_abort(&f, h[1]);
    (void)fake_drain(&f);
    cr_expect_eq(w[0].result, 0);
    cr_expect_eq(w[1].polls, 1, "aborted after it was granted");
    cr_expect_eq(w[2].result, 0, "the next one has it");
    cr_expect_eq(w[3].polls, 1);
    pirn_semaphore_unref(s);
    (void)fake_drain(&f);
    cr_expect_eq(w[3].result, -ECANCELED);
    cr_expect(fake_is_empty(&f));
    pirn_permit_release(&p[0]);
    pirn_permit_release(&p[2]);
}

/* ---- permits --------------------------------------------------------------------------------------- */

Test(semaphore, permits_are_split_and_merged)
{
    pirn_semaphore *other;

    begin(5);
    cr_assert_eq(pirn_semaphore_new(1, &other), 0);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 5, &p[0]), 0);
    cr_expect_eq(pirn_permit_split(&p[0], 5, &p[1]), -EINVAL, "something must be left");
    cr_expect_eq(pirn_permit_split(&p[0], 0, &p[1]), -EINVAL);
    cr_expect_eq(pirn_permit_split(&p[1], 1, &p[2]), -EINVAL, "of an empty one");
    cr_expect_eq(pirn_permit_split(&p[0], 2, &p[1]), 0);
    cr_expect_eq(p[0].count, 3);
    cr_expect_eq(p[1].count, 2);
    pirn_permit_release(&p[1]);
    cr_expect_eq(pirn_semaphore_available(s), 2);
    cr_expect_eq(pirn_semaphore_acquire_try(s, 2, &p[1]), 0);
    cr_expect_eq(pirn_permit_merge(&p[2], &p[1]), 0, "into an empty one");
    cr_expect_eq(pirn_permit_merge(&p[2], &p[1]), 0, "an empty one");
    cr_expect_eq(pirn_permit_merge(&p[0], &p[0]), -EINVAL);
    cr_assert_eq(pirn_semaphore_acquire_try(other, 1, &p[1]), 0);
    cr_expect_eq(pirn_permit_merge(&p[0], &p[1]), -EINVAL);
    cr_expect_eq(pirn_permit_merge(&p[0], &p[2]), 0);
    cr_expect_eq(p[0].count, 5);
    pirn_semaphore_unref(s);
    pirn_permit_release(&p[0]);
    pirn_permit_forget(&p[1]);
    pirn_permit_forget(&p[1]);
    cr_expect_eq(pirn_semaphore_available(other), 0);
    pirn_semaphore_unref(other);
}

Test(semaphore, forgotten_is_gone)
{
    begin(5);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 2, &p[0]), 0);
    pirn_permit_forget(&p[0]);
    cr_expect_null(p[0].semaphore);
    cr_expect_eq(pirn_semaphore_available(s), 3);
    cr_expect_eq(pirn_semaphore_forget(s, 1), 1);
    cr_expect_eq(pirn_semaphore_forget(s, 7), 2, "no more than there are");
    cr_expect_eq(pirn_semaphore_available(s), 0);
    ask(0, 1);
    cr_expect_eq(pirn_semaphore_add(s, 0), 0);
    cr_expect_eq(woken(), 0);
    pirn_op_drop(&w[0].op);
    pirn_semaphore_unref(s);
}

/* ---- closed and freed --------------------------------------------------------------------------------- */

Test(semaphore, closed_nobody_gets_any)
{
    begin(1);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 1, &p[7]), 0);
    ask(0, 1);
    ask(1, 1);
    cr_expect_not(pirn_semaphore_is_closed(s));
    pirn_semaphore_close(s);
    cr_expect(pirn_semaphore_is_closed(s));
    cr_expect_eq(woken(), 3);
    pirn_permit_release(&p[7]);
    cr_expect_eq(pirn_semaphore_available(s), 1);
    cr_expect_eq(await_poll(&w[0]), PIRN_ECLOSED);
    pirn_op_drop(&w[1].op);
    cr_expect_eq(await_poll(&w[2]), PIRN_ECLOSED);
    cr_expect_eq(pirn_semaphore_acquire_try(s, 1, &p[0]), PIRN_ECLOSED);
    cr_expect_eq(pirn_semaphore_add(s, 1), 0);
    cr_expect_eq(pirn_semaphore_forget(s, 2), 2);
    cr_expect(pirn_semaphore_is_closed(s), "it is not opened again");
    pirn_semaphore_close(s);
    pirn_semaphore_unref(s);
}

Test(semaphore, closed_what_was_had_in_part_comes_back)
{
    begin(2);
    ask(0, 3);
    ask(1, 1);
    pirn_semaphore_close(s);
    cr_expect_eq(await_poll(&w[0]), PIRN_ECLOSED);
    cr_expect_eq(pirn_semaphore_available(s), 2);
    cr_expect_eq(await_poll(&w[1]), PIRN_ECLOSED);
    pirn_semaphore_unref(s);
}

Test(semaphore, what_was_granted_before_the_close_is_taken)
{
    begin(0);
    ask(0, 1);
    cr_expect_eq(pirn_semaphore_add(s, 1), 0);
    pirn_semaphore_close(s);
    cr_expect_eq(await_poll(&w[0]), 0);
    pirn_permit_release(&p[0]);
    pirn_semaphore_unref(s);
}

static void close_at_clone(struct count_waker *waker)
{
    (void)waker;
    pirn_semaphore_close(s);
}

static void add_at_clone(struct count_waker *waker)
{
    (void)waker;
    cr_expect_eq(pirn_semaphore_add(s, 1), 0);
}

Test(semaphore, between_the_first_look_and_the_lock)
{
    begin(0);
    w[0].waker.on_clone = add_at_clone;
    cr_expect_eq(await_poll(&w[0]), 0);
    w[1].waker.on_clone = close_at_clone;
    cr_expect_eq(await_poll(&w[1]), PIRN_ECLOSED);
    pirn_permit_release(&p[0]);
    pirn_semaphore_unref(s);
}

Test(semaphore, freed_it_ends_who_waits_and_permits_stay)
{
    begin(2);
    cr_assert_eq(pirn_semaphore_acquire_try(s, 1, &p[7]), 0);
    cr_expect_eq(pirn_semaphore_ref(s), s);
    ask(0, 3);
    ask(1, 1);
    ask(2, 1);
    pirn_semaphore_unref(s);
    cr_expect_eq(woken(), 0);
    pirn_semaphore_unref(s);
    cr_expect_eq(woken(), 7);
    pirn_op_drop(&w[0].op);
    cr_expect_eq(await_poll(&w[1]), -ECANCELED);
    pirn_permit_release(&p[7]);
    pirn_op_drop(&w[2].op);
    pirn_semaphore_unref(NULL);
    cr_expect_null(pirn_semaphore_ref(NULL));
}

/* ---- limits and misuse ---------------------------------------------------------------------------------- */

Test(semaphore, limits)
{
    begin(PIRN_SEMAPHORE_MAX);
    cr_expect_eq(pirn_semaphore_add(s, 1), -EOVERFLOW);
    cr_expect_eq(pirn_semaphore_add(NULL, 1), -EINVAL);
    cr_expect_eq(pirn_semaphore_acquire_try(s, PIRN_SEMAPHORE_MAX, &p[0]), 0);
    cr_expect_eq(pirn_semaphore_add(s, PIRN_SEMAPHORE_MAX + 1u), -EOVERFLOW);
    ask(0, PIRN_SEMAPHORE_MAX);
    pirn_permit_release(&p[0]);
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(p[0].count, PIRN_SEMAPHORE_MAX);
    cr_expect_eq(pirn_semaphore_add(s, 1), 0);
    cr_expect_eq(pirn_semaphore_acquire_try(s, 1, &p[1]), 0);
    cr_expect_eq(pirn_permit_merge(&p[0], &p[1]), -EOVERFLOW);
    cr_expect_eq(p[1].count, 1, "nothing has changed");
    cr_expect_eq(pirn_semaphore_acquire_try(s, 0, &p[2]), -EINVAL);
    cr_expect_eq(pirn_semaphore_acquire_try(s, PIRN_SEMAPHORE_MAX + 1u, &p[2]), -EINVAL);
    cr_expect_eq(pirn_semaphore_acquire_try(NULL, 1, &p[2]), -EINVAL);
    w[2].n = 0;
    cr_expect_eq(await_poll(&w[2]), -EINVAL);
    cr_expect_eq(pirn_semaphore_new(PIRN_SEMAPHORE_MAX + 1u, &s), -EINVAL);
    cr_expect_eq(pirn_semaphore_new(1, NULL), -EINVAL);
    pirn_permit_release(&p[0]);
    pirn_permit_release(&p[1]);
    pirn_semaphore_unref(s);
}

static void forget_null(void *arg)
{
    (void)pirn_semaphore_forget(arg, 1);
}

static void close_null(void *arg)
{
    pirn_semaphore_close(arg);
}

static void available_null(void *arg)
{
    (void)pirn_semaphore_available(arg);
}

static void is_closed_null(void *arg)
{
    (void)pirn_semaphore_is_closed(arg);
}

Test(semaphore, misuse)
{
    begin(0);
    cr_expect(dies_saying(forget_null, NULL, "pirn_semaphore_forget"));
    cr_expect(dies_saying(close_null, NULL, "pirn_semaphore_close"));
    cr_expect(dies_saying(available_null, NULL, "pirn_semaphore_available"));
    cr_expect(dies_saying(is_closed_null, NULL, "pirn_semaphore_is_closed"));
    pirn_semaphore_unref(s);
}
