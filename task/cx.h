/* SPDX-License-Identifier: MIT */
/* One poll's context, and the poller that lends it: what a thread needs to run tasks. */
#ifndef PIRN_TASK_CX_H
#define PIRN_TASK_CX_H

#include <stdbool.h>
#include <stdint.h>

#include <pirn/op.h>
#include <pirn/task.h>

#include "task/cell.h"

/* Valid during one poll, on its thread; everything is plain. */
struct pirn_cx {
    pirn_waker waker;     /* borrowed */
    struct header *cell;  /* the task polled; NULL: a root, or an executor of the caller's */
    struct pirn_op **ops; /* where pending operations are listed; NULL: nowhere, or in no poll */
    const struct sched *sched; /* of `root`: whose poll it is */
    struct pirn_cx *root; /* the context whose return ends a task, by way of pirn_poll_with(); */
                          /* itself in a task; NULL: there is none */
    uint32_t budget;      /* units left */
    uint32_t budget_full; /* what it began with; PIRN_UNLIMITED: not counted */
    bool self_woken;      /* this poll woke its own task */
    bool yielding;        /* and wants to go after everybody else */
    bool forever;         /* pending on purpose: never a forgotten wake */
    bool faulted;         /* pirn_cx_fault() */
    bool exhausted;       /* its budget was used up */
    pirn_time now;        /* 0: not read yet. Of `root` */
};

enum poll_phase {
    PHASE_NONE = 0,
    PHASE_POLL,             /* a fault ends the task; its frame is still to be dropped */
    PHASE_DROP,             /* a fault ends the task; its frame is lost */
    PHASE_DROP_WITH_OUTPUT, /* likewise, and the poll's output is to be dropped */
};

/* Counters of a poller: written by its thread alone, read by whoever asks for metrics.
 * mo: all relaxed, statistics. */
struct poll_stats {
    _Atomic(uint64_t) polls, finished, faults, budget_yields;
};

/* What a thread brings along to run tasks: one per scheduler core or local set. */
struct poller {
    struct pirn_cx cx;
    enum poll_phase phase;
    uint32_t budget;          /* per poll */
    _Atomic(uint32_t) worker; /* index, as in `site`; written by the thread, read by walkers */
    bool blocking;            /* of the blocking pool: a poll that is pending is a fault */
    uint64_t tick;            /* coarse time, CELL_TICK_SHIFT; brought up to date between polls */
    _Atomic(uint64_t)
        *polls; /* where those are counted: stats.polls, or who lent this thread its tasks */
    struct poll_stats stats;
    /* The task that runs now, for dumps: id 0 is none; and words of its cell, as they were when the
     * poll began. */
    _Atomic(uint64_t) running_id;
    _Atomic(const pirn_task_desc *) running_desc;
    _Atomic(uint64_t) running_site, running_born, running_seen;
    _Alignas(SCRATCH_ALIGN) unsigned char scratch[SCRATCH_BYTES];
};

/* A zeroed one; @s: whose tasks it runs. */
void pirn__poller_init(struct poller *p, const struct sched *s, uint32_t budget);

/* One more, by the only writer: no read-modify-write. */
static INLINE void stat_add(_Atomic(uint64_t) *counter, uint64_t n)
{
    /* mo: relaxed, a statistic. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline uint64_t stat_get(const _Atomic(uint64_t) *counter)
{
    /* mo: relaxed, a statistic. */
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* No task runs now. */
static inline void poller_idle(struct poller *p)
{
    /* mo: relaxed: for dumps, which take no name with id 0. */
    atomic_store_explicit(&p->running_id, 0, memory_order_relaxed);
}

/* The context whose return ends what is polled on this thread, a task or a root, and which lists its
 * operations. NULL: none, or only an executor of the caller's; also in a drop or a hook. */
struct pirn_cx *pirn__cx_current(void);

/* Takes one unit of budget. False: used up; the caller returns PIRN_PENDING, and the task is
 * polled again after the others. */
bool pirn__cx_take_unit(struct pirn_cx *cx);
/* The same, where it is hot. */
static inline bool cx_take_unit(struct pirn_cx *cx)
{
    if (cx->budget_full != PIRN_UNLIMITED) {
        if (UNLIKELY(cx->budget == 0))
            return pirn__cx_take_unit(cx);
        cx->budget--;
    }
    return true;
}

/* Puts it back: the operation made no progress. */
static inline void cx_return_unit(struct pirn_cx *cx)
{
    if (cx->budget_full != PIRN_UNLIMITED)
        cx->budget++;
}

/* The same for an operation that happens once, and begins where none is left: it goes on without, for
 * pending it would have to be in line, and would not be. *@lent: so it does. */
static inline bool cx_take_or_lend(struct pirn_cx *cx, bool waits, bool *lent)
{
    *lent = UNLIKELY(!waits && cx->budget == 0 && cx->budget_full != PIRN_UNLIMITED);
    return *lent || cx_take_unit(cx);
}

static inline void cx_return_unless(struct pirn_cx *cx, bool lent)
{
    if (!lent)
        cx_return_unit(cx);
}

#endif
