/* SPDX-License-Identifier: MIT */
/* Is no wake lost and no waker leaked, when a cell is set and woken in any order? */
#include <criterion/criterion.h>
#include <string.h>

#include "task/cx.h"
#include "tests/support/death.h"
#include "tests/support/script.h"

enum {
    WAKING = 2
};

static pirn_waker_cell cell;
static struct count_waker w1, w2;

static void set(struct count_waker *w)
{
    struct pirn_cx cx = {.waker = count_waker(w)};

    pirn_waker_cell_set(&cell, &cx);
}

static void expect_empty(void)
{
    static const pirn_waker_cell zero;

    cr_expect_eq(memcmp(&cell, &zero, sizeof cell), 0, "as new");
    cr_expect_eq(count_waker_live(&w1), 1);
    cr_expect_eq(count_waker_live(&w2), 1);
}

Test(waker_cell, a_wake_wakes_once)
{
    pirn_waker_cell_wake(&cell);
    set(&w1);
    cr_expect_eq(w1.clones, 1);
    pirn_waker_cell_wake(&cell);
    pirn_waker_cell_wake(&cell);
    cr_expect_eq(w1.wakes, 1);
    expect_empty();
}

Test(waker_cell, the_last_waker_set_is_the_one_woken)
{
    set(&w1);
    set(&w1);
    cr_expect_eq(w1.clones, 1, "the same one stays");
    set(&w2);
    cr_expect_eq(w1.drops, 1);
    pirn_waker_cell_wake(&cell);
    cr_expect_eq(w1.wakes, 0);
    cr_expect_eq(w2.wakes, 1);
    expect_empty();
}

Test(waker_cell, fini_drops)
{
    set(&w1);
    pirn_waker_cell_fini(&cell);
    cr_expect_eq(w1.drops, 1);
    pirn_waker_cell_fini(&cell);
    pirn_waker_cell_wake(&cell);
    cr_expect_eq(w1.wakes, 0);
    expect_empty();
}

static void wake_meanwhile(struct count_waker *w)
{
    pirn_waker_cell_wake(&cell);
    cr_expect_eq(w->wakes, 0, "the setter does it");
}

/* set: clone . [wake] . publish */
Test(waker_cell, a_wake_while_setting_is_done_by_the_setter)
{
    w1.on_clone = wake_meanwhile;
    set(&w1);
    cr_expect_eq(w1.wakes, 1);
    expect_empty();

    w1 = (struct count_waker){.wakes = 0};
    set(&w1);
    w2.on_clone = wake_meanwhile;
    set(&w2);
    cr_expect_eq(w1.drops, 1, "the old one was replaced");
    cr_expect_eq(w2.wakes, 1);
    expect_empty();
}

/* wake: take . [set] . leave */
Test(waker_cell, a_set_while_a_wake_takes_wakes_itself)
{
    cell._[0] = WAKING;
    set(&w1);
    cr_expect_eq(w1.refs_waked, 1);
    cr_expect_eq(w1.clones, 0);
    cr_expect_eq(cell._[0], WAKING, "still the other's");
    pirn_waker_cell_wake(&cell); /* a third party */
    cr_expect_eq(w1.wakes, 0);
}

static void set_again(struct count_waker *w)
{
    (void)w;
    set(&w2);
}

static void set_twice_at_once(void *arg)
{
    (void)arg;
    w1.on_clone = set_again;
    set(&w1);
}

Test(waker_cell, two_setters_at_once_are_misuse)
{
    cr_expect(dies_saying(set_twice_at_once, NULL, "pirn_waker_cell_set"));
}

static void set_inside_wake(struct count_waker *w)
{
    w->on_wake = NULL;
    set(&w2);
}

Test(waker_cell, a_wake_may_set_again)
{
    w1.on_wake = set_inside_wake;
    set(&w1);
    pirn_waker_cell_wake(&cell);
    cr_expect_eq(w1.wakes, 1);
    cr_expect_eq(w2.wakes, 0);
    pirn_waker_cell_wake(&cell);
    cr_expect_eq(w2.wakes, 1);
    expect_empty();
}
