/* SPDX-License-Identifier: MIT */
/* The three changes of a readiness word. */
#include "runtime/io/readiness.h"

uint32_t pirn__readiness_set(struct readiness *r, uint32_t bits)
{
    uint32_t next;
    /* mo: relaxed. A guess, confirmed by the exchange. */
    uint32_t cur = atomic_load_explicit(&r->word, memory_order_relaxed);

    do {
        /* Every event tells the whole state: what is closed no more, is not. */
        next = ((cur & ~(uint32_t)READY_CLOSED) | bits) + READY_TICK;
        /* mo: seq_cst pairs with [seat]: see readiness_look(). Acquire pairs with [watched] in init.
         * Failure: relaxed, we only retry. */
    } while (!atomic_compare_exchange_strong_explicit(&r->word, &cur, next, memory_order_seq_cst,
                                                      memory_order_relaxed));
    return next;
}

void pirn__readiness_clear(struct readiness *r, uint32_t seen, uint32_t bits)
{
    const uint32_t kept = READY_CLOSED | READY_OVER;
    uint32_t cur = seen;

    bits &= (READY_TICK - 1) & ~kept;
    do {
        if ((cur ^ seen) & ~(READY_TICK - 1))
            return; /* there was an event since */
        /* mo: relaxed. Hands nothing over: if the event comes before, its tick is seen here; if after,
         * its exchange sees this one. */
    } while (!atomic_compare_exchange_strong_explicit(&r->word, &cur, cur & ~bits,
                                                      memory_order_relaxed, memory_order_relaxed));
}

uint32_t pirn__readiness_end(struct readiness *r, uint32_t bit)
{
    /* mo: seq_cst pairs with [seat]: see readiness_look(). */
    return atomic_fetch_or_explicit(&r->word, bit, memory_order_seq_cst) | bit;
}
