/* SPDX-License-Identifier: MIT */
/* What is behind a pirn_handle on every flavour: the shared part of a runtime, which outlives it. */
#ifndef PIRN_RUNTIME_SCHEDULER_RT_HANDLE_H
#define PIRN_RUNTIME_SCHEDULER_RT_HANDLE_H

#include <stdatomic.h>
#include <stdint.h>

#include <pirn/runtime.h>

#include "runtime/os/lock.h"
#include "runtime/scheduler/blocking.h"
#include "runtime/scheduler/spawner.h"
#include "runtime/time/clock.h"
#include "task/base/ref.h"
#include "task/cell.h"
#include "task/owned.h"
#include "task/sched.h"

struct io;
struct registration;
struct timing;
struct watchdog;

enum {
    LINK_PATIENCE_MS = 100 /* how long a walker waits for tasks in queues to be linked */
};

/* Counters of what happens on threads that have no poller of their own.
 * mo: all relaxed, statistics. */
struct stray_stats {
    _Atomic(uint64_t) finished, faults, contained, forgotten, stuck,
        undone; /* counted as spawned, and then there was no thread or no room */
};

/* Of local sets. */
struct local_totals {
    uint64_t spawned, finished, polls, faults, budget_yields, cell_bytes, retired_cells, queued;
};

/* What differs between the flavours. */
struct flavor_ops {
    const char *name;
    /* @base: options filled in; copied. Return: 0, -ENOMEM, -EMFILE, -ENFILE, -EAGAIN. */
    int (*make)(const struct pirn_handle *base, struct pirn_handle **out);
    /* Starts it, or, if the runtime has stopped, cancels it here. Consumes both references. */
    void (*submit)(struct pirn_handle *h, struct unowned_task t);
    /* The faces of the same name, arguments checked. */
    int (*block_on)(struct pirn_handle *h, const pirn_task_desc *d, void *frame, pirn_result *res,
                    void *out);
    /* @for_good: nobody drives again. */
    int (*shutdown)(struct pirn_handle *h, pirn_time deadline, bool for_good);
    /* @t, of this runtime, is to be looked at earlier, or (NULL) a paused clock may go on, or there is a
     * descriptor more: tells who sleeps until then, and sees to it that somebody looks. Any thread. */
    void (*timer_set)(struct pirn_handle *h, struct timers *t);
    /* Asks whoever runs tasks to stop. Any thread. */
    void (*ask_stop)(struct pirn_handle *h);
    bool (*is_stopping)(const struct pirn_handle *h);
    /* The core's, or the i-th worker's; NULL: there are no more. */
    struct spawner *(*spawner)(struct pirn_handle *h, uint32_t i);
    /* The next poller, from NULL on; NULL: there are no more. */
    struct poller *(*next_poller)(struct pirn_handle *h, struct poller *p);
    /* Has what is in queues only linked, for a walker. False: not all, in time. */
    bool (*link_queued)(struct pirn_handle *h);
    /* The core's, or the i-th worker's; NULL: there are no more. */
    struct timing *(*timing)(struct pirn_handle *h, uint32_t i);
    /* For the watchdog: whether anybody runs tasks, sequentially consistent; and what waits behind a
     * worker's long poll is to go on elsewhere. */
    bool (*is_awake)(struct pirn_handle *h);
    void (*relieve)(struct pirn_handle *h, uint32_t worker);
    /* Adds what this flavour counts itself. */
    void (*add_metrics)(struct pirn_handle *h, pirn_metrics *m);
    void (*worker_metrics)(struct pirn_handle *h, uint32_t worker, pirn_worker_metrics *m);
    /* Gives the memory back: the last reference is gone. */
    void (*destroy)(struct pirn_handle *h);
};

struct pirn_handle {
    struct sched sched;
    const struct flavor_ops *flavor;
    struct owned *owned; /* lists of tasks; immutable, as all down to `started_at` */
    uint32_t shards;     /* how many */
    uint32_t event_interval, global_queue_interval, coop_budget, io_events, flags;
    uint32_t workers, max_blocking_threads, max_blocking_queue;
    enum pirn_unhandled_fault unhandled;
    int64_t keep_alive, stuck_poll;
    size_t stack_bytes;
    const char *name, *thread_name; /* NULL: none; owned */
    pirn_hooks hooks;
    uint64_t seed;
    struct context *owner;     /* PIRN_RT_LOCAL: whose thread */
    struct watchdog *watchdog; /* NULL: none; owned */
    struct io *io;             /* of the flavour's driver */
    struct lock signal_lock;
    struct registration
        *signals; /* runtime/signal.c; NULL: none yet. guard: signal_lock, as the next */
    bool signals_closed;
    pirn_time started_at; /* what ticks are counted from */
    struct clock clock;   /* shared by its own rules */
    /* Held by the runtime, by pirn_handle_ref(), and by every cell that is still out when the
     * runtime is freed. */
    _Alignas(CACHE_LINE) ref_count refs;
    struct stray_stats stray;
    _Atomic(int64_t) forgotten_told_at; /* when the hook was last called */
    /* A walker has asked that tasks which are in queues only be linked. */
    _Atomic(uint32_t) link_asked;
    /* Changes when who runs tasks is to look up between two polls: to stop, or to link. */
    _Alignas(CACHE_LINE) _Atomic(uint32_t) calls;
    struct lock sets_lock;
    struct pirn_local_set *sets;   /* guard: sets_lock, as the next two */
    struct local_totals past_sets; /* what sets that are gone had counted */
    uint64_t sets_made;
    struct shared_spawner shared;
    struct blocking blocking; /* its threads run blocking tasks, and workers */
};

/* Makes @h of the options in @base, with one reference; @owned: @shards lists. */
void pirn__handle_init(struct pirn_handle *h, const struct pirn_handle *base,
                       const struct flavor_ops *flavor, const struct sched_ops *ops,
                       struct owned *owned, uint32_t shards);
/* @io: of the flavour's driver; what is registered with it holds @h. */
void pirn__handle_set_io(struct pirn_handle *h, struct io *io);
/* The runtime is shut down for good and given up; the handle stays while anybody holds it. */
void pirn__handle_release(struct pirn_handle *h);
/* Frees what pirn__handle_init() made, and the texts. */
void pirn__handle_fini(struct pirn_handle *h);
void pirn__handle_free_texts(struct pirn_handle *h);

/* After what it is about has been written. Any thread. */
static inline void handle_call(struct pirn_handle *h)
{
    /* mo: release pairs with [calls] in handle_is_called: who sees it sees what it is about. */
    (void)atomic_fetch_add_explicit(&h->calls, 1, memory_order_release);
}

/* Whether there was a call since *@seen. One load a poll. */
static inline bool handle_is_called(const struct pirn_handle *h, uint32_t *seen)
{
    /* mo: acquire pairs with [calls] in handle_call. */
    uint32_t now = atomic_load_explicit(&h->calls, memory_order_acquire);
    bool called = now != *seen;

    *seen = now;
    return called;
}

static inline struct owned *handle_list_of(const struct pirn_handle *h, const struct header *cell)
{
    return &h->owned[cell_shard(cell)];
}

/* By the runtime's clock, which may be paused. */
static inline pirn_time pirn__rt_now(const struct pirn_handle *h)
{
    return rt_clock_now(&h->clock);
}

/* Timers of a runtime are due earlier than all were before, or (NULL) no blocking task runs any more:
 * whoever sleeps is told. */
static inline void pirn__handle_timer_set(struct pirn_handle *h, struct timers *t)
{
    if (h->flavor->timer_set != NULL)
        h->flavor->timer_set(h, t);
}

/* For who drives, with nothing ready: whether a paused clock may go on to the first timer of @t; and
 * let it. Timers are to be looked at next. */
bool pirn__handle_may_jump(struct pirn_handle *h, struct timers *t);
bool pirn__handle_jump(struct pirn_handle *h, struct timers *t);

/* A time in ticks, as cells have it; 0 before the start. */
static inline uint64_t pirn__handle_tick(const struct pirn_handle *h, pirn_time t)
{
    return t > h->started_at ? (uint64_t)(t - h->started_at) >> CELL_TICK_SHIFT : 0;
}

/* Makes a hook's struct of what was copied from a cell. */
void pirn__handle_info(const struct pirn_handle *h, const struct task_facts *f,
                       pirn_task_info *info);

/* sched_ops that every flavour shares: task/sched.h has their contracts. */
bool pirn__handle_stopping(const struct sched *s);
bool pirn__handle_link(struct sched *s, struct header *cell);
bool pirn__handle_unlink(struct sched *s, struct header *cell);
void pirn__handle_free_cell(struct sched *s, struct header *cell);
void pirn__handle_resume(struct sched *s, struct notified n);
void pirn__handle_end_here(struct sched *s, struct settle *settled);
void pirn__handle_faulted(struct sched *s, const struct task_facts *f, int code, const char *text);
void pirn__handle_contained(struct sched *s);
void pirn__handle_forgotten(struct sched *s, const struct task_facts *f);
void pirn__handle_terminated(struct sched *s, const struct task_facts *f);
void pirn__handle_before_poll(struct sched *s, const struct task_facts *f);
void pirn__handle_after_poll(struct sched *s, const struct task_facts *f);
extern const pirn_waker_vt pirn__join_fd_vt; /* runtime/scheduler/join_fd.c, as the next three */
void pirn__join_fd_free(void *data);
bool pirn__join_fd_forward(void *data, const pirn_waker *w);
void pirn__join_fd_signal(void *data);

/* In a struct sched_ops: all but `here`, `schedule` and `requeue`. */
#define HANDLE_SCHED_OPS                                                                           \
    .stopping = pirn__handle_stopping, .resume = pirn__handle_resume,                              \
    .end_here = pirn__handle_end_here, .link = pirn__handle_link, .unlink = pirn__handle_unlink,   \
    .free_cell = pirn__handle_free_cell, .faulted = pirn__handle_faulted,                          \
    .contained = pirn__handle_contained, .forgotten = pirn__handle_forgotten,                      \
    .terminated = pirn__handle_terminated, .before_poll = pirn__handle_before_poll,                \
    .after_poll = pirn__handle_after_poll, .join_fd_vt = &pirn__join_fd_vt,                        \
    .join_fd_free = pirn__join_fd_free, .join_fd_forward = pirn__join_fd_forward,                  \
    .join_fd_signal = pirn__join_fd_signal

/* All tasks have ended, and nobody waits on the driver any more: what others still wait for here, timers
 * and descriptors, ends as well. Once. */
void pirn__handle_end_sources(struct pirn_handle *h);

/* Policies and hooks. */
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
    REPORT_START,
    REPORT_STOP,
    REPORT_PARK,
    REPORT_UNPARK
};
void pirn__report_thread(struct pirn_handle *h, enum report_thread_hook which, uint32_t worker);
/* A poll is stuck; @since: as the hook has it. */
void pirn__report_stuck(struct pirn_handle *h, const struct task_facts *f, pirn_time since);

#endif
