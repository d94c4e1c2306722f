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
#include "runtime/os/patience.h"
#include "runtime/scheduler/context.h"
#include "runtime/scheduler/inject.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/timing.h"
#include "runtime/scheduler/waiter.h"
#include "task/cx.h"
#include "task/fault.h"
#include "task/owned.h"

struct root;

/* guard, of everything here that is not atomic: who has taken the core. */
struct core {
    struct current_thread *ct;
    struct task_list local;    /* ready */
    struct task_list pulled;   /* ready, from the inject queue, oldest first */
    struct task_list deferred; /* yielded: ready after the next look at the driver */
    uint32_t turns;            /* polls and empty looks */
    uint32_t until_global;     /* turns until the inject queue goes first */
    uint32_t calls_seen;       /* of base.calls */
    uint32_t clock_turn;       /* `turns` when the poller's clock was brought up to date */
    bool woken_by_event;       /* or by a timer: what ended the last sleep */
    bool fd_has_timers;        /* a foreign loop wants the descriptor to tell of timers as well */
    pirn_time sleep_until;     /* of the sleep that begins, as the next */
    uint32_t clock_seen;       /* rt_clock_changes() */
    pirn_time told;            /* the first timer, when a foreign loop was told of it last */
    bool stopped;              /* the containers are closed and drained */
    bool in_root;              /* it is being polled */
    struct root *root;         /* of the block_on that drives; NULL in a turn */
    uint64_t pass, passes;     /* of a turn: polls left in this pass, and passes begun */
    pirn_time until;           /* of a turn */
    struct patience patience;
    struct recovery recovery;
    struct spawner spawner;
    _Atomic(uint64_t) parks, remote_schedules; /* written by who has the core; read for metrics */
    struct timing timing;
    struct timed_poll timed; /* the poll that runs, if polls are timed */
    uint64_t polls;          /* and how many there were before it */
    struct poller poller;
};

enum ct_stop {
    CT_RUNNING = 0,
    CT_STOPPING, /* asked for: whoever has the core ends it soon */
    CT_STOPPED,
};

struct current_thread {
    struct pirn_handle base;
    _Atomic(struct core *) slot; /* the core, when nobody drives */
    _Atomic(uint32_t) stop;      /* enum ct_stop */
    _Atomic(bool) driven;        /* who has the core runs tasks with it; a hint for turn */
    _Atomic(bool) fd_used;       /* pirn_runtime_fd() was asked: the descriptor must show work */
    struct inject inject;
    struct driver driver;
    struct owned owned;
    struct waiter_list waiters;
    _Atomic(bool) awake;         /* somebody drives, and is not parked; kept for a watchdog only */
    _Atomic(uint32_t) link_done; /* the last of base.link_asked that was met; a futex */
    struct core core;
};

/* Of a handle of this flavour. */
static inline struct current_thread *ct_of(pirn_handle *h)
{
    return (struct current_thread *)(void *)h;
}

/* ---- the core: runtime/scheduler/current_thread.c ---- */
extern const struct sched_ops pirn__ct_ops;
extern const struct flavor_ops pirn__ct_flavor; /* runtime/scheduler/ct_flavor.c */

static inline bool ct_is_here(const struct current_thread *ct)
{
    return pirn__context.core == &ct->core;
}

static inline void pirn__ct_set_driven(struct current_thread *ct, bool driven)
{
    /* mo: seq_cst pairs with [hurried] in pirn__pool_hurry(). For others a hint. */
    atomic_store_explicit(&ct->driven, driven, memory_order_seq_cst);
}

static inline bool pirn__ct_is_driven(const struct current_thread *ct)
{
    /* mo: seq_cst. As above. */
    return atomic_load_explicit(&ct->driven, memory_order_seq_cst);
}

/* Tells the watchdog, if there is one, whether somebody drives. */
void pirn__ct_set_awake(struct current_thread *ct, bool awake);
/* Return: NULL: somebody else has it. */
struct core *pirn__ct_take_core(struct current_thread *ct);
void pirn__ct_put_core(struct core *core);
/* From now on the descriptor shows, while nobody drives, whether there is work. */
void pirn__ct_use_fd(struct current_thread *ct);
/* When a foreign loop is to turn for the first timer, by the system's clock; 0: now; PIRN_NEVER. */
pirn_time pirn__ct_next_deadline(struct core *core);
/* flavor_ops.timer_set */
void pirn__ct_timer_set(struct pirn_handle *h, struct timers *t);
/* Anything to do without waiting, as far as this thread sees? */
bool pirn__ct_has_work(struct core *core);
/* Everything from the inject queue goes behind what was pulled before. */
void pirn__ct_take_injected(struct core *core);
/* One task from the queues, by their turn; NULL: none is ready. */
struct header *pirn__ct_next_task(struct core *core);
/* Timers that are due and events that have come make tasks ready. */
void pirn__ct_look_around(struct core *core);
/* Between polls: yields are ready again, the clock is up to date, walkers are served. */
void pirn__ct_maintain(struct core *core);
/* Links, for a walker that asked, the tasks that are in queues only. */
void pirn__ct_serve_walkers(struct core *core);
/* flavor_ops.link_queued: by this thread if nobody drives. */
bool pirn__ct_link_queued(struct pirn_handle *h);
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
/* What flavor_ops has of the same name. */
int pirn__ct_block_on(struct pirn_handle *h, const pirn_task_desc *d, void *frame, pirn_result *res,
                      void *out);
int pirn__ct_shutdown(struct pirn_handle *h, pirn_time deadline, bool for_good);
/* The face of the same name, arguments checked. */
int pirn__ct_turn(struct current_thread *ct, pirn_time until, pirn_time *next_deadline);

#endif
