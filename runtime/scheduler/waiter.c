/* SPDX-License-Identifier: MIT */
/* Threads that wait for the core of a current-thread runtime, or in a root of a multi-thread one for
 * its stop: who is told.
 *
 * Being told is a token: whoever was told and does not take the core passes it on. A waiter is told
 * under the list's lock, so that it cannot be gone by then. */
#include "runtime/scheduler/waiter.h"

#include <stddef.h>

#include "runtime/os/futex.h"

void pirn__waiters_init(struct waiter_list *l)
{
    lock_init(&l->lock);
    l->first = l->last = NULL;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&l->count, 0, memory_order_relaxed);
}

void pirn__waiters_fini(struct waiter_list *l)
{
    lock_fini(&l->lock);
}

void pirn__waiter_init(struct core_waiter *w)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&w->signal, 0, memory_order_relaxed);
    w->next = w->prev = NULL;
    w->queued = false;
}

uint32_t pirn__waiter_signal(struct core_waiter *w, uint32_t signal)
{
    /* mo: release pairs with [signal] in take: what the waker did is seen by the poll it causes.
     * seq_cst pairs with [park]: the look at the driver that follows. */
    uint32_t was = atomic_fetch_or_explicit(&w->signal, signal, memory_order_seq_cst);

    if (was & SIGNAL_SLEEPING)
        pirn__futex_wake(&w->signal, 1);
    return was;
}

uint32_t pirn__waiter_take(struct core_waiter *w)
{
    /* An exchange, never a plain store: a signal that comes in between must not be lost.
     * mo: acquire pairs with [signal] in waiter_signal. */
    return atomic_exchange_explicit(&w->signal, 0, memory_order_acquire);
}

bool pirn__waiter_sleep(struct core_waiter *w, pirn_time deadline)
{
    uint32_t none = 0;
    bool in_time = true;

    /* mo: relaxed. Taking the signal acquires. */
    if (!atomic_compare_exchange_strong_explicit(&w->signal, &none, SIGNAL_SLEEPING,
                                                 memory_order_relaxed, memory_order_relaxed))
        return true;
    do {
        in_time = pirn__futex_wait(&w->signal, SIGNAL_SLEEPING, deadline);
        /* mo: relaxed. Taking the signal acquires. */
    } while (in_time && atomic_load_explicit(&w->signal, memory_order_relaxed) == SIGNAL_SLEEPING);
    /* mo: relaxed. As above. */
    (void)atomic_fetch_and_explicit(&w->signal, ~(uint32_t)SIGNAL_SLEEPING, memory_order_relaxed);
    return in_time;
}

static void count(struct waiter_list *l, uint32_t add)
{
    /* mo: seq_cst pairs with [core]: a waiter counts itself, then tries to take the core; whoever
     * puts the core back then looks at the count. One of them sees the other. */
    (void)atomic_fetch_add_explicit(&l->count, add, memory_order_seq_cst);
}

static void unlink(struct waiter_list *l, struct core_waiter *w)
{
    *(w->prev != NULL ? &w->prev->next : &l->first) = w->next;
    *(w->next != NULL ? &w->next->prev : &l->last) = w->prev;
    w->next = w->prev = NULL;
    w->queued = false;
    count(l, (uint32_t)-1);
}

void pirn__waiters_add(struct waiter_list *l, struct core_waiter *w)
{
    lock_take(&l->lock);
    if (!w->queued) {
        w->prev = l->last;
        *(l->last != NULL ? &l->last->next : &l->first) = w;
        l->last = w;
        w->queued = true;
        count(l, 1);
    }
    lock_give(&l->lock);
}

void pirn__waiters_remove(struct waiter_list *l, struct core_waiter *w, bool took)
{
    bool told;

    lock_take(&l->lock);
    told = !w->queued;
    if (w->queued)
        unlink(l, w);
    lock_give(&l->lock);
    if (told && !took)
        pirn__waiters_tell_one(l);
}

void pirn__waiters_tell_one(struct waiter_list *l)
{
    struct core_waiter *w;

    /* mo: seq_cst pairs with [core] in count. */
    if (atomic_load_explicit(&l->count, memory_order_seq_cst) == 0)
        return;
    lock_take(&l->lock);
    w = l->first;
    if (w != NULL) {
        unlink(l, w);
        (void)pirn__waiter_signal(w, SIGNAL_CORE);
    }
    lock_give(&l->lock);
}

void pirn__waiters_tell_all(struct waiter_list *l)
{
    lock_take(&l->lock);
    for (struct core_waiter *w = l->first; w != NULL; w = w->next)
        (void)pirn__waiter_signal(w, SIGNAL_CORE);
    lock_give(&l->lock);
}
