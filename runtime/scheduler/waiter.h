/* SPDX-License-Identifier: MIT */
/* A thread that sleeps until its root is woken or the core is free. */
#ifndef PIRN_RUNTIME_SCHEDULER_WAITER_H
#define PIRN_RUNTIME_SCHEDULER_WAITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

#include "runtime/os/lock.h"

enum {
    SIGNAL_WAKE = 1u << 0,     /* the root's waker */
    SIGNAL_CORE = 1u << 1,     /* the core may be free */
    SIGNAL_SLEEPING = 1u << 2, /* the thread sleeps on the word */
};

struct core_waiter {
    _Atomic(uint32_t) signal;
    struct core_waiter *next, *prev; /* guard: the list's lock */
    bool queued;                     /* guard: the list's lock */
};

struct waiter_list {
    struct lock lock;
    struct core_waiter *first, *last; /* guard: lock */
    _Atomic(uint32_t) count;          /* written under the lock; read by who frees the core */
};

void pirn__waiters_init(struct waiter_list *l);
void pirn__waiters_fini(struct waiter_list *l);

void pirn__waiter_init(struct core_waiter *w);

/* Sets @signal; any thread. Return: what was set before. */
uint32_t pirn__waiter_signal(struct core_waiter *w, uint32_t signal);

/* Whether there is one to take, about. */
static inline bool pirn__waiter_is_signalled(const struct core_waiter *w)
{
    /* mo: relaxed. Taking it acquires. */
    return atomic_load_explicit(&w->signal, memory_order_relaxed) != 0;
}

/* Takes all signals but none if none is set. */
uint32_t pirn__waiter_take(struct core_waiter *w);

/* Sleeps until a signal is set or the deadline is past. Return: false: past. */
bool pirn__waiter_sleep(struct core_waiter *w, pirn_time deadline);

/* In the list: the next to be told that the core is free. */
void pirn__waiters_add(struct waiter_list *l, struct core_waiter *w);

/* Out of it. If it had been told, the next one is told instead: @took says that the caller has the
 * core or does not want another to have it. */
void pirn__waiters_remove(struct waiter_list *l, struct core_waiter *w, bool took);

/* Tells the first, after the core was put back with a sequentially consistent store. */
void pirn__waiters_tell_one(struct waiter_list *l);

/* Tells all: the runtime stops. */
void pirn__waiters_tell_all(struct waiter_list *l);

#endif
