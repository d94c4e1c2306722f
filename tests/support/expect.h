/* SPDX-License-Identifier: MIT */
/* What Criterion tests of a scripted task expect of its trace. */
#ifndef PIRN_TESTS_SUPPORT_EXPECT_H
#define PIRN_TESTS_SUPPORT_EXPECT_H

#include <criterion/criterion.h>
#include <pirn/join.h>

#include "task/base/scope.h"
#include "tests/support/one_task.h"

/* That since the last look exactly this has happened to the task of @one. */
#define EXPECT_TRACE(one, wanted)                                                                  \
    do {                                                                                           \
        const char *got_ = one_trace(one);                                                         \
        cr_expect_str_eq(got_, wanted, "did \"%s\", not \"%s\"", got_, wanted);                    \
    } while (0)

/* The word's bits, written out: what a test expects is not computed with what it tests. */
enum {
    RU = 1,
    CO = 2,
    NO = 4,
    JI = 8,
    JW = 16,
    CA = 32,
    R = 64
};

/* Its result, taken through the handle. */
static inline void expect_result(const struct one_task *o, enum pirn_outcome outcome, int code)
{
    pirn_result res;

    cr_assert_eq(pirn_join_try(o->join, &res, NULL), 0);
    cr_expect_eq(res.outcome, outcome);
    cr_expect_eq(res.code, code, "code %d, not %d", res.code, code);
    cr_expect_eq(res.task_id, o->f.last_id);
}

/* The handle is the last holder: with it everything goes. */
static inline void free_last(struct one_task *o)
{
    (void)one_trace(o);
    pirn_join_free(o->join);
    EXPECT_TRACE(o, "free");
    cr_expect(fake_is_empty(&o->f));
    cr_expect_eq(pirn__scope.task_id, 0);
}

#endif
