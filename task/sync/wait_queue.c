/* SPDX-License-Identifier: MIT */
/* Waiting in a queue: who is in it, who is taken out, and who keeps the memory meanwhile. */
#include "task/sync/wait_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "task/base/assert.h"
#include "task/base/relax.h"
#include "task/cx.h"
#include "task/op.h"

_Static_assert(sizeof(struct waiter) <= PIRN_OP_STATE, "a waiter fits in an op");

/* ---- the word ------------------------------------------------------------------------------------ */

void pirn__wait_queue_init(struct wait_queue *q, uint32_t value)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&q->word, QUEUE_ONE(value) | QUEUE_REF(1), memory_order_relaxed);
    link_init(&q->list);
    ref_init(&q->handles, 1);
}

uint64_t pirn__wait_queue_settle(const struct wait_queue *q)
{
    uint64_t word;

    /* mo: relaxed. A guess; the change that follows confirms it. */
    for (unsigned tries = 0;
         (word = atomic_load_explicit(&q->word, memory_order_relaxed)) & QUEUE_LOCKED; tries++)
        cpu_relax(tries);
    return word;
}

void pirn__wait_queue_overflow(void)
{
    CLIENT_BUG("pirn/sync.h", "268,435,455 permits, guards and operations at once");
}

void pirn__wait_queue_free(struct wait_queue *q)
{
    free(q);
}

/* ---- resolving ------------------------------------------------------------------------------------- */

void pirn__waiter_resolve(struct waiter *w, enum waiter_state state, struct wake_list *wakes)
{
    uint32_t asked = waiter_asked(w) << WAITER_STATE_BITS;

    link_take(&w->link);
    /* mo: relaxed. A poll that the wake below leads to, or is absorbed by, comes after it by way of
     * the task's word. */
    atomic_store_explicit(&w->state, asked | WAITER_TAKEN, memory_order_relaxed);
    pirn__wake_take(wakes, &w->waker);
    /* mo: release pairs with [waiter] in poll and leave, where the lock is not taken: what was granted
     * is there, and we have done with the waiter. */
    atomic_store_explicit(&w->state, asked | (uint32_t)state, memory_order_release);
}

void pirn__wait_queue_resolve_all(struct wait_queue *q, uint64_t word, enum waiter_state state)
{
    struct wait_link all;
    struct wake_list wakes;
    unsigned n = 0;

    link_init(&all);
    link_move_all(&q->list, &all);
    wake_list_init(&wakes);
    while (!link_is_alone(&all)) {
        if (n == QUEUE_BATCH || !wake_list_has_room(&wakes)) {
            queue_unlock(q, word);
            pirn__wake_flush(&wakes);
            word = queue_lock(q);
            n = 0;
        } else {
            pirn__waiter_resolve(waiter_of(all.next), state, &wakes);
            n++;
        }
    }
    queue_unlock(q, word);
    pirn__wake_flush(&wakes);
}

void pirn__wait_queue_end(struct wait_queue *q)
{
    uint64_t word = queue_lock(q);

    pirn__wait_queue_resolve_all(q, word | QUEUE_CLOSED | QUEUE_FREED, WAITER_FREED);
    queue_unref(q);
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

static enum waiter_state state_under_lock(const struct waiter *w)
{
    /* mo: relaxed. It is written under the lock, which we hold. */
    return (enum waiter_state)(atomic_load_explicit(&w->state, memory_order_relaxed) &
                               WAITER_STATE_MASK);
}

enum waiter_state pirn__waiter_settle(const struct waiter *w)
{
    uint32_t s;

    /* mo: acquire pairs with [waiter] in resolve: it is over, and whoever did it has gone. */
    for (unsigned tries = 0; (s = atomic_load_explicit(&w->state, memory_order_acquire) &
                                  WAITER_STATE_MASK) == WAITER_TAKEN;
         tries++)
        cpu_relax(tries);
    return (enum waiter_state)s;
}

void pirn__waiter_granted_at_once(struct wait_queue *q, uint64_t *word, struct waiter *w,
                                  uint32_t asked)
{
    w->queue = q;
    /* mo: relaxed. Only its operation ever looks. */
    atomic_store_explicit(&w->state, asked << WAITER_STATE_BITS | WAITER_GRANTED,
                          memory_order_relaxed);
    *word = queue_with_ref(*word);
}

/* Polled by another than it left its waker of. */
static enum waiter_state change_waker(struct waiter *w, pirn_cx *cx)
{
    struct op_waker fresh, old;
    uint64_t word;
    enum waiter_state s;

    pirn__op_waker_make(&fresh, w, cx);
    word = queue_lock(w->queue);
    s = state_under_lock(w);
    old.vt = fresh.vt;
    old.data = fresh.data;
    if (s == WAITER_WAITING) {
        old.vt = w->waker.vt;
        old.data = w->waker.data;
        w->waker.vt = fresh.vt;
        w->waker.data = fresh.data;
    }
    queue_unlock(w->queue, word);
    pirn__op_waker_drop(&old);
    return s;
}

/* Whether the waker it left is this poll's. That needs the lock: who resolves it takes the waker. */
static enum waiter_state compare_waker(struct waiter *w, const pirn_cx *cx, bool *same)
{
    uint64_t word = queue_lock(w->queue);
    enum waiter_state s = state_under_lock(w);

    *same = w->waker.vt == cx->waker.vt && w->waker.data == cx->waker.data;
    queue_unlock(w->queue, word);
    return s;
}

enum waiter_state pirn__waiter_poll_odd(struct waiter *w, pirn_cx *cx)
{
    bool same;
    enum waiter_state s = compare_waker(w, cx, &same);

    return s != WAITER_WAITING || same ? s : change_waker(w, cx);
}

enum waiter_state pirn__waiter_leave(struct waiter *w, uint64_t *word, struct op_waker *left)
{
    enum waiter_state s = waiter_seen(w);

    if (s != WAITER_WAITING)
        return s;
    *word = queue_lock(w->queue);
    s = state_under_lock(w);
    if (s != WAITER_WAITING) {
        queue_unlock(w->queue, *word);
        return s;
    }
    link_take(&w->link);
    left->vt = w->waker.vt;
    left->data = w->waker.data;
    return s;
}

void pirn__waiter_left(struct waiter *w, uint64_t word, struct op_waker *left)
{
    bool last = QUEUE_REFS(word) == 1;
    struct wait_queue *q = w->queue;

    queue_unlock(q, word - QUEUE_REF(1));
    if (last)
        pirn__wait_queue_free(q);
    pirn__op_waker_drop(left); /* last: it may fault */
}

void pirn__waiter_drop(void *state)
{
    struct waiter *w = state;
    struct op_waker left;
    uint64_t word;

    if (w->queue == NULL)
        return;
    if (pirn__waiter_leave(w, &word, &left) == WAITER_WAITING)
        pirn__waiter_left(w, word, &left);
    else
        queue_unref(w->queue);
}
