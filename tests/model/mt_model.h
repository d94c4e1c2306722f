/* SPDX-License-Identifier: MIT */
/* The multi-thread scheduler for the scenarios: its sources over tasks that are only passed on. */
#ifndef PIRN_TESTS_MODEL_MT_MODEL_H
#define PIRN_TESTS_MODEL_MT_MODEL_H

#include "tests/model/os_model.h"

#include "task/base/error.h"
#include "task/base/relax.h"

/* A checker waits in its own way, and takes no variadic functions. */
#define cpu_relax(tries)       ((void)(tries), model_relax())
#define pirn__error(code, ...) (code)

#include "runtime/blocking/pool.h"
#include "runtime/os/clock.h"
#include "runtime/os/random.h"
#include "runtime/scheduler/multi_thread.h"
#include "runtime/scheduler/timing.h"

enum {
    WORKERS_MAX = 2,
    MT_TASKS = 3
};

/* ---- what is not part of the model ---------------------------------------------------------------- */

#define _setjmp(at)                           0
#define pirn__spawner_give_back(spawner)      ((void)(spawner))
#define pirn__spawner_refuse(rt, notified)    refuse_task(notified)
#define pirn__harness_cancel_queued(n, p)     refuse_task(n)
#define pirn__harness_run(n, p)               run_task((n).cell)
#define pirn__handle_link(s, cell)            link_task(cell)
#define pirn__harness_shutdown(t, p)          ((void)(t), (void)(p))
#define pirn__owned_close(list)               ((void)(list))
#define pirn__owned_pop(list, t)              ((void)(list), (void)(t), false)
#define pirn__blocking_shutdown(blocking, by) ((void)(blocking), (void)(by), 0)
#define pirn__blocking_close(blocking)        ((void)(blocking))
#define pirn__handle_end_sources(rt)          ((void)(rt))
#define timing_is_on(timing)                  ((void)(timing), false)
#define pirn__timing_begin(timing, h, poll)   ((void)(h))
#define pirn__timing_end(timing, poll)        ((void)(poll))
#define pirn__clock_now()                     ((pirn_time)0)
#define pirn__random_next(state)              (*(state))
#define pirn__blocking_is_inside(blocking)    ((void)(blocking), false)
#define pirn__report_thread(rt, hook, worker) ((void)(hook), (void)(worker))

static void refuse_task(struct notified n);
static void run_task(struct header *h);
static bool link_task(struct header *h);

#if defined(MODEL_GENMC) /* resolves every name of an object, used or not */
const pirn_waker_vt pirn__join_fd_vt = {0};
const struct flavor_ops pirn__mt_flavor;
#endif

/* ---- the sources; what two of them call by the same name, or the system too ----------------------- */

#include "runtime/driver/driver.c"
#define PARKED   PARKER_PARKED
#define NOTIFIED PARKER_NOTIFIED
#include "runtime/scheduler/park.c"
#undef PARKED
#undef NOTIFIED
#include "runtime/scheduler/global_queue.c"
#include "runtime/scheduler/idle.c"
#include "runtime/scheduler/inject.c"
#include "runtime/scheduler/local_queue.c"
#include "runtime/scheduler/mt_links.c"
#include "runtime/scheduler/mt_schedule.c"
#include "runtime/scheduler/mt_stop.c"
#include "runtime/scheduler/waiter.c"
#include "runtime/scheduler/worker_find.c"
#define run worker_loop
#include "runtime/scheduler/worker.c"
#include "runtime/scheduler/worker_sleep.c"
#undef run

/* ---- a runtime of one or two workers, all awake ---------------------------------------------------- */

static struct multi_thread mt;
static struct worker workers[WORKERS_MAX];
static uint32_t sleepers[WORKERS_MAX];
static struct header cells[MT_TASKS];
static int payloads[MT_TASKS]; /* plain: queues alone publish them */
static int runs[MT_TASKS];     /* plain, as the next two */
static int refusals[MT_TASKS];
static int links[MT_TASKS];

static void *ring_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    (void)align;
    return model_alloc(n);
}

static void ring_free(void *user, void *memory, size_t n)
{
    (void)user;
    (void)n;
    model_free(memory);
}

static const pirn_alloc ring_memory = {sizeof(pirn_alloc), ring_alloc, ring_free, NULL};

static void worker_setup(struct worker *w)
{
    w->mt = &mt;
    w->index = (uint32_t)(w - workers);
    w->searching = w->lifo_off = w->stopped = false;
    w->may_drive = w->woken_by_event = false;
    w->lifo_runs = 0;
    w->until_event = w->until_global = 1000;
    w->yield_mark = UINT64_MAX;
    w->spawner.random = 1;
    atomic_store_explicit(&w->passed_on, 0, memory_order_relaxed);
    atomic_store_explicit(&w->link_done, 0, memory_order_relaxed);
    atomic_store_explicit(&w->lifo, NULL, memory_order_relaxed);
    assert(pirn__queue_init(&w->queue, &ring_memory));
    pirn__parker_init(&w->parker);
}

static void mt_setup(uint32_t count)
{
    fd_reset();
    futex_reset();
    mt.workers = workers;
    mt.base.workers = count;
    mt.base.shards = 0;
    mt.base.watchdog = NULL;
    mt.base.io = &mt.driver.driver.io;
    mt.base.flags = 0;
    mt.lifo = true;
    mt.spin = false;
    atomic_store_explicit(&mt.base.link_asked, 0, memory_order_relaxed);
    atomic_store_explicit(&mt.stop, MT_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&mt.stopped, 0, memory_order_relaxed);
    atomic_store_explicit(&mt.links_served, 0, memory_order_relaxed);
    atomic_store_explicit(&mt.links_closed, 0, memory_order_relaxed);
    atomic_store_explicit(&mt.links_moving, 0, memory_order_relaxed);
    atomic_store_explicit(&mt.driver.driver.state, AWAKE, memory_order_relaxed);
    atomic_store_explicit(&mt.driver.taken, false, memory_order_relaxed);
    atomic_store_explicit(&mt.watcher, 0, memory_order_relaxed);
    pirn__global_init(&mt.global);
    pirn__idle_init(&mt.idle, count, sleepers);
    pirn__waiters_init(&mt.waiters);
    for (uint32_t i = 0; i < count; i++)
        worker_setup(&workers[i]);
    for (int i = 0; i < MT_TASKS; i++) {
        payloads[i] = runs[i] = refusals[i] = links[i] = 0;
        cells[i].owned.seq_low = 0;
        cells[i].owned.seq_high = 0;
        cells[i].queue_next = NULL;
    }
}

static void mt_check(void)
{
    for (uint32_t i = 0; i < mt.base.workers; i++) {
        assert(pirn__queue_is_empty(&workers[i].queue));
        pirn__queue_fini(&workers[i].queue, &ring_memory);
    }
    pirn__idle_fini(&mt.idle);
    assert(atomic_load_explicit(&mt.global.ready.len, memory_order_relaxed) == 0);
    assert(pirn__inject_is_empty(&mt.global.inject));
}

/* What is in the shared queue, after the threads: by nobody else. Return: its tasks, as bits. */
static unsigned take_shared(void)
{
    struct task_list all;
    struct header *h;
    unsigned found = 0;

    task_list_init(&all);
    pirn__global_take_all(&mt.global, &all);
    while ((h = task_list_pop(&all)) != NULL)
        found |= 1u << (h - cells);
    return found;
}

static int task_of(const struct header *h)
{
    return (int)(h - cells);
}

/* From outside, as a spawn. */
static bool push_task(int task)
{
    payloads[task] = 1;
    return push_outside(&mt, (struct notified){&cells[task]});
}

static bool link_task(struct header *h)
{
    links[task_of(h)]++;
    h->owned.seq_low = 1;
    return true;
}

static void refuse_task(struct notified n)
{
    assert(refusals[task_of(n.cell)]++ == 0);
}
#endif
