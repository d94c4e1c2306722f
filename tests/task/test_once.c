/* SPDX-License-Identifier: MIT */
/* Is a thing made once, by one at a time, and does everybody learn of it? */
#include <criterion/criterion.h>
#include <errno.h>

#include <pirn/notify.h>

#include "tests/support/await.h"
#include "tests/support/death.h"

enum {
    MANY = 30
};

static pirn_once *o;
static struct await w[MANY];
static pirn_once_turn t[MANY];

static int poll_enter(struct await *a, pirn_cx *cx)
{
    return pirn_once_enter_poll(&a->op, cx, a->object, a->out);
}

static int poll_once(struct await *a, pirn_cx *cx)
{
    return pirn_once_poll(&a->op, cx, a->object);
}

static void init(void)
{
    cr_assert_eq(pirn_once_new(&o), 0);
    for (int i = 0; i < MANY; i++)
        await_init(&w[i], poll_enter, o, &t[i]);
}

static void fini(void)
{
    for (int i = 0; i < MANY; i++)
        cr_expect(await_is_clean(&w[i]), "waiter %d", i);
}

TestSuite(once, .init = init, .fini = fini);

static void watches(int i)
{
    w[i].poll = poll_once;
}

Test(once, made_by_the_first)
{
    cr_expect_not(pirn_once_is_done(o));
    cr_expect_eq(await_poll(&w[0]), 0);
    cr_expect_eq(t[0].once, o);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    watches(2);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(pirn_once_enter_try(o, &t[3]), -EAGAIN);
    pirn_once_done(&t[0]);
    cr_expect_null(t[0].once);
    cr_expect(pirn_once_is_done(o));
    t[1].once = t[3].once = o;
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_null(t[1].once);
    cr_expect_eq(await_poll(&w[2]), 0);
    cr_expect_eq(pirn_once_enter_try(o, &t[3]), 0);
    cr_expect_null(t[3].once);
    t[4].once = o;
    cr_expect_eq(await_poll(&w[4]), 0);
    cr_expect_null(t[4].once);
    watches(5);
    cr_expect_eq(await_poll(&w[5]), 0);
    pirn_once_failed(&t[0]);
    pirn_once_done(&t[0]);
    cr_expect(pirn_once_is_done(o));
    pirn_once_unref(o);
}

Test(once, if_it_fails_the_next_has_the_turn)
{
    watches(1);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING, "nobody makes it");
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[3]), PIRN_PENDING);
    pirn_once_failed(&t[0]);
    cr_expect_eq(w[1].waker.wakes, 0, "it only watches");
    cr_expect_eq(w[3].waker.wakes, 0);
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), -EAGAIN, "it is the next one's");
    cr_expect_eq(await_poll(&w[2]), 0);
    cr_expect_eq(t[2].once, o);
    pirn_once_failed(&t[2]);
    cr_expect_eq(await_poll(&w[3]), 0);
    pirn_once_failed(&t[3]);
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0, "nobody waited for it");
    pirn_once_done(&t[0]);
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_once_unref(o);
}

Test(once, a_dropped_one_passes_its_turn_on)
{
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    for (int i = 1; i < 4; i++)
        cr_expect_eq(await_poll(&w[i]), PIRN_PENDING);
    pirn_op_drop(&w[1].op);
    pirn_once_failed(&t[0]);
    cr_expect_eq(w[1].waker.wakes, 0);
    cr_expect_eq(w[2].waker.wakes, 1);
    pirn_op_drop(&w[2].op);
    cr_expect_eq(w[3].waker.wakes, 1);
    pirn_op_drop(&w[3].op);
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    pirn_once_done(&t[0]);
    pirn_once_unref(o);
}

Test(once, everybody_learns_of_it)
{
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    for (int i = 1; i < MANY; i++) {
        if (i % 2 == 0)
            watches(i);
        cr_expect_eq(await_poll(&w[i]), PIRN_PENDING);
    }
    pirn_once_done(&t[0]);
    pirn_op_drop(&w[1].op);
    for (int i = 2; i < MANY; i++)
        cr_expect_eq(await_poll(&w[i]), 0);
    pirn_once_unref(o);
}

Test(once, freed_it_ends_who_waits_and_the_turn_stays)
{
    cr_expect_eq(pirn_once_ref(o), o);
    pirn_once_unref(o);
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    watches(2);
    cr_expect_eq(await_poll(&w[2]), PIRN_PENDING);
    cr_expect_eq(await_poll(&w[3]), PIRN_PENDING);
    pirn_once_unref(o);
    cr_expect_eq(await_poll(&w[1]), -ECANCELED);
    cr_expect_eq(await_poll(&w[2]), -ECANCELED);
    pirn_once_failed(&t[0]);
    pirn_op_drop(&w[3].op);
    pirn_once_unref(NULL);
    cr_expect_null(pirn_once_ref(NULL));
}

Test(once, freed_with_the_turn_given)
{
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    cr_expect_eq(await_poll(&w[1]), PIRN_PENDING);
    pirn_once_failed(&t[0]);
    pirn_once_unref(o);
    cr_expect_eq(await_poll(&w[1]), 0);
    pirn_once_done(&t[1]);
}

static void fail_at_clone(struct count_waker *waker)
{
    (void)waker;
    pirn_once_failed(&t[0]);
}

static void done_at_clone(struct count_waker *waker)
{
    (void)waker;
    pirn_once_done(&t[1]);
}

Test(once, between_the_first_look_and_the_lock)
{
    cr_expect_eq(pirn_once_enter_try(o, &t[0]), 0);
    w[1].waker.on_clone = fail_at_clone;
    cr_expect_eq(await_poll(&w[1]), 0);
    cr_expect_eq(t[1].once, o);
    w[2].waker.on_clone = done_at_clone;
    watches(2);
    cr_expect_eq(await_poll(&w[2]), 0);
    pirn_once_unref(o);
}

static void is_done(void *once)
{
    (void)pirn_once_is_done(once);
}

Test(once, errors)
{
    w[0].object = NULL;
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    watches(0);
    cr_expect_eq(await_poll(&w[0]), -EINVAL);
    cr_expect_eq(pirn_once_enter_try(NULL, &t[0]), -EINVAL);
    cr_expect_eq(pirn_once_new(NULL), -EINVAL);
    cr_expect(dies_saying(is_done, NULL, "pirn_once_is_done"));
    pirn_once_unref(o);
}
