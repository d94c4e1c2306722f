/* SPDX-License-Identifier: MIT */
/* The current-thread scheduler: tasks run on the thread that is inside block_on or turn.
 *
 * Whoever takes the core out of its slot drives: runs the queues, parks, polls its root. Others that
 * sit in block_on wait for their root to be woken or for the core. */
#ifndef PIRN_RUNTIME_SCHEDULER_CURRENT_THREAD_H
#define PIRN_RUNTIME_SCHEDULER_CURRENT_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/driver/driver.h"
#include "runtime/scheduler/context.h"
#include "runtime/scheduler/inject.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/waiter.h"
#include "task/base/spin.h"
#include "task/cache.h"
#include "task/cx.h"
#include "task/fault.h"
#include "task/owned.h"

struct cell_layout;
struct root;

/* guard, of everything here that is not atomic: who has taken the core. */
struct core {
    struct current_thread *ct;
    struct task_list local;    /* ready */
    struct task_list pulled;   /* ready, from the inject queue, oldest first */
    struct task_list deferred; /* yielded: ready after the next look at the driver */
    uint32_t turns;            /* polls and empty looks */
    uint32_t until_global;     /* turns until the inject queue goes first */
    uint32_t clock_turn;       /* `turns` when the poller's clock was brought up to date */
    bool stopped;              /* the containers are closed and drained */
    uint64_t random;
    uint64_t next_id, last_id; /* a block of task ids */
    struct root *root;         /* of the block_on that drives; NULL in a turn */
    bool in_root;              /* it is being polled */
    uint64_t pass, passes;     /* of a turn: polls left in this pass, and passes begun */
    pirn_time until;           /* of a turn */
    struct recovery recovery;
    struct cell_cache cells;
    struct cell_batch foreign; /* freed cells of the shared cache, on their way back */
    _Atomic(uint64_t) spawned, parks,
        remote_schedules; /* written by who has the core; read for metrics */
    struct poller poller;
};

enum ct_stop {
    CT_RUNNING = 0,
    CT_STOPPING, /* asked for: whoever has the core ends it soon */
    CT_STOPPED,
};

/* What threads that do not drive spawn with. guard: lock */
struct ct_shared {
    struct spin lock;
    struct cell_cache cells;
    atomic_bool
        closed; /* the runtime is freed: cells come one by one, each with a handle reference */
    uint64_t next_id, last_id;
    _Atomic(uint64_t) spawned; /* written under the lock; read for metrics */
};

/* Of local sets. */
struct local_totals {
    uint64_t spawned, finished, polls, faults, budget_yields, cell_bytes, retired_cells, queued;
};

struct current_thread {
    struct pirn_handle base;
    _Atomic(struct core *) slot;   /* the core, when nobody drives */
    _Atomic(uint32_t) stop;        /* enum ct_stop */
    _Atomic(bool) driven;          /* who has the core runs tasks with it; a hint for turn */
    _Atomic(bool) fd_used;         /* pirn_runtime_fd() was asked: the descriptor must show work */
    _Atomic(uint64_t) next_block;  /* of task ids */
    _Atomic(uint64_t) large_bytes; /* of cells outside of slabs; a statistic */
    struct context *owner;         /* PIRN_RT_LOCAL: whose thread; immutable */
    struct inject inject;
    struct driver driver;
    struct owned owned;
    struct ct_shared shared;
    struct waiter_list waiters;
    struct lock sets_lock;
    struct pirn_local_set *sets;   /* guard: sets_lock, as the next two */
    struct local_totals past_sets; /* what sets that are gone had counted */
    uint64_t sets_made;
    /* A walker has asked that tasks which were never polled be linked; and the last request that
     * was met, a futex. */
    _Atomic(uint32_t) link_asked, link_done;
    struct core core;
};

static inline struct current_thread *ct_of(pirn_handle *h)
{
    return (struct current_thread *)(void *)h; /* the only flavour there is */
}

/* ---- life ---- */
/* @base: options filled in; copied. Return: 0, -ENOMEM, -EMFILE, -ENFILE. */
int pirn__ct_new(struct pirn_handle *base, struct current_thread **out);
/* The runtime is shut down for good and given up; the handle stays while anybody holds it. */
void pirn__ct_release(struct current_thread *ct);

/* ---- spawn: runtime/scheduler/ct_spawn.c ---- */
/* A cell with its header filled in, frame not. Return: NULL: no memory. */
struct header *pirn__ct_cell(struct current_thread *ct, const pirn_task_desc *d,
                             const struct cell_layout *l, const void *site, bool joined);
/* A task id, for whoever spawns without a cell from here. */
uint64_t pirn__ct_new_id(struct current_thread *ct);
/* Starts it, or, if the runtime has stopped, cancels it here. Consumes both references. */
void pirn__ct_submit(struct current_thread *ct, struct unowned_task t);
/* Takes a cell back that was never submitted. */
void pirn__ct_unspawn(struct current_thread *ct, struct header *h);
/* Takes the memory of a cell back that nobody knows any more; @ct for a walk's `reuse`. */
void pirn__ct_reuse(void *ct, struct header *h);
/* sched_ops.free_cell */
void pirn__ct_free_cell(struct sched *s, struct header *h);

/* ---- the core: runtime/scheduler/current_thread.c ---- */
extern const struct sched_ops pirn__ct_ops;
extern const pirn_waker_vt pirn__join_fd_vt; /* runtime/scheduler/join_fd.c */
void pirn__join_fd_free(void *data);
bool pirn__join_fd_forward(void *data, const pirn_waker *w);
void pirn__join_fd_signal(void *data);

static inline bool ct_is_here(const struct current_thread *ct)
{
    return pirn__context.core == &ct->core;
}

/* Whether the shared cache is gone: pirn__ct_release(). */
static inline bool pirn__ct_is_closed(const struct current_thread *ct)
{
    /* mo: relaxed. Once set it stays; who found the cache closed under its lock sees it. */
    return atomic_load_explicit(&ct->shared.closed, memory_order_relaxed);
}

static inline void pirn__ct_set_driven(struct current_thread *ct, bool driven)
{
    /* mo: relaxed. A hint; whoever acts on it loses a turn at most. */
    atomic_store_explicit(&ct->driven, driven, memory_order_relaxed);
}

static inline bool pirn__ct_is_driven(const struct current_thread *ct)
{
    /* mo: relaxed. As above. */
    return atomic_load_explicit(&ct->driven, memory_order_relaxed);
}

/* Return: NULL: somebody else has it. */
struct core *pirn__ct_take_core(struct current_thread *ct);
void pirn__ct_put_core(struct core *core);
/* From now on the descriptor shows, while nobody drives, whether there is work. */
void pirn__ct_use_fd(struct current_thread *ct);
/* Anything to do without waiting, as far as this thread sees? */
bool pirn__ct_has_work(struct core *core);
/* Everything from the inject queue goes behind what was pulled before. */
void pirn__ct_take_injected(struct core *core);
/* One task from the queues, by their turn; NULL: none is ready. */
struct header *pirn__ct_next_task(struct core *core);
/* Between polls: yields are ready again, the clock is up to date, walkers are served. */
void pirn__ct_maintain(struct core *core);
/* Links, for a walker that asked, the tasks that are in queues only. */
void pirn__ct_serve_walkers(struct core *core);
/* Freed cells of the shared cache go back to it. */
void pirn__ct_give_back(struct core *core);
/* Sleeps unless there is work. */
void pirn__ct_park(struct core *core);
/* Closes every container, then drains them. The core is its owner's still, and dead. */
void pirn__ct_drain(struct core *core);
bool pirn__ct_is_stopping(const struct current_thread *ct);
/* Asks whoever drives, or waits to, to stop. */
void pirn__ct_ask_stop(struct current_thread *ct);
void pirn__ct_note_stopped(struct current_thread *ct);
bool pirn__ct_has_stopped(const struct current_thread *ct);

/* ---- driving: runtime/scheduler/drive.c ---- */
/* The faces of the same name, arguments checked. */
int pirn__ct_block_on(struct current_thread *ct, const pirn_task_desc *d, void *frame,
                      pirn_result *res, void *out);
int pirn__ct_turn(struct current_thread *ct, pirn_time until);
/* @for_good: the core is not put back; nobody drives again. */
int pirn__ct_shutdown(struct current_thread *ct, pirn_time deadline, bool for_good);

#endif
