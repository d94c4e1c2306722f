/* SPDX-License-Identifier: MIT */
/* The blocking pool for the scenarios: its sources over tasks that only count. No thread can be made
 * beyond those of the scenario, and who waits with a deadline finds it past: at any moment, therefore. */
#ifndef PIRN_TESTS_MODEL_POOL_MODEL_H
#define PIRN_TESTS_MODEL_POOL_MODEL_H

#include "tests/model/os_model.h"

#include "runtime/os/clock.h"
#include "runtime/os/cpus.h"
#include "runtime/os/thread.h"
#include "task/base/relax.h"
#include "task/cell.h"

enum {
    POOL_TASKS = 2,
    POOL_THREADS_MAX = 2
};

static bool pool_futex_wait(_Atomic(uint32_t) *word, uint32_t value, pirn_time deadline)
{
    return deadline == PIRN_NEVER && pirn__futex_wait(word, value, deadline);
}

/* A checker waits in its own way: for a lock, in the lock. */
#define cpu_relax(tries)                            ((void)(tries), model_relax())
#define pthread_mutex_trylock(m)                    pthread_mutex_lock(m)
#define pirn__futex_wait(word, value, deadline)     pool_futex_wait(word, value, deadline)
#define pirn__clock_now()                           ((pirn_time)0)
#define pirn__cpus_in_mask()                        1u
#define pirn__thread_start(id, size, name, fn, arg) refuse_thread(id, name, fn, arg)
#define pirn__thread_join(id)                       ((void)(id))
#define pirn__state_peek(state)                     ((void)(state), (size_t)0)

static int refuse_thread(pthread_t *id, const char *name, void (*fn)(void *arg), void *arg)
{
    (void)id;
    (void)name;
    (void)fn;
    (void)arg;
    return -EAGAIN;
}

#include "runtime/blocking/claims.c"
#include "runtime/blocking/pool.c"

static struct pool pool;
static struct pool_thread threads[POOL_THREADS_MAX];
static struct pool_thread spares[POOL_TASKS]; /* for threads that then cannot be made */
static struct header cells[POOL_TASKS];
static int payloads[POOL_TASKS]; /* plain: the queue alone publishes it */
static int runs[POOL_TASKS];     /* plain: two that run the same task are a race */
static int results[POOL_TASKS];  /* of the pushes */

/* The scenario's: what a task does after it was counted. */
static void task_runs(int task);

static void run_task(void *user, struct pool_thread *t, struct notified n, bool cancel)
{
    int task = (int)(n.cell - cells);

    (void)user;
    (void)t;
    assert(!cancel && payloads[task] == 1 && runs[task]++ == 0);
    task_runs(task);
}

static void record_setup(struct pool_thread *t)
{
    t->pool = &pool;
    t->idle_next = t->idle_prev = NULL;
    t->listed = t->claimed = t->for_job = t->finishing = false;
    t->unsettled = 0;
    t->job.fn = NULL;
    t->serving = t->first = NULL;
    atomic_store_explicit(&t->wake, POOL_AWAKE, memory_order_relaxed);
}

/* @count threads that find nothing to do yet; @most: the limit. */
static void pool_setup(uint32_t count, uint32_t most, int64_t keep_alive)
{
    futex_reset();
    pool.setup.max_threads = most;
    pool.setup.max_queue = PIRN_UNLIMITED;
    pool.setup.keep_alive = keep_alive;
    pool.setup.thread_name = "";
    pool.setup.run = run_task;
    pool.may_spin = pool.calling = pool.closed = false;
    lock_init(&pool.lock);
    pool.head = pool.tail = NULL;
    pool.live = count;
    pool.starting = pool.claims = pool.waiting = 0;
    pool.made = 0;
    pool.idle_list = pool.spare = NULL;
    atomic_store_explicit(&pool.hurried, false, memory_order_relaxed);
    atomic_store_explicit(&pool.depth, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.threads, count, memory_order_relaxed);
    atomic_store_explicit(&pool.idle, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.finishing, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.settled, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.gone, 0, memory_order_relaxed);
    atomic_store_explicit(&pool.spinner, NULL, memory_order_relaxed);
    for (int i = 0; i < POOL_THREADS_MAX; i++)
        record_setup(&threads[i]);
    for (int i = 0; i < POOL_TASKS; i++) {
        payloads[i] = runs[i] = results[i] = 0;
        cells[i].queue_next = NULL;
        cells[i].owned.kind = 0;
        record_setup(&spares[i]);
        keep_record(&pool, &spares[i]);
    }
}

static void push_task(int task)
{
    payloads[task] = 1;
    results[task] = pirn__pool_push(&pool, (struct notified){&cells[task]}, 0);
}

/* A thread's life, but for its making. At the end its record is anybody's. */
static void serve(struct pool_thread *t)
{
    pirn__pool_enter(&pool);
    serve_queue(t);
    count_gone(&pool);
    keep_record(&pool, t);
    pirn__pool_leave(&pool);
}

/* After the threads: what was accepted has run, what was not has not, and everybody has gone. */
static void pool_check(void)
{
    for (int i = 0; i < POOL_TASKS; i++)
        assert(runs[i] == (results[i] == 0) && (results[i] == 0 || results[i] == -EAGAIN));
    assert(pool.head == NULL && pool.tail == NULL && pool_depth(&pool) == 0);
    assert(pool_count(&pool.threads) == 0 && pool_count(&pool.idle) == 0);
    assert(pool.claims == 0 && !pool.calling && pool.idle_list == NULL);
    assert(pool.starting == 0 && pool.live == 0 && pool.waiting == 0);
    lock_fini(&pool.lock);
}
#endif
