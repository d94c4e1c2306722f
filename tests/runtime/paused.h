/* SPDX-License-Identifier: MIT */
/* What the tests of time share: a runtime whose clock stands still, and tasks that sleep. No real
 * time passes in them, and every time is exact. */
#ifndef PIRN_TESTS_RUNTIME_PAUSED_H
#define PIRN_TESTS_RUNTIME_PAUSED_H

#include "support.h"

/* A current-thread runtime, paused from the start. */
static inline pirn_runtime *rt_paused(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flags = PIRN_RT_PAUSED;
    return rt_new_with(&o);
}

/* The runtime's time, seen from outside. */
static inline pirn_time time_of(pirn_handle *h)
{
    pirn_enter guard;
    pirn_time now;

    EQ(pirn_handle_enter(h, &guard), 0);
    now = pirn_now();
    pirn_enter_exit(&guard);
    return now;
}

/* Sleeps until a time and notes when it woke. */
struct sleeper {
    pirn_time at;
    pirn_time woke;  /* 0: not yet */
    int polls, turn; /* as what number it woke */
    pirn_op op;
};

static int sleeper_turns;

static inline int sleeper_poll(void *user, pirn_cx *cx, int *out)
{
    struct sleeper *s = user;
    int r;

    s->polls++;
    r = pirn_sleep_poll(&s->op, cx, s->at);
    if (r != 0)
        return r;
    s->woke = pirn_now();
    s->turn = ++sleeper_turns;
    *out = 0;
    return 0;
}

static inline int settle_poll(void *user, pirn_cx *cx, int *out)
{
    int *rounds = user;

    *out = 0;
    if (--*rounds == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

/* Tasks run as long as they are ready, and the clock stands: there is always a root to be polled.
 * */
static inline void settle(pirn_handle *h)
{
    int rounds = 8;

    EQ(block_on(h, settle_poll, &rounds), 0);
}

/* As the root of a block_on: until then. */
static inline void sleep_in(pirn_handle *h, pirn_time at)
{
    struct sleeper s = {.at = at};

    EQ(block_on(h, sleeper_poll, &s), 0);
}

#endif
