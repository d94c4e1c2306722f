/* SPDX-License-Identifier: MIT */
/* What the tests of groups share. */
#ifndef PIRN_TESTS_RUNTIME_GROUP_USE_H
#define PIRN_TESTS_RUNTIME_GROUP_USE_H

#include "flavors.h"

/* A poll under a waker that counts: group calls on this thread, beside the runtime. */
struct outside {
    pirn_op op;
    pirn_group *group;
    pirn_result res;
    int out;
};

int outside_next(void *outside, pirn_cx *cx, void *out);
int outside_join(void *outside, pirn_cx *cx, void *out);

/* One of these on this thread, while the runtime runs. */
int step(pirn_runtime *rt, struct flavor f, int (*poll)(void *, pirn_cx *, void *),
         struct outside *o, struct wakes *w);

uint64_t spawn_in(pirn_group *g, step_fn *fn, void (*drop)(void *), void *user);
pirn_group *group_on(pirn_runtime *rt, uint32_t flags);

int number_poll(void *number, pirn_cx *cx, int *out); /* its output is the pointer */
int fail_poll(void *code, pirn_cx *cx, int *out);     /* returns it */
int fault_poll(void *user, pirn_cx *cx, int *out);    /* 77, "the belt broke" */

/* The current-thread flavour has nobody else to drive it. */
void drive(pirn_runtime *rt, struct flavor f);

/* What the workers bring about in time, or this thread at once. @expr is evaluated until it is so. */
#define BECOMES(expr, value)                                                                       \
    do {                                                                                           \
        long long v_;                                                                              \
        drive(rt, f);                                                                              \
        for (int tries_ = 0; (v_ = (long long)(expr)) != (long long)(value) && tries_ < 100000;    \
             tries_++)                                                                             \
            nap(100 * PIRN_US);                                                                    \
        CHECK_SAYS(v_ == (long long)(value), "%s is %lld", #expr, v_);                             \
    } while (0)

#endif
