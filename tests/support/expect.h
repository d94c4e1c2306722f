/* SPDX-License-Identifier: MIT */
/* What Criterion tests of a scripted task expect of its trace. */
#ifndef PIRN_TESTS_SUPPORT_EXPECT_H
#define PIRN_TESTS_SUPPORT_EXPECT_H

#include <criterion/criterion.h>

#include "tests/support/one_task.h"

/* That since the last look exactly this has happened to the task of @one. */
#define EXPECT_TRACE(one, wanted)                                                                  \
    do {                                                                                           \
        const char *got_ = one_trace(one);                                                         \
        cr_expect_str_eq(got_, wanted, "did \"%s\", not \"%s\"", got_, wanted);                    \
    } while (0)

#endif
