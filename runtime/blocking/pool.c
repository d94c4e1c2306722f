/* SPDX-License-Identifier: MIT */
/* The threads a runtime makes: how one is made, serves the queue, waits, and goes.
 *
 * A task that a thread is made for does not go through the queue: if the thread cannot be made,
 * nothing has to be found again. Whatever is in the queue has a thread that will come by: it was
 * queued while there was one, and none goes while the queue is not empty. */
#include "runtime/blocking/pool.h"

#include <errno.h>

#include "runtime/blocking/claims.h"
#include "runtime/os/clock.h"
#include "runtime/os/cpus.h"
#include "runtime/os/futex.h"
#include "runtime/os/thread.h"
#include "task/base/relax.h"

enum {
    LOOKS_PER_CLOCK = 16
};
#define SPIN_NS (15 * PIRN_US)

static _Thread_local struct pool_thread *own_thread;

/* ---- an idle thread ------------------------------------------------------------------------------ */

/* Looks for a moment, until another goes idle: that one is called first. */
static bool look_before_sleep(struct pool_thread *t)
{
    struct pool *p = t->pool;
    pirn_time end;

    end = pirn__clock_now() + SPIN_NS;
    do {
        for (unsigned i = 0; i < LOOKS_PER_CLOCK; i++) {
            if (pool_is_called(t))
                return true;
            cpu_relax(0);
        }
        /* mo: relaxed. A hint, whose turn it is. */
        if (atomic_load_explicit(&p->spinner, memory_order_relaxed) != t)
            return false;
        cpu_give(); /* a thread with work may wait for this very CPU */
    } while (pirn__clock_now() < end);
    return false;
}

/* Until it is called. Return: false: the deadline is past. */
static bool sleep_idle(struct pool_thread *t, pirn_time deadline)
{
    uint32_t awake = POOL_AWAKE;

    /* mo: relaxed, both: who has called since is seen by is_called below. */
    (void)atomic_compare_exchange_strong_explicit(&t->wake, &awake, POOL_ASLEEP,
                                                  memory_order_relaxed, memory_order_relaxed);
    while (!pool_is_called(t))
        if (!pirn__futex_wait(&t->wake, POOL_ASLEEP, deadline))
            return pool_is_called(t);
    return true;
}

static pirn_time keep_until(const struct pool *p)
{
    pirn_time now;

    if (p->setup.keep_alive == PIRN_NEVER)
        return PIRN_NEVER;
    now = pirn__clock_now();
    return p->setup.keep_alive > PIRN_NEVER - now ? PIRN_NEVER : now + p->setup.keep_alive;
}

/* Holding the lock, which is given meanwhile. Return: false: its time is over, and it is counted no
 * longer. */
static bool wait_idle(struct pool_thread *t)
{
    struct pool *p = t->pool;
    bool spin;

    /* mo: relaxed, both. Under the lock; a hint. */
    atomic_store_explicit(&t->wake, POOL_AWAKE, memory_order_relaxed);
    atomic_store_explicit(&p->spinner, t, memory_order_relaxed);
    pirn__pool_list_idle(p, t);
    pool_count_by(&p->idle, 1);
    /* While another has something to do, it may want the CPU. */
    spin = p->may_spin && !p->calling && pool_count(&p->idle) == pool_count(&p->threads);
    pirn__pool_leave(p);
    if (p->setup.thread_idle != NULL)
        p->setup.thread_idle(p->setup.user, t);
    if ((spin && look_before_sleep(t)) || sleep_idle(t, keep_until(p))) {
        pirn__pool_enter(p);
    } else {
        pirn__pool_enter(p);
        if (t->listed && pool_count(&p->idle) != 0) {
            pirn__pool_unlist_idle(p, t);
            pool_count_by(&p->idle, -1);
            pool_count_by(&p->threads, -1);
            return false;
        }
        if (t->listed) { /* everybody in the list is claimed: it comes for one of them */
            pirn__pool_unlist_idle(p, t);
            p->claims--;
            return true;
        }
        pirn__pool_leave(p); /* somebody has decided to call it, and does so any moment */
        (void)sleep_idle(t, PIRN_NEVER);
        pirn__pool_enter(p);
    }
    if (t->claimed) {
        t->claimed = false;
        p->calling = false;
    }
    return true;
}

/* ---- a thread's life ---------------------------------------------------------------------------- */

static void run_queued(struct pool_thread *t, struct header *h)
{
    struct pool *p = t->pool;
    struct pool_thread *next = pirn__pool_next_claimed(p);
    bool cancel = p->closed && !pool_is_mandatory(h);

    pirn__pool_leave(p);
    pirn__pool_call(next); /* before this one blocks */
    t->serving = h;
    p->setup.run(p->setup.user, t, (struct notified){h}, cancel);
    t->serving = NULL;
    pirn__pool_enter(p);
    if (t->finishing) {
        t->finishing = false;
        /* mo: relaxed. Who reads it has the lock. */
        (void)atomic_fetch_sub_explicit(&p->finishing, 1, memory_order_relaxed);
    }
}

void pirn__pool_note_end(struct pool *p, const struct header *h)
{
    struct pool_thread *t = own_thread;

    if (t == NULL || t->pool != p || t->serving != h || t->finishing)
        return;
    t->finishing = true;
    /* mo: relaxed. The result's publication brings it to the joiner; for others it is a hint. */
    (void)atomic_fetch_add_explicit(&p->finishing, 1, memory_order_relaxed);
}

static void run_job(struct pool_thread *t)
{
    struct pool *p = t->pool;
    struct pool_job job = t->job;

    t->job.fn = NULL;
    pirn__pool_leave(p);
    job.fn(t, job.arg);
    pirn__pool_enter(p);
}

/* Serves the queue. Holding the lock, at the end as well; then it is no blocking thread any more. */
static void serve_queue(struct pool_thread *t)
{
    struct pool *p = t->pool;
    struct header *h = t->first;

    t->first = NULL;
    for (;;) {
        if (t->job.fn != NULL) {
            run_job(t);
            if (p->closed || pool_count(&p->threads) >= p->setup.max_threads)
                return;
            pool_count_by(&p->threads, 1);
        } else if (h != NULL) {
            run_queued(t, h);
            h = NULL;
        } else if (p->head != NULL) {
            struct header *head = p->head;

            pirn__pool_unqueue(p, head);
            run_queued(t, head);
        } else if (p->closed) {
            pool_count_by(&p->threads, -1);
            return;
        } else if (!wait_idle(t)) {
            return;
        }
    }
}

/* Holding the lock. One that was counted is there for sure, or not: by its maker or itself, whoever
 * comes first. */
static void settle(struct pool *p)
{
    p->starting--;
    /* mo: relaxed. Under the lock; who waits takes it next. */
    (void)atomic_fetch_add_explicit(&p->settled, 1, memory_order_relaxed);
    if (p->waiting != 0)
        pirn__futex_wake(&p->settled, INT32_MAX);
}

/* Holding the lock. A pthread has gone, but for what follows it. */
static void count_gone(struct pool *p)
{
    p->live--;
    /* mo: release: read before `live`, which the lock publishes; pairs with [gone] in pool_join. */
    (void)atomic_fetch_add_explicit(&p->gone, 1, memory_order_release);
    pirn__futex_wake(&p->gone, INT32_MAX);
}

/* Holding the lock. */
static void keep_record(struct pool *p, struct pool_thread *t)
{
    t->idle_next = p->spare;
    p->spare = t;
}

/* Nobody is left detached: each joins the one that ended before it. */
static void end_self(struct pool_thread *t)
{
    struct pool *p = t->pool;
    struct pool_thread *before;

    pirn__pool_enter(p);
    before = p->exited;
    p->exited = t;
    count_gone(p);
    pirn__pool_leave(p);
    if (before == NULL)
        return;
    pirn__thread_join(before->id);
    pirn__pool_enter(p);
    keep_record(p, before);
    pirn__pool_leave(p);
}

static void thread_main(void *arg)
{
    struct pool_thread *t = arg;
    struct pool *p = t->pool;

    own_thread = t;
    t->id = pthread_self();
    p->setup.thread_begin(p->setup.user, t);
    pirn__pool_enter(p);
    if (t->unsettled != 0) {
        t->unsettled = 0;
        settle(p);
    }
    serve_queue(t);
    pirn__pool_leave(p);
    p->setup.thread_end(p->setup.user, t);
    end_self(t);
}

bool pirn__pool_is_own_thread(const struct pool *p)
{
    return own_thread != NULL && own_thread->pool == p;
}

/* ---- making one ------------------------------------------------------------------------------------ */

static struct pool_thread *new_record(struct pool *p)
{
    const pirn_alloc *a = p->setup.alloc;
    struct pool_thread *t = a->alloc(a->user, sizeof *t, _Alignof(struct pool_thread));
    struct pool_thread *newest;

    if (t == NULL)
        return NULL;
    *t = (struct pool_thread){.pool = p};
    p->setup.prepare(p->setup.user, t);
    /* mo: relaxed. The exchange confirms it. */
    newest = atomic_load_explicit(&p->all, memory_order_relaxed);
    do {
        t->all_next = newest;
        /* mo: release pairs with [records] in next_poller: the record is whole. Failure relaxed: we
         * retry. */
    } while (!atomic_compare_exchange_weak_explicit(&p->all, &newest, t, memory_order_release,
                                                    memory_order_relaxed));
    return t;
}

/* For a job, or (job.fn NULL) for the queue, beginning with @first. Holding the lock, which is given
 * meanwhile. Return: 0; -EAGAIN, -ENOMEM: nothing has changed. */
static int make_thread(struct pool *p, struct pool_job job, struct header *first)
{
    bool for_job = job.fn != NULL;
    const char *name = p->setup.thread_name != NULL ? p->setup.thread_name
                       : for_job                    ? "pirn-worker"
                                                    : "pirn-blocking";
    struct pool_thread *t = p->spare;
    uint64_t number = 0;
    pthread_t id;
    int r = -ENOMEM;

    /* Counted first: the limit holds while the lock is given. */
    p->live++;
    if (!for_job) {
        p->starting++;
        number = ++p->made;
        pool_count_by(&p->threads, 1);
    }
    if (t != NULL) {
        p->spare = t->idle_next;
        t->unsettled = number;
    }
    pirn__pool_leave(p);
    if (t == NULL && (t = new_record(p)) != NULL)
        t->unsettled = number;
    if (t != NULL) {
        t->job = job;
        t->first = first;
        t->for_job = for_job;
        t->claimed = t->listed = false;
        r = pirn__thread_start(&id, p->setup.stack_bytes, name, thread_main, t);
    }
    pirn__pool_enter(p);
    if (r == 0) {
        if (number != 0 && t->unsettled == number) { /* else it, or a later one, has come by */
            t->unsettled = 0;
            settle(p);
        }
        return 0;
    }
    if (t != NULL) {
        t->job.fn = NULL;
        keep_record(p, t);
    }
    if (!for_job) {
        pool_count_by(&p->threads, -1);
        settle(p);
    }
    count_gone(p);
    return r;
}

/* Holding the lock. Whether there is a blocking thread for sure. */
static bool has_thread(const struct pool *p)
{
    return pool_count(&p->threads) != p->starting;
}

/* Holding the lock, which is given meanwhile: until those that are being made are there, or not. */
static void wait_settled(struct pool *p)
{
    /* mo: relaxed. Under the lock. */
    uint32_t before = atomic_load_explicit(&p->settled, memory_order_relaxed);

    p->waiting++;
    pirn__pool_leave(p);
    (void)pirn__futex_wait(&p->settled, before, PIRN_NEVER);
    pirn__pool_enter(p);
    p->waiting--;
}

/* ---- pushes ---------------------------------------------------------------------------------------- */

/* Holding the lock. */
static bool refuses_bounded(const struct pool *p, unsigned flags)
{
    return (flags & POOL_BOUNDED) && p->setup.max_queue != PIRN_UNLIMITED &&
           pool_depth(p) >= p->setup.max_queue;
}

/* Holding the lock. Whether threads that are free in a moment take as many tasks. */
static bool are_finishing(const struct pool *p, uint64_t tasks)
{
    return pool_count(&p->finishing) >= tasks;
}

/* Holding the lock. Return: whom to call. */
static struct pool_thread *queue_and_claim(struct pool *p, struct header *h)
{
    pirn__pool_queue_behind(p, h, p->tail);
    if (are_finishing(p, pool_depth(p)))
        return NULL;
    if (pool_count(&p->idle) != 0) {
        pool_count_by(&p->idle, -1);
        p->claims++;
    }
    return pirn__pool_next_claimed(p);
}

/* No thread is idle, and one more is allowed. Holding the lock, which is given meanwhile. */
static int push_to_new(struct pool *p, struct header *h, unsigned flags, struct pool_thread **next)
{
    const struct pool_job none = {NULL, NULL};
    int r;

    if (p->head != NULL && !refuses_bounded(p, flags)) {
        /* In order; and it has a thread already, as all that is queued. */
        pirn__pool_queue_behind(p, h, p->tail);
        (void)make_thread(p, none, NULL);
        return 0;
    }
    r = make_thread(p, none, h);
    if (r == 0)
        return 0;
    if (p->closed)
        return PIRN_ESHUTDOWN;
    if (!has_thread(p))
        return r;
    if (refuses_bounded(p, flags))
        return -EAGAIN;
    *next = queue_and_claim(p, h);
    return 0;
}

int pirn__pool_push(struct pool *p, struct notified n, unsigned flags)
{
    struct pool_thread *next = NULL;
    int r = 0;

    pirn__pool_enter(p);
    while (!p->closed && !has_thread(p) && pool_count(&p->threads) >= p->setup.max_threads)
        wait_settled(p);
    if (p->closed)
        r = PIRN_ESHUTDOWN;
    else if (pool_count(&p->idle) != 0 || are_finishing(p, pool_depth(p) + 1))
        next = queue_and_claim(p, n.cell);
    else if (pool_count(&p->threads) < p->setup.max_threads)
        r = push_to_new(p, n.cell, flags, &next);
    else if (refuses_bounded(p, flags))
        r = -EAGAIN;
    else
        pirn__pool_queue_behind(p, n.cell, p->tail);
    pirn__pool_leave(p);
    pirn__pool_call(next);
    return r;
}

bool pirn__pool_is_full(struct pool *p)
{
    bool full;

    pirn__pool_enter(p);
    full = pool_count(&p->idle) == 0 && pool_count(&p->threads) >= p->setup.max_threads &&
           refuses_bounded(p, POOL_BOUNDED);
    pirn__pool_leave(p);
    return full;
}

bool pirn__pool_is_quiet(struct pool *p)
{
    bool quiet;

    pirn__pool_enter(p);
    quiet = p->head == NULL && pool_count(&p->idle) == pool_count(&p->threads);
    pirn__pool_leave(p);
    return quiet;
}

int pirn__pool_start(struct pool *p, struct pool_job job)
{
    struct pool_thread *t = NULL;
    int r = 0;

    pirn__pool_enter(p);
    if (p->closed) {
        r = -EAGAIN;
    } else if (pool_count(&p->idle) != 0) {
        t = p->idle_list;
        pirn__pool_unlist_idle(p, t);
        pool_count_by(&p->idle, -1);
        pool_count_by(&p->threads, -1);
        t->job = job;
    } else {
        r = make_thread(p, job, NULL);
    }
    pirn__pool_leave(p);
    pirn__pool_call(t);
    return r;
}

/* ---- the end ---------------------------------------------------------------------------------------- */

void pirn__pool_close(struct pool *p)
{
    struct pool_thread *idle, *next;

    pirn__pool_enter(p);
    p->closed = true;
    /* Whoever is idle comes, claimed or not. */
    idle = p->idle_list;
    p->idle_list = NULL;
    for (struct pool_thread *t = idle; t != NULL; t = t->idle_next)
        t->listed = false;
    pool_count_by(&p->idle, -(int32_t)pool_count(&p->idle));
    p->claims = 0;
    pirn__pool_leave(p);
    for (; idle != NULL; idle = next) {
        next = idle->idle_next; /* once called it may end */
        pirn__pool_call(idle);
    }
}

bool pirn__pool_take_closed(struct pool *p, struct notified *n)
{
    struct header *h;

    pirn__pool_enter(p);
    for (h = p->closed ? p->head : NULL; h != NULL && pool_is_mandatory(h); h = h->queue_next) {
    }
    if (h != NULL) {
        pirn__pool_unqueue(p, h);
        n->cell = h;
    }
    pirn__pool_leave(p);
    return h != NULL;
}

int pirn__pool_join(struct pool *p, pirn_time deadline)
{
    struct pool_thread *last = NULL;
    bool in_time = true;

    for (;;) {
        /* mo: acquire pairs with [gone] in count_gone: what changes after this look is slept for. */
        uint32_t gone = atomic_load_explicit(&p->gone, memory_order_acquire);
        uint32_t live;

        pirn__pool_enter(p);
        live = p->live;
        if (live == 0) {
            last = p->exited;
            p->exited = NULL;
        }
        pirn__pool_leave(p);
        if (live == 0)
            break;
        if (!in_time)
            return -ETIMEDOUT;
        in_time = pirn__futex_wait(&p->gone, gone, deadline);
    }
    if (last != NULL) /* which joins the one before, and so on */
        pirn__thread_join(last->id);
    return 0;
}

/* ---- the pool ---------------------------------------------------------------------------------------- */

void pirn__pool_init(struct pool *p, const struct pool_setup *setup)
{
    *p = (struct pool){.setup = *setup, .may_spin = pirn__cpus_in_mask() > 1};
    lock_init(&p->lock);
}

void pirn__pool_fini(struct pool *p)
{
    const pirn_alloc *a = p->setup.alloc;
    /* mo: relaxed. Nobody else is left. */
    struct pool_thread *t = atomic_load_explicit(&p->all, memory_order_relaxed);

    while (t != NULL) {
        struct pool_thread *next = t->all_next;

        a->free(a->user, t, sizeof *t);
        t = next;
    }
    lock_fini(&p->lock);
}

struct poller *pirn__pool_next_poller(struct pool *p, struct poller *after)
{
    struct pool_thread *t;

    if (after != NULL)
        t = container_of(after, struct pool_thread, poller)->all_next;
    else
        /* mo: acquire pairs with [records] in new_record. */
        t = atomic_load_explicit(&p->all, memory_order_acquire);
    return t != NULL ? &t->poller : NULL;
}
