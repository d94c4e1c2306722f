/* SPDX-License-Identifier: MIT */
/* A place for one operation that waits.
 *
 * A wake that finds another one at work leaves it to that: the waiter sets itself again, and tests
 * again, only after the word has left SLOT_WAKING, and so after both conditions were true. */
#include "task/wait_slot.h"

#include "task/base/relax.h"
#include "task/cx.h"

/* The word, when no wake is at work. */
static uintptr_t settled(const struct wait_slot *s)
{
    uintptr_t seen;

    /* mo: acquire pairs with [slot] in wake: if it has taken our waker, it has done with it. */
    for (unsigned tries = 0;
         (seen = atomic_load_explicit(&s->word, memory_order_acquire)) == SLOT_WAKING; tries++)
        cpu_relax(tries);
    return seen;
}

bool pirn__slot_set(struct wait_slot *s, struct slot_waiter *me, pirn_cx *cx)
{
    /* Only this operation puts @me in: if it is there it was put there in an earlier poll, and every
     * condition that was made true since is seen, or wakes. */
    uintptr_t seen = settled(s);
    uintptr_t mine = (uintptr_t)me | (cx->cell != NULL ? 0 : SLOT_COUNTED);

    if ((seen & ~(uintptr_t)SLOT_COUNTED) == (uintptr_t)me) {
        if (seen == mine && cx->cell != NULL)
            return true; /* the task's own waker does not change */
        pirn__slot_clear(s, me);
    }
    pirn__op_waker_make(&me->waker, cx);
    do {
        seen = SLOT_EMPTY;
        /* mo: release pairs with [slot] in wake: the waker's words are there. seq_cst, with the look
         * in wake: either the waiter's test sees the condition, or the wake sees the waiter. */
        if (atomic_compare_exchange_strong_explicit(&s->word, &seen, mine, memory_order_seq_cst,
                                                    memory_order_relaxed))
            return true;
    } while (seen == SLOT_WAKING && settled(s) == SLOT_EMPTY);
    pirn__op_waker_drop(&me->waker);
    return false;
}

void pirn__slot_clear(struct wait_slot *s, struct slot_waiter *me)
{
    uintptr_t seen = (uintptr_t)me;

    for (unsigned tries = 0;; tries++) {
        /* mo: acquire pairs with [slot] in wake, in the failure too: if it has taken the waker, it has
         * done with @me. The success hands nothing over: relaxed would do, but for the pair. */
        if (atomic_compare_exchange_strong_explicit(&s->word, &seen, SLOT_EMPTY,
                                                    memory_order_acquire, memory_order_acquire))
            break;
        if (seen == ((uintptr_t)me | SLOT_COUNTED))
            continue; /* so it is this one that is taken out */
        if (seen != SLOT_WAKING)
            break;
        seen = (uintptr_t)me;
        cpu_relax(tries);
    }
    pirn__op_waker_drop(&me->waker);
}

bool pirn__slot_wake_waiter(struct wait_slot *s, uintptr_t seen)
{
    struct slot_waiter *waiter = (struct slot_waiter *)(seen & ~(uintptr_t)SLOT_COUNTED);
    struct wake_list wakes;

    /* mo: acquire pairs with [slot] in set: the waker is there. seq_cst on failure is not needed:
     * whoever changed the word tests, or wakes, after our condition. */
    if (!atomic_compare_exchange_strong_explicit(&s->word, &seen, SLOT_WAKING, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false;
    wake_list_init(&wakes);
    pirn__wake_take(&wakes, &waiter->waker);
    /* mo: release pairs with [slot] in settled and clear: we have done with the waiter. */
    atomic_store_explicit(&s->word, SLOT_EMPTY, memory_order_release);
    pirn__wake_flush(&wakes);
    return true;
}
