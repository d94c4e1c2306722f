/* SPDX-License-Identifier: MIT */
/* What is behind a pirn_handle on every flavour: the shared part of a runtime, which outlives it. */
#ifndef PIRN_RUNTIME_SCHEDULER_RT_HANDLE_H
#define PIRN_RUNTIME_SCHEDULER_RT_HANDLE_H

#include <stdatomic.h>
#include <stdint.h>

#include <pirn/runtime.h>

#include "task/base/ref.h"
#include "task/cell.h"
#include "task/sched.h"

/* Counters of what happens on threads that have no poller of their own.
 * mo: all relaxed, statistics. */
struct stray_stats {
    _Atomic(uint64_t) finished, faults, contained, forgotten;
};

struct pirn_handle {
    struct sched sched;
    /* Held by the runtime, by pirn_handle_ref(), and by every cell that is still out when the
     * runtime is freed. */
    ref_count refs;
    const char *name; /* NULL: none; owned */
    pirn_hooks hooks; /* immutable, as all below */
    enum pirn_unhandled_fault unhandled;
    uint32_t event_interval, global_queue_interval, coop_budget, flags;
    uint64_t seed;
    pirn_time started_at; /* what ticks are counted from */
    struct stray_stats stray;
    _Atomic(int64_t) forgotten_told_at; /* when the hook was last called */
};

/* Frees the handle's memory when the last reference goes. */
void pirn__handle_free(struct pirn_handle *h);

/* A time in ticks, as cells have it; 0 before the start. */
static inline uint64_t pirn__handle_tick(const struct pirn_handle *h, pirn_time t)
{
    return t > h->started_at ? (uint64_t)(t - h->started_at) >> CELL_TICK_SHIFT : 0;
}

/* Makes a hook's struct of what was copied from a cell. */
void pirn__handle_info(const struct pirn_handle *h, const struct task_facts *f,
                       pirn_task_info *info);

/* sched_ops that every flavour shares: policies and hooks. task/sched.h has their contracts. */
void pirn__report_fault(struct pirn_handle *h, const struct task_facts *f, int code,
                        const char *text);
void pirn__report_forgotten(struct pirn_handle *h, const struct task_facts *f);
void pirn__report_contained(struct pirn_handle *h);

enum report_hook {
    REPORT_SPAWN,
    REPORT_TERMINATE,
    REPORT_BEFORE_POLL,
    REPORT_AFTER_POLL
};
void pirn__report_task(struct pirn_handle *h, enum report_hook which, const struct task_facts *f);

enum report_thread_hook {
    REPORT_PARK,
    REPORT_UNPARK
};
void pirn__report_thread(struct pirn_handle *h, enum report_thread_hook which, uint32_t worker);

#endif
