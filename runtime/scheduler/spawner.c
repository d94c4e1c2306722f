/* SPDX-License-Identifier: MIT */
/* Cells and ids for spawns: from a thread that drives its runtime, and from others. */
#include "runtime/scheduler/spawner.h"

#include <string.h>

#include "runtime/os/clock.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/task_list.h"
#include "task/group.h"
#include "task/harness.h"
#include "task/move.h"
#include "task/task.h"

enum {
    ID_BLOCK = 1024,
    BATCH_MAX = 64, /* freed cells of one other cache that are collected */
    REFUSALS_DEEP =
        64, /* a refused task's drop may spawn, be refused, and so on: not without end */
};

void pirn__spawner_init(struct spawner *sp, struct pirn_handle *rt, struct poller *poller,
                        uint64_t seed)
{
    sp->rt = rt;
    sp->poller = poller;
    sp->shard = 0;
    sp->random = seed;
    sp->next_id = sp->last_id = 0;
    for (unsigned i = 0; i < SPAWNER_BATCHES; i++)
        sp->foreign[i].first = NULL;
    pirn__timers_init(&sp->timers, rt->started_at);
    if (rt_clock_is_paused(&rt->clock))
        pirn__timers_set_exact(&sp->timers, rt->started_at, true);
    pirn__cache_init(&sp->cells, &rt->sched.alloc);
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&sp->spawned, 0, memory_order_relaxed);
}

void pirn__shared_spawner_init(struct shared_spawner *sh, const pirn_alloc *a)
{
    spin_init(&sh->lock);
    sh->next_id = sh->last_id = 0;
    pirn__cache_init(&sh->cells, a);
    /* mo: relaxed, all: not shared yet. */
    atomic_store_explicit(&sh->closed, false, memory_order_relaxed);
    atomic_store_explicit(&sh->spawned, 0, memory_order_relaxed);
    atomic_store_explicit(&sh->next_block, 0, memory_order_relaxed);
    atomic_store_explicit(&sh->large_bytes, 0, memory_order_relaxed);
}

/* Ids are unique in the runtime, not ordered: each spawner takes a block at a time. */
static uint64_t take_id(struct pirn_handle *rt, uint64_t *next, uint64_t *last)
{
    if (UNLIKELY(*next == *last)) {
        /* mo: relaxed. Only that no two get the same. */
        *next =
            atomic_fetch_add_explicit(&rt->shared.next_block, 1, memory_order_relaxed) * ID_BLOCK;
        *last = *next + ID_BLOCK;
        *next += *next == 0; /* 0 is no id */
    }
    return (*next)++;
}

uint64_t pirn__spawner_id(struct pirn_handle *rt)
{
    struct spawner *sp = spawner_here(rt);
    struct shared_spawner *sh = &rt->shared;
    uint64_t id;

    if (sp != NULL)
        return take_id(rt, &sp->next_id, &sp->last_id);
    spin_take(&sh->lock);
    id = take_id(rt, &sh->next_id, &sh->last_id);
    spin_give(&sh->lock);
    return id;
}

/* Too large for a slab, or the runtime is gone: alone, and it holds the handle. */
static struct header *take_large(struct pirn_handle *rt, const struct cell_layout *l)
{
    const pirn_alloc *a = &rt->sched.alloc;
    char *base = a->alloc(a->user, l->bytes, l->align);
    struct header *h;

    if (base == NULL)
        return NULL;
    pirn_handle_ref(rt);
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&rt->shared.large_bytes, l->bytes, memory_order_relaxed);
    h = (struct header *)(base + l->header_offset);
    h->owned.kind = CELL_LARGE;
    return h;
}

static size_t align_word(size_t n)
{
    return (n + 7) / 8 * 8;
}

/* What a cell takes on this runtime: when latencies are kept there is a stamp at its end; behind that,
 * in a child of a group and in whatever may become one, what links it to the group. Cells that are not
 * from a slab all have that: who frees them need not ask. */
static void full_layout(const struct pirn_handle *rt, struct cell_layout *l, bool tail)
{
    if (UNLIKELY(rt->flags & PIRN_RT_LATENCY_HISTOGRAM))
        l->bytes = align_word(l->bytes) + sizeof(pirn_time);
    if (tail)
        l->bytes = align_word(l->bytes) + sizeof(struct group_node);
}

struct group_node *pirn__spawner_tail(const struct pirn_handle *rt, struct header *h,
                                      const struct cell_layout *layout)
{
    struct cell_layout l = *layout;

    full_layout(rt, &l, true);
    return (struct group_node *)(void *)((char *)h - l.header_offset + l.bytes -
                                         sizeof(struct group_node));
}

pirn_time *pirn__spawner_stamp(struct header *h)
{
    struct cell_layout l;

    pirn__task_layout(h->desc, &l);
    return (pirn_time *)(void *)((char *)h - l.header_offset + align_word(l.bytes));
}

static void free_large(struct pirn_handle *rt, struct header *h)
{
    const pirn_alloc *a = &rt->sched.alloc;
    struct cell_layout l;

    pirn__task_layout(h->desc, &l);
    full_layout(rt, &l, true);
    a->free(a->user, (char *)h - l.header_offset, l.bytes);
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_sub_explicit(&rt->shared.large_bytes, l.bytes, memory_order_relaxed);
    pirn_handle_unref(rt);
}

static struct header *take_own(struct spawner *sp, const struct cell_layout *l)
{
    struct cell_cache *cells = &sp->cells;
    unsigned class = pirn__cache_class(l->bytes);
    struct header *h = pirn__cache_take(cells, class, l->bytes);
    struct slab *s;

    if (LIKELY(h != NULL))
        return h;
    s = pirn__cache_new_slab(cells->alloc);
    if (s == NULL)
        return NULL;
    pirn__cache_add(cells, s);
    return pirn__cache_take(cells, class, l->bytes);
}

/* From the shared cache, and an id with it. NULL: no room, or (*@closed) no cache any more. */
static struct header *take_locked(struct pirn_handle *rt, struct slab *fresh, unsigned class,
                                  size_t bytes, uint64_t *id, bool *closed)
{
    struct shared_spawner *sh = &rt->shared;
    struct header *h = NULL;

    spin_take(&sh->lock);
    *closed = shared_spawner_is_closed(sh);
    if (!*closed) {
        if (fresh != NULL)
            pirn__cache_add(&sh->cells, fresh);
        h = pirn__cache_take(&sh->cells, class, bytes);
    }
    if (h != NULL) {
        *id = take_id(rt, &sh->next_id, &sh->last_id);
        stat_add(&sh->spawned, 1);
    }
    spin_give(&sh->lock);
    return h;
}

static struct header *take_shared(struct pirn_handle *rt, const struct cell_layout *l, uint64_t *id)
{
    unsigned class = pirn__cache_class(l->bytes);
    bool closed;
    struct header *h = take_locked(rt, NULL, class, l->bytes, id, &closed);
    struct slab *s;

    if (LIKELY(h != NULL) || closed)
        return h;
    /* The allocator is the caller's: not under the lock. */
    s = pirn__cache_new_slab(&rt->sched.alloc);
    if (s == NULL)
        return NULL;
    h = take_locked(rt, s, class, l->bytes, id, &closed);
    if (closed)
        pirn__cache_free_slabs(&rt->sched.alloc, s);
    return h;
}

/* One more, on a thread that has no counter of its own. */
static void count_stray_spawn(struct shared_spawner *sh)
{
    spin_take(&sh->lock);
    stat_add(&sh->spawned, 1);
    spin_give(&sh->lock);
}

struct header *pirn__spawner_cell(struct pirn_handle *rt, const pirn_task_desc *d,
                                  const struct cell_layout *layout, struct sched *s,
                                  const void *site, bool joined, bool tail)
{
    struct spawner *sp = spawner_here(rt);
    struct cell_layout l = *layout;
    struct header *h = NULL;
    uint64_t id = 0, tick;

    full_layout(rt, &l, tail);
    if (LIKELY(l.header_offset == 0 && l.bytes <= CELL_BYTES_MAX)) {
        h = sp != NULL ? take_own(sp, &l) : take_shared(rt, &l, &id);
        if (h == NULL && (sp != NULL || !shared_spawner_is_closed(&rt->shared)))
            return NULL;
    }
    if (UNLIKELY(h == NULL)) {
        l = *layout;
        full_layout(rt, &l, true);
        h = take_large(rt, &l);
        if (h == NULL)
            return NULL;
        if (sp == NULL)
            count_stray_spawn(&rt->shared);
    }
    if (sp != NULL)
        stat_add(&sp->spawned, 1);
    if (id == 0)
        id = pirn__spawner_id(rt);
    tick = sp != NULL ? sp->poller->tick : pirn__handle_tick(rt, pirn__clock_coarse());
    pirn__task_init(h, d, s, id, site, tick, joined);
    return h;
}

void pirn__spawner_fill(struct header *h, const void *frame)
{
    if (frame != NULL)
        pirn__move_bytes(cell_stage(h), frame, h->desc->frame_size);
    else
        memset(cell_stage(h), 0, h->desc->frame_size);
}

void pirn__spawner_tell(struct pirn_handle *rt, const struct header *h)
{
    struct task_facts facts;

    if (LIKELY(rt->hooks.on_task_spawn == NULL))
        return;
    pirn__harness_facts(h, &facts);
    pirn__report_task(rt, REPORT_SPAWN, &facts);
}

void pirn__spawner_undo(struct pirn_handle *rt, struct header *h)
{
    pirn__state_init(&h->state, STATE_VACANT);
    /* mo: relaxed, a statistic: it was counted as spawned. */
    (void)atomic_fetch_add_explicit(&rt->stray.finished, 1, memory_order_relaxed);
    pirn__handle_free_cell(&rt->sched, h);
}

/* A refusal on this thread, and those that came while it ran. */
struct refusal {
    struct pirn_handle *rt;
    unsigned depth;        /* refusals inside refusals, on the stack */
    struct task_list late; /* beyond REFUSALS_DEEP of them */
};
static _Thread_local struct refusal *refusal;

/* Settled tasks that this thread is to end: one that ends may be the last child of the next, and so
 * on, which is not to be a stack of theirs. */
struct endings {
    struct settle *first, **end;
};
static _Thread_local struct endings *endings;

/* A queued task that is refused, or (@settled) one that has settled. */
static void end_stray(struct pirn_handle *rt, struct notified n, struct settle *settled)
{
    struct poller p = {.budget = 0, .worker = CELL_NO_WORKER};
    void *runtime = pirn__scope.runtime;

    pirn__scope.runtime = rt; /* drops run inside the runtime */
    if (settled != NULL)
        pirn__harness_end_here(settled, &p);
    else
        pirn__harness_cancel_queued(n, &p);
    pirn__scope.runtime = runtime;
    /* mo: relaxed, both, statistics. */
    (void)atomic_fetch_add_explicit(&rt->stray.finished, stat_get(&p.stats.finished),
                                    memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&rt->stray.faults, stat_get(&p.stats.faults),
                                    memory_order_relaxed);
}

COLD void pirn__spawner_refuse(struct pirn_handle *rt, struct notified n)
{
    struct refusal *outer = refusal, own = {.rt = rt};
    struct header *h;

    if (outer != NULL && outer->rt == rt && outer->depth == REFUSALS_DEEP) {
        task_list_push(&outer->late, n);
        return;
    }
    if (outer != NULL && outer->rt == rt) {
        outer->depth++;
        end_stray(rt, n, NULL);
        outer->depth--;
        return;
    }
    pirn_handle_ref(rt); /* the task, or its frame, may have been the last to hold it */
    refusal = &own;
    end_stray(rt, n, NULL);
    while ((h = task_list_pop(&own.late)) != NULL)
        end_stray(rt, (struct notified){h}, NULL);
    refusal = outer;
    pirn_handle_unref(rt);
}

COLD void pirn__spawner_end_here(struct pirn_handle *rt, struct settle *settled)
{
    struct endings own = {settled, &settled->next};

    settled->next = NULL;
    settled->scheduler = pirn_handle_ref(rt); /* the task may have been the last to hold it */
    if (endings != NULL) {
        *endings->end = settled;
        endings->end = &settled->next;
        return;
    }
    endings = &own;
    while ((settled = own.first) != NULL) {
        own.first = settled->next;
        if (own.first == NULL)
            own.end = &own.first;
        rt = settled->scheduler; /* the record goes with the task */
        end_stray(rt, (struct notified){NULL}, settled);
        pirn_handle_unref(rt);
    }
    endings = NULL;
}

/* ---- the way back -------------------------------------------------------------------------------- */

static void flush_batch(struct spawner *sp, struct cell_batch *b)
{
    struct shared_spawner *sh = &sp->rt->shared;
    struct slab *surplus;

    if (b->to != &sh->cells) {
        pirn__cache_give_batch_remote(b);
        return;
    }
    spin_take(&sh->lock);
    surplus = pirn__cache_give_batch(&sh->cells, b);
    spin_give(&sh->lock);
    if (surplus != NULL)
        pirn__cache_free_slabs(&sp->rt->sched.alloc, surplus);
}

void pirn__spawner_give_back(struct spawner *sp)
{
    for (unsigned i = 0; i < SPAWNER_BATCHES; i++)
        if (sp->foreign[i].first != NULL)
            flush_batch(sp, &sp->foreign[i]);
}

static void collect(struct spawner *sp, struct cell_cache *to, struct header *h)
{
    struct cell_batch *b = &sp->foreign[(uintptr_t)to / CACHE_LINE % SPAWNER_BATCHES];

    if (b->first != NULL && (b->to != to || b->count == BATCH_MAX))
        flush_batch(sp, b);
    pirn__cache_batch(b, h);
}

void pirn__spawner_reuse(void *user, struct header *h)
{
    struct pirn_handle *rt = user;
    struct spawner *sp;
    struct cell_cache *cells;

    if (UNLIKELY(h->owned.kind & CELL_LARGE)) {
        free_large(rt, h);
        return;
    }
    sp = spawner_here(rt);
    cells = pirn__cache_of(h);
    if (LIKELY(sp != NULL)) {
        struct slab *s = NULL;

        if (LIKELY(cells == &sp->cells))
            s = pirn__cache_give(cells, h);
        else
            collect(sp, cells, h);
        if (UNLIKELY(s != NULL))
            pirn__cache_free_slabs(&rt->sched.alloc, s);
    } else if (!pirn__cache_give_remote(cells, h)) {
        pirn_handle_unref(rt); /* it was out when the runtime was freed, and held it */
    }
}
