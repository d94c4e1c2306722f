/* SPDX-License-Identifier: MIT */
/* Taking a seat, being woken on it, leaving.
 *
 * While BUSY nobody else writes the word. A waker that finds it changed goes away: who changed it was the
 * waiter, which tests again after it has taken the seat again, or another waker, after which the waiter
 * does the same. */
#include "runtime/io/seat.h"

#include "task/base/assert.h"
#include "task/base/relax.h"
#include "task/cx.h"
#include "task/op.h"

/* The word, when nobody takes a waker out. */
static uintptr_t not_busy(const struct seat *s)
{
    uintptr_t seen;

    /* mo: acquire pairs with [seated] in wake: it has done with the waiter's waker. */
    for (unsigned tries = 0;
         (seen = atomic_load_explicit(&s->word, memory_order_acquire)) & SEAT_BUSY; tries++)
        cpu_relax(tries);
    return seen;
}

enum seat_taken pirn__seat_take(struct seat *s, struct seat_waiter *me, pirn_cx *cx)
{
    uintptr_t seen = not_busy(s);

    if (seen == (uintptr_t)me) {
        if (LIKELY(cx->cell != NULL && op_is_armed(me)))
            return SEAT_YOURS; /* the task's own waker does not change */
        /* mo: acquire pairs with [seated] in wake, in the failure too: then it was woken, or is. */
        if (!atomic_compare_exchange_strong_explicit(&s->word, &seen, seen | SEAT_WOKEN,
                                                     memory_order_acquire, memory_order_acquire))
            seen = not_busy(s);
        else
            seen |= SEAT_WOKEN;
        pirn__op_waker_drop(&me->waker);
    }
    if (seen & SEAT_GONE)
        return SEAT_CLOSED;
    if (seen != 0 && seen != ((uintptr_t)me | SEAT_WOKEN))
        return SEAT_OTHERS;
    pirn__op_waker_make(&me->waker, me, cx);
    /* mo: release pairs with [seated] in wake: the waker's words are there. seq_cst pairs with [seat] in
     * wake: either our test sees the condition, or it sees us. Failure: relaxed, and looked at below. */
    if (atomic_compare_exchange_strong_explicit(&s->word, &seen, (uintptr_t)me,
                                                memory_order_seq_cst, memory_order_relaxed))
        return SEAT_YOURS;
    pirn__op_waker_drop(&me->waker);
    return seen & SEAT_GONE ? SEAT_CLOSED : SEAT_OTHERS;
}

bool pirn__seat_leave(struct seat *s, struct seat_waiter *me)
{
    uintptr_t seen;

    do {
        seen = not_busy(s);
        ASSERT((seen & ~(uintptr_t)SEAT_FLAGS) == (uintptr_t)me);
        /* mo: release pairs with [left] in condemn: what we did with the descriptor is before its end.
         * Acquire pairs with [seated] in wake. Failure: relaxed, we only retry. */
    } while (!atomic_compare_exchange_strong_explicit(&s->word, &seen, seen & SEAT_GONE,
                                                      memory_order_acq_rel, memory_order_relaxed));
    pirn__op_waker_drop(&me->waker);
    return seen & SEAT_GONE;
}

void pirn__seat_wake_waiter(struct seat *s, uintptr_t seen, struct wake_list *wakes)
{
    struct seat_waiter *waiter = (struct seat_waiter *)seen;

    /* mo: acquire pairs with [seated] in take: the waker is there. Failure: see above. */
    if (!atomic_compare_exchange_strong_explicit(&s->word, &seen, seen | SEAT_BUSY,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    pirn__wake_take(wakes, &waiter->waker);
    /* mo: release pairs with [seated] in take and leave: we have done with the waker. */
    atomic_store_explicit(&s->word, (uintptr_t)waiter | SEAT_WOKEN, memory_order_release);
}

bool pirn__seat_condemn(struct seat *s, struct wake_list *wakes)
{
    struct seat_waiter *waiter;
    uintptr_t seen, next;

    do {
        seen = not_busy(s);
        next = seen | SEAT_GONE;
        if (seen != 0 && !(seen & SEAT_WOKEN))
            next |= SEAT_BUSY;
        /* mo: acquire pairs with [left] in leave, and with [seated] in take. Release pairs with [left]
         * in the leave that comes after: what the owner did is before it. Failure: we only retry. */
    } while (!atomic_compare_exchange_strong_explicit(&s->word, &seen, next, memory_order_acq_rel,
                                                      memory_order_relaxed));
    if (next & SEAT_BUSY) {
        waiter = (struct seat_waiter *)seen;
        pirn__wake_take(wakes, &waiter->waker);
        /* mo: release pairs with [seated], as in wake. */
        atomic_store_explicit(&s->word, seen | SEAT_WOKEN | SEAT_GONE, memory_order_release);
    }
    return seen != 0;
}
