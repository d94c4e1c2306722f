/* SPDX-License-Identifier: MIT */
/* Finding polls that take too long, without a clock in the polls.
 *
 * The watchdog looks at every poller several times in the time a poll may take. A poll is stuck when
 * the count of polls has stood still, and a task was running, for that long. It is told once; then the
 * flavour sees to it that what waits behind it goes on elsewhere. While everybody sleeps so does the
 * watchdog; whoever wakes first wakes it. */
#include "runtime/scheduler/watchdog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "runtime/os/thread.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/walk.h"

enum {
    LOOKS = 4, /* in the time a poll may take */
};

enum {
    UP = 0,
    ASLEEP, /* nobody runs anything */
    CALLED,
    ENDING,
};

/* A poller as it was seen last. */
struct watched {
    struct poller *poller;
    uint64_t polls, tick, id; /* of the task that runs; `polls` does not go on for ever */
    pirn_time since;
    bool told;
};

struct watchdog {
    struct pirn_handle *rt;
    pthread_t thread;
    _Atomic(uint32_t) state; /* a futex */
    /* guard, of what follows: its thread */
    struct watched *watched;
    uint32_t count, room;
};

static bool is_ending(struct watchdog *d)
{
    /* mo: relaxed. It publishes nothing. */
    return atomic_load_explicit(&d->state, memory_order_relaxed) == ENDING;
}

/* The record of @p; NULL: no memory for it, and it is not watched. */
static struct watched *record_of(struct watchdog *d, struct poller *p)
{
    const pirn_alloc *a = &d->rt->sched.alloc;
    struct watched *more;

    for (uint32_t i = 0; i < d->count; i++)
        if (d->watched[i].poller == p)
            return &d->watched[i];
    if (d->count == d->room) {
        more = a->alloc(a->user, 2 * d->room * sizeof *more, _Alignof(struct watched));
        if (more == NULL)
            return NULL;
        for (uint32_t i = 0; i < d->count; i++)
            more[i] = d->watched[i];
        a->free(a->user, d->watched, d->room * sizeof *more);
        d->watched = more;
        d->room *= 2;
    }
    d->watched[d->count] = (struct watched){.poller = p};
    return &d->watched[d->count++];
}

static void look_at(struct watchdog *d, struct poller *p, pirn_time now)
{
    struct watched *w = record_of(d, p);
    struct task_facts f;

    if (w == NULL)
        return;
    if (!pirn__walk_running(p, &f) || w->polls != f.polls || w->tick != f.last_poll_tick ||
        w->id != f.id) {
        w->polls = f.polls;
        w->tick = f.last_poll_tick;
        w->id = f.id;
        w->since = now;
        w->told = false;
        return;
    }
    if (f.worker == CELL_NO_WORKER) /* it may block, and takes as long as it likes */
        w->since = now;
    if (now - w->since < d->rt->stuck_poll)
        return;
    if (!w->told) {
        w->told = true;
        stat_add(&d->rt->stray.stuck, 1);
        pirn__report_stuck(d->rt, &f, w->since);
    }
    d->rt->flavor->relieve(d->rt, f.worker);
}

static void look_at_all(struct watchdog *d)
{
    struct poller *p = NULL;
    pirn_time now = pirn__clock_now();

    while ((p = d->rt->flavor->next_poller(d->rt, p)) != NULL)
        look_at(d, p, now);
}

/* Until somebody runs something again. */
static void sleep_with_the_others(struct watchdog *d)
{
    uint32_t up = UP;

    /* mo: seq_cst pairs with [watch]: we say that we sleep, then look whether anybody is awake; who
     * wakes says so, then looks at us. Failure relaxed: it is ending. */
    if (!atomic_compare_exchange_strong_explicit(&d->state, &up, ASLEEP, memory_order_seq_cst,
                                                 memory_order_relaxed))
        return;
    /* mo: relaxed, in the loop and after it: nothing is published through the word. */
    while (!d->rt->flavor->is_awake(d->rt) &&
           atomic_load_explicit(&d->state, memory_order_relaxed) == ASLEEP)
        (void)pirn__futex_wait(&d->state, ASLEEP, PIRN_NEVER);
    up = ASLEEP;
    if (!atomic_compare_exchange_strong_explicit(&d->state, &up, UP, memory_order_relaxed,
                                                 memory_order_relaxed) &&
        up == CALLED)
        (void)atomic_compare_exchange_strong_explicit(&d->state, &up, UP, memory_order_relaxed,
                                                      memory_order_relaxed);
}

static void watch(void *arg)
{
    struct watchdog *d = arg;
    int64_t step = d->rt->stuck_poll / LOOKS;

    while (!is_ending(d)) {
        look_at_all(d);
        if (!d->rt->flavor->is_awake(d->rt))
            sleep_with_the_others(d);
        (void)pirn__futex_wait(&d->state, UP, pirn__clock_now() + (step > 0 ? step : 1));
    }
}

int pirn__watchdog_start(struct pirn_handle *h)
{
    const pirn_alloc *a = &h->sched.alloc;
    struct watchdog *d;
    int r;

    if (h->stuck_poll == PIRN_NEVER)
        return 0;
    d = a->alloc(a->user, sizeof *d, _Alignof(struct watchdog));
    if (d == NULL)
        return -ENOMEM;
    *d = (struct watchdog){.rt = h, .room = h->workers + 8};
    d->watched = a->alloc(a->user, d->room * sizeof *d->watched, _Alignof(struct watched));
    r = d->watched == NULL ? -ENOMEM : pirn__thread_start(&d->thread, 0, "pirn-watchdog", watch, d);
    if (r != 0) {
        if (d->watched != NULL)
            a->free(a->user, d->watched, d->room * sizeof *d->watched);
        a->free(a->user, d, sizeof *d);
        return r;
    }
    h->watchdog = d;
    return 0;
}

void pirn__watchdog_stop(struct pirn_handle *h)
{
    const pirn_alloc *a = &h->sched.alloc;
    struct watchdog *d = h->watchdog;

    if (d == NULL)
        return;
    /* mo: relaxed. Joining the thread orders the rest. */
    atomic_store_explicit(&d->state, ENDING, memory_order_relaxed);
    pirn__futex_wake(&d->state, 1);
    pirn__thread_join(d->thread);
    h->watchdog = NULL;
    a->free(a->user, d->watched, d->room * sizeof *d->watched);
    a->free(a->user, d, sizeof *d);
}

void pirn__watchdog_call(struct watchdog *d)
{
    uint32_t asleep = ASLEEP;

    /* mo: seq_cst pairs with [watch]: see sleep_with_the_others. The exchange's orders do not
     * matter: it publishes nothing. */
    if (LIKELY(atomic_load_explicit(&d->state, memory_order_seq_cst) != ASLEEP) ||
        !atomic_compare_exchange_strong_explicit(&d->state, &asleep, CALLED, memory_order_relaxed,
                                                 memory_order_relaxed))
        return;
    pirn__futex_wake(&d->state, 1);
}
