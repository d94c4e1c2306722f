/* SPDX-License-Identifier: MIT */
/* What the locks and events of task/sync are made of: a word, and the operations that wait, oldest
 * first.
 *
 *    63                         32 31                     4      3        2        1       0
 *   +-----------------------------+------------------------+-------+--------+---------+--------+
 *   | value: the object's         | references             | FREED | CLOSED | WAITERS | LOCKED |
 *   +-----------------------------+------------------------+-------+--------+---------+--------+
 *
 * One compare-exchange does what needs no waiter: it changes value and references together, and only
 * while LOCKED is clear. Everything else sets LOCKED by a compare-exchange, for a few instructions,
 * and clears it by a plain store: nobody else has changed the word meanwhile.
 *
 * References keep the memory: one for all the handles together, one for each operation from the moment
 * it waits until it is done or dropped, one for each permit, guard or turn. So an operation may take
 * the lock at its drop whatever became of the handles; and what it was granted it hands on together
 * with its reference, without counting. When the last handle goes, FREED is set and those who wait
 * are resolved: they end with -ECANCELED.
 *
 * Whoever resolves a waiter takes it off the list and marks it TAKEN, wakes its task under the lock, and
 * then stores its state: the last touch. An operation that reads such a state is done with the resolver.
 * One that reads WAITING may go on waiting: a wake that its task has consumed was made after TAKEN. */
#ifndef PIRN_TASK_SYNC_WAIT_QUEUE_H
#define PIRN_TASK_SYNC_WAIT_QUEUE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/op.h>

#include "task/base/compiler.h"
#include "task/base/ref.h"
#include "task/cx.h"
#include "task/op.h"
#include "task/wake.h"

#define QUEUE_LOCKED      UINT64_C(1) /* its setter alone changes the word, and sees the list */
#define QUEUE_WAITERS     UINT64_C(2) /* while not LOCKED: the list is not empty */
#define QUEUE_CLOSED      UINT64_C(4) /* for good: nothing is granted any more */
#define QUEUE_FREED       UINT64_C(8) /* for good: no handle is left */
#define QUEUE_REF(n)      ((uint64_t)(n) << 4)
#define QUEUE_REFS(word)  ((uint32_t)((word) >> 4) & QUEUE_REFS_MAX)
#define QUEUE_VALUE(word) ((uint32_t)((word) >> 32))
#define QUEUE_ONE(n)      ((uint64_t)(n) << 32)
#define QUEUE_REFS_MAX    0x0fffffffu

enum {
    QUEUE_BATCH = 32,       /* waiters resolved in one go under the lock */
    WAITER_STATE_BITS = 3,  /* of waiter.state */
    WAITER_ASKED_BITS = 29, /* the rest of it */
    WAITER_STATE_MASK = (1 << WAITER_STATE_BITS) - 1,
};

/* In a ring, whose sentinel is the list. */
struct wait_link {
    struct wait_link *next, *prev;
};

struct wait_queue {
    _Atomic(uint64_t) word;
    struct wait_link list; /* guard: LOCKED */
    ref_count handles;
};

enum waiter_state {
    WAITER_IDLE = 0, /* in no list: the operation has not begun to wait */
    WAITER_WAITING,  /* in a list */
    WAITER_TAKEN,    /* being resolved; it lasts a few instructions */
    /* In none, and never again: */
    WAITER_GRANTED,      /* it has what it waited for; dropped, it must hand it on */
    WAITER_GRANTED_LAST, /* likewise, to the newest */
    WAITER_DONE,         /* nothing is lost if it is dropped */
    WAITER_CLOSED,
    WAITER_FREED,
};

/* The state of an operation that waits. */
struct waiter {
    struct wait_link link;    /* guard: LOCKED */
    struct op_waker waker;    /* guard: LOCKED while it is in a list; else the operation */
    struct wait_queue *queue; /* guard: the operation. NULL: it holds no reference */
    /* enum waiter_state, and above it how much the operation asked for. Written under LOCKED; the
     * operation reads it without. */
    _Atomic(uint32_t) state;
    uint32_t need; /* guard: LOCKED; the object's meaning */
};

/* ---- rings ------------------------------------------------------------------------------------- */

static inline void link_init(struct wait_link *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool link_is_alone(const struct wait_link *l)
{
    return l->next == l;
}

static inline void link_put_before(struct wait_link *l, struct wait_link *at)
{
    l->next = at;
    l->prev = at->prev;
    at->prev->next = l;
    at->prev = l;
}

static inline void link_take(struct wait_link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

/* All but the sentinel @from, in their order, to before @at. */
static inline void link_move_all(struct wait_link *from, struct wait_link *at)
{
    if (link_is_alone(from))
        return;
    from->next->prev = at->prev;
    from->prev->next = at;
    at->prev->next = from->next;
    at->prev = from->prev;
    link_init(from);
}

static inline struct waiter *waiter_of(struct wait_link *l)
{
    return container_of(l, struct waiter, link);
}

/* ---- the queue ----------------------------------------------------------------------------------- */

/* One handle, one reference. */
void pirn__wait_queue_init(struct wait_queue *q, uint32_t value);

/* @word becomes the word; WAITERS is made true to the list. */
static inline void queue_unlock(struct wait_queue *q, uint64_t word)
{
    word = link_is_alone(&q->list) ? word & ~QUEUE_WAITERS : word | QUEUE_WAITERS;
    /* mo: release pairs with [queue] in lock and in every change without it. */
    atomic_store_explicit(&q->word, word, memory_order_release);
}

static inline uint64_t queue_peek(const struct wait_queue *q)
{
    /* mo: acquire pairs with [queue] in unlock and change: what was published with the value. */
    return atomic_load_explicit(&q->word, memory_order_acquire);
}

/* From @word, which must not be LOCKED, to @next. Return: false: it was another; look again. */
static inline bool queue_change(struct wait_queue *q, uint64_t *word, uint64_t next)
{
    /* mo: acquire pairs with [queue] in unlock and in change, release with [queue] in lock and in
     * change: what the last holder did happens before what the next one does, and every holder's
     * accesses before the free. Failure: relaxed, the caller looks again. */
    return atomic_compare_exchange_strong_explicit(&q->word, word, next, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

/* While it is LOCKED: until it is not. */
uint64_t pirn__wait_queue_settle(const struct wait_queue *q);

/* A word to change: not LOCKED. */
static inline uint64_t queue_settled(const struct wait_queue *q)
{
    /* mo: relaxed. A guess; the change that follows confirms it. */
    uint64_t word = atomic_load_explicit(&q->word, memory_order_relaxed);

    return LIKELY(!(word & QUEUE_LOCKED)) ? word : pirn__wait_queue_settle(q);
}

/* Sets LOCKED. Return: the word without it. Nothing of the caller's, no clone, no drop, no allocator,
 * is called until queue_unlock(). */
static inline uint64_t queue_lock(struct wait_queue *q)
{
    uint64_t word;

    do
        word = queue_settled(q);
    while (!queue_change(q, &word, word | QUEUE_LOCKED));
    return word;
}

COLD void pirn__wait_queue_overflow(void);

/* One reference more, in a word that the caller is about to write. */
static inline uint64_t queue_with_ref(uint64_t word)
{
    if (UNLIKELY(QUEUE_REFS(word) == QUEUE_REFS_MAX))
        pirn__wait_queue_overflow();
    return word + QUEUE_REF(1);
}

/* Nobody refers to it: its memory begins with @q, and came from malloc(). */
COLD void pirn__wait_queue_free(struct wait_queue *q);

/* Gives one reference up; frees the object if it was the last. */
static inline void queue_unref(struct wait_queue *q)
{
    uint64_t word;

    do
        word = queue_settled(q);
    while (!queue_change(q, &word, word - QUEUE_REF(1)));
    if (UNLIKELY(QUEUE_REFS(word) == 1))
        pirn__wait_queue_free(q);
}

/* A handle goes. Return: it was the last: the caller ends the queue. */
static inline bool queue_handle_sub(struct wait_queue *q)
{
    return ref_sub(&q->handles, 1);
}

/* Takes everybody off the list who waits now, oldest first, with @state; holding a reference. LOCKED
 * by the caller with @word, and given back: in between too, so that others may come: they are not
 * among those. */
void pirn__wait_queue_resolve_all(struct wait_queue *q, uint64_t word, enum waiter_state state);

/* The last handle has gone: CLOSED and FREED, everybody is resolved as WAITER_FREED, and the handles'
 * reference is given up. */
void pirn__wait_queue_end(struct wait_queue *q);

/* ---- waiters --------------------------------------------------------------------------------------- */

/* What the operation asked for. */
static inline uint32_t waiter_asked(const struct waiter *w)
{
    /* mo: relaxed. Only this operation set it, before it waited. */
    return atomic_load_explicit(&w->state, memory_order_relaxed) >> WAITER_STATE_BITS;
}

/* Of an operation that begins, with an idle op. */
static inline struct waiter *waiter_begin(pirn_op *op, pirn_cx *cx, const pirn_op_kind *k)
{
    struct waiter *w = op_state_of(op);

    op_begin((struct op *)(void *)op, k, (struct op **)(void *)cx->ops);
    w->queue = NULL;
    return w;
}

/* A waker for one that is in no list, before the lock is taken. Is it not enlisted then, the waker is
 * dropped after the unlock. */
static inline void waiter_make_waker(struct waiter *w, pirn_cx *cx)
{
    if (LIKELY(cx->cell != NULL && op_is_listed(w))) {
        w->waker.vt = &pirn__borrowed_vt;
        w->waker.data = cx->cell;
        op_set_armed(w, true);
    } else {
        pirn__op_waker_make(&w->waker, w, cx);
    }
}

/* Begins to wait, as the newest, with its waker and a reference. LOCKED. */
static inline void waiter_enlist(struct wait_queue *q, uint64_t *word, struct waiter *w,
                                 uint32_t asked)
{
    w->queue = q;
    /* mo: relaxed. Nobody else sees it before the unlock. */
    atomic_store_explicit(&w->state, asked << WAITER_STATE_BITS | WAITER_WAITING,
                          memory_order_relaxed);
    link_put_before(&w->link, &q->list);
    *word = queue_with_ref(*word);
}

/* As if it had been enlisted, asking for @asked, and granted what it waits for. LOCKED. */
void pirn__waiter_granted_at_once(struct wait_queue *q, uint64_t *word, struct waiter *w,
                                  uint32_t asked);

/* Not WAITING any more. LOCKED; @wakes has room. Afterwards @w may be gone as soon as its task likes. */
void pirn__waiter_resolve(struct waiter *w, enum waiter_state state, struct wake_list *wakes);

/* It waits, and is polled by another than a task that left its waker before. */
enum waiter_state pirn__waiter_poll_odd(struct waiter *w, pirn_cx *cx);

/* While it is TAKEN: until it is not. */
enum waiter_state pirn__waiter_settle(const struct waiter *w);

static inline enum waiter_state waiter_seen(const struct waiter *w)
{
    /* mo: acquire pairs with [waiter] in resolve: it is over, and whoever did it has gone. */
    uint32_t s = atomic_load_explicit(&w->state, memory_order_acquire) & WAITER_STATE_MASK;

    return LIKELY(s != WAITER_TAKEN) ? (enum waiter_state)s : pirn__waiter_settle(w);
}

/* At a later poll: how it stands. If it still waits it has this poll's waker. */
static inline enum waiter_state waiter_poll(struct waiter *w, pirn_cx *cx)
{
    enum waiter_state s = waiter_seen(w);

    if (s != WAITER_WAITING || LIKELY(cx->cell != NULL && op_is_armed(w)))
        return s; /* the task's own waker does not change */
    return pirn__waiter_poll_odd(w, cx);
}

/* At a drop: takes it off its list if it waits, and then returns with LOCKED set and the word in *@word;
 * *@left is to be dropped after the unlock. Return: what it was; LOCKED only if WAITER_WAITING. */
enum waiter_state pirn__waiter_leave(struct waiter *w, uint64_t *word, struct op_waker *left);

/* The end of a drop that found it waiting: unlocks, gives the reference up. */
void pirn__waiter_left(struct waiter *w, uint64_t word, struct op_waker *left);

/* The operation is over, and its reference too. Return: 0, or the code of a CLOSED or FREED one. */
static inline int waiter_finish(pirn_op *op, struct waiter *w, enum waiter_state state)
{
    struct wait_queue *q = w->queue;

    op_end(op);
    queue_unref(q);
    return LIKELY(state < WAITER_CLOSED) ? 0 : state == WAITER_FREED ? -ECANCELED : PIRN_ECLOSED;
}

/* The drop of an operation that has nothing to hand on. */
void pirn__waiter_drop(void *state);

#endif
