/* SPDX-License-Identifier: MIT */
/* The transitions of the state word: one function each, no side effect but on the word.
 *
 * What is published through the word, by the name the `mo:` comments give it:
 *   [frame]   what a poll left in the frame: T2, or T17, to the next T1, wherever that runs
 *   [event]   what a waker did before it woke: T5, T6, T7 to the poll it causes
 *   [result]  the stored result: T3 to the join handle
 *   [waker]   the join waker's words: T11 to T3
 *   [last]    every holder's accesses to the cell: its decrement to the last one's free
 */
#include "task/state.h"

#include "task/base/assert.h"

void pirn__state_init(struct state *s, size_t word)
{
    /* mo: relaxed. The cell is not shared yet; the queue or list that shares it publishes. */
    atomic_store_explicit(&s->word, word, memory_order_relaxed);
}

size_t pirn__state_load(const struct state *s)
{
    /* mo: acquire pairs with [result] in to_complete: COMPLETE seen, the result may be read. */
    return atomic_load_explicit(&s->word, memory_order_acquire);
}

size_t pirn__state_peek(const struct state *s)
{
    /* mo: relaxed, a statistic. */
    return atomic_load_explicit(&s->word, memory_order_relaxed);
}

/* A guess for a compare-exchange, which confirms it before anything is decided. */
static size_t guess(const struct state *s)
{
    /* mo: relaxed. See above. */
    return atomic_load_explicit(&s->word, memory_order_relaxed);
}

/* The exchange of every loop below. @order is argued at each call. */
static bool exchange(struct state *s, size_t *cur, size_t next, memory_order order)
{
    /* mo: failure relaxed: the loop only retries with what it read. */
    return atomic_compare_exchange_strong_explicit(&s->word, cur, next, order,
                                                   memory_order_relaxed);
}

enum run_act pirn__state_to_running(struct state *s, size_t *word)
{
    size_t next, cur = guess(s);
    bool idle;

    do {
        ASSERT(cur & STATE_NOTIFIED);
        idle = LIKELY(pirn__state_is_idle(cur));
        if (idle)
            next = (cur | STATE_RUNNING) & ~(STATE_NOTIFIED | STATE_SETTLING);
        else
            next = cur - STATE_REF(1);
        /* mo: acquire pairs with [frame] in to_idle and with [event] in the wakes: the poll sees
         * both. Release pairs with [last]: on RUN_SKIP our accesses come before the free. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    *word = next;
    if (!idle)
        return STATE_REFS(next) == 0 ? RUN_FREE : RUN_SKIP;
    return LIKELY(!(cur & (STATE_CANCELLED | STATE_SETTLING))) ? RUN_POLL
           : cur & STATE_SETTLING                              ? RUN_END
                                                               : RUN_CANCEL;
}

enum idle_act pirn__state_to_idle(struct state *s, bool self_woken, size_t word)
{
    size_t next, left, cur = word;
    bool requeue;

    do {
        ASSERT((cur & (STATE_RUNNING | STATE_COMPLETE)) == STATE_RUNNING);
        if (cur & STATE_CANCELLED) {
            /* mo: acquire pairs with [event] in cancel: the drop sees what the aborter did. */
            (void)atomic_load_explicit(&s->word, memory_order_acquire);
            return IDLE_CANCEL;
        }
        next = cur & ~STATE_RUNNING;
        requeue = self_woken || (cur & STATE_NOTIFIED);
        if (requeue)
            next |= STATE_NOTIFIED;
        else
            next -= STATE_REF(1);
        /* mo: release pairs with [frame] in to_running: the next poll sees the frame. Acquire
         * pairs with [event] for a wake that came meanwhile, whose poll this thread may requeue
         * to itself, and with [last] on IDLE_FREE. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    if (requeue)
        return IDLE_REQUEUE;
    left = STATE_REFS(next);
    return left == 0                                    ? IDLE_FREE
           : left == 1 + !!(next & STATE_JOIN_INTEREST) ? IDLE_FORGOTTEN
                                                        : IDLE_DONE;
}

enum complete_act pirn__state_to_complete(struct state *s, size_t refs, size_t word, bool read)
{
    enum complete_act act;
    size_t next, cur = word;

    do {
        ASSERT((cur & (STATE_RUNNING | STATE_COMPLETE)) == STATE_RUNNING);
        if (!(cur & STATE_JOIN_INTEREST))
            return COMPLETE_UNJOINED; /* stable, in an old guess too: no handle can come back */
        next = (cur & ~STATE_RUNNING) | STATE_COMPLETE;
        if (cur & STATE_JOIN_WAKER) {
            next &= ~STATE_JOIN_WAKER;
            /* What was read is what is there only if this very word is exchanged. */
            read = read && cur == word;
            if (read)
                next -= STATE_REF(refs);
            act = read ? COMPLETE_WAKE_DONE : COMPLETE_WAKE;
        } else {
            ASSERT(STATE_REFS(cur) > refs); /* the handle's is among them */
            next -= STATE_REF(refs);
            act = COMPLETE_DONE;
        }
        /* mo: release pairs with [result] in load, drop_join, set_ and unset_join_waker; and with
         * [last] where references go. Acquire pairs with [waker] in set_join_waker. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    return act;
}

bool pirn__state_to_complete_unjoined(struct state *s, size_t refs)
{
    size_t cur;

    /* mo: acquire pairs with [last] in ref_dec: if the others are gone, so are their accesses,
     * and nobody can appear: no exchange is needed. */
    cur = atomic_load_explicit(&s->word, memory_order_acquire);
    ASSERT((cur & (STATE_RUNNING | STATE_COMPLETE)) == STATE_RUNNING);
    if (STATE_REFS(cur) == refs)
        return true;
    /* COMPLETE goes from 0 to 1, RUNNING from 1 to 0, and the references down, in one addition.
     * mo: release pairs with [last] in whoever frees; acquire likewise, if that is us. */
    cur = atomic_fetch_add_explicit(&s->word, STATE_COMPLETE - STATE_RUNNING - STATE_REF(refs),
                                    memory_order_acq_rel);
    ASSERT(STATE_REFS(cur) >= refs);
    return STATE_REFS(cur) == refs;
}

bool pirn__state_ref_dec(struct state *s, size_t refs)
{
    /* mo: release pairs with [last] in the decrement that reaches zero; acquire is that one's. */
    size_t cur = atomic_fetch_sub_explicit(&s->word, STATE_REF(refs), memory_order_acq_rel);

    ASSERT(STATE_REFS(cur) >= refs);
    return STATE_REFS(cur) == refs;
}

enum waker_drop_act pirn__state_drop_waker(struct state *s)
{
    size_t cur = guess(s);

    do {
        ASSERT(STATE_REFS(cur) >= 1);
        if (!(cur & (STATE_RUNNING | STATE_COMPLETE | STATE_NOTIFIED | STATE_CANCELLED)) &&
            STATE_REFS(cur) == (size_t)(2 + !!(cur & STATE_JOIN_INTEREST)))
            return WAKER_DROP_LAST; /* the list's, the join handle's, and this one */
        /* mo: as in ref_dec, [last]. */
    } while (!exchange(s, &cur, cur - STATE_REF(1), memory_order_acq_rel));
    return STATE_REFS(cur) == 1 ? WAKER_DROP_FREE : WAKER_DROP_DONE;
}

void pirn__state_ref_inc(struct state *s)
{
    /* mo: relaxed. The caller's own reference keeps the cell; passing the new one on publishes. */
    size_t cur = atomic_fetch_add_explicit(&s->word, STATE_REF(1), memory_order_relaxed);

    ASSERT(STATE_REFS(cur) >= 1 && STATE_REFS(cur) < (size_t)1 << 55);
}

enum wake_act pirn__state_wake_by_val(struct state *s)
{
    enum wake_act act;
    size_t next, cur = guess(s);

    do {
        if (cur & STATE_RUNNING) {
            next = (cur | STATE_NOTIFIED) - STATE_REF(1);
            ASSERT(STATE_REFS(next) > 0); /* the runner has one */
            act = WAKE_NONE;
        } else if (cur & (STATE_COMPLETE | STATE_NOTIFIED)) {
            next = cur - STATE_REF(1);
            act = STATE_REFS(next) == 0 ? WAKE_FREE : WAKE_NONE;
        } else {
            next = (cur | STATE_NOTIFIED) + STATE_REF(1);
            act = WAKE_SUBMIT;
        }
        /* mo: release pairs with [event] in to_running, also when already NOTIFIED: the poll that
         * is queued must see it. Release and acquire pair with [last]. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    return act;
}

enum wake_act pirn__state_wake_hand_over(struct state *s)
{
    enum wake_act act;
    size_t next, cur = guess(s);

    do {
        if (cur & STATE_RUNNING) {
            next = (cur | STATE_NOTIFIED) - STATE_REF(1);
            ASSERT(STATE_REFS(next) > 0);
            act = WAKE_NONE;
        } else if (cur & (STATE_COMPLETE | STATE_NOTIFIED)) {
            next = cur - STATE_REF(1);
            act = STATE_REFS(next) == 0 ? WAKE_FREE : WAKE_NONE;
        } else {
            next = cur | STATE_NOTIFIED;
            act = WAKE_SUBMIT;
        }
        /* mo: as in wake_by_val: release pairs with [event], both with [last]. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    return act;
}

enum wake_act pirn__state_wake_by_ref(struct state *s)
{
    enum wake_act act;
    size_t next, cur = guess(s);

    do {
        if (cur & STATE_COMPLETE)
            return WAKE_NONE;
        next = cur | STATE_NOTIFIED;
        act = WAKE_NONE;
        if (!(cur & (STATE_RUNNING | STATE_NOTIFIED))) {
            next += STATE_REF(1);
            act = WAKE_SUBMIT;
        }
        /* mo: release pairs with [event] in to_running. When NOTIFIED was set already the exchange
         * writes the same value: it is there for its release. Acquire pairs with [frame] in
         * to_idle: the queue's link is the new Notified's to write. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    return act;
}

bool pirn__state_cancel(struct state *s)
{
    bool submit;
    size_t next, cur = guess(s);

    do {
        if (cur & (STATE_CANCELLED | STATE_COMPLETE))
            return false;
        next = cur | STATE_CANCELLED | STATE_NOTIFIED;
        submit = !(cur & (STATE_RUNNING | STATE_NOTIFIED));
        if (submit)
            next += STATE_REF(1);
        /* mo: release pairs with [event] in to_running and to_idle. Acquire pairs with [frame] in
         * to_idle: the queue's link is the new Notified's to write. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    return submit;
}

enum shutdown_act pirn__state_to_shutdown(struct state *s)
{
    enum shutdown_act act;
    size_t next, cur = guess(s);

    do {
        next = cur | STATE_CANCELLED;
        act = SHUTDOWN_SKIP;
        if (pirn__state_is_idle(cur)) {
            next = (next | STATE_RUNNING) & ~STATE_SETTLING;
            act = cur & STATE_SETTLING ? SHUTDOWN_END : SHUTDOWN_CANCEL;
        }
        /* mo: acquire pairs with [frame] in to_idle and to_settled: the drop sees the frame. Release
         * pairs with [event] in to_idle: a runner that sees CANCELLED sees what the closer did. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
    return act;
}

void pirn__state_to_settling(struct state *s)
{
    /* mo: relaxed. RUNNING is the caller's; who gets it next gets it through [settle] in settle.c. */
    size_t cur = atomic_fetch_or_explicit(&s->word, STATE_SETTLING, memory_order_relaxed);

    ASSERT((cur & (STATE_RUNNING | STATE_COMPLETE | STATE_SETTLING)) == STATE_RUNNING);
}

void pirn__state_to_settled(struct state *s)
{
    size_t next, cur = guess(s);

    do {
        ASSERT((cur & (STATE_RUNNING | STATE_COMPLETE)) == STATE_RUNNING && (cur & STATE_SETTLING));
        next = (cur & ~STATE_RUNNING) | STATE_NOTIFIED;
        /* mo: release pairs with [frame] in to_running and to_shutdown: who ends the task sees the
         * frame, and what its children left there. Acquire: the queue's link is ours to write now,
         * and pairs with [event] as in to_idle. */
    } while (!exchange(s, &cur, next, memory_order_acq_rel));
}

void pirn__state_end_settling(struct state *s)
{
    /* mo: relaxed. RUNNING is the caller's, and stays so. */
    size_t cur = atomic_fetch_and_explicit(&s->word, ~STATE_SETTLING, memory_order_relaxed);

    ASSERT((cur & (STATE_RUNNING | STATE_COMPLETE)) == STATE_RUNNING && (cur & STATE_SETTLING));
}

void pirn__state_cancel_queued(struct state *s)
{
    /* mo: relaxed. The caller itself runs T1 or T2 next. */
    (void)atomic_fetch_or_explicit(&s->word, STATE_CANCELLED, memory_order_relaxed);
}

enum join_drop_act pirn__state_drop_join(struct state *s)
{
    enum join_drop_act act;
    size_t next, cur = guess(s);

    do {
        ASSERT(cur & STATE_JOIN_INTEREST);
        if (cur & STATE_COMPLETE) {
            /* mo: acquire pairs with [result] in to_complete: the caller reads the result. */
            (void)atomic_load_explicit(&s->word, memory_order_acquire);
            return JOIN_DROP_COMPLETE;
        }
        act = cur & STATE_JOIN_WAKER ? JOIN_DROP_WAKER : JOIN_DROP_DONE;
        next = (cur & ~(STATE_JOIN_INTEREST | STATE_JOIN_WAKER)) - STATE_REF(1);
        ASSERT(STATE_REFS(next) > 0); /* a task that is not complete has an owner */
        /* mo: release pairs with [last]: the handle's accesses come before the free. */
    } while (!exchange(s, &cur, next, memory_order_release));
    return act;
}

bool pirn__state_ref_dec_join(struct state *s)
{
    /* mo: acquire pairs with [last] in to_complete and ref_dec: alone with the cell, nobody can
     * appear, and no exchange is needed. */
    size_t cur = atomic_load_explicit(&s->word, memory_order_acquire);

    ASSERT((cur & STATE_JOIN_INTEREST) && (cur & STATE_COMPLETE));
    if (STATE_REFS(cur) == 1)
        return true;
    /* mo: release and acquire pair with [last]. */
    cur = atomic_fetch_sub_explicit(&s->word, STATE_REF(1) | STATE_JOIN_INTEREST,
                                    memory_order_acq_rel);
    return STATE_REFS(cur) == 1;
}

bool pirn__state_set_join_waker(struct state *s)
{
    size_t cur = guess(s);

    do {
        ASSERT((cur & STATE_JOIN_INTEREST) && !(cur & STATE_JOIN_WAKER));
        if (cur & STATE_COMPLETE) {
            /* mo: acquire pairs with [result] in to_complete. */
            (void)atomic_load_explicit(&s->word, memory_order_acquire);
            return false;
        }
        /* mo: release pairs with [waker] in to_complete: it reads the words we wrote. */
    } while (!exchange(s, &cur, cur | STATE_JOIN_WAKER, memory_order_release));
    return true;
}

bool pirn__state_unset_join_waker(struct state *s)
{
    size_t cur = guess(s);

    do {
        ASSERT(cur & STATE_JOIN_INTEREST);
        if (cur & STATE_COMPLETE) {
            /* mo: acquire pairs with [result] in to_complete. */
            (void)atomic_load_explicit(&s->word, memory_order_acquire);
            return false;
        }
        ASSERT(cur & STATE_JOIN_WAKER);
        /* mo: relaxed. Only this handle wrote the words, and the completer reads them only if it
         * finds JOIN_WAKER set. */
    } while (!exchange(s, &cur, (cur & ~STATE_JOIN_WAKER) | STATE_REPLACED, memory_order_relaxed));
    return true;
}
