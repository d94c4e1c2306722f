/* SPDX-License-Identifier: MIT */
/* The timers of one thread that runs tasks, or of its runtime's plain threads: a wheel under a lock
 * of its own, which wakes who waits.
 *
 * A timer lies in an operation; its waker is borrowed (task/wake.h), so the wake is made under the
 * lock, and whoever drops the operation takes the same lock first. After that nobody refers to it.
 *
 * guards: timer.home: the operation's owner. timer.next, link, when, waker: the lock of `home`,
 * while it has one; else the owner. */
#ifndef PIRN_RUNTIME_TIME_TIMERS_H
#define PIRN_RUNTIME_TIME_TIMERS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <pirn/task.h>

#include "runtime/time/wheel.h"
#include "task/base/compiler.h"
#include "task/base/spin.h"
#include "task/wake.h"

struct timers {
    _Alignas(CACHE_LINE) struct spin lock;
    bool closed; /* guard: lock. What is inserted has ended */
    /* When they are to be looked at: never after what is due first, PIRN_NEVER if there is nothing.
     * Written under the lock, read by anybody. */
    _Atomic(pirn_time) next;
    struct wheel wheel; /* guard: lock */
};

enum timer_state {
    TIMER_WAITS,
    TIMER_FIRED,
    TIMER_ENDED, /* its timers were closed before it was due */
};

void pirn__timers_init(struct timers *t, pirn_time start);

/* @timer is zeroed, but for its waker; @at is not PIRN_NEVER. Into closed ones: it ends at once,
 * and nobody is woken.
 * Return: whether it is the first to be due: then whoever sleeps until pirn__timers_next() is to be
 * told, if that is another thread. A sleeper announces itself first and reads `next` second. */
bool pirn__timers_insert(struct timers *t, struct timer *timer, pirn_time at);

/* Any thread: its owner's. Afterwards nobody refers to it, `home` is NULL, and its waker is the
 * caller's to drop. One that is nowhere is left alone. Return: whether it was waiting. */
bool pirn__timer_cancel(struct timer *timer);

/* How it stands; takes the lock, for its wake comes before its lock is given back. */
enum timer_state pirn__timer_look(struct timer *timer);

/* The same; and if it waits, @w is its waker from now on, and @w has the one before. */
enum timer_state pirn__timer_set_waker(struct timer *timer, struct op_waker *w);

/* Any thread. Sequentially consistent. */
static inline pirn_time pirn__timers_next(const struct timers *t)
{
    /* mo: seq_cst pairs with [deadline] in insert: the sleeper announces itself, then looks here;
     * who inserts stores, then looks for a sleeper. */
    return atomic_load_explicit(&t->next, memory_order_seq_cst);
}

/* Wakes what is due at @now into @l, which the caller flushes once it holds no lock; flushed here
 * already when it is full, so the caller holds none now. Any thread; a load if nothing is due. */
void pirn__timers_advance(struct timers *t, pirn_time now, struct wake_list *l);

/* Ends all, and whatever comes: wakes into @l, as above. */
void pirn__timers_close(struct timers *t, struct wake_list *l);

/* ---- for a clock that is paused ---- */
/* The first deadline, as it was given; PIRN_NEVER: none. */
pirn_time pirn__timers_earliest(struct timers *t);
/* Whether deadlines are rounded up to WHEEL_SHIFT, or not at all; @now: by the clock they count by.
 * */
void pirn__timers_set_exact(struct timers *t, pirn_time now, bool exact);

#endif
