/* SPDX-License-Identifier: MIT */
/* What is kept of a poll that was the last one while children are alive that may point into its
 * frame: how it ended, and how many groups still have any.
 *
 * It lies in the first of the groups, for nothing may be allocated when it is needed. Steps and who
 * takes them: docs/design/task-state.md, "Settling". */
#ifndef PIRN_TASK_SETTLE_H
#define PIRN_TASK_SETTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/base/compiler.h"

struct header;
struct fault_record;
struct poller;

enum settle_how {
    SETTLE_DONE,
    SETTLE_CANCELLED,
    SETTLE_FAULTED,
};

/* How a poll, or a task before it, ended. */
struct ending {
    enum settle_how how;
    int code; /* DONE: what it returned; FAULTED: the fault's, if `fault` is NULL */
    struct fault_record *fault; /* owned. FAULTED: its text, if there was memory for it */
    bool output;                /* there is one: where the poll wrote it, or in the record's room */
    bool owned_given;           /* by a closer, with the list's reference */
};

struct settle {
    /* Groups with children alive, and one while somebody goes along them. */
    _Atomic(uint32_t) left;
    /* By who brings `left` to 0. It may free the record. */
    void (*settled)(struct settle *s);
    void *waits; /* what does: a task's header; else as `settled` has it */
    void *room;  /* for an output that was polled into a poller's scratch */
    /* guard: RUNNING; while that is nobody's, whoever brings `left` to 0. */
    struct ending ending;
    /* guard: as above. Of those that one thread is to end, and what their scheduler needs then. */
    struct settle *next;
    void *scheduler;
};

static inline void settle_begin(struct settle *s, void (*settled)(struct settle *s), void *waits)
{
    s->settled = settled;
    s->waits = waits;
    /* mo: relaxed. Shared by the lock of the first group that has it. */
    atomic_store_explicit(&s->left, 1, memory_order_relaxed);
}

/* One more, by who holds one. */
static inline void settle_add(struct settle *s)
{
    /* mo: relaxed. Ours keeps the record; the group's lock publishes. */
    (void)atomic_fetch_add_explicit(&s->left, 1, memory_order_relaxed);
}

/* Whether only the caller's is left, and so will be. */
static inline bool settle_is_alone(const struct settle *s)
{
    /* mo: acquire pairs with [settle] in settle_give: what the children left is seen. */
    return atomic_load_explicit(&s->left, memory_order_acquire) == 1;
}

/* Return: true: it was the last one. False: never touch the record again. */
static inline MUST_USE bool settle_give(struct settle *s)
{
    /* mo: release pairs with [settle] in the one that comes to 0, acquire is that one's: all that
     * children did with the frame, and what the runner wrote down, comes before the end. */
    return atomic_fetch_sub_explicit(&s->left, 1, memory_order_acq_rel) == 1;
}

/* Of a task whose poll was the last one, or which is cancelled before it: RUNNING is held, and nothing was
 * dropped yet. Return: true: children are alive; whoever sees the last one go goes on with the end, and the
 * task is not the caller's to touch any more. False: there are none, nor results of any. */
bool pirn__settle_first(struct header *h, struct poller *p, const struct ending *e);

void pirn__settle_copy(struct ending *to, const struct ending *from);

#endif
