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
    _Atomic(struct pool_thread *) all_next; /* in pool->all: records are added, never taken out */
    struct pool_thread *idle_next;          /* guard: the pool's lock, as the next three */
    struct pool_thread *exited_next;
    struct pool_job job;
    bool used;              /* it has a pthread */
    pthread_t id;           /* written by who made it, before anybody joins it */
    _Atomic(uint32_t) wake; /* a futex: it has been claimed */
};

struct pool_setup {
    const pirn_alloc *alloc;
    uint32_t max_threads; /* blocking ones */
    uint32_t max_queue;   /* what bounded pushes may find waiting; PIRN_UNLIMITED */
    int64_t keep_alive;   /* ns; PIRN_NEVER */
    size_t stack_bytes;
    const char *thread_name; /* NULL: by role */
    void *user;
    /* Called on the thread, holding nothing. @worker: it begins with a job; else for the queue. */
    void (*thread_begin)(void *user, struct pool_thread *t);
    void (*thread_end)(void *user, struct pool_thread *t);
    /* A task's turn. @cancel: the pool is closed, and the task is not mandatory. */
    void (*run)(void *user, struct pool_thread *t, struct notified n, bool cancel);
};

struct pool {
    struct pool_setup setup; /* immutable */
    struct lock lock;
    /* guard, of what is not atomic: lock. Counts are written under it, read for metrics. */
    struct header *head, *tail; /* by queue_next and end.queue_prev; CELL_QUEUED is set */
    _Atomic(uint64_t) depth;
    _Atomic(uint32_t) threads; /* blocking ones: those that run jobs are not among them */
    _Atomic(uint32_t) idle;    /* of those, waiting and not claimed */
    uint32_t live;             /* pthreads in all; a futex word follows its end */
    bool closed;
    struct pool_thread *idle_list; /* the one that went idle last is claimed first */
    struct pool_thread *exited;    /* to be joined by the next to exit, or by pirn__pool_join() */
    _Atomic(struct pool_thread *) all; /* newest first */
    _Atomic(uint32_t) gone;            /* a futex: changes whenever a thread has ended */
};

void pirn__pool_init(struct pool *p, const struct pool_setup *setup);
/* Everybody is gone. Frees the records. */
void pirn__pool_fini(struct pool *p);

enum pool_push {
    POOL_BOUNDED = 1u << 0, /* refused when max_queue others wait */
};
/* Queues a task and sees that a thread comes for it. Any thread. Return: 0; -EAGAIN: full, or there
 * is no thread and none can be made; PIRN_ESHUTDOWN: closed. On failure @n is still the caller's. */
int pirn__pool_push(struct pool *p, struct notified n, unsigned flags);
/* Takes a task out of the queue again. Return: whether it was in; then its Notified is the
 * caller's. The caller has a reference. Any thread. */
bool pirn__pool_take_out(struct pool *p, struct header *cell);
/* Has a job run on a blocking thread that is idle, or else on a new thread, beside the limit. When it
 * returns the thread is a blocking one, or ends if there are enough. Return: 0; -EAGAIN, -ENOMEM. */
int pirn__pool_start(struct pool *p, struct pool_job job);
/* From now on pushes are refused; queued tasks are handed to run() with @cancel, by the pool's
 * threads or, if there are none, by the caller with its own @t. */
void pirn__pool_close(struct pool *p);
/* Waits until every thread has ended, and joins them. After close. Return: 0, -ETIMEDOUT. */
int pirn__pool_join(struct pool *p, pirn_time deadline);
/* The next record's, from NULL on; NULL: there are no more. Any thread. */
struct poller *pirn__pool_next_poller(struct pool *p, struct poller *after);

#endif
