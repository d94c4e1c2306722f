/* SPDX-License-Identifier: MIT */
/* The idle protocol: what is pushed is seen by a worker that is awake, or wakes one; and no more are
 * woken than are needed.
 *
 * One word counts those awake and those of them who search. Whoever pushes a task wakes a sleeper only
 * if nobody searches: a searcher will find it. A searcher that finds something is replaced, if it was
 * the last; one that finds nothing says so and then looks at every queue once more. So a push that relied
 * on a searcher is seen by it, and a push that comes after its look sees that it sleeps: push and look
 * at the word; change the word and look at the queue; all sequentially consistent. So it is for the
 * shared queue. A worker's own is looked at by a hint, `surplus`, and its owner, who is awake, asks
 * again before each poll; a task that is alone there, or in a slot, waits for its worker's poll, or for
 * a searcher that has looked on for a while: rescue() in worker_find.c. */
#include "runtime/scheduler/idle.h"

#define SEARCHING(word) ((word)&0xffff)
#define AWAKE_ONE       (UINT32_C(1) << 16)
#define AWAKE(word)     ((word) >> 16)

void pirn__idle_init(struct idle *idle, uint32_t workers, uint32_t *sleepers)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&idle->word, workers << 16, memory_order_relaxed);
    idle->workers = workers;
    lock_init(&idle->lock);
    idle->sleepers = sleepers;
    idle->count = 0;
}

void pirn__idle_fini(struct idle *idle)
{
    lock_fini(&idle->lock);
}

static uint32_t add(struct idle *idle, uint32_t n)
{
    /* mo: seq_cst pairs with [idle]: see above. */
    return atomic_fetch_add_explicit(&idle->word, n, memory_order_seq_cst);
}

static uint32_t look(const struct idle *idle)
{
    /* mo: seq_cst pairs with [idle]: after a push. */
    return atomic_load_explicit(&idle->word, memory_order_seq_cst);
}

bool pirn__idle_all_asleep(const struct idle *idle)
{
    return AWAKE(look(idle)) == 0;
}

bool pirn__idle_pick(struct idle *idle, uint32_t *worker)
{
    bool picked = false;

    if (!idle_wants(look(idle), idle->workers))
        return false;
    lock_take(&idle->lock);
    /* Again: of several who saw the same sleeper one wakes it. */
    if (idle->count != 0 && idle_wants(look(idle), idle->workers)) {
        *worker = idle->sleepers[--idle->count];
        (void)add(idle, AWAKE_ONE + 1);
        picked = true;
    }
    lock_give(&idle->lock);
    return picked;
}

bool pirn__idle_begin_search(struct idle *idle)
{
    if (2 * SEARCHING(look(idle)) >= idle->workers)
        return false;
    (void)add(idle, 1);
    return true;
}

bool pirn__idle_end_search(struct idle *idle)
{
    return SEARCHING(add(idle, (uint32_t)-1)) == 1;
}

bool pirn__idle_searches_alone(const struct idle *idle)
{
    return SEARCHING(look(idle)) == 1;
}

void pirn__idle_sleep(struct idle *idle, uint32_t worker, bool searched)
{
    lock_take(&idle->lock);
    idle->sleepers[idle->count++] = worker;
    (void)add(idle, (uint32_t) - (AWAKE_ONE + searched));
    lock_give(&idle->lock);
}

/* Under the lock. Return: its place among the sleepers; count: it is none. */
static uint32_t place_of(const struct idle *idle, uint32_t worker)
{
    uint32_t i = 0;

    while (i < idle->count && idle->sleepers[i] != worker)
        i++;
    return i;
}

bool pirn__idle_sleeps(struct idle *idle, uint32_t worker)
{
    bool sleeps;

    lock_take(&idle->lock);
    sleeps = place_of(idle, worker) != idle->count;
    lock_give(&idle->lock);
    return sleeps;
}

bool pirn__idle_first_sleeper(struct idle *idle, uint32_t *worker)
{
    bool any;

    /* mo: relaxed. One that goes to sleep just now is missed: it looks around first. */
    if (AWAKE(atomic_load_explicit(&idle->word, memory_order_relaxed)) == idle->workers)
        return false;
    lock_take(&idle->lock);
    any = idle->count != 0;
    if (any)
        *worker = idle->sleepers[0];
    lock_give(&idle->lock);
    return any;
}

bool pirn__idle_wake_self(struct idle *idle, uint32_t worker, bool search)
{
    uint32_t i;
    bool slept;

    lock_take(&idle->lock);
    i = place_of(idle, worker);
    slept = i != idle->count;
    if (slept) {
        for (idle->count--; i < idle->count; i++)
            idle->sleepers[i] = idle->sleepers[i + 1];
        (void)add(idle, AWAKE_ONE + search);
    }
    lock_give(&idle->lock);
    return slept;
}
