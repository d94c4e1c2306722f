/* SPDX-License-Identifier: MIT */
/* Running a task: poll, cancel, complete, free. After the spawn has filled the stage, the only
 * code that touches it, besides the join handle once the task is complete. */
#ifndef PIRN_TASK_HARNESS_H
#define PIRN_TASK_HARNESS_H

#include "task/cx.h"
#include "task/handle.h"
#include "task/settle.h"

/* Runs one poll, or what its state asks for instead. Consumes the handle. A fault in the poll or in
 * the frame's drop jumps to the scheduler's recovery point, which calls pirn__harness_recover(). */
void pirn__harness_run(struct local_notified n, struct poller *p);

/* After a jump: finishes the task that was being run, as FAULTED. */
void pirn__harness_recover(struct poller *p);

/* Ends a queued task without polling it: closed queues, refused spawns. Consumes the handle. */
void pirn__harness_cancel_queued(struct notified n, struct poller *p);

/* By the closer of the owned list, with the reference it popped. Consumes the handle. */
void pirn__harness_shutdown(struct task t, struct poller *p);

/* A task of a closer's whose children are gone (sched_ops.end_here): ends it, one way or the other.
 * @s is in memory that goes with it. */
void pirn__harness_end_here(struct settle *s, struct poller *p);

/* The references are gone: free the cell. */
void pirn__harness_free(struct header *h);

/* Drops the output in the stage, contained. Holding the result. */
void pirn__harness_drop_output(struct header *h);

/* Drops operations still pending, newest first, contained, under the task's id; counts faults. Before the
 * frame's drop; and after it those that go last. */
void pirn__harness_drop_ops(struct pirn_op **ops, struct sched *s, uint64_t id);
void pirn__harness_drop_last(struct pirn_op **ops, struct sched *s, uint64_t id);

/* A copy of what may be said of the task later. Holding a reference. */
void pirn__harness_facts(const struct header *h, struct task_facts *f);

#endif
