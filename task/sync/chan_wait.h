/* SPDX-License-Identifier: MIT */
/* Operations that wait at a channel, oldest first.
 *
 * guard, of everything here: the channel's lock. A waiting operation keeps the channel's memory until
 * it is over, so both ends may come in any order: whoever frees a channel's handle leaves the verdict
 * in the waiter and wakes it, and the waiter, polled or dropped, takes the same lock to see it. */
#ifndef PIRN_TASK_SYNC_CHAN_WAIT_H
#define PIRN_TASK_SYNC_CHAN_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/cx.h"
#include "task/op.h"
#include "task/wake.h"

enum chan_verdict {
    CHAN_WAITS = 0,
    CHAN_GRANTED,  /* what it asked for is set aside for it */
    CHAN_CLOSED,   /* the other side is gone */
    CHAN_CANCELED, /* its own handle was freed */
};

/* The state of an operation; zeroed: idle. */
struct chan_waiter {
    void *chan; /* NULL: does not wait yet. Immutable from then on */
    struct chan_waiter *next, *prev;
    struct op_waker waker; /* set while listed */
    uint32_t want;         /* how many; the caller's meaning */
    uint32_t verdict;      /* enum chan_verdict */
};

_Static_assert(sizeof(struct chan_waiter) <= PIRN_OP_STATE, "a waiter fits into an operation");

struct chan_list {
    struct chan_waiter *first, *last;
};

static inline void chan_list_append(struct chan_list *l, struct chan_waiter *w)
{
    w->next = NULL;
    w->prev = l->last;
    if (l->last != NULL)
        l->last->next = w;
    else
        l->first = w;
    l->last = w;
}

static inline void chan_list_remove(struct chan_list *l, struct chan_waiter *w)
{
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        l->first = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    else
        l->last = w->prev;
    w->next = NULL;
    w->prev = NULL;
}

/* Takes the oldest out, with a verdict; it is woken by the flush. */
static inline void chan_list_end_first(struct chan_list *l, enum chan_verdict verdict,
                                       struct wake_list *wakes)
{
    struct chan_waiter *w = l->first;

    chan_list_remove(l, w);
    w->verdict = verdict;
    pirn__wake_take(wakes, &w->waker);
}

/* Likewise all, as far as @wakes has room. Return: whether nobody is left; if not: give the lock back,
 * flush, come again. */
static inline bool chan_list_end_all(struct chan_list *l, enum chan_verdict verdict,
                                     struct wake_list *wakes)
{
    while (l->first != NULL && wake_list_has_room(wakes))
        chan_list_end_first(l, verdict, wakes);
    return l->first == NULL;
}

/* pirn__wake_flush(), where most often there is nothing to flush. */
static inline void chan_flush(struct wake_list *wakes)
{
    if (!wake_list_is_empty(wakes))
        pirn__wake_flush(wakes);
}

/* pirn__op_waker_make() and _drop(), where most often it is a task's own. */
static inline void chan_waker_make(struct op_waker *fresh, struct chan_waiter *w, pirn_cx *cx)
{
    if (LIKELY(cx->cell != NULL && op_is_listed(w))) {
        fresh->vt = &pirn__borrowed_vt;
        fresh->data = cx->cell;
        op_set_armed(w, true);
    } else {
        pirn__op_waker_make(fresh, w, cx);
    }
}

static inline void chan_waker_drop(struct op_waker *w)
{
    if (UNLIKELY(w->vt != NULL && w->vt != &pirn__borrowed_vt))
        pirn__op_waker_drop(w);
}

/* The waker of this poll goes into @w, what was there comes out into *@fresh: to be dropped once the
 * lock is given back. */
static inline void chan_waker_swap(struct op_waker *w, struct op_waker *fresh)
{
    struct op_waker old = *w;

    *w = *fresh;
    *fresh = old;
}

#endif
