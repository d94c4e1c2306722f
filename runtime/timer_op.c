/* SPDX-License-Identifier: MIT */
/* Waiting for a point in time: whose timers are used, and when. */
#include "runtime/timer_op.h"

#include "runtime/scheduler/context.h"
#include "runtime/scheduler/rt_handle.h"
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

void pirn__timer_op_wait(void *state, struct header *h)
{
    struct timer *t = state;

    op_set_armed(state, true);
    if (t->when == PIRN_NEVER)
        return; /* waits all the same */
    t->waker.vt = &pirn__borrowed_vt;
    t->waker.data = h;
    insert_timer(t, timers_spawner(context_handle()), t->when);
}

/* Nowhere any more, and its waker is gone; `when` is kept. */
static void forget_timer(struct timer *t)
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
    forget_timer(state);
}

struct timer *pirn__timer_op_begin(pirn_op *op, pirn_cx *cx, const struct op_kind *k, pirn_time at)
{
    bool idle = !pirn_op_is_pending(op);
    struct timer *t = pirn_op_state(op, cx, &k->public);

    if (idle)
        t->when = at;
    return t;
}

void pirn__timer_op_done(pirn_op *op, struct timer *t)
{
    forget_timer(t);
    pirn_op_done(op);
}

/* What time it is, by what this poll or its thread has read already; where there is nothing, now. */
static pirn_time known_time(const pirn_cx *cx, const struct pirn_handle *h)
{
    const struct spawner *sp;

    if (cx->root != NULL && cx->root->now != 0)
        return cx->root->now;
    sp = spawner_here(h);
    if (sp != NULL && cx->cell != NULL && !rt_clock_is_altered(&h->clock))
        return h->started_at + (pirn_time)(sp->poller->tick << CELL_TICK_SHIFT);
    return pirn__rt_now(h);
}

static int runtime_ended(const char *call)
{
    return pirn__error(PIRN_ESHUTDOWN, "%s: the runtime has stopped, nothing fires any more", call);
}

/* Nobody will come to insert it later. */
static int insert_now(struct timer *t, pirn_cx *cx, struct pirn_handle *h, const char *call)
{
    pirn_handle_ref(h); /* it may be freed before the operation is dropped */
    op_of_state(t)->flags |= TIMER_HOLDS;
    op_set_armed(t, true);
    pirn__op_waker_make(&t->waker, cx);
    insert_timer(t, timers_spawner(h), t->when);
    return UNLIKELY(pirn__timer_look(t) == TIMER_ENDED) ? runtime_ended(call) : PIRN_PENDING;
}

static int poll_inserted(struct timer *t, pirn_cx *cx, const char *call)
{
    enum timer_state state;

    if (LIKELY(cx->cell != NULL)) {
        state = pirn__timer_look(t); /* the task's waker is as it was */
    } else {
        struct op_waker w = {NULL, NULL};

        pirn__op_waker_make(&w, cx);
        state = pirn__timer_set_waker(t, &w);
        pirn__op_waker_drop(&w);
    }
    if (state == TIMER_WAITS)
        return PIRN_PENDING;
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
    if (t->when <= known_time(cx, h))
        return 0;
    if (LIKELY(op_is_listed(t) && cx->cell != NULL)) {
        op_put_off(t);
        return PIRN_PENDING;
    }
    return t->when == PIRN_NEVER ? PIRN_PENDING : insert_now(t, cx, h, call);
}

int pirn__timer_op_step(pirn_op *op, struct timer *t, pirn_cx *cx, const char *call)
{
    int r;

    if (UNLIKELY(!pirn__cx_take_unit(cx)))
        return PIRN_PENDING;
    r = pirn__timer_op_poll(t, cx, call);
    if (r == PIRN_PENDING)
        cx_return_unit(cx);
    else
        pirn__timer_op_done(op, t);
    return r;
}

void pirn__timer_op_reset(struct timer *t, pirn_time at)
{
    struct timers *home = t->home;

    if (home == NULL) {
        t->when = at;
        if (op_is_listed(t))
            op_put_off(t); /* again: it may wait without a deadline */
    } else if (LIKELY(!(op_of_state(t)->flags & TIMER_HOLDS))) {
        forget_timer(t);
        t->when = at;
        op_set_armed(t, false);
        op_put_off(t); /* of a task: at the end of its poll it is inserted again */
    } else if (at == PIRN_NEVER) {
        forget_timer(t);
        t->when = at;
    } else {
        (void)pirn__timer_cancel(t);
        insert_timer(t, spawner_of_timers(home), at); /* its waker, if it has one yet, goes along */
    }
}
