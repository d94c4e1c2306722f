/* SPDX-License-Identifier: MIT */
/* The pool's queue, and which idle thread comes for what is in it: all of it holding the lock.
 *
 * A push claims an idle thread for its task, under the lock; which one it will be is settled when it
 * is called. One is called at a time: it comes for a task, and before it runs it, calls the next if
 * claims are left. So a batch of pushes costs its caller one call, and yet no task waits behind one
 * that blocks while a thread is idle. A busy thread that becomes free takes what is queued; claims
 * that no task is left for end with it. */
#ifndef PIRN_RUNTIME_BLOCKING_CLAIMS_H
#define PIRN_RUNTIME_BLOCKING_CLAIMS_H

#include "runtime/blocking/pool.h"

/* The pool's lock. */
void pirn__pool_enter(struct pool *p);
void pirn__pool_leave(struct pool *p);

static inline uint32_t pool_count(const _Atomic(uint32_t) *n)
{
    /* mo: relaxed. Under the lock, or a statistic. */
    return atomic_load_explicit(n, memory_order_relaxed);
}

static inline void pool_count_by(_Atomic(uint32_t) *n, int32_t by)
{
    /* mo: relaxed. Under the lock; read elsewhere as a statistic. */
    atomic_store_explicit(n, pool_count(n) + (uint32_t)by, memory_order_relaxed);
}

static inline uint64_t pool_depth(const struct pool *p)
{
    return stat_get(&p->depth);
}

static inline bool pool_is_mandatory(const struct header *h)
{
    return h->desc->flags & PIRN_TASK_MANDATORY;
}

/* @before NULL: to the front. */
void pirn__pool_queue_behind(struct pool *p, struct header *h, struct header *before);
void pirn__pool_unqueue(struct pool *p, struct header *h);

/* To and from the threads that wait. */
void pirn__pool_list_idle(struct pool *p, struct pool_thread *t);
void pirn__pool_unlist_idle(struct pool *p, struct pool_thread *t);

/* Claims beyond what is queued end. After a task has left the queue. */
void pirn__pool_trim_claims(struct pool *p);
/* The next claimed thread, if there is one and nobody is on the way who will call it. The caller
 * passes it to pirn__pool_call() when it has left. */
struct pool_thread *pirn__pool_next_claimed(struct pool *p);

/* By who took it out of idle_list, not holding the lock; NULL: nobody. */
void pirn__pool_call(struct pool_thread *t);

static inline bool pool_is_called(const struct pool_thread *t)
{
    /* mo: acquire pairs with [call] in pirn__pool_call. */
    return atomic_load_explicit(&t->wake, memory_order_acquire) == POOL_CALLED;
}

#endif
