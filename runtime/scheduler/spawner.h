/* SPDX-License-Identifier: MIT */
/* Who makes tasks: memory for cells, ids and counters, of a thread that runs tasks and of those that
 * do not. */
#ifndef PIRN_RUNTIME_SCHEDULER_SPAWNER_H
#define PIRN_RUNTIME_SCHEDULER_SPAWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/scheduler/context.h"
#include "runtime/time/timers.h"
#include "task/base/spin.h"
#include "task/cache.h"
#include "task/cx.h"
#include "task/handle.h"

struct cell_layout;
struct group_node;
struct pirn_handle;
struct settle;

enum {
    SPAWNER_BATCHES = 4, /* caches whose freed cells are collected at a time; a power of two */
};

/* Of a scheduler core. guard, of all that is not atomic: who drives the core. */
struct spawner {
    struct pirn_handle *rt;
    struct poller *poller; /* of the thread that drives */
    uint32_t shard;        /* the list that tasks are linked to here */
    uint64_t next_id, last_id;
    struct timers timers; /* shared by its own rules */
    uint64_t random;      /* state of pirn_random() and of the scheduler's own choices */
    struct cell_cache cells;
    struct cell_batch foreign[SPAWNER_BATCHES]; /* freed cells of others, on their way back */
    _Atomic(uint64_t) spawned;                  /* read for metrics */
};

/* What threads that drive nothing spawn with. guard: lock */
struct shared_spawner {
    _Alignas(CACHE_LINE) struct spin lock;
    /* The runtime is freed: cells come one by one, each with a handle reference. */
    atomic_bool closed;
    uint64_t next_id, last_id;
    struct cell_cache cells;
    _Atomic(uint64_t) spawned;     /* written under the lock; read for metrics, as the next */
    _Atomic(uint64_t) next_block;  /* of task ids; any thread */
    _Atomic(uint64_t) large_bytes; /* of cells outside of slabs; any thread */
};

void pirn__spawner_init(struct spawner *sp, struct pirn_handle *rt, struct poller *poller,
                        uint64_t seed);
void pirn__shared_spawner_init(struct shared_spawner *sh, const pirn_alloc *a);

/* What this thread drives of @rt; NULL: nothing. */
static inline struct spawner *spawner_here(const struct pirn_handle *rt)
{
    struct spawner *sp = pirn__context.spawner;

    return LIKELY(sp != NULL && sp->rt == rt) ? sp : NULL;
}

/* A cell with its header filled in, frame not. @tail: with room for a struct group_node behind the
 * frame. Return: NULL: no memory. */
struct header *pirn__spawner_cell(struct pirn_handle *rt, const pirn_task_desc *d,
                                  const struct cell_layout *l, struct sched *s, const void *site,
                                  bool joined, bool tail);
/* That room. @l: as above */
struct group_node *pirn__spawner_tail(const struct pirn_handle *rt, struct header *h,
                                      const struct cell_layout *l);
/* Copies @frame in; NULL: zeroes. */
void pirn__spawner_fill(struct header *h, const void *frame);
/* Tells the hook of the spawn, if there is one. Before it is submitted. */
void pirn__spawner_tell(struct pirn_handle *rt, const struct header *h);
/* A task id, for whoever spawns without a cell from here. */
uint64_t pirn__spawner_id(struct pirn_handle *rt);
/* Takes a cell back that was never submitted. */
void pirn__spawner_undo(struct pirn_handle *rt, struct header *h);
/* Ends a task that no queue takes any more, on this thread. */
void pirn__spawner_refuse(struct pirn_handle *rt, struct notified n);
/* Ends a task of a closer's that has settled, on this thread, after those it is at. */
void pirn__spawner_end_here(struct pirn_handle *rt, struct settle *settled);
/* Takes the memory of a cell back that nobody knows any more; @rt for a walk's `reuse`. */
void pirn__spawner_reuse(void *rt, struct header *h);
/* When a task was woken or spawned last, if latencies are kept. guard: as `queue_next` */
pirn_time *pirn__spawner_stamp(struct header *h);
/* Freed cells of others go back to them. */
void pirn__spawner_give_back(struct spawner *sp);

/* Whether the shared cache is gone: the runtime is freed. */
static inline bool shared_spawner_is_closed(const struct shared_spawner *sh)
{
    /* mo: relaxed. Once set it stays; who found the cache closed under its lock sees it. */
    return atomic_load_explicit(&sh->closed, memory_order_relaxed);
}

#endif
