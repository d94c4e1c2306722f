/* SPDX-License-Identifier: MIT */
/* Sleeps and timeouts, and what time it is. */
#include <pirn/time.h>

#include <errno.h>

#include "runtime/scheduler/context.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/timer_op.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/base/scope.h"
#include "task/cx.h"

/* ---- the time -----------------------------------------------------------------------------------
 * */

/* By the clock of the runtime this thread is in. */
static pirn_time read_clock(void)
{
    const struct pirn_handle *h = context_handle();

    return h != NULL ? pirn__rt_now(h) : pirn__clock_now();
}

pirn_time pirn_now(void)
{
    struct pirn_cx *cx = pirn__scope.cx;

    /* The poll that counts is the outermost; a poller between polls lists no operations. */
    if (cx != NULL && cx->root != NULL)
        cx = cx->root->ops != NULL ? cx->root : NULL;
    if (cx == NULL)
        return read_clock();
    if (cx->now == 0)
        cx->now = read_clock();
    return cx->now;
}

pirn_time pirn_after(int64_t ns)
{
    pirn_time now = pirn_now();

    if (ns <= 0)
        return now;
    return ns > PIRN_NEVER - now ? PIRN_NEVER : now + ns;
}

/* ---- sleep and timeout
 * ---------------------------------------------------------------------------- */

static const struct op_kind sleep_kind = TIMER_OP_KIND("sleep");
static const struct op_kind timeout_kind = TIMER_OP_KIND("timeout");

int pirn_sleep_poll(pirn_op *op, pirn_cx *cx, pirn_time at)
{
    if (timer_op_put_off(op, cx, &sleep_kind, at, 0))
        return PIRN_PENDING;
    return pirn__timer_op_step(pirn__timer_op_begin(op, cx, &sleep_kind, at), cx,
                               "pirn_sleep_poll");
}

int pirn_sleep_after_poll(pirn_op *op, pirn_cx *cx, int64_t ns)
{
    if (timer_op_put_off(op, cx, &sleep_kind, ns, TIMER_LENGTH))
        return PIRN_PENDING;
    return pirn__timer_op_step(pirn__timer_op_begin_length(op, cx, &sleep_kind, ns), cx,
                               "pirn_sleep_after_poll");
}

void pirn_sleep_reset(pirn_op *op, pirn_time at)
{
    struct op *o = (struct op *)(void *)op;

    if (!pirn_op_is_pending(op))
        return;
    if (o->kind != &sleep_kind.public && o->kind != &timeout_kind.public)
        CLIENT_BUG("pirn_sleep_reset", "the op is pending in a call of another kind");
    pirn__timer_op_reset((struct timer *)(void *)o->state, at);
}

/* The inner operation has ended. */
static inline int end_in_time(pirn_op *op, int polled)
{
    struct op *o = (struct op *)(void *)op;

    if (LIKELY(o->kind == &timeout_kind.public))
        timer_op_done(o);
    else if (o->kind != NULL)
        CLIENT_BUG("pirn_timeout_poll", "the op is pending in a call of another kind");
    return polled;
}

/* It has not. */
static int look_at_time(struct timer *t, pirn_cx *cx, pirn_op *inner, const char *call)
{
    int r = pirn__timer_op_poll(t, cx, call);

    if (r == PIRN_PENDING)
        return r;
    timer_op_done(op_of_state(t));
    pirn_op_drop(inner);
    return r != 0 ? r : pirn__error(-ETIMEDOUT, "%s: the deadline is past", call);
}

int pirn_timeout_poll(pirn_op *op, pirn_cx *cx, pirn_time at, pirn_op *inner, int polled)
{
    if (polled != PIRN_PENDING)
        return end_in_time(op, polled);
    if (timer_op_put_off(op, cx, &timeout_kind, at, 0))
        return PIRN_PENDING;
    return look_at_time(pirn__timer_op_begin(op, cx, &timeout_kind, at), cx, inner,
                        "pirn_timeout_poll");
}

int pirn_timeout_after_poll(pirn_op *op, pirn_cx *cx, int64_t ns, pirn_op *inner, int polled)
{
    if (polled != PIRN_PENDING)
        return end_in_time(op, polled);
    if (timer_op_put_off(op, cx, &timeout_kind, ns, TIMER_LENGTH))
        return PIRN_PENDING;
    return look_at_time(pirn__timer_op_begin_length(op, cx, &timeout_kind, ns), cx, inner,
                        "pirn_timeout_after_poll");
}
