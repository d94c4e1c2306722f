/* SPDX-License-Identifier: MIT */
/* The pool's queue, and which idle thread comes for what is in it. */
#include "runtime/blocking/claims.h"

#include "runtime/os/futex.h"
#include "task/base/relax.h"
#include "task/cell.h"

enum {
    TRIES_BEFORE_LOCK = 64 /* it is held for a moment: sleeping for it costs more */
};

void pirn__pool_enter(struct pool *p)
{
    for (unsigned i = 0; i < TRIES_BEFORE_LOCK; i++) {
        if (pthread_mutex_trylock(&p->lock.mutex) == 0)
            return;
        cpu_relax(0);
    }
    lock_take(&p->lock);
}

void pirn__pool_leave(struct pool *p)
{
    lock_give(&p->lock);
}

/* ---- the queue -------------------------------------------------------------------------------------- */

void pirn__pool_queue_behind(struct pool *p, struct header *h, struct header *before)
{
    struct header *after = before != NULL ? before->queue_next : p->head;

    h->queue_next = after;
    h->end.queue_prev = before;
    *(before != NULL ? &before->queue_next : &p->head) = h;
    *(after != NULL ? &after->end.queue_prev : &p->tail) = h;
    h->owned.kind |= CELL_QUEUED;
    stat_add(&p->depth, 1);
}

void pirn__pool_unqueue(struct pool *p, struct header *h)
{
    struct header *before = h->end.queue_prev, *after = h->queue_next;

    *(before != NULL ? &before->queue_next : &p->head) = after;
    *(after != NULL ? &after->end.queue_prev : &p->tail) = before;
    h->queue_next = NULL;
    h->end.ops = NULL; /* what it is from now on */
    h->owned.kind &= (uint8_t)~CELL_QUEUED;
    stat_add(&p->depth, (uint64_t)-1);
}

/* ---- claims and calls ----------------------------------------------------------------------------- */

void pirn__pool_list_idle(struct pool *p, struct pool_thread *t)
{
    t->idle_prev = NULL;
    t->idle_next = p->idle_list;
    if (t->idle_next != NULL)
        t->idle_next->idle_prev = t;
    p->idle_list = t;
    t->listed = true;
}

void pirn__pool_unlist_idle(struct pool *p, struct pool_thread *t)
{
    *(t->idle_prev != NULL ? &t->idle_prev->idle_next : &p->idle_list) = t->idle_next;
    if (t->idle_next != NULL)
        t->idle_next->idle_prev = t->idle_prev;
    t->listed = false;
}

void pirn__pool_trim_claims(struct pool *p)
{
    uint64_t depth = pool_depth(p);

    if (p->claims > depth) {
        pool_count_by(&p->idle, (int32_t)(p->claims - depth));
        p->claims = (uint32_t)depth;
    }
}

struct pool_thread *pirn__pool_next_claimed(struct pool *p)
{
    struct pool_thread *t;

    pirn__pool_trim_claims(p);
    if (p->claims == 0 || p->calling)
        return NULL;
    t = p->idle_list;
    pirn__pool_unlist_idle(p, t);
    p->claims--;
    p->calling = true;
    t->claimed = true;
    return t;
}

void pirn__pool_call(struct pool_thread *t)
{
    /* mo: release pairs with [call] in pool_is_called: our accesses come before its next ones. What it
     * comes for is published by the lock. */
    if (t != NULL &&
        atomic_exchange_explicit(&t->wake, POOL_CALLED, memory_order_release) == POOL_ASLEEP)
        pirn__futex_wake(&t->wake, 1);
}

/* ---- out of turn ---- */

bool pirn__pool_take_out(struct pool *p, struct header *cell)
{
    bool in;

    pirn__pool_enter(p);
    in = cell->owned.kind & CELL_QUEUED;
    if (in) {
        pirn__pool_unqueue(p, cell);
        pirn__pool_trim_claims(p);
    }
    pirn__pool_leave(p);
    return in;
}

void pirn__pool_hurry(struct pool *p, struct header *cell)
{
    pirn__pool_enter(p);
    if (cell->owned.kind & CELL_QUEUED) {
        pirn__pool_unqueue(p, cell);
        pirn__pool_queue_behind(p, cell, NULL);
        /* mo: seq_cst pairs with [hurried]: see take_hurried. */
        atomic_store_explicit(&p->hurried, true, memory_order_seq_cst);
    }
    pirn__pool_leave(p);
}

bool pirn__pool_take_hurried(struct pool *p, struct notified *n)
{
    struct header *h;
    bool taken;

    /* mo: seq_cst pairs with [hurried] in hurry: an aborter sets it, then looks whether somebody
     * drives; who drives says so, then looks here. */
    if (!atomic_load_explicit(&p->hurried, memory_order_seq_cst))
        return false;
    pirn__pool_enter(p);
    h = p->head;
    taken = h != NULL && (pirn__state_peek(&h->state) & STATE_CANCELLED);
    if (taken) {
        pirn__pool_unqueue(p, h);
        pirn__pool_trim_claims(p);
        n->cell = h;
    } else {
        /* mo: relaxed. Under the lock. */
        atomic_store_explicit(&p->hurried, false, memory_order_relaxed);
    }
    pirn__pool_leave(p);
    return taken;
}
