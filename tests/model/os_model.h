/* SPDX-License-Identifier: MIT */
/* The kernel for the scenarios: an eventfd, a futex, a mutex. Who sleeps here sleeps until it is
 * woken, so a lost wake is a thread that waits for ever: GenMC's liveness check, relacy's bound on
 * steps and a native run's time limit find it. */
#ifndef PIRN_TESTS_MODEL_OS_MODEL_H
#define PIRN_TESTS_MODEL_OS_MODEL_H

#include "tests/model/model.h"
#include <pthread.h>

#if defined(MODEL_LIVENESS) /* the checker sees that such a loop waits, and for what */
#    define MODEL_WAIT_WHILE(cond)                                                                 \
        while (cond)                                                                               \
            ;
#else
#    define MODEL_WAIT_WHILE(cond)                                                                 \
        while (cond)                                                                               \
        model_relax()
#endif

/* ---- the eventfd, behind its epoll descriptor. Relaxed: it wakes, it publishes nothing. ---------- */

#include "runtime/io/alarm.h"
#include "runtime/io/io.h"

/* No event, and no timer, wakes a task here. */
#include "runtime/os/clock.h"
#include "runtime/time/timers.h"

#define pirn__wake_flush(wakes)                  ((void)(wakes))
#define pirn__timers_next(timers)                ((void)(timers), PIRN_NEVER)
#define pirn__timers_advance(timers, now, wakes) ((void)(timers), (void)(now), (void)(wakes))
#define pirn__clock_until(deadline)              ((void)(deadline), PIRN_NEVER)

static atomic_int model_fd;

static void fd_reset(void)
{
    atomic_store_explicit(&model_fd, 0, memory_order_relaxed);
}

static bool fd_is_readable(void)
{
    return atomic_load_explicit(&model_fd, memory_order_relaxed) != 0;
}

static void fd_wait(void)
{
    MODEL_WAIT_WHILE(atomic_load_explicit(&model_fd, memory_order_relaxed) == 0);
}

int pirn__io_init(struct io *io, const pirn_alloc *a, uint32_t events_max)
{
    (void)io;
    (void)a;
    (void)events_max;
    return 0;
}

void pirn__io_fini(struct io *io)
{
    (void)io;
}

#if !defined(MODEL_IO_TURN) /* by a scenario that has its own */
void pirn__io_turn(struct io *io, int64_t timeout_ns, struct wake_list *wakes)
{
    (void)wakes;
    if (timeout_ns != 0)
        fd_wait();
    pirn__io_uncall(io);
}
#endif

void pirn__io_call(struct io *io)
{
    (void)io;
    (void)atomic_fetch_add_explicit(&model_fd, 1, memory_order_relaxed);
}

void pirn__io_uncall(struct io *io)
{
    (void)io;
    (void)atomic_exchange_explicit(&model_fd, 0, memory_order_relaxed);
}

#define pirn__alarm_close(alarm)   ((void)(alarm))
#define pirn__alarm_set(alarm, at) ((void)(alarm), (void)(at))

#undef unlink
#undef link
#define unlink unlink_waiter /* the system's has the name too */

/* ---- what is thread-local ------------------------------------------------------------------------ */

#include "task/base/scope.h"

__attribute__((unused)) static struct scope model_scopes[MODEL_MAIN + 1];
#define pirn__scope (model_scopes[model_me()])

#include "runtime/scheduler/context.h"

__attribute__((unused)) static struct context model_contexts[MODEL_MAIN + 1];
#define pirn__context (model_contexts[model_me()])

/* ---- futexes: one queue for all of them. A wake is for who was asleep before. --------------------- */

#include "runtime/os/futex.h"

static atomic_int model_wakes;
__attribute__((unused)) static atomic_int model_slept[MODEL_MAIN + 1];

/* Something was done: a loop around the wait is none itself. */
#if defined(MODEL_LIVENESS)
#    define MODEL_HAS_SLEPT()                                                                      \
        (void)atomic_fetch_add_explicit(&model_slept[model_me()], 1, memory_order_relaxed)
#else
#    define MODEL_HAS_SLEPT() (void)0
#endif

static void futex_reset(void)
{
    atomic_store_explicit(&model_wakes, 0, memory_order_relaxed);
}

bool pirn__futex_wait(_Atomic(uint32_t) *word, uint32_t value, pirn_time deadline)
{
    int before = atomic_load_explicit(&model_wakes, memory_order_acquire);

    (void)deadline;
    if (atomic_load_explicit(word, memory_order_relaxed) == value) {
        MODEL_WAIT_WHILE(atomic_load_explicit(&model_wakes, memory_order_acquire) == before);
        MODEL_HAS_SLEPT();
    }
    return true;
}

void pirn__futex_wake(_Atomic(uint32_t) *word, int count)
{
    (void)word;
    (void)count;
    (void)atomic_fetch_add_explicit(&model_wakes, 1, memory_order_release);
}

/* ---- mutexes -------------------------------------------------------------------------------------- */

#if defined(MODEL_RELACY)
static int mutex_reset(pthread_mutex_t *m)
{
    atomic_store_explicit((atomic_int *)(void *)m, 0, memory_order_relaxed);
    return 0;
}

static int mutex_take(pthread_mutex_t *m)
{
    while (atomic_exchange_explicit((atomic_int *)(void *)m, 1, memory_order_acquire) != 0)
        model_relax();
    return 0;
}

static int mutex_give(pthread_mutex_t *m)
{
    atomic_store_explicit((atomic_int *)(void *)m, 0, memory_order_release);
    return 0;
}

#    define pthread_mutex_init(m, attributes) mutex_reset(m)
#    define pthread_mutex_destroy(m)          ((void)(m))
#    define pthread_mutex_lock(m)             mutex_take(m)
#    define pthread_mutex_unlock(m)           mutex_give(m)
#endif
#endif
