/* SPDX-License-Identifier: MIT */
/* Waiting for a point in time: whose timers are used, and when. */
#include "runtime/timer_op.h"

#include "runtime/scheduler/context.h"
#include "runtime/scheduler/rt_handle.h"
#include "task/base/assert.h"
#include "task/base/error.h"
#include "task/cx.h"

static struct spawner *spawner_of_timers(struct timers *t)
{
    return container_of(t, struct spawner, timers);
}

/* This thread's, or else the first there are. */
static struct spawner *timers_spawner(struct pirn_handle *h)
{
    struct spawner *sp = spawner_here(h);

    return LIKELY(sp != NULL) ? sp : h->flavor->spawner(h, 0);
}

/* Inserts it; its waker is set. */
static void insert_timer(struct timer *t, struct spawner *sp, pirn_time at)
{
    if (pirn__timers_insert(&sp->timers, t, at))
        pirn__handle_timer_set(sp->rt, &sp->timers);
}

/* Its length counts from @now on. */
static void end_length(struct timer *t, pirn_time now)
{
    op_of_state(t)->flags &= TIMER_LENGTH - 1; /* nor is there a tick any more */
    t->when = t->when > PIRN_NEVER - now ? PIRN_NEVER : now + t->when;
}

void pirn__timer_op_wait(void *state, struct header *h)
{
    struct timer *t = state;

    op_set_armed(state, true);
    if (op_of_state(t)->flags & TIMER_LENGTH)
        end_length(t, pirn__rt_now(context_handle()));
    if (t->when == PIRN_NEVER)
        return; /* waits all the same */
    t->waker.vt = &pirn__borrowed_vt;
    t->waker.data = h;
    insert_timer(t, timers_spawner(context_handle()), t->when);
    /* Nothing fires any more. RUNNING is held, so the end of the poll puts the task into a queue again. */
    if (UNLIKELY(pirn__timer_look(t) == TIMER_ENDED) &&
        pirn__state_wake_by_ref(&h->state) != WAKE_NONE)
        ASSERT(false);
}

void pirn__timer_op_forget(struct timer *t)
{
    struct timers *home = t->home;
    struct op *o = op_of_state(t);

    (void)pirn__timer_cancel(t);
    pirn__op_waker_drop(&t->waker);
    if (UNLIKELY(o->flags & TIMER_HOLDS)) {
        o->flags &= ~(uint64_t)TIMER_HOLDS;
        pirn_handle_unref(spawner_of_timers(home)->rt);
    }
}

void pirn__timer_op_drop(void *state)
{
    pirn__timer_op_forget(state);
}

struct timer *pirn__timer_op_begin(pirn_op *op, pirn_cx *cx, const struct op_kind *k, pirn_time at)
{
    bool idle = !pirn_op_is_pending(op);
    struct timer *t = pirn_op_state(op, cx, &k->public);

    if (idle)
        t->when = at;
    return t;
}

/* The tick of the thread that drives @h, if this is one and ticks are what its clock says; else
 * NULL. */
static const uint64_t *known_tick(const pirn_cx *cx, const struct pirn_handle *h)
{
    const struct spawner *sp = spawner_here(h);

    return sp != NULL && cx->cell != NULL && !rt_clock_is_altered(&h->clock) ? &sp->poller->tick
                                                                             : NULL;
}

/* What time it is, by what this poll or its thread has read already; where there is nothing, now.
 * */
static pirn_time known_time(const pirn_cx *cx, const struct pirn_handle *h)
{
    const uint64_t *tick;

    if (cx->root != NULL && cx->root->now != 0)
        return cx->root->now;
    tick = known_tick(cx, h);
    return tick != NULL ? tick_time(h, *tick) : pirn__rt_now(h);
}

struct timer *pirn__timer_op_begin_length(pirn_op *op, pirn_cx *cx, const struct op_kind *k,
                                          int64_t length)
{
    bool idle = !pirn_op_is_pending(op);
    struct timer *t = pirn_op_state(op, cx, &k->public);
    struct pirn_handle *h = context_handle();
    struct op *o = op_of_state(t);
    const uint64_t *tick;

    if (LIKELY(!idle && !(o->flags & TIMER_LENGTH)))
        return t;
    if (idle)
        t->when = length > 0 ? length : INT64_MIN; /* which is past */
    if (UNLIKELY(h == NULL || t->when < 0))
        return t; /* the poll tells */
    tick = known_tick(cx, h);
    if (tick == NULL || (cx->root != NULL && cx->root->now != 0))
        end_length(t, known_time(cx, h));
    else if (idle)
        o->flags |= TIMER_LENGTH | *tick << TIMER_TICK_SHIFT;
    else if ((uint32_t)(o->flags >> TIMER_TICK_SHIFT) != (uint32_t)*tick)
        end_length(t, pirn__rt_now(h));
    return t;
}

static int runtime_ended(const char *call)
{
    return pirn__error(PIRN_ESHUTDOWN, "%s: the runtime has stopped, nothing fires any more", call);
}

/* Nobody will come to insert it later. */
static int insert_now(struct timer *t, pirn_cx *cx, struct pirn_handle *h, const char *call)
{
    pirn_handle_ref(h); /* it may be freed before the operation is dropped */
    op_of_state(t)->flags = (op_of_state(t)->flags | TIMER_HOLDS) & ~(uint64_t)OP_PUT_OFF;
    pirn__op_waker_make(&t->waker, t, cx);
    insert_timer(t, timers_spawner(h), t->when);
    return UNLIKELY(pirn__timer_look(t) == TIMER_ENDED) ? runtime_ended(call) : PIRN_PENDING;
}

static int poll_inserted(struct timer *t, pirn_cx *cx, const char *call)
{
    enum timer_state state;

    if (LIKELY(cx->cell != NULL && op_is_armed(t))) {
        state = pirn__timer_look(t); /* the task's waker is as it was */
    } else {
        struct op_waker w = {NULL, NULL};

        pirn__op_waker_make(&w, t, cx);
        state = pirn__timer_set_waker(t, &w);
        pirn__op_waker_drop(&w);
    }
    if (state == TIMER_WAITS)
        return PIRN_PENDING;
    if (LIKELY(!(op_of_state(t)->flags & TIMER_HOLDS)))
        t->home = NULL; /* nobody else knows it: ending it takes no lock again */
    return LIKELY(state == TIMER_FIRED) ? 0 : runtime_ended(call);
}

int pirn__timer_op_poll(struct timer *t, pirn_cx *cx, const char *call)
{
    struct pirn_handle *h;

    if (t->home != NULL)
        return poll_inserted(t, cx, call);
    h = context_handle();
    if (UNLIKELY(h == NULL))
        return pirn__error(PIRN_ENORUNTIME, "%s: this thread is in no runtime", call);
    if (!(op_of_state(t)->flags & TIMER_LENGTH) && t->when <= known_time(cx, h))
        return 0;
    if (LIKELY(op_is_listed(t) && cx->cell != NULL)) {
        op_put_off(t);
        return PIRN_PENDING;
    }
    return insert_now(t, cx, h, call);
}

int pirn__timer_op_step(struct timer *t, pirn_cx *cx, const char *call)
{
    int r;

    if (UNLIKELY(!pirn__cx_take_unit(cx)))
        return PIRN_PENDING;
    r = pirn__timer_op_poll(t, cx, call);
    if (r == PIRN_PENDING)
        cx_return_unit(cx);
    else
        timer_op_done(op_of_state(t));
    return r;
}

void pirn__timer_op_reset(struct timer *t, pirn_time at)
{
    struct timers *home = t->home;

    if (home == NULL) {
        op_of_state(t)->flags &= TIMER_LENGTH - 1;
        t->when = at;
        if (op_is_listed(t))
            op_put_off(t); /* again: it may wait without a deadline */
    } else if (LIKELY(!(op_of_state(t)->flags & TIMER_HOLDS))) {
        pirn__timer_op_forget(t);
        t->when = at;
        op_set_armed(t, false);
        op_put_off(t); /* of a task: at the end of its poll it is inserted again */
    } else if (at == PIRN_NEVER) {
        pirn__timer_op_forget(t);
        t->when = at;
    } else {
        (void)pirn__timer_cancel(t);
        insert_timer(t, spawner_of_timers(home), at); /* its waker, if it has one yet, goes along */
    }
}
