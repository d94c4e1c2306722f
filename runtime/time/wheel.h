/* SPDX-License-Identifier: MIT */
/* A hierarchical timer wheel: which timers are due at a time it is told. Takes no lock, reads no
 * clock, allocates nothing, wakes nobody.
 *
 * Time is counted in ticks of 2^shift ns from `start`; a deadline is rounded up to a tick, so a
 * timer is never early. Six levels of 64 slots: a slot of level l spans 64^l ticks. A timer lies in
 * the level of the highest digit, to the base of 64, in which its tick differs from `elapsed`; so,
 * but in the top level, its slot is after that of `elapsed`, and all of a level come before all of
 * the next. What is too far away lies in the top level and is looked at once a round.
 *
 * A slot whose time has come goes to `taken`, from there, turned around, to `due`, and from there
 * its timers are handed out, or placed again nearer by: oldest first, and a few at a time if so
 * wished.
 *
 * guard, of everything here: the caller's lock. */
#ifndef PIRN_RUNTIME_TIME_WHEEL_H
#define PIRN_RUNTIME_TIME_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

#include "task/base/compiler.h"
#include "task/wake.h"

struct timers;

enum {
#if defined(PIRN_MODEL) /* a checker follows every slot */
    WHEEL_LEVELS = 2,
    WHEEL_BITS = 1,
#else
    WHEEL_LEVELS = 6,
    WHEEL_BITS = 6,
#endif
    WHEEL_SLOTS = 1 << WHEEL_BITS,
    WHEEL_SHIFT = 16,      /* 65.5 us */
    WHEEL_SHIFT_EXACT = 0, /* while the clock is paused */
};

/* In an operation's state, which it fills. */
struct timer {
    struct timer *next;
    struct timer **link;   /* what points here; NULL: in no list */
    pirn_time when;        /* the deadline; guard: who inserts it, then the wheel's */
    struct timers *home;   /* guard: the operation's owner. The wheel does not look */
    struct op_waker waker; /* likewise the wheel; its guard is in runtime/time/timers.h */
};

struct wheel {
    pirn_time start;  /* tick 0 */
    unsigned shift;   /* of a tick's ns */
    uint64_t elapsed; /* the tick up to which every slot was taken */
    uint64_t count;   /* timers in here */
    struct timer *taken, *due;
    uint64_t occupied[WHEEL_LEVELS]; /* bit s: slot s has a timer */
    struct timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void pirn__wheel_init(struct wheel *w, pirn_time start, unsigned shift);

/* @t->when is set, and @t is in no list. What is due already is handed out next. */
void pirn__wheel_insert(struct wheel *w, struct timer *t);

/* Takes out what was inserted and not handed out. */
void pirn__wheel_remove(struct wheel *w, struct timer *t);

/* Hands out a timer that is due at @now, in no list any more. *@work goes down with every timer
 * touched on the way; at 0 it is NULL for now, and to be asked again.
 * Return: NULL, with *@work left: nothing is due. */
struct timer *pirn__wheel_take_due(struct wheel *w, pirn_time now, unsigned *work);

/* Hands out any timer; NULL: there is none. For the end. */
struct timer *pirn__wheel_take_any(struct wheel *w);

/* When it is next to be asked for due ones: not after the first deadline, rounded up, but perhaps
 * before, to look closer. PIRN_NEVER: it is empty. */
pirn_time pirn__wheel_next(const struct wheel *w);

/* The first deadline, not rounded; PIRN_NEVER: none. Looks at every timer of a slot or a level. */
pirn_time pirn__wheel_earliest(const struct wheel *w);

/* When a deadline is due: rounded up to a tick, saturated. */
pirn_time pirn__wheel_round(const struct wheel *w, pirn_time when);

/* Counts in other ticks from now on; @now: what has elapsed. */
void pirn__wheel_rescale(struct wheel *w, pirn_time now, unsigned shift);

#endif
