/* SPDX-License-Identifier: MIT */
/* An operation that waits for a point in time: what sleep, timeout and interval have in common.
 *
 * Its state is a struct timer. It goes the way
 *     put off -> inserted -> fired
 * and ends from anywhere. Put off (`home` NULL): only `when` is set, and a poll compares it with what
 * time is known without asking. A task's is inserted when the task really waits; one that is polled from
 * elsewhere at once, for nobody would come to do it.
 *
 * guard: who polls or drops the operation; of an inserted timer see runtime/time/timers.h. */
#ifndef PIRN_RUNTIME_TIMER_OP_H
#define PIRN_RUNTIME_TIMER_OP_H

#include <stdbool.h>

#include <pirn/op.h>

#include "runtime/time/timers.h"
#include "task/op.h"

enum {
    TIMER_HOLDS = OP_OF_KIND /* a reference to the runtime that its timers belong to */
};

/* For a struct op_kind's `wait` and its `drop`. */
void pirn__timer_op_wait(void *state, struct header *h);
void pirn__timer_op_drop(void *state);

#define TIMER_OP_KIND(called)                                                                      \
    {                                                                                              \
        {sizeof(pirn_op_kind), called, pirn__timer_op_drop}, pirn__timer_op_wait                   \
    }

/* The state of @op, pending from here; new: with @at. */
struct timer *pirn__timer_op_begin(pirn_op *op, pirn_cx *cx, const struct op_kind *k, pirn_time at);

/* Return: PIRN_PENDING, and it will be woken; 0: the time is past; PIRN_ENORUNTIME, PIRN_ESHUTDOWN,
 * with the error text. It takes no budget, and leaves the operation pending in any case. */
int pirn__timer_op_poll(struct timer *t, pirn_cx *cx, const char *call);

/* Ends it: idle. */
void pirn__timer_op_done(pirn_op *op, struct timer *t);

/* The same with a unit of budget, which is given back while it waits; @op is idle once it has ended. */
int pirn__timer_op_step(pirn_op *op, struct timer *t, pirn_cx *cx, const char *call);

/* Of a pending one: another deadline. */
void pirn__timer_op_reset(struct timer *t, pirn_time at);

#endif
