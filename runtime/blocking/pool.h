/* SPDX-License-Identifier: MIT */
/* The threads a runtime makes: they run blocking tasks from a queue, and workers by request.
 *
 * A thread is a record that lives as long as the pool; its pthread comes and goes. Blocking threads
 * are those that do not run a job of pirn__pool_start(): only they count against the limit, and only
 * they take tasks from the queue. */
#ifndef PIRN_RUNTIME_BLOCKING_POOL_H
#define PIRN_RUNTIME_BLOCKING_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/alloc.h>
#include <pirn/task.h>

#include "runtime/os/lock.h"
#include "task/cx.h"
#include "task/fault.h"
#include "task/handle.h"

struct pool;
struct pool_thread;

/* What a thread is to do instead of serving the queue; fn NULL: nothing. */
struct pool_job {
    void (*fn)(struct pool_thread *t, void *arg);
    void *arg;
};

struct pool_thread {
    struct poller poller; /* for whatever it runs; walkers and metrics read parts of it */
    struct recovery recovery;
    struct pool *pool;
    uint32_t began_as; /* what the hook of its start was told; guard: the thread, as the next */
    bool told;         /* and that it was */
    struct pool_thread *all_next; /* immutable: in pool->all; records are added, never taken out */
    struct pool_thread *idle_next, *idle_prev; /* guard: the pool's lock, as all down to `job` */
    bool listed;                               /* in idle_list (or, by idle_next, a spare record) */
    bool claimed;                              /* it was called for a task, and has not come yet */
    uint64_t unsettled; /* counted in pool->starting, by this number; 0: not */
    struct pool_job job;
    bool for_job;           /* it was made for a job. Written before it starts, as `first` */
    struct header *serving; /* guard: the thread, as the next. The task it runs; NULL: none */
    bool finishing;         /* and that has ended: it is counted in pool->finishing */
    struct header *first;   /* the task it was made for; NULL: it looks into the queue */
    pthread_t id;           /* written by itself, before it can be in pool->exited */
    _Atomic(uint32_t) wake; /* enum pool_wake; a futex */
};

enum pool_wake {
    POOL_AWAKE = 0, /* it looks before it sleeps */
    POOL_ASLEEP,
    POOL_CALLED, /* by who took it out of idle_list */
};

struct pool_setup {
    const pirn_alloc *alloc;
    uint32_t max_threads; /* blocking ones */
    uint32_t max_queue;   /* what bounded pushes may find waiting; PIRN_UNLIMITED */
    int64_t keep_alive;   /* ns; PIRN_NEVER */
    size_t stack_bytes;
    const char *thread_name; /* NULL: by role */
    void *user;
    /* A new record, zeroed but for `pool`: makes its poller. Any thread. */
    void (*prepare)(void *user, struct pool_thread *t);
    /* Called on the thread, holding nothing; t->for_job: it begins with a job, else for the queue. */
    void (*thread_begin)(void *user, struct pool_thread *t);
    void (*thread_end)(void *user, struct pool_thread *t);
    /* It has nothing to do, and is counted so. As above; may be NULL. */
    void (*thread_idle)(void *user, struct pool_thread *t);
    /* A task's turn. @cancel: the pool is closed, and the task is not mandatory. */
    void (*run)(void *user, struct pool_thread *t, struct notified n, bool cancel);
};

struct pool {
    struct pool_setup setup; /* immutable */
    bool may_spin;           /* immutable: there is a second CPU */
    struct lock lock;
    /* guard, of what is not atomic: lock. Counts are written under it, read for metrics. */
    struct header *head, *tail; /* by queue_next and end.queue_prev; CELL_QUEUED is set */
    _Atomic(bool) hurried;      /* cancelled tasks may be at its head; written under the lock */
    _Atomic(uint64_t) depth;
    _Atomic(uint32_t) threads; /* blocking ones: those that run jobs are not among them */
    _Atomic(uint32_t) idle;    /* of those, waiting and not claimed */
    uint32_t starting;         /* of `threads`, those that may still turn out not to be */
    uint64_t made;             /* how often a blocking one was to be made */
    uint32_t live;             /* pthreads in all; a futex word follows its end */
    /* Of those in idle_list, so many belong to tasks in the queue, and are called one after the
     * other: there are claims only while one is on its way, which calls the next. */
    uint32_t claims;
    /* Threads whose task has ended, and that come back without anything in between that may block: so
     * many tasks need nobody else. Raised without the lock, lowered under it. */
    _Atomic(uint32_t) finishing;
    bool calling; /* one that was called for a task has not come yet */
    bool closed;
    struct pool_thread *idle_list; /* the one that went idle last is called first */
    struct pool_thread *exited;    /* to be joined by the next to exit, or by pirn__pool_join() */
    struct pool_thread *spare;     /* records without a pthread */
    uint32_t waiting;              /* for `settled` */
    _Atomic(uint32_t) settled;     /* a futex: changes whenever `starting` falls */
    _Atomic(struct pool_thread *) all;     /* newest first */
    _Atomic(struct pool_thread *) spinner; /* the one idle thread that looks before it sleeps */
    _Atomic(uint32_t) gone;                /* a futex: changes whenever `live` falls */
};

void pirn__pool_init(struct pool *p, const struct pool_setup *setup);
/* Everybody is gone. Frees the records. */
void pirn__pool_fini(struct pool *p);

enum pool_push {
    POOL_BOUNDED = 1u << 0, /* refused when max_queue others wait */
};
/* Queues a task and sees that a thread comes for it. Any thread. Return: 0; -EAGAIN: full, or there
 * is no thread and none can be made; -ENOMEM: likewise, for memory; PIRN_ESHUTDOWN: closed. On
 * failure @n is still the caller's. */
int pirn__pool_push(struct pool *p, struct notified n, unsigned flags);
/* The task has ended, and its joiner is about to be told: if it is what this thread serves, the
 * thread is as good as free. So who is told finds it, and wakes no other for the next task. */
void pirn__pool_note_end(struct pool *p, const struct header *h);
/* Whether a bounded push would find the queue full, just now. */
bool pirn__pool_is_full(struct pool *p);
/* Whether no task waits or runs, down to the telling of its joiner. */
bool pirn__pool_is_quiet(struct pool *p);
/* Takes a task out of the queue again. Return: whether it was in; then its Notified is the
 * caller's. The caller has a reference. Any thread. */
bool pirn__pool_take_out(struct pool *p, struct header *cell);
/* The next free thread takes this one, if it is in the queue. As above. */
void pirn__pool_hurry(struct pool *p, struct header *cell);
/* Takes out again what was hurried, a cancelled task each time; false: there is none. */
bool pirn__pool_take_hurried(struct pool *p, struct notified *n);
/* Has a job run on a blocking thread that is idle, or else on a new thread, beside the limit. When it
 * returns the thread is a blocking one, or ends if there are enough. Return: 0; -EAGAIN, also once
 * closed; -ENOMEM. */
int pirn__pool_start(struct pool *p, struct pool_job job);
/* From now on pushes are refused. The pool's threads run what is queued and mandatory, and hand the
 * rest to run() with @cancel; the caller may help with pirn__pool_take_closed(). Any thread. */
void pirn__pool_close(struct pool *p);
/* One that is not mandatory, out of a closed pool's queue. False: there are no more. */
bool pirn__pool_take_closed(struct pool *p, struct notified *n);
/* Waits until every thread has ended, and joins them. After close. Return: 0, -ETIMEDOUT. */
int pirn__pool_join(struct pool *p, pirn_time deadline);
/* Whether the calling thread is the pool's. */
bool pirn__pool_is_own_thread(const struct pool *p);
/* The next record's, from NULL on; NULL: there are no more. Any thread. */
struct poller *pirn__pool_next_poller(struct pool *p, struct poller *after);

/* How many blocking threads have something to do, about. */
static inline uint32_t pirn__pool_busy(const struct pool *p)
{
    /* mo: relaxed, both, statistics. */
    uint32_t idle = atomic_load_explicit(&p->idle, memory_order_relaxed);
    uint32_t threads = atomic_load_explicit(&p->threads, memory_order_relaxed);

    return threads > idle ? threads - idle : 0;
}

#endif
