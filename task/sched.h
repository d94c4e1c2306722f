/* SPDX-License-Identifier: MIT */
/* What a task needs from a scheduler: all that task/ knows of whoever runs it. */
#ifndef PIRN_TASK_SCHED_H
#define PIRN_TASK_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/alloc.h>
#include <pirn/task.h>

#include "task/base/compiler.h"
#include "task/base/scope.h"
#include "task/handle.h"

struct header;
struct sched;
struct settle;

/* What is said of a task after its cell may be gone. */
struct task_facts {
    uint64_t id;
    const pirn_task_desc *desc;
    const void *spawn_site;
    uint32_t await_line;
    uint32_t polls;
    uint64_t state;
    uint64_t spawned_tick, last_poll_tick;
    uint32_t worker;
    bool forever; /* pirn_pending_poll() */
};

struct sched_ops {
    /* See sched_is_here(). */
    bool (*here)(struct sched *s);
    /* Whether it is to stop: what a long poll may ask. Any thread. */
    bool (*stopping)(const struct sched *s);
    /* A task was woken: consumes the Notified. Any thread. */
    void (*schedule)(struct sched *s, struct notified n);
    /* A poll woke its own task, or (@yield) asked to go after everybody else. The driving thread. */
    void (*requeue)(struct sched *s, struct notified n, bool yield);
    /* A task has settled and is to be run, to its end: as `schedule`, but if the queues are closed the
     * caller's thread runs it. Consumes the Notified. Any thread. */
    void (*resume)(struct sched *s, struct notified n);
    /* A task of a closer's has settled, and may be in a queue already: the caller's thread ends it, by
     * pirn__harness_end_here(), after those it is at. Any thread. */
    void (*end_here)(struct sched *s, struct settle *settled);
    /* A task was cancelled that is queued, or runs, or is complete: the scheduler may hurry. The
     * caller has a reference. Any thread. NULL: it need not know. */
    void (*cancelled)(struct sched *s, struct header *h);
    /* The owned list's reference goes into a list. False: the list is closed; nothing happened.
     * Holding RUNNING, or the Notified of a task that was never polled. */
    bool (*link)(struct sched *s, struct header *h);
    /* Take it out again. True: its reference is the caller's. False: the closer has it. */
    bool (*unlink)(struct sched *s, struct header *h);
    /* The references are gone and so is what the cell held: take the memory back. Any thread. */
    void (*free_cell)(struct sched *s, struct header *h);
    /* A task faulted (on the driving thread): count, tell, apply the runtime's policy. */
    void (*faulted)(struct sched *s, const struct task_facts *f, int code, const char *text);
    /* Something that may not fail did, and was contained. Any thread. */
    void (*contained)(struct sched *s);
    /* A task waits and nothing is left to wake it. Any thread; the cell may be gone. */
    void (*forgotten)(struct sched *s, const struct task_facts *f);
    /* Hooks, called only when their bit of `watch` is set. */
    void (*terminated)(struct sched *s, const struct task_facts *f);
    void (*before_poll)(struct sched *s, const struct task_facts *f);
    void (*after_poll)(struct sched *s, const struct task_facts *f);
    /* A join handle's descriptor: how its join waker is recognised, and what it is asked. @data: the
     * waker's. free: the handle is given up. forward: wake @w as well (NULL: no longer); returns
     * whether another was set before. */
    const pirn_waker_vt *join_fd_vt;
    void (*join_fd_free)(void *data);
    bool (*join_fd_forward)(void *data, const pirn_waker *w);
    void (*join_fd_signal)(void *data); /* make it readable, if it is not */
};

enum {
    WATCH_TERMINATE = 1u << 0,
    WATCH_POLL = 1u << 1,
};

struct sched {
    const struct sched_ops *ops;
    uint32_t watch;   /* set before the first spawn */
    pirn_alloc alloc; /* likewise */
};

/* Whether this thread drives the scheduler now, so that nothing of it can go meanwhile. */
static inline bool sched_is_here(struct sched *s)
{
    return LIKELY(scope_here() == s) || s->ops->here(s);
}

#endif
