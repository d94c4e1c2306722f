/* SPDX-License-Identifier: MIT */
/* What this thread is doing for a task right now: the one thread-local of task/.
 *
 * Nothing here knows a runtime. Whoever enters saves what it overwrites and puts it back, so that
 * polls nest: a local set inside a task, an executor of the caller's own inside a drop. */
#ifndef PIRN_TASK_BASE_SCOPE_H
#define PIRN_TASK_BASE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SCOPE_TEXT_BYTES = 256
};

struct recovery; /* a place that pirn_fault() can unwind to: task/fault.h */
struct pirn_cx;
struct pirn_op;
struct sched;

struct scope {
    uint64_t task_id;         /* 0: in no task */
    struct pirn_cx *cx;       /* the innermost poll; NULL: none */
    struct pirn_cx *blocking; /* of the blocking task that runs on this thread, whose poll lends */
                              /* nothing to what it calls; NULL: none */
    struct pirn_op *
        *dropping; /* operations of the frame that is being dropped; NULL: none is, or it */
                   /* has none; while it is set, `cx` is of somebody else's poll */
    struct recovery *recovery; /* NULL: a fault ends the process */
    const struct sched *here;  /* a scheduler that this thread drives; NULL: none, or none known */
    unsigned busy;             /* runs tasks' code, so deep; 0: may block */
    /* The runtime this thread is in, and how it came there: kept here so that a fault puts it back;
     * task/ does not look. leave_guards ends the guards down to @until. */
    void *runtime, *guards;
    void (*leave_guards)(void *until);
    int fault_code; /* of the last fault raised here, until it is stored */
    char fault_text[SCOPE_TEXT_BYTES];
    char error_text[SCOPE_TEXT_BYTES];
};

#if defined(PIRN_MODEL)
/* A checker has no thread-locals worth the name; the model says what a waker may ask. */
static inline uint64_t scope_swap_id(uint64_t id)
{
    return id;
}

static inline void scope_add_busy(int n)
{
    (void)n;
}

static inline struct pirn_op **scope_swap_dropping(struct pirn_op **ops)
{
    return ops;
}

static inline const struct sched *scope_here(void)
{
    return NULL;
}
#else
extern _Thread_local struct scope pirn__scope;

/* Sets the current task id; returns what to put back. */
static inline uint64_t scope_swap_id(uint64_t id)
{
    uint64_t was = pirn__scope.task_id;

    pirn__scope.task_id = id;
    return was;
}

/* Sets whose frame is being dropped; returns what to put back. */
static inline struct pirn_op **scope_swap_dropping(struct pirn_op **ops)
{
    struct pirn_op **was = pirn__scope.dropping;

    pirn__scope.dropping = ops;
    return was;
}

static inline const struct sched *scope_here(void)
{
    return pirn__scope.here;
}

/* One deeper, or back, in code that may not block. */
static inline void scope_add_busy(int n)
{
    pirn__scope.busy += (unsigned)n;
}
#endif

#endif
