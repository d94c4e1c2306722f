/* SPDX-License-Identifier: MIT */
/* The clock of one runtime: the system's, unless it was paused for a test. Then it stands still,
 * and moves when it is told; resumed, it goes on from where it stood.
 *
 * guard: `lock` for who changes it; readers take none: each field is read by itself. */
#ifndef PIRN_RUNTIME_TIME_CLOCK_H
#define PIRN_RUNTIME_TIME_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

#include "runtime/os/clock.h"
#include "task/base/compiler.h"
#include "task/base/spin.h"

struct clock {
    _Atomic(bool) altered; /* it has been paused once: it is not the system's any more */
    _Atomic(bool) paused;
    _Atomic(pirn_time) frozen; /* what it shows while paused */
    _Atomic(int64_t) ahead;    /* of the system's, since it was resumed */
    _Atomic(uint32_t) changes; /* how often it was paused or resumed */
    struct spin lock;
};

void pirn__rt_clock_init(struct clock *c, bool paused);

/* What it shows if it was altered. */
pirn_time pirn__rt_clock_read(const struct clock *c);

/* Whether times are to be asked of it only: what is cached elsewhere is the system's. */
static inline bool rt_clock_is_altered(const struct clock *c)
{
    /* mo: acquire pairs with [altered] in pause: the other fields are set. */
    return atomic_load_explicit(&c->altered, memory_order_acquire);
}

static inline pirn_time rt_clock_now(const struct clock *c)
{
    return LIKELY(!rt_clock_is_altered(c)) ? pirn__clock_now() : pirn__rt_clock_read(c);
}

static inline bool rt_clock_is_paused(const struct clock *c)
{
    /* mo: acquire pairs with [paused] in pause and resume: what it shows is set. */
    return atomic_load_explicit(&c->paused, memory_order_acquire);
}

/* A sleep that was reckoned before it changed is not right any more. */
static inline uint32_t rt_clock_changes(const struct clock *c)
{
    /* mo: seq_cst pairs with [park]: it changes, then whoever sleeps is looked for; a sleep is
     * announced, then we look. */
    return atomic_load_explicit(&c->changes, memory_order_seq_cst);
}

/* Return: false: nothing has changed, it was paused, or was not. Any thread. */
bool pirn__rt_clock_pause(struct clock *c);
bool pirn__rt_clock_resume(struct clock *c);
/* By @ns, not negative; saturates before PIRN_NEVER. */
bool pirn__rt_clock_advance(struct clock *c, int64_t ns);
/* To @at, unless it is there or further. */
bool pirn__rt_clock_advance_to(struct clock *c, pirn_time at);

#endif
