/* SPDX-License-Identifier: MIT */
/* Linking, for a walker, what sits in queues only.
 *
 * A lock-free queue cannot be walked from outside, so a walker asks every worker, waking those that
 * sleep, and each links what it holds between two polls, and what is in the shared queue. While the
 * request stands, tasks are linked by who takes them out of a queue not his own: else one could move from a
 * worker that has not answered to one that has. Whoever is about to take some counts himself first, and
 * the walker waits for that count as well: a task that is in nobody's queue is in somebody's hands. */
#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "runtime/scheduler/multi_thread.h"
#include "task/base/relax.h"

enum {
    LINK_BATCH = 256,
};

static uint32_t asked_of(const struct multi_thread *mt)
{
    /* mo: acquire pairs with [asked] in the walker; seq_cst pairs with [idle]: a walker asks, then
     * wakes whoever sleeps; a worker says that it sleeps, then looks here. */
    return atomic_load_explicit(&mt->base.link_asked, memory_order_seq_cst);
}

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

bool pirn__worker_is_asked(const struct worker *w)
{
    /* mo: relaxed. Written by the worker's runner. */
    return atomic_load_explicit(&w->link_done, memory_order_relaxed) != asked_of(w->mt);
}

void pirn__mt_link(struct multi_thread *mt, struct header *h)
{
    if (!cell_is_linked(h))
        (void)pirn__handle_link(&mt->base.sched, h);
}

void pirn__mt_begin_move(struct multi_thread *mt)
{
    /* What is moved is taken by a release that its last keeper acquires before it answers: a walker that
     * has that answer sees this.
     * mo: seq_cst pairs with [moving]: the watchdog says that it moves, then looks whether the runtime
     * stops; the last worker, which stops, then looks whether anything moves. */
    (void)atomic_fetch_add_explicit(&mt->links_moving, 1, memory_order_seq_cst);
}

void pirn__mt_end_move(struct multi_thread *mt, struct header **tasks, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        pirn__mt_link(mt, tasks[i]);
    /* mo: release pairs with [moved] in the walker: it finds what we linked. */
    (void)atomic_fetch_sub_explicit(&mt->links_moving, 1, memory_order_release);
}

bool pirn__worker_moves_watched(const struct worker *w)
{
    /* mo: relaxed. If it is behind, a walker's wait is longer over than we know: too much is
     * linked. A request that we do not see we have not answered, so what we take is in our answer. */
    uint32_t closed = atomic_load_explicit(&w->mt->links_closed, memory_order_relaxed);

    return is_before(closed, asked_of(w->mt));
}

/* What the worker itself holds. Taken out while it is linked: a thief may run what it takes. */
static void link_own(struct worker *w)
{
    struct header *tasks[LINK_BATCH];
    uint64_t left = queue_pushed(&w->queue) - pirn__queue_position(&w->queue);
    struct header *h = pirn__worker_take_lifo(w);

    if (h != NULL) {
        pirn__mt_link(w->mt, h);
        pirn__mt_push_local(w, h);
    }
    while (left > 0) {
        uint32_t n = pirn__queue_take_many(&w->queue, tasks, LINK_BATCH);

        if (n == 0)
            break;
        for (uint32_t i = 0; i < n; i++) {
            pirn__mt_link(w->mt, tasks[i]);
            pirn__mt_push_local(w, tasks[i]);
        }
        left -= n < left ? n : left;
    }
}

/* The shared queue's: by each, for each may have pushed to it since another looked. */
static void link_shared(struct multi_thread *mt)
{
    struct task_list all;

    task_list_init(&all);
    pirn__global_take_all(&mt->global, &all);
    if (all.head == NULL)
        return;
    for (struct header *h = all.head; h != NULL; h = h->queue_next)
        pirn__mt_link(mt, h);
    pirn__global_put_back(&mt->global, &all);
    pirn__mt_notify(mt); /* somebody may have found it empty meanwhile */
}

void pirn__worker_serve_walkers(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    uint32_t asked = asked_of(mt);

    /* mo: relaxed. Written by the worker's runner. */
    if (LIKELY(asked == atomic_load_explicit(&w->link_done, memory_order_relaxed)))
        return;
    link_own(w);
    link_shared(mt);
    /* mo: release pairs with [links] in the walker: it finds what we linked. */
    atomic_store_explicit(&w->link_done, asked, memory_order_release);
    pirn__mt_links_changed(mt);
}

void pirn__mt_links_changed(struct multi_thread *mt)
{
    /* mo: release pairs with [links] in the walker's wait. */
    (void)atomic_fetch_add_explicit(&mt->links_served, 1, memory_order_release);
    pirn__futex_wake(&mt->links_served, INT32_MAX);
}

static bool all_served(struct multi_thread *mt, uint32_t asked)
{
    for (uint32_t i = 0; i < mt->base.workers; i++)
        /* mo: acquire pairs with [links] in serve_walkers. */
        if (is_before(atomic_load_explicit(&mt->workers[i].link_done, memory_order_acquire), asked))
            return false;
    return true;
}

/* Whether nobody has a task in his hands that he takes from one queue to another. */
bool pirn__mt_nothing_moves(const struct multi_thread *mt)
{
    /* mo: acquire pairs with [moved] in end_move; seq_cst pairs with [moving]: see begin_move. */
    return atomic_load_explicit(&mt->links_moving, memory_order_seq_cst) == 0;
}

bool pirn__mt_link_queued(struct pirn_handle *h)
{
    struct multi_thread *mt = mt_of(h);
    struct worker *own = worker_here(mt);
    pirn_time patience = pirn__clock_now() + LINK_PATIENCE_MS * PIRN_MS;
    /* mo: release pairs with [asked]; seq_cst pairs with [idle]: see asked_of(). */
    uint32_t asked = atomic_fetch_add_explicit(&h->link_asked, 1, memory_order_seq_cst) + 1;
    bool served = false;

    handle_call(h);
    if (own != NULL)
        pirn__worker_serve_walkers(own);
    pirn__mt_wake_all(mt);
    do {
        /* mo: acquire pairs with [links] in serve_walkers: what is looked at next is not older. */
        uint32_t seen = atomic_load_explicit(&mt->links_served, memory_order_acquire);

        served = all_served(mt, asked) || pirn__mt_has_stopped(mt);
        if (served || !pirn__futex_wait(&mt->links_served, seen, patience))
            break;
    } while (true);
    served |= all_served(mt, asked);
    /* A few instructions of some thief; but it may have been interrupted in them. */
    for (unsigned tries = 0; served && !pirn__mt_nothing_moves(mt); cpu_relax(tries++))
        if (pirn__clock_now() > patience)
            served = false;
    /* mo: relaxed. Later walkers have asked for more: theirs is not closed by ours. */
    if (asked == asked_of(mt))
        atomic_store_explicit(&mt->links_closed, asked, memory_order_relaxed);
    return served;
}
