/* SPDX-License-Identifier: MIT */
/* Intervals: when the tick after this one is due. */
#include <pirn/time.h>

#include "runtime/timer_op.h"
#include "task/base/assert.h"
#include "task/op.h"

#define TOLERANCE (5 * PIRN_MS) /* so much later than its time, a tick is late */

static const struct op_kind interval_kind = TIMER_OP_KIND("interval");

void pirn_interval_init(pirn_interval *i, pirn_time first, int64_t period_ns,
                        enum pirn_missed missed)
{
    if (period_ns <= 0)
        CLIENT_BUG("pirn_interval_init", "a period below 1 ns");
    if ((unsigned)missed > PIRN_MISSED_SKIP)
        CLIENT_BUG("pirn_interval_init", "an unknown way with missed ticks");
    *i = (pirn_interval){.next = first, .period = period_ns, .missed = (uint64_t)missed};
}

static pirn_time add_saturated(pirn_time t, int64_t ns)
{
    pirn_time sum;

    return __builtin_add_overflow(t, ns, &sum) ? PIRN_NEVER : sum;
}

/* From @due to @now, which is not earlier: any time may be asked for. */
static int64_t lateness(pirn_time due, pirn_time now)
{
    int64_t late;

    return __builtin_sub_overflow(now, due, &late) ? INT64_MAX : late;
}

/* After the tick that was due at @due and came at @now. */
static pirn_time next_tick(const pirn_interval *i, pirn_time due, pirn_time now)
{
    int64_t late = lateness(due, now);

    if (late > TOLERANCE)
        switch ((enum pirn_missed)i->missed) {
        case PIRN_MISSED_BURST:
            break;
        case PIRN_MISSED_DELAY:
            return add_saturated(now, i->period);
        case PIRN_MISSED_SKIP:
            return add_saturated(now, i->period - late % i->period);
        }
    return add_saturated(due, i->period);
}

int pirn_interval_poll(pirn_interval *i, pirn_cx *cx, uint64_t *missed)
{
    struct timer *t;
    pirn_time due, now;
    int64_t late;
    int r;

    if (UNLIKELY(i->period <= 0))
        CLIENT_BUG("pirn_interval_poll", "the interval was not made by pirn_interval_init()");
    t = pirn__timer_op_begin(&i->op, cx, &interval_kind, i->next);
    r = pirn__timer_op_step(t, cx, "pirn_interval_poll");
    if (r != 0)
        return r;
    due = i->next;
    now = pirn_now();
    if (now < due)
        now = due; /* this poll's time was read before another thread saw it due */
    i->next = next_tick(i, due, now);
    late = lateness(due, now);
    if (missed != NULL)
        *missed = late > TOLERANCE ? (uint64_t)(late / i->period) : 0;
    return 0;
}

void pirn_interval_reset(pirn_interval *i, pirn_time at)
{
    struct op *o = (struct op *)(void *)&i->op;

    i->next = at;
    if (pirn_op_is_pending(&i->op))
        pirn__timer_op_reset((struct timer *)(void *)o->state, at);
}
