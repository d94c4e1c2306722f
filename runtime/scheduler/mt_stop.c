/* SPDX-License-Identifier: MIT */
/* The end of a multi-thread runtime.
 *
 * The shared queue is closed and every worker called. Each closes the lists of tasks and ends what is
 * in them, all at once; the last one to finish drains what is left in queues, which nobody else looks
 * at any more, and closes the blocking pool. Then the threads go back to that, and it ends. Two closed flags are needed, the
 * queue's and the lists': a task that is in neither yet is refused by the one it comes to. */
#include <errno.h>

#include "runtime/os/futex.h"
#include "runtime/scheduler/multi_thread.h"
#include "task/base/error.h"
#include "task/base/relax.h"
#include "task/harness.h"

bool pirn__mt_is_stopping(const struct pirn_handle *h)
{
    const struct multi_thread *mt = (const struct multi_thread *)(const void *)h;

    /* mo: seq_cst pairs with [idle]: ask_stop sets it, then wakes whoever sleeps; a worker says that
     * it sleeps, then looks here. */
    return atomic_load_explicit(&mt->stop, memory_order_seq_cst) != MT_RUNNING;
}

bool pirn__mt_has_stopped(const struct multi_thread *mt)
{
    /* mo: acquire pairs with [stopped] in pirn__worker_stop(). */
    return atomic_load_explicit(&mt->stop, memory_order_acquire) == MT_STOPPED;
}

void pirn__mt_ask_stop(struct pirn_handle *h)
{
    struct multi_thread *mt = mt_of(h);
    uint32_t running = MT_RUNNING;

    /* mo: seq_cst pairs with [idle]: see is_stopping. Failure relaxed: it was asked before. */
    if (!atomic_compare_exchange_strong_explicit(&mt->stop, &running, MT_STOPPING,
                                                 memory_order_seq_cst, memory_order_relaxed))
        return;
    handle_call(h);
    pirn__global_close(&mt->global);
    pirn__mt_wake_all(mt);
    pirn__waiters_tell_all(&mt->waiters);
}

/* Ends what is linked, beginning with the worker's own list. */
static void end_linked(struct worker *w, struct poller *p)
{
    struct pirn_handle *rt = &w->mt->base;
    struct task t;

    for (uint32_t i = 0; i < rt->shards; i++)
        pirn__owned_close(&rt->owned[i]);
    for (uint32_t i = 0; i < rt->shards; i++) {
        struct owned *o = &rt->owned[(w->index + i) % rt->shards];

        while (pirn__owned_pop(o, &t))
            pirn__harness_shutdown(t, p);
    }
}

static struct header *left_in(struct worker *w)
{
    struct header *h = pirn__worker_take_lifo(w);

    return h != NULL ? h : pirn__queue_take(&w->queue, false);
}

/* Everybody else has finished: what is in any queue is this worker's. */
static void drain(struct multi_thread *mt, struct poller *p)
{
    struct task_list all;
    struct header *h;
    bool any;

    pirn__global_close(&mt->global); /* if who asked has not come to it yet */
    do {
        any = false;
        /* The watchdog may have tasks in hand, for some instructions: it begins no more. */
        for (unsigned tries = 0; !pirn__mt_nothing_moves(mt); tries++)
            cpu_relax(tries);
        for (uint32_t i = 0; i < mt->base.workers; i++)
            while ((h = left_in(&mt->workers[i])) != NULL) {
                any = true;
                pirn__harness_cancel_queued((struct notified){h}, p);
            }
        task_list_init(&all);
        pirn__global_take_all(&mt->global, &all);
        while ((h = task_list_pop(&all)) != NULL) {
            any = true;
            pirn__harness_cancel_queued((struct notified){h}, p);
        }
    } while (any); /* drops may wake what is left */
}

void pirn__worker_stop(struct worker *w, struct poller *p)
{
    struct multi_thread *mt = w->mt;

    if (w->searching) {
        w->searching = false;
        (void)pirn__idle_end_search(&mt->idle);
    }
    end_linked(w, p);
    pirn__spawner_give_back(&w->spawner);
    /* mo: acq_rel: release pairs with [last] in the last one's acquire: it takes over all queues. */
    if (atomic_fetch_add_explicit(&mt->stopped, 1, memory_order_acq_rel) + 1 != mt->base.workers)
        return;
    w->stopped = true; /* what drops spawn from now on is refused */
    drain(mt, p);
    pirn__blocking_close(
        &mt->base.blocking); /* also if nobody calls shutdown: a fault stopped it */
    pirn__handle_end_sources(&mt->base);
    pirn__spawner_give_back(&w->spawner);
    /* mo: release pairs with [stopped]: who sees it finds everything ended. */
    atomic_store_explicit(&mt->stop, MT_STOPPED, memory_order_release);
    pirn__futex_wake(&mt->stop, INT32_MAX);
    pirn__mt_links_changed(mt); /* a walker that waits for an answer */
}

int pirn__mt_shutdown(struct pirn_handle *h, pirn_time deadline, bool for_good)
{
    struct multi_thread *mt = mt_of(h);

    (void)for_good;
    if (pirn__blocking_is_inside(&h->blocking))
        return pirn__error(-EDEADLK, "pirn_runtime_shutdown: on a thread of the runtime's own");
    pirn__mt_ask_stop(h);
    while (!pirn__mt_has_stopped(mt))
        if (!pirn__futex_wait(&mt->stop, MT_STOPPING, deadline) && !pirn__mt_has_stopped(mt))
            return pirn__error(-ETIMEDOUT, "pirn_runtime_shutdown: the workers have not ended yet");
    return pirn__blocking_shutdown(&h->blocking, deadline);
}
