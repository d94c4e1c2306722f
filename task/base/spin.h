/* SPDX-License-Identifier: MIT */
/* A lock for a few instructions: taking it is one exchange, giving it back a store. */
#ifndef PIRN_TASK_BASE_SPIN_H
#define PIRN_TASK_BASE_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "task/base/compiler.h"
#include "task/base/relax.h"

struct spin {
    atomic_bool taken;
};

static inline void spin_init(struct spin *s)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&s->taken, false, memory_order_relaxed);
}

static inline void spin_take(struct spin *s)
{
    unsigned tries = 0;

    /* mo: acquire pairs with [spin] in give: what is guarded is as its last holder left it. */
    while (atomic_exchange_explicit(&s->taken, true, memory_order_acquire))
        cpu_relax(tries++);
}

/* The same, for a lock that the same few threads take again and again: who finds it taken stays away
 * longer each time, so that the other goes on for a while with the line in its cache. */
static inline void spin_take_in_turns(struct spin *s)
{
    unsigned tries = 0;

    /* mo: acquire pairs with [spin] in give, as in take. */
    while (UNLIKELY(atomic_exchange_explicit(&s->taken, true, memory_order_acquire)))
        cpu_back_off(tries++);
}

/* Return: false: somebody has it. */
static inline bool spin_try(struct spin *s)
{
    /* mo: acquire pairs with [spin] in give, as in take. */
    return !atomic_exchange_explicit(&s->taken, true, memory_order_acquire);
}

static inline void spin_give(struct spin *s)
{
    /* mo: release pairs with [spin] in take. */
    atomic_store_explicit(&s->taken, false, memory_order_release);
}

#endif
