/* SPDX-License-Identifier: MIT */
/* Cells and ids for spawns on a current-thread runtime: from its own thread, and from others. */
#include "runtime/os/clock.h"
#include "runtime/scheduler/current_thread.h"
#include "task/harness.h"
#include "task/task.h"

enum {
    ID_BLOCK = 1024
};

/* Ids are unique in the runtime, not ordered: each spawner takes a block at a time. */
static uint64_t take_id(struct current_thread *ct, uint64_t *next, uint64_t *last)
{
    if (UNLIKELY(*next == *last)) {
        /* mo: relaxed. Only that no two get the same. */
        *next = atomic_fetch_add_explicit(&ct->next_block, 1, memory_order_relaxed) * ID_BLOCK;
        *last = *next + ID_BLOCK;
        *next += *next == 0; /* 0 is no id */
    }
    return (*next)++;
}

uint64_t pirn__ct_new_id(struct current_thread *ct)
{
    struct ct_shared *sh = &ct->shared;
    uint64_t id;

    if (ct_is_here(ct))
        return take_id(ct, &ct->core.next_id, &ct->core.last_id);
    spin_take(&sh->lock);
    id = take_id(ct, &sh->next_id, &sh->last_id);
    spin_give(&sh->lock);
    return id;
}

/* Too large for a slab, or the runtime is gone: alone, and it holds the handle. */
static struct header *take_large(struct current_thread *ct, const struct cell_layout *l)
{
    const pirn_alloc *a = &ct->base.sched.alloc;
    char *base = a->alloc(a->user, l->bytes, l->align);
    struct header *h;

    if (base == NULL)
        return NULL;
    pirn_handle_ref(&ct->base);
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&ct->large_bytes, l->bytes, memory_order_relaxed);
    h = (struct header *)(base + l->header_offset);
    h->owned.kind = CELL_LARGE;
    return h;
}

static void free_large(struct current_thread *ct, struct header *h)
{
    const pirn_alloc *a = &ct->base.sched.alloc;
    struct cell_layout l;

    pirn__task_layout(h->desc, &l);
    a->free(a->user, (char *)h - l.header_offset, l.bytes);
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_sub_explicit(&ct->large_bytes, l.bytes, memory_order_relaxed);
    pirn_handle_unref(&ct->base);
}

static struct header *take_as_driver(struct current_thread *ct, const struct cell_layout *l)
{
    struct cell_cache *cells = &ct->core.cells;
    unsigned class = pirn__cache_class(l->bytes);
    struct header *h = pirn__cache_take(cells, class, l->bytes);
    struct slab *s;

    if (LIKELY(h != NULL))
        return h;
    s = pirn__cache_new_slab(&ct->base.sched.alloc);
    if (s == NULL)
        return NULL;
    pirn__cache_add(cells, s);
    return pirn__cache_take(cells, class, l->bytes);
}

/* From the shared cache, and an id with it. NULL: no room, or (*@closed) no cache any more. */
static struct header *take_locked(struct ct_shared *sh, struct slab *fresh, unsigned class,
                                  size_t bytes, uint64_t *id, bool *closed)
{
    struct current_thread *ct = container_of(sh, struct current_thread, shared);
    struct header *h = NULL;

    spin_take(&sh->lock);
    *closed = pirn__ct_is_closed(ct);
    if (!*closed) {
        if (fresh != NULL)
            pirn__cache_add(&sh->cells, fresh);
        h = pirn__cache_take(&sh->cells, class, bytes);
    }
    if (h != NULL) {
        *id = take_id(ct, &sh->next_id, &sh->last_id);
        stat_add(&sh->spawned, 1);
    }
    spin_give(&sh->lock);
    return h;
}

static struct header *take_shared(struct current_thread *ct, const struct cell_layout *l,
                                  uint64_t *id)
{
    unsigned class = pirn__cache_class(l->bytes);
    bool closed;
    struct header *h = take_locked(&ct->shared, NULL, class, l->bytes, id, &closed);
    struct slab *s;

    if (LIKELY(h != NULL) || closed)
        return h;
    /* The allocator is the caller's: not under the lock. */
    s = pirn__cache_new_slab(&ct->base.sched.alloc);
    if (s == NULL)
        return NULL;
    h = take_locked(&ct->shared, s, class, l->bytes, id, &closed);
    if (closed)
        pirn__cache_free_slabs(&ct->base.sched.alloc, s);
    return h;
}

/* One more, on a thread that has no counter of its own. */
static void count_stray_spawn(struct current_thread *ct)
{
    spin_take(&ct->shared.lock);
    stat_add(&ct->shared.spawned, 1);
    spin_give(&ct->shared.lock);
}

struct header *pirn__ct_cell(struct current_thread *ct, const pirn_task_desc *d,
                             const struct cell_layout *l, const void *site, bool joined)
{
    bool here = ct_is_here(ct);
    struct header *h = NULL;
    uint64_t id = 0, tick;

    if (LIKELY(l->header_offset == 0 && l->bytes <= CELL_BYTES_MAX)) {
        h = here ? take_as_driver(ct, l) : take_shared(ct, l, &id);
        if (h == NULL && (here || !pirn__ct_is_closed(ct)))
            return NULL;
    }
    if (UNLIKELY(h == NULL)) {
        h = take_large(ct, l);
        if (h == NULL)
            return NULL;
        if (!here)
            count_stray_spawn(ct);
    }
    if (here)
        stat_add(&ct->core.spawned, 1);
    if (id == 0)
        id = pirn__ct_new_id(ct);
    tick = here ? ct->core.poller.tick : pirn__handle_tick(&ct->base, pirn__clock_coarse());
    pirn__task_init(h, d, &ct->base.sched, id, site, tick, joined);
    return h;
}

void pirn__ct_unspawn(struct current_thread *ct, struct header *h)
{
    pirn__state_init(&h->state, STATE_VACANT);
    /* mo: relaxed, a statistic: it was counted as spawned. */
    (void)atomic_fetch_add_explicit(&ct->base.stray.finished, 1, memory_order_relaxed);
    pirn__ct_free_cell(&ct->base.sched, h);
}

/* Ends a task that no queue takes any more, on this thread. */
static COLD void refuse(struct current_thread *ct, struct notified n)
{
    struct poller p = {.budget = 0};
    void *runtime = pirn__scope.runtime;

    pirn_handle_ref(&ct->base);      /* the task, or its frame, may have been the last to hold it */
    pirn__scope.runtime = &ct->base; /* drops run inside the runtime */
    pirn__harness_cancel_queued(n, &p);
    pirn__scope.runtime = runtime;
    /* mo: relaxed, both, statistics. */
    (void)atomic_fetch_add_explicit(&ct->base.stray.finished, stat_get(&p.stats.finished),
                                    memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&ct->base.stray.faults, stat_get(&p.stats.faults),
                                    memory_order_relaxed);
    pirn_handle_unref(&ct->base);
}

void pirn__ct_submit(struct current_thread *ct, struct unowned_task t)
{
    struct notified n = {t.cell};
    struct task_facts facts;

    if (UNLIKELY(ct->base.hooks.on_task_spawn != NULL)) {
        pirn__harness_facts(t.cell, &facts);
        pirn__report_task(&ct->base, REPORT_SPAWN, &facts);
    }
    if (ct_is_here(ct)) {
        if (LIKELY(!ct->core.stopped))
            task_list_push(&ct->core.local, n);
        else
            refuse(ct, n);
        return;
    }
    if (!pirn__inject_push(&ct->inject, n)) {
        refuse(ct, n);
        return;
    }
    pirn__driver_unpark(&ct->driver);
}

void pirn__ct_reuse(void *user, struct header *h)
{
    struct current_thread *ct = user;
    struct cell_cache *cells;

    if (UNLIKELY(h->owned.kind & CELL_LARGE)) {
        free_large(ct, h);
        return;
    }
    cells = pirn__cache_of(h);
    if (LIKELY(ct_is_here(ct))) {
        struct slab *s = NULL;

        if (LIKELY(cells == &ct->core.cells))
            s = pirn__cache_give(cells, h);
        else
            pirn__cache_batch(&ct->core.foreign, h);
        if (UNLIKELY(s != NULL))
            pirn__cache_free_slabs(&ct->base.sched.alloc, s);
    } else if (!pirn__cache_give_remote(cells, h)) {
        pirn_handle_unref(&ct->base); /* it was out when the runtime was freed, and held it */
    }
}

void pirn__ct_free_cell(struct sched *s, struct header *h)
{
    struct current_thread *ct = (struct current_thread *)(void *)s;

    if (LIKELY(pirn__owned_retire(&ct->owned, h)))
        pirn__ct_reuse(ct, h);
}
