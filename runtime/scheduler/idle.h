/* SPDX-License-Identifier: MIT */
/* Which workers sleep, which look for work, and whom a new task wakes. */
#ifndef PIRN_RUNTIME_SCHEDULER_IDLE_H
#define PIRN_RUNTIME_SCHEDULER_IDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/os/lock.h"
#include "task/base/compiler.h"

struct idle {
    /* Bits 0 to 15: workers that search; 16 to 31: workers that are awake, searching ones too. */
    _Alignas(CACHE_LINE) _Atomic(uint32_t) word;
    uint32_t workers; /* immutable */
    _Alignas(CACHE_LINE) struct lock lock;
    uint32_t *sleepers; /* guard: lock, as the next: who slept in last wakes first */
    uint32_t count;
};

/* All awake, none searching. @sleepers: room for @workers numbers. */
void pirn__idle_init(struct idle *idle, uint32_t workers, uint32_t *sleepers);
void pirn__idle_fini(struct idle *idle);

/* Whether a task that was pushed wants somebody woken: one sleeps, and nobody searches. */
static inline bool idle_wants(uint32_t word, uint32_t workers)
{
    return (word & 0xffff) == 0 && word >> 16 < workers;
}

/* The same as this thread sees it: what a worker asks after a push of its own. It may miss one who
 * goes to sleep just now; it has the task itself, and asks again. */
static inline bool idle_wants_hint(const struct idle *idle)
{
    /* mo: relaxed. See above. */
    return idle_wants(atomic_load_explicit(&idle->word, memory_order_relaxed), idle->workers);
}

/* Whether all sleep. */
bool pirn__idle_all_asleep(const struct idle *idle);
/* Whether somebody sleeps or searches, about. */
static inline bool idle_anybody(const struct idle *idle)
{
    /* mo: relaxed. Whether it is worth the others' while. */
    return atomic_load_explicit(&idle->word, memory_order_relaxed) != idle->workers << 16;
}

/* Somebody to be woken for new work: awake and searching from now on. Sequentially consistent, after a
 * sequentially consistent push. False: nobody need be. */
bool pirn__idle_pick(struct idle *idle, uint32_t *worker);

/* A worker that has nothing to do asks to search; half of all may at a time. */
bool pirn__idle_begin_search(struct idle *idle);
/* It has found something. Return: whether nobody searches any more: it wakes another. */
bool pirn__idle_end_search(struct idle *idle);
/* Whether no other worker searches. */
bool pirn__idle_searches_alone(const struct idle *idle);

/* A worker goes to sleep; whether it searched. Sequentially consistent: afterwards it looks at every
 * queue once more. */
void pirn__idle_sleep(struct idle *idle, uint32_t worker, bool searched);
/* Whether nobody has picked it since. */
bool pirn__idle_sleeps(struct idle *idle, uint32_t worker);
/* A worker that sleeps, the one that has slept longest; a hint. False: none does. */
bool pirn__idle_first_sleeper(struct idle *idle, uint32_t *worker);
/* It wakes for a reason of its own. @search: and searches from now on. False: somebody has picked it
 * meanwhile, so it searches already. */
bool pirn__idle_wake_self(struct idle *idle, uint32_t worker, bool search);

#endif
