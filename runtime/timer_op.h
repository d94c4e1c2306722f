/* SPDX-License-Identifier: MIT */
/* An operation that waits for a point in time: what sleep, timeout and interval have in common.
 *
 * Its state is a struct timer. It goes the way
 *     put off -> inserted -> fired
 * and ends from anywhere. Put off (`home` NULL): only `when` is set, and a poll compares it with
 * what time is known without asking. A task's is inserted when the task really waits; one that is
 * polled from elsewhere at once, for nobody would come to do it.
 *
 * A length of time becomes a deadline as late as that: `when` is the length, and the flags have the
 * tick in which it began. It ends to count from when the clock is read, which is in that tick, or
 * when the next one is noticed: later than it began, so that it is never early, and by a tick at
 * most.
 *
 * guard: who polls or drops the operation; of an inserted timer see runtime/time/timers.h. */
#ifndef PIRN_RUNTIME_TIMER_OP_H
#define PIRN_RUNTIME_TIMER_OP_H

#include <stdbool.h>

#include <pirn/op.h>

#include "runtime/scheduler/context.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/time/timers.h"
#include "task/cx.h"
#include "task/op.h"

enum {
    TIMER_HOLDS = OP_OF_KIND,       /* a reference to the runtime that its timers belong to */
    TIMER_LENGTH = OP_OF_KIND << 1, /* `when` is a length; the tick is in the upper half */
    TIMER_TICK_SHIFT = 32,
};

/* When a tick begins. */
static inline pirn_time tick_time(const struct pirn_handle *h, uint64_t tick)
{
    return h->started_at + (pirn_time)(tick << CELL_TICK_SHIFT);
}

/* For a struct op_kind's `wait` and its `drop`. */
void pirn__timer_op_wait(void *state, struct header *h);
void pirn__timer_op_drop(void *state);

#define TIMER_OP_KIND(called)                                                                      \
    {                                                                                              \
        {sizeof(pirn_op_kind), called, pirn__timer_op_drop}, pirn__timer_op_wait                   \
    }

/* The usual beginning, of a task's that is idle: put off, with nothing read but the tick. Return:
 * false: nothing has happened; it is to begin as below. @flags: 0, or TIMER_LENGTH. */
static inline bool timer_op_put_off(pirn_op *op, pirn_cx *cx, const struct op_kind *k, int64_t when,
                                    uint64_t flags)
{
    const struct pirn_handle *h = context_handle();
    const struct spawner *sp = pirn__context.spawner;
    struct op *o = (struct op *)(void *)op;
    struct timer *t = (struct timer *)(void *)o->state;

    if (UNLIKELY(o->kind != NULL || cx->cell == NULL || sp == NULL || sp->rt != h ||
                 rt_clock_is_altered(&h->clock)))
        return false;
    if (flags != 0) {
        if (when <= 0)
            return false;
        flags |= sp->poller->tick << TIMER_TICK_SHIFT;
    } else if (when <= (cx->now != 0 ? cx->now : tick_time(h, sp->poller->tick))) {
        return false;
    }
    op_begin(o, &k->public, (struct op **)(void *)cx->ops);
    o->flags = OP_PUT_OFF | flags;
    t->next = NULL;
    t->link = NULL;
    t->when = when;
    t->home = NULL;
    t->waker.vt = NULL;
    return true;
}

/* The state of @op, pending from here; new: with the deadline @at, or @length ns from now. */
struct timer *pirn__timer_op_begin(pirn_op *op, pirn_cx *cx, const struct op_kind *k, pirn_time at);
struct timer *pirn__timer_op_begin_length(pirn_op *op, pirn_cx *cx, const struct op_kind *k,
                                          int64_t length);

/* Return: PIRN_PENDING, and it will be woken; 0: the time is past; PIRN_ENORUNTIME, PIRN_ESHUTDOWN,
 * with the error text. It takes no budget, and leaves the operation pending in any case. */
int pirn__timer_op_poll(struct timer *t, pirn_cx *cx, const char *call);

/* In no wheel any more, and its waker is gone; `when` is kept. */
void pirn__timer_op_forget(struct timer *t);

/* Ends it: idle. */
static inline void timer_op_done(struct op *o)
{
    struct timer *t = (struct timer *)(void *)o->state;

    if (UNLIKELY(t->home != NULL))
        pirn__timer_op_forget(t);
    op_unlist(o);
    o->kind = NULL;
}

/* The same with a unit of budget, which is given back while it waits; idle once it has ended. */
int pirn__timer_op_step(struct timer *t, pirn_cx *cx, const char *call);

/* Of a pending one: another deadline. */
void pirn__timer_op_reset(struct timer *t, pirn_time at);

#endif
