/* SPDX-License-Identifier: MIT */
/* Does a fault end what it should end, and nothing around it? */
#include "task/fault.h"

#include <criterion/criterion.h>
#include <string.h>

#include <pirn/task.h>

#include "task/base/scope.h"
#include "task/cx.h"
#include "tests/support/death.h"
#include "tests/support/fail_alloc.h"

static unsigned busy_inside;
static struct pirn_cx some_cx;

static void do_nothing(void *arg)
{
    *(int *)arg += 1;
    busy_inside = pirn__scope.busy;
}

static void spoil_and_fault(void *arg)
{
    *(int *)arg += 1;
    busy_inside = pirn__scope.busy;
    pirn__scope.task_id = 99;
    pirn__scope.cx = NULL;
    pirn__scope.busy += 5;
    pirn_fault(7, "went %s at %d", "wrong", 3);
}

static void expect_scope(void)
{
    cr_expect_eq(pirn__scope.task_id, 5);
    cr_expect_eq(pirn__scope.cx, &some_cx);
    cr_expect_eq(pirn__scope.busy, 2);
    cr_expect_null(pirn__scope.recovery);
}

Test(fault, contain_tells_and_puts_the_scope_back)
{
    int calls = 0;

    pirn__scope.task_id = 5;
    pirn__scope.cx = &some_cx;
    pirn__scope.busy = 2;
    cr_expect(pirn__contain(do_nothing, &calls));
    cr_expect_eq(busy_inside, 2);
    expect_scope();
    cr_expect(pirn__contain_busy(do_nothing, &calls));
    cr_expect_eq(busy_inside, 3);
    expect_scope();
    cr_expect_not(pirn__contain(spoil_and_fault, &calls));
    cr_expect_eq(busy_inside, 2);
    expect_scope();
    cr_expect_not(pirn__contain_busy(spoil_and_fault, &calls));
    cr_expect_eq(busy_inside, 3);
    expect_scope();
    cr_expect_eq(calls, 4);
    cr_expect_eq(pirn__fault_code(), 7);
    cr_expect_str_eq(pirn__fault_text(), "went wrong at 3");
}

static void inner(void *arg)
{
    strcat(arg, "inner ");
    pirn_fault(1, "inner");
}

static void outer(void *arg)
{
    cr_expect_not(pirn__contain(inner, arg));
    cr_expect_eq(pirn__fault_code(), 1);
    strcat(arg, "outer ");
    cr_expect_not(pirn__contain_busy(inner, arg));
    pirn_fault(2, "outer");
}

Test(fault, contained_faults_nest)
{
    char went[64] = "";

    cr_expect_not(pirn__contain(outer, went));
    cr_expect_str_eq(went, "inner outer inner ");
    cr_expect_eq(pirn__fault_code(), 2);
    cr_expect_str_eq(pirn__fault_text(), "outer");
    cr_expect_null(pirn__scope.recovery);
}

static void raise_noted(void *arg)
{
    (void)arg;
    pirn__fault_note(8, "noted %d", 1);
    pirn__fault_raise();
}

Test(fault, a_noted_fault_may_be_raised_later)
{
    cr_expect_not(pirn__contain(raise_noted, NULL));
    cr_expect_eq(pirn__fault_code(), 8);
    cr_expect_str_eq(pirn__fault_text(), "noted 1");
}

static void fault_at_length(void *arg)
{
    pirn_fault(1, "%s", (const char *)arg);
}

Test(fault, a_text_is_cut)
{
    char text[1000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_expect_not(pirn__contain(fault_at_length, text));
    cr_expect_eq(strlen(pirn__fault_text()), 255);
    cr_expect_eq(strspn(pirn__fault_text(), "x"), 255);
}

static void fault_outside(void *arg)
{
    (void)arg;
    pirn_fault(-3, "nobody catches %s", "this");
}

static void cx_fault_outside(void *arg)
{
    struct pirn_cx cx = {.root = NULL};

    (void)arg;
    (void)!pirn_cx_fault(&cx, 4, "nor this");
}

Test(fault, outside_of_a_task_the_process_ends_with_a_message)
{
    cr_expect(
        dies_saying(fault_outside, NULL, "pirn: fault -3 outside of a task: nobody catches this"));
    cr_expect(dies_saying(cx_fault_outside, NULL, "pirn: fault 4 outside of a task: nor this"));
}

Test(fault, a_returned_fault_marks_the_task_that_it_ends)
{
    struct pirn_cx root = {.root = &root}, nested = {.root = &root};

    cr_expect_eq(pirn_cx_fault(&nested, 12, "by %s", "return"), PIRN_EFAULT);
    cr_expect(root.faulted);
    cr_expect_not(nested.faulted);
    cr_expect_eq(pirn__fault_code(), 12);
    cr_expect_str_eq(pirn__fault_text(), "by return");
}

static void cx_fault_in_an_executor(void *arg)
{
    struct pirn_cx cx = {.root = NULL};

    (void)!pirn_cx_fault(&cx, 4, "in an executor of the caller's");
    *(int *)arg += 1;
}

Test(fault, without_a_task_a_returned_fault_is_raised)
{
    int went_on = 0;

    cr_expect_not(pirn__contain(cx_fault_in_an_executor, &went_on));
    cr_expect_eq(went_on, 0);
}

Test(fault, a_record_keeps_code_and_text)
{
    struct fail_alloc memory;
    pirn_alloc alloc;
    struct fault_record *r;

    fail_alloc_init(&memory, &alloc);
    pirn__fault_note(9, "%s", "");
    r = pirn__fault_record_new(&alloc);
    cr_expect_str_eq(r->text, "");
    pirn__fault_record_free(&alloc, r);
    pirn__fault_note(10, "a text of %d words", 5);
    r = pirn__fault_record_new(&alloc);
    pirn__fault_note(11, "another");
    cr_expect_eq(r->code, 10);
    cr_expect_str_eq(r->text, "a text of 5 words");
    pirn__fault_record_free(&alloc, r);
    cr_expect_eq(atomic_load(&memory.live_blocks), 0);
    memory.fail_from = 1;
    cr_expect_null(pirn__fault_record_new(&alloc));
}
