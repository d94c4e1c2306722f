/* SPDX-License-Identifier: MIT */
/* Counting references: the orders, argued once. */
#ifndef PIRN_TASK_BASE_REF_H
#define PIRN_TASK_BASE_REF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic(uint64_t) ref_count;

static inline void ref_init(ref_count *r, uint64_t n)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(r, n, memory_order_relaxed);
}

/* @n more, by a holder of one. */
static inline void ref_add(ref_count *r, uint64_t n)
{
    /* mo: relaxed. The caller's own keeps the object; passing the new ones on publishes. */
    (void)atomic_fetch_add_explicit(r, n, memory_order_relaxed);
}

/* Gives @n up. Return: true: they were the last; free the object. */
static inline bool ref_sub(ref_count *r, uint64_t n)
{
    /* mo: release pairs with [ref] in the one that comes to 0: every holder's accesses happen
     * before the free. Acquire pairs with [ref] in those before: it is that one. */
    return atomic_fetch_sub_explicit(r, n, memory_order_acq_rel) == n;
}

/* One more, by a holder of none, who knows that the object's memory is still there. Return: false: there
 * was none any more, and there will be none. */
static inline bool ref_add_unless_none(ref_count *r)
{
    /* mo: relaxed. A guess. */
    uint64_t n = atomic_load_explicit(r, memory_order_relaxed);

    do {
        if (n == 0)
            return false;
        /* mo: relaxed, as in add. */
    } while (!atomic_compare_exchange_strong_explicit(r, &n, n + 1, memory_order_relaxed,
                                                      memory_order_relaxed));
    return true;
}

/* Whether the caller's is the only one, so that the object is its own: nobody can add to it. */
static inline bool ref_is_last(const ref_count *r)
{
    /* mo: acquire pairs with [ref] in those before: their accesses happen before ours. */
    return atomic_load_explicit(r, memory_order_acquire) == 1;
}

#endif
