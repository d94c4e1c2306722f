/* SPDX-License-Identifier: MIT */
/* Timers for the scenarios: the wheel and its lock as they stand, over wakes that only count. */
#ifndef PIRN_TESTS_MODEL_TIMER_MODEL_H
#define PIRN_TESTS_MODEL_TIMER_MODEL_H

#include "tests/model/model.h"

#include "task/base/relax.h"

#define cpu_relax(tries) ((void)(tries), model_relax())

#include "runtime/time/wheel.c"

#include "runtime/time/timers.c"

#define MODEL_TICK ((pirn_time)1 << WHEEL_SHIFT)

static struct timers timers;
static int payload; /* plain: written before the timer is due, read by whoever its wake wakes */
static int wakes;   /* plain: guard: the timers' lock */
static atomic_bool mail; /* the task's Notified, as a queue publishes it */

/* The task may run from here on. */
void pirn__wake_take(struct wake_list *l, struct op_waker *w)
{
    (void)l;
    if (w->vt == NULL)
        return;
    wakes++;
    atomic_store_explicit(&mail, true, memory_order_release);
    w->vt = NULL;
}

void pirn__wake_flush(struct wake_list *l)
{
    (void)l;
}

static struct timer *timer_new(void)
{
    static const pirn_waker_vt vt;
    struct timer *t = model_alloc(sizeof *t);

    t->next = NULL;
    t->link = NULL;
    t->home = NULL;
    t->when = 0;
    t->waker.vt = &vt;
    t->waker.data = NULL;
    return t;
}

static void timers_reset(void)
{
    pirn__timers_init(&timers, 0);
    payload = wakes = 0;
    atomic_store_explicit(&mail, false, memory_order_relaxed);
}

static void fire(pirn_time now)
{
    struct wake_list l;

    wake_list_init(&l);
    pirn__timers_advance(&timers, now, &l);
}

#endif
