/* SPDX-License-Identifier: MIT */
/* Timers: a wheel under a short lock, and the wakes it owes. */
#include "runtime/time/timers.h"

#include "task/base/assert.h"

enum {
    BATCH = 64 /* timers touched before the lock is given back for a moment */
};

/* Holding the lock. */
static void put_next(struct timers *t, pirn_time next)
{
    /* mo: seq_cst pairs with [deadline] in pirn__timers_next(): see there. */
    atomic_store_explicit(&t->next, next, memory_order_seq_cst);
}

/* Holding the lock; only writers ask. */
static pirn_time get_next(const struct timers *t)
{
    /* mo: relaxed. Written under the lock. */
    return atomic_load_explicit(&t->next, memory_order_relaxed);
}

/* What a timer looks like when its timers were closed: in no list, and its own next. */
static void end_timer(struct timer *timer)
{
    timer->link = NULL;
    timer->next = timer;
}

/* Holding the lock. */
static enum timer_state state_of(const struct timer *timer)
{
    if (timer->link != NULL)
        return TIMER_WAITS;
    return timer->next == timer ? TIMER_ENDED : TIMER_FIRED;
}

void pirn__timers_init(struct timers *t, pirn_time start)
{
    spin_init(&t->lock);
    t->closed = false;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&t->next, PIRN_NEVER, memory_order_relaxed);
    pirn__wheel_init(&t->wheel, start, WHEEL_SHIFT);
}

bool pirn__timers_insert(struct timers *t, struct timer *timer, pirn_time at)
{
    bool first = false;

    timer->home = t;
    timer->when = at;
    spin_take(&t->lock);
    if (UNLIKELY(t->closed)) {
        end_timer(timer);
    } else {
        pirn_time due = pirn__wheel_round(&t->wheel, at);

        pirn__wheel_insert(&t->wheel, timer);
        first = due < get_next(t);
        if (first)
            put_next(t, due);
    }
    spin_give(&t->lock);
    return first;
}

bool pirn__timer_cancel(struct timer *timer)
{
    struct timers *t = timer->home;
    bool waiting;

    if (t == NULL)
        return false;
    spin_take(&t->lock);
    waiting = timer->link != NULL;
    if (waiting) {
        pirn__wheel_remove(&t->wheel, timer);
        if (t->wheel.count == 0)
            put_next(t, PIRN_NEVER); /* else it stays early: one look more */
    }
    spin_give(&t->lock);
    timer->home = NULL;
    timer->next = NULL;
    return waiting;
}

enum timer_state pirn__timer_look(struct timer *timer)
{
    struct timers *t = timer->home;
    enum timer_state state;

    spin_take(&t->lock);
    state = state_of(timer);
    spin_give(&t->lock);
    return state;
}

enum timer_state pirn__timer_set_waker(struct timer *timer, struct op_waker *w)
{
    struct timers *t = timer->home;
    enum timer_state state;

    spin_take(&t->lock);
    state = state_of(timer);
    if (state == TIMER_WAITS) {
        struct op_waker was = timer->waker;

        timer->waker = *w;
        *w = was;
    }
    spin_give(&t->lock);
    return state;
}

/* Some of what is due. Return: whether to come again. */
static bool fire_some(struct timers *t, pirn_time now, struct wake_list *l)
{
    unsigned work = BATCH;
    struct timer *timer;
    bool room;

    spin_take(&t->lock);
    while ((room = wake_list_has_room(l)) &&
           (timer = pirn__wheel_take_due(&t->wheel, now, &work)) != NULL) {
        timer->next = NULL;
        /* From here on its task may run, and look at it: once it has the lock. */
        pirn__wake_take(l, &timer->waker);
    }
    /* Also on the way: who sleeps until then reads it. */
    put_next(t, pirn__wheel_next(&t->wheel));
    spin_give(&t->lock);
    return !room || work == 0;
}

void pirn__timers_advance(struct timers *t, pirn_time now, struct wake_list *l)
{
    /* mo: relaxed. What was inserted since is told of to whoever sleeps next. */
    if (LIKELY(atomic_load_explicit(&t->next, memory_order_relaxed) > now))
        return;
    while (fire_some(t, now, l))
        if (!wake_list_has_room(l))
            pirn__wake_flush(l);
}

/* Some of all. Return: whether there are more. */
static bool end_some(struct timers *t, struct wake_list *l)
{
    struct timer *timer = NULL;

    spin_take(&t->lock);
    t->closed = true;
    for (unsigned n = 0; n < BATCH && wake_list_has_room(l); n++) {
        timer = pirn__wheel_take_any(&t->wheel);
        if (timer == NULL)
            break;
        end_timer(timer);
        pirn__wake_take(l, &timer->waker);
    }
    if (timer == NULL && t->wheel.count == 0)
        put_next(t, PIRN_NEVER);
    spin_give(&t->lock);
    return timer != NULL;
}

void pirn__timers_close(struct timers *t, struct wake_list *l)
{
    do {
        if (!wake_list_has_room(l))
            pirn__wake_flush(l);
    } while (end_some(t, l));
}

/* ---- for a clock that is paused ---------------------------------------------------------------
 * */

pirn_time pirn__timers_earliest(struct timers *t)
{
    pirn_time at;

    spin_take(&t->lock);
    at = pirn__wheel_earliest(&t->wheel);
    spin_give(&t->lock);
    return at;
}

void pirn__timers_set_exact(struct timers *t, pirn_time now, bool exact)
{
    spin_take(&t->lock);
    pirn__wheel_rescale(&t->wheel, now, exact ? WHEEL_SHIFT_EXACT : WHEEL_SHIFT);
    put_next(t, pirn__wheel_next(&t->wheel));
    spin_give(&t->lock);
}
