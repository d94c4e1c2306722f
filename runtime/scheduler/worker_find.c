/* SPDX-License-Identifier: MIT */
/* Where a worker looks for its next task.
 *
 * First in its slot and its own queue, every so many polls first in the shared one, so that what comes
 * from outside is not kept waiting by what goes on inside. Then at the other workers, from a random one
 * on. A single searcher goes on looking for a while before it sleeps: waking a thread costs more than
 * a hundred polls, and new work is seldom far. It looks at words that change seldom. A worker whose last
 * sleep was ended by an event does not: what ends the next one comes from outside as well. */
#include "runtime/os/clock.h"
#include "runtime/os/random.h"
#include "runtime/scheduler/multi_thread.h"
#include "task/base/relax.h"

enum {
    PULL_MAX = 128,   /* tasks from the shared queue at a time */
    SPIN_NS = 20000,  /* how long a searcher looks */
    SPIN_ROUNDS = 16, /* rounds between two looks at the clock */
    RESCUED = 8,      /* workers of whom a searcher knows whether they are in a long poll */
};

struct header *pirn__worker_take_lifo(struct worker *w)
{
    /* mo: relaxed. Only whether to look closer. */
    if (atomic_load_explicit(&w->lifo, memory_order_relaxed) == NULL)
        return NULL;
    /* mo: acquire pairs with [lifo] in push_lifo. */
    return atomic_exchange_explicit(&w->lifo, NULL, memory_order_acquire);
}

/* The owner takes the flag back when it finds its queue empty, which may be a long poll later. */
static bool queue_is_worth_a_look(const struct local_queue *q)
{
    return queue_has_surplus(q) && !pirn__queue_is_empty(q);
}

/* From the shared queue: one to run, the others behind our own. @max: how many. */
static struct header *pull(struct worker *w, uint32_t max)
{
    struct multi_thread *mt = w->mt;
    struct header *moved[PULL_MAX], *first;
    struct task_list batch;
    uint32_t n = 0;
    bool left;

    bool watched = pirn__worker_moves_watched(w);

    task_list_init(&batch);
    if (UNLIKELY(watched))
        pirn__mt_begin_move(mt);
    left = pirn__global_take(&mt->global, &batch, mt->base.workers, max);
    for (struct header *h = batch.head; h != NULL; h = h->queue_next)
        moved[n++] = h;
    if (UNLIKELY(watched))
        pirn__mt_end_move(mt, moved, n);
    if (n == 0)
        return NULL;
    stat_add(&w->stats.remote_schedules, n);
    first = moved[0];
    for (uint32_t i = 1; i < n; i++)
        pirn__mt_push_local(w, moved[i]);
    if (left)
        pirn__mt_notify(mt);
    return first;
}

/* Claiming ahead hides tasks from the others: not while somebody has nothing to do, and not when the
 * watchdog has promised that nothing waits behind a long poll. */
static bool may_claim(const struct worker *w)
{
    const struct multi_thread *mt = w->mt;

    return mt->base.watchdog == NULL && !idle_anybody(&mt->idle);
}

static struct header *next_of_own(struct worker *w)
{
    struct header *h;

    /* Where nothing else waits there is nothing to take turns with. */
    if (w->lifo_runs < LIFO_MAX || queue_is_drained(&w->queue)) {
        h = pirn__worker_take_lifo(w);
        if (h != NULL) {
            w->lifo_runs++;
            return h;
        }
        w->lifo_off = !w->mt->lifo;
    } else {
        /* They wake each other: from now on in turn with everybody else. */
        w->lifo_off = true;
        h = pirn__worker_take_lifo(w);
        if (h != NULL)
            pirn__mt_push_local(w, h);
    }
    w->lifo_runs = 0;
    return pirn__queue_take(&w->queue, may_claim(w));
}

struct header *pirn__worker_next(struct worker *w)
{
    struct header *h;

    if (UNLIKELY(--w->until_global == 0)) {
        w->until_global = tuning_interval(&w->tuning);
        h = pirn__global_is_empty(&w->mt->global) ? NULL : pull(w, 1);
        if (h != NULL)
            return h;
    }
    h = next_of_own(w);
    if (LIKELY(h != NULL))
        return h;
    return pirn__global_is_empty(&w->mt->global) ? NULL : pull(w, PULL_MAX);
}

bool pirn__worker_has_own(struct worker *w)
{
    /* mo: relaxed. Our own. */
    return atomic_load_explicit(&w->lifo, memory_order_relaxed) != NULL ||
           queue_has_claimed(&w->queue) || !pirn__queue_is_empty(&w->queue);
}

bool pirn__worker_has_work(struct worker *w)
{
    return pirn__worker_has_own(w) || !pirn__global_is_empty(&w->mt->global);
}

struct header *pirn__worker_before_yielded(struct worker *w, struct header *h)
{
    struct header *first;

    pirn__worker_maintain(w);
    pirn__worker_look_at_driver(w);
    w->until_event = 0; /* a walker is served when no task is in our hands */
    if (h == NULL || pirn__global_is_empty(&w->mt->global))
        return h;
    first = pull(w, PULL_MAX);
    if (first == NULL)
        return h;
    pirn__mt_push_local(w, h);
    return first;
}

/* A task that is alone in a queue is its worker's: that runs it next. */
bool pirn__mt_has_work(struct multi_thread *mt)
{
    for (uint32_t i = 0; i < mt->base.workers; i++)
        if (queue_is_worth_a_look(&mt->workers[i].queue))
            return true;
    return !pirn__global_is_empty(&mt->global);
}

/* ---- stealing --------------------------------------------------------------------------------------- */

/* @take: how. Into @tasks. */
static uint32_t take_from(struct worker *w, struct worker *victim, struct header **tasks,
                          uint32_t (*take)(struct worker *victim, struct header **tasks))
{
    bool watched = pirn__worker_moves_watched(w);
    uint32_t n;

    if (UNLIKELY(watched))
        pirn__mt_begin_move(w->mt);
    n = take(victim, tasks);
    if (UNLIKELY(watched))
        pirn__mt_end_move(w->mt, tasks, n);
    if (n != 0) {
        stat_add(&w->stats.steals, n);
        stat_add(&w->stats.steal_operations, 1);
    }
    return n;
}

static uint32_t take_half(struct worker *victim, struct header **tasks)
{
    return pirn__queue_steal(&victim->queue, tasks);
}

static uint32_t take_slot(struct worker *victim, struct header **tasks)
{
    tasks[0] = pirn__worker_take_lifo(victim);
    return tasks[0] != NULL;
}

static struct header *steal_from(struct worker *w, struct worker *victim)
{
    struct header *tasks[QUEUE_STEAL_MAX];
    uint32_t n = take_from(w, victim, tasks, take_half);

    if (n == 0)
        return NULL;
    for (uint32_t i = 1; i < n; i++)
        pirn__mt_push_local(w, tasks[i]);
    return tasks[0];
}

static struct header *steal_lifo(struct worker *w, struct worker *victim)
{
    struct header *h;

    return take_from(w, victim, &h, take_slot) != 0 ? h : NULL;
}

static struct worker *nth_other(struct worker *w, uint32_t start, uint32_t i)
{
    struct worker *victim = &w->mt->workers[(start + i) % w->mt->base.workers];

    return victim != w ? victim : NULL;
}

/* One look at everybody. */
static struct header *look_round(struct worker *w, uint32_t start)
{
    struct header *h;

    for (uint32_t i = 0; i < w->mt->base.workers; i++) {
        struct worker *victim = nth_other(w, start, i);

        if (victim == NULL || !queue_is_worth_a_look(&victim->queue))
            continue;
        h = steal_from(w, victim);
        if (h != NULL)
            return h;
    }
    return pirn__global_is_empty(&w->mt->global) ? NULL : pull(w, PULL_MAX);
}

/* What a single task waits behind, in the slot or the queue: taken if the same poll has lasted for a
 * whole search. @polls: what the victim had counted then. */
static struct header *rescue(struct worker *w, struct worker *victim, uint64_t polls)
{
    struct header *h;

    if (stat_get(&victim->stats.polls) != polls)
        return NULL;
    h = steal_from(w, victim);
    return h != NULL ? h : steal_lifo(w, victim);
}

/* Looks for a while. */
static struct header *spin(struct worker *w, uint32_t start)
{
    pirn_time until = pirn__clock_now() + SPIN_NS;
    uint64_t polls[RESCUED];
    struct worker *victim;
    struct header *h;

    for (uint32_t i = 0; i < RESCUED; i++)
        polls[i] = stat_get(&w->mt->workers[(start + i) % w->mt->base.workers].stats.polls);
    do {
        for (unsigned i = 0; i < SPIN_ROUNDS; i++) {
            h = look_round(w, start);
            if (h != NULL)
                return h;
            if (pirn__mt_is_stopping(&w->mt->base) || pirn__worker_is_asked(w))
                return NULL;
            cpu_relax(i);
        }
        cpu_give();
    } while (pirn__clock_now() < until);
    for (uint32_t i = 0; i < RESCUED && i < w->mt->base.workers; i++) {
        victim = nth_other(w, start, i);
        h = victim != NULL ? rescue(w, victim, polls[i]) : NULL;
        if (h != NULL)
            return h;
    }
    return NULL;
}

struct header *pirn__worker_search(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    uint32_t start;
    struct header *h;

    if (!w->searching && !(w->searching = pirn__idle_begin_search(&mt->idle)))
        return NULL;
    start = (uint32_t)(pirn__random_next(&w->spawner.random) % mt->base.workers);
    h = look_round(w, start);
    if (h == NULL && mt->spin && !w->woken_by_event && pirn__idle_searches_alone(&mt->idle))
        h = spin(w, start);
    return h;
}
