/* SPDX-License-Identifier: MIT */
/* Does the list of live tasks hold each once, close, and let walkers through without a lock? */
#include "task/owned.h"

#include <criterion/criterion.h>

#include "task/harness.h"
#include "task/rcu.h"
#include "task/waker.h"
#include "tests/support/one_task.h"

enum {
    CO = 2,
    JI = 8,
    R = 64,
    TASKS = 10
};

static struct fake_sched f;
static struct script scripts[TASKS];
static pirn_task_desc desc;
static struct header *tasks[TASKS]; /* ids 1 to TASKS, in the order of linking */

/* Idle tasks, each with one waker in kept[0]. */
static void start(unsigned count)
{
    fake_init(&f);
    for (unsigned i = 0; i < count; i++) {
        struct script_frame frame;

        script_init(&scripts[i], &desc, STEPS(KEEP_WAKER, PEND, READY), 0, 0);
        frame = script_frame(&scripts[i]);
        tasks[i] = fake_spawn(&f, &desc, &frame, false);
    }
    cr_assert_eq(fake_drain(&f), count);
    cr_assert_eq(f.count[FAKE_LINK], count);
}

/* Takes the waker of a task. */
static pirn_waker waker_of(unsigned i)
{
    cr_assert_eq(scripts[i].kept_count, 1);
    scripts[i].kept_count = 0;
    return scripts[i].kept[0];
}

static void finish(unsigned i)
{
    pirn_waker_wake(waker_of(i));
    fake_step(&f);
    cr_expect_eq(scripts[i].drops, 1);
}

static void end(void)
{
    fake_shutdown(&f);
    for (unsigned i = 0; i < TASKS; i++)
        if (scripts[i].kept_count != 0)
            pirn_waker_drop(waker_of(i));
    cr_expect(fake_is_empty(&f));
}

static void reuse(void *user, struct header *h)
{
    struct fake_sched *of = user;

    of->cells--;
    of->base.alloc.free(of->base.alloc.user, h, CELL_STAGE + h->desc->frame_size);
}

static struct owned_walk walk(void)
{
    return (struct owned_walk){.list = &f.owned, .reuse = reuse, .user = &f};
}

Test(owned, pop_takes_every_task_once_the_oldest_first)
{
    struct task t;

    start(4);
    cr_expect(pirn__owned_unlink(&f.owned, tasks[1]));
    cr_expect_not(pirn__owned_unlink(&f.owned, tasks[1]), "it is out");
    for (unsigned i = 0; i < 4; i += 1 + (i == 0)) {
        cr_assert(pirn__owned_pop(&f.owned, &t));
        cr_expect_eq(t.cell, tasks[i]);
        cr_expect_not(pirn__owned_unlink(&f.owned, t.cell), "the closer has it");
    }
    for (int again = 0; again < 2; again++) {
        struct script_frame frame = script_frame(&scripts[4]);

        cr_expect_not(pirn__owned_pop(&f.owned, &t));
        tasks[4] = fake_new(&f, &desc, &frame, false);
        cr_expect(pirn__owned_link(&f.owned, tasks[4]), "an empty list takes tasks again");
        cr_expect(pirn__owned_pop(&f.owned, &t));
        cr_expect_eq(t.cell, tasks[4]);
        cr_expect(pirn__state_ref_dec(&t.cell->state, 2));
        pirn__harness_free(t.cell);
    }
}

Test(owned, a_closed_list_takes_none_and_gives_up_what_it_has)
{
    struct header *late;
    struct script_frame frame = script_frame(&scripts[2]);
    struct task t;

    start(2);
    late = fake_new(&f, &desc, &frame, false);
    cr_expect_not(cell_is_linked(late));
    pirn__owned_close(&f.owned);
    cr_expect_not(pirn__owned_link(&f.owned, late));
    cr_expect_not(cell_is_linked(late));
    cr_expect(pirn__owned_unlink(&f.owned, tasks[0]));
    cr_expect(pirn__owned_pop(&f.owned, &t));
    cr_expect_eq(t.cell, tasks[1]);
    cr_expect_not(pirn__owned_pop(&f.owned, &t));
    pirn__owned_close(&f.owned);
    cr_expect_not(pirn__owned_link(&f.owned, late));
    cr_expect(pirn__state_ref_dec(&late->state, 2));
    pirn__harness_free(late);
}

Test(owned, a_task_stays_linked_in_its_own_eyes_after_it_was_taken_out)
{
    start(1);
    cr_expect(cell_is_linked(tasks[0]));
    cr_expect(pirn__owned_unlink(&f.owned, tasks[0]));
    cr_expect(cell_is_linked(tasks[0]), "linked once in its life");
}

/* ---- walking ----------------------------------------------------------------------------------- */

Test(owned, a_walk_in_chunks_sees_every_task_once)
{
    for (size_t chunk = 1; chunk <= TASKS + 1; chunk++) {
        struct task_facts rows[TASKS + 1];
        struct owned_walk w;
        bool registered = pirn__rcu_enter_thread();
        uint64_t next = TASKS;
        size_t n;

        start(TASKS);
        w = walk();
        while ((n = pirn__owned_walk(&w, rows, chunk)) != 0) {
            cr_expect_leq(n, chunk);
            for (size_t i = 0; i < n; i++) {
                cr_expect_eq(rows[i].id, next--, "chunk %zu", chunk);
                cr_expect_eq(rows[i].polls, 1);
            }
        }
        cr_expect_eq(next, 0, "chunk %zu", chunk);
        cr_expect_eq(pirn__owned_walk(&w, rows, chunk), 0, "ended");
        for (unsigned i = 0; i < TASKS; i++)
            cr_expect_eq(fake_word(tasks[i]), 2 * R, "no reference stays");
        pirn__owned_walk_end(&w);
        end();
        pirn__rcu_leave_thread(registered);
    }
}

Test(owned, a_walk_of_an_empty_list_and_one_of_no_rows)
{
    bool registered = pirn__rcu_enter_thread();
    struct task_facts rows[1];
    struct owned_walk w;

    start(0);
    w = walk();
    cr_expect_eq(pirn__owned_walk(&w, rows, 1), 0);
    cr_expect(w.ended);
    pirn__owned_walk_end(&w);
    pirn__rcu_leave_thread(registered);
}

/* What happens to the list between two chunks of three. */
static void walk_with_change(void (*change)(void), const char *name, uint64_t gone)
{
    bool registered = pirn__rcu_enter_thread();
    struct task_facts rows[3];
    bool seen[TASKS + 8] = {false};
    struct owned_walk w;
    size_t n;

    start(TASKS - 1);
    w = walk();
    for (bool changed = false; (n = pirn__owned_walk(&w, rows, 3)) != 0; changed = true) {
        for (size_t i = 0; i < n; i++) {
            cr_expect_not(seen[rows[i].id], "%s: %zu twice", name, (size_t)rows[i].id);
            seen[rows[i].id] = true;
        }
        if (!changed)
            change();
    }
    pirn__owned_walk_end(&w);
    for (uint64_t id = 1; id < TASKS; id++)
        cr_expect(seen[id] == (id != gone), "%s: %zu", name, (size_t)id);
    cr_expect_not(seen[TASKS], "%s: what is linked later", name);
    end();
    pirn__rcu_leave_thread(registered);
}

static void change_nothing(void)
{
}

/* The first chunk is 9, 8, 7: the walk goes on behind 7. */
static void end_the_cursor(void)
{
    finish(6);
    cr_expect_eq(f.cells, TASKS - 1, "the walk's reference keeps it");
}

static void end_the_next(void)
{
    finish(5);
    cr_expect_eq(f.cells, TASKS - 2);
}

static void end_both(void)
{
    finish(6);
    finish(5);
}

static void end_one_that_was_seen(void)
{
    finish(8);
    finish(7);
}

static void link_another(void)
{
    struct script_frame frame;

    script_init(&scripts[TASKS - 1], &desc, STEPS(PEND_FOREVER), 0, 0);
    frame = script_frame(&scripts[TASKS - 1]);
    cr_assert_not_null(fake_spawn(&f, &desc, &frame, false));
    fake_step(&f);
}

static void link_another_and_end_the_cursor(void)
{
    link_another();
    finish(6);
}

Test(owned, a_walk_goes_on_whatever_happens_between_its_chunks)
{
    walk_with_change(change_nothing, "nothing", 0);
    walk_with_change(end_the_cursor, "the cursor ends", 0);
    walk_with_change(end_the_next, "the next ends", 6);
    walk_with_change(end_both, "both end", 6);
    walk_with_change(end_one_that_was_seen, "one seen ends", 0);
}

Test(owned, a_walk_goes_on_when_others_are_linked)
{
    walk_with_change(link_another, "another is linked", 0);
}

Test(owned, a_walk_begins_again_at_the_head_when_its_place_is_gone)
{
    walk_with_change(link_another_and_end_the_cursor, "linked, and the cursor ends", 0);
}

Test(owned, a_walk_that_is_given_up_leaves_no_reference)
{
    bool registered = pirn__rcu_enter_thread();
    struct task_facts rows[2];
    struct owned_walk w;

    start(5);
    w = walk();
    cr_expect_eq(pirn__owned_walk(&w, rows, 2), 2);
    cr_expect_eq(fake_word(tasks[3]), 3 * R, "pinned");
    pirn__owned_walk_end(&w);
    cr_expect_eq(fake_word(tasks[3]), 2 * R);
    pirn__owned_walk_end(&w);
    cr_expect_eq(pirn__owned_walk(&w, rows, 2), 0);
    end();
    pirn__rcu_leave_thread(registered);
}

Test(owned, a_pin_hides_a_forgotten_wake_until_it_goes)
{
    bool registered = pirn__rcu_enter_thread();
    struct task_facts rows[1];
    struct owned_walk w;

    start(2);
    w = walk();
    cr_expect_eq(pirn__owned_walk(&w, rows, 1), 1);
    pirn_waker_drop(waker_of(1));
    cr_expect_eq(f.count[FAKE_FORGOTTEN], 0);
    pirn__owned_walk_end(&w);
    cr_expect_eq(f.count[FAKE_FORGOTTEN], 1);
    cr_expect_eq(f.facts.id, 2);
    end();
    pirn__rcu_leave_thread(registered);
}

/* ---- limbo ------------------------------------------------------------------------------------- */

Test(owned, without_walkers_memory_is_reused_at_once)
{
    start(3);
    finish(1);
    cr_expect_eq(f.cells, 2);
    cr_expect_eq(atomic_load(&f.owned.limbo_count), 0);
    end();
}

#if PIRN_RCU
enum {
    ONE_WALKER = 4
}; /* in the gate */

/* As long as somebody is announced at the gate, who may stand on any cell. */
Test(owned, with_a_walker_freed_cells_wait_in_limbo)
{
    bool registered = pirn__rcu_enter_thread();
    struct task_facts rows[TASKS];
    struct owned_walk w;

    start(5);
    (void)atomic_fetch_add(&f.owned.gate, ONE_WALKER);
    finish(1);
    finish(3);
    cr_expect_eq(f.cells, 5, "unlinked, freed, and still there");
    cr_expect_eq(atomic_load(&f.owned.limbo_count), 2);
    cr_expect_eq(fake_word(tasks[1]) / R, 2, "the word of the last look");
    (void)atomic_fetch_sub(&f.owned.gate, ONE_WALKER);
    finish(0);
    cr_expect_eq(f.cells, 4, "unlinked without a walker: at once");
    w = walk();
    cr_expect_eq(pirn__owned_walk(&w, rows, TASKS), 2);
    cr_expect_eq(f.cells, 2, "the last walker takes limbo along");
    cr_expect_eq(atomic_load(&f.owned.limbo_count), 0);
    pirn__owned_walk_end(&w);
    end();
    pirn__rcu_leave_thread(registered);
}

Test(owned, a_cell_unlinked_before_the_walker_and_freed_under_it_is_reused_at_once)
{
    start(2);
    pirn_waker_wake_by_ref(&scripts[0].kept[0]);
    fake_step(&f); /* complete and unlinked; the waker holds the cell */
    cr_expect_eq(f.cells, 2);
    (void)atomic_fetch_add(&f.owned.gate, ONE_WALKER);
    pirn_waker_drop(waker_of(0));
    cr_expect_eq(f.cells, 1);
    (void)atomic_fetch_sub(&f.owned.gate, ONE_WALKER);
    end();
}

Test(owned, a_cell_unlinked_under_a_walker_and_freed_after_it_is_reused_at_once)
{
    start(2);
    (void)atomic_fetch_add(&f.owned.gate, ONE_WALKER);
    pirn_waker_wake_by_ref(&scripts[0].kept[0]);
    fake_step(&f);
    (void)atomic_fetch_sub(&f.owned.gate, ONE_WALKER);
    pirn_waker_drop(waker_of(0));
    cr_expect_eq(f.cells, 1);
    cr_expect_eq(atomic_load(&f.owned.limbo_count), 0);
    end();
}

Test(owned, with_two_walkers_the_first_to_leave_waits_for_a_grace_period)
{
    bool registered = pirn__rcu_enter_thread();
    struct task_facts rows[TASKS];
    struct owned_walk w;

    start(3);
    (void)atomic_fetch_add(&f.owned.gate, ONE_WALKER); /* announced, in no read section any more */
    finish(1);
    cr_expect_eq(f.cells, 3);
    w = walk();
    cr_expect_eq(pirn__owned_walk(&w, rows, TASKS), 2);
    cr_expect_eq(f.cells, 2);
    pirn__owned_walk_end(&w);
    (void)atomic_fetch_sub(&f.owned.gate, ONE_WALKER);
    end();
    pirn__rcu_leave_thread(registered);
}
#endif
