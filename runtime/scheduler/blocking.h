/* SPDX-License-Identifier: MIT */
/* Blocking tasks: what a task on the pool's threads asks of a scheduler. */
#ifndef PIRN_RUNTIME_SCHEDULER_BLOCKING_H
#define PIRN_RUNTIME_SCHEDULER_BLOCKING_H

#include <pirn/runtime.h>

#include "runtime/blocking/pool.h"
#include "task/handle.h"
#include "task/owned.h"
#include "task/sched.h"

struct pirn_handle;

struct blocking {
    struct sched sched; /* of the tasks; its ops are pirn__blocking_ops */
    struct owned owned; /* the tasks: linked when they are spawned */
    struct pirn_handle *rt;
    struct pool pool;
};

extern const struct sched_ops pirn__blocking_ops;

void pirn__blocking_init(struct blocking *b, struct pirn_handle *rt);
void pirn__blocking_fini(struct blocking *b);

/* Starts it, or, if the runtime has stopped, cancels it here. Tells the spawn hook. Return: 0, the
 * task is consumed; -EAGAIN, -ENOMEM with the error text: it is the caller's still, to undo. */
int pirn__blocking_submit(struct blocking *b, struct unowned_task t, const char *call);
/* The same, and without a thread it is cancelled here as well. */
void pirn__blocking_commit(struct blocking *b, struct unowned_task t);
/* Takes a task back that was not started: no drop is called. */
void pirn__blocking_undo(struct blocking *b, struct unowned_task t);

/* Somebody begins to drive, and has said so: what was aborted while nobody did is his. */
void pirn__blocking_take_over(struct blocking *b);

/* Refuses what comes from now on, and cancels what is queued, here. Any thread. */
void pirn__blocking_close(struct blocking *b);
/* Closes it, and waits for what runs. Return: 0; -ETIMEDOUT: call again to go on. */
int pirn__blocking_shutdown(struct blocking *b, pirn_time deadline);
/* Whether this thread is the pool's: it must not wait for its own end. */
bool pirn__blocking_is_inside(const struct blocking *b);

/* The hook of a thread's start, once in its life. On the thread. */
void pirn__blocking_tell_start(struct blocking *b, struct pool_thread *t, uint32_t worker);

/* Adds the pool's own figures. */
void pirn__blocking_metrics(const struct blocking *b, pirn_metrics *m);

/* The blocking tasks' scheduler, if @s is one; else NULL. */
static inline struct blocking *blocking_of(struct sched *s)
{
    return s->ops == &pirn__blocking_ops ? (struct blocking *)(void *)s : NULL;
}

#endif
