/* SPDX-License-Identifier: MIT */
/* pirn_waker_cell: a place for one waker, set by one task and woken by anybody.
 *
 * Whoever moves `state` away from IDLE owns the waker's words until it moves it back. A setter that
 * finds a wake came meanwhile performs it; a waker that finds a setter at work leaves it to that. */
#include <stdatomic.h>

#include <pirn/task.h>

#include "task/base/assert.h"
#include "task/cell.h"
#include "task/cx.h"

enum {
    CELL_IDLE = 0,
    CELL_SETTING = 1, /* bits: both set means that a wake came while setting */
    CELL_WAKING = 2,
};

struct waker_cell {
    atomic_size_t state;
    pirn_waker waker; /* guard: state */
    uint64_t spare;
};

#if !defined(PIRN_MODEL)
_Static_assert(sizeof(struct waker_cell) == sizeof(pirn_waker_cell), "fits what is promised");
#endif

static struct waker_cell *cell_inside(pirn_waker_cell *c)
{
    return (struct waker_cell *)(void *)c;
}

static void take(struct waker_cell *c, pirn_waker *w)
{
    w->vt = c->waker.vt;
    w->data = c->waker.data;
    c->waker.vt = NULL;
    c->waker.data = NULL;
}

static void put(struct waker_cell *c, pirn_waker w)
{
    c->waker.vt = w.vt;
    c->waker.data = w.data;
}

void pirn_waker_cell_set(pirn_waker_cell *public_cell, pirn_cx *cx)
{
    struct waker_cell *c = cell_inside(public_cell);
    pirn_waker old = {NULL, NULL};
    size_t was = CELL_IDLE;

    /* mo: acquire pairs with [cell] in wake and in set: the words are as their last owner left
     * them. seq_cst, with the read in wake: either the setter's later test sees the condition, or
     * the wake sees the waker. */
    if (!atomic_compare_exchange_strong_explicit(&c->state, &was, CELL_SETTING,
                                                 memory_order_seq_cst, memory_order_acquire)) {
        if (was & CELL_SETTING)
            CLIENT_BUG("pirn_waker_cell_set", "two tasks set one cell at once");
        /* A wake is taking the old waker at this moment; what it is for has happened. */
        pirn_waker_wake_by_ref(&cx->waker);
        return;
    }
    if (!pirn_waker_will_wake(&c->waker, &cx->waker)) {
        take(c, &old);
        put(c, pirn_waker_clone(&cx->waker));
    }
    was = CELL_SETTING;
    /* mo: release pairs with [cell] in wake: the waker is there. seq_cst: see above. */
    if (!atomic_compare_exchange_strong_explicit(&c->state, &was, CELL_IDLE, memory_order_seq_cst,
                                                 memory_order_acquire)) {
        pirn_waker now;

        take(c, &now);
        /* mo: release pairs with [cell] in the next set or wake; acquire pairs with [cell] in a wake
         * that came in between and left its work to us: the poll it causes sees its event. */
        (void)atomic_exchange_explicit(&c->state, CELL_IDLE, memory_order_acq_rel);
        pirn_waker_wake(now);
    }
    pirn_waker_drop(old);
}

void pirn_waker_cell_wake(pirn_waker_cell *public_cell)
{
    struct waker_cell *c = cell_inside(public_cell);
    pirn_waker w;

    /* mo: acquire pairs with [cell] in set; seq_cst: see there. */
    if (atomic_fetch_or_explicit(&c->state, CELL_WAKING, memory_order_seq_cst) != CELL_IDLE)
        return; /* the setter, or another wake, does it */
    take(c, &w);
    /* mo: release pairs with [cell] in the next set. */
    (void)atomic_fetch_and_explicit(&c->state, ~(size_t)CELL_WAKING, memory_order_release);
    pirn_waker_wake(w);
}

void pirn_waker_cell_fini(pirn_waker_cell *public_cell)
{
    pirn_waker w;

    take(cell_inside(public_cell), &w);
    pirn_waker_drop(w);
}
