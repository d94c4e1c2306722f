/* SPDX-License-Identifier: MIT */
/* pirn/group.h: groups: tasks that cannot outlive what they were made for.
 *
 * Children may point into the frame that owns their group. A task owns the groups that are made in its
 * polls; when it ends, however it ends, their children are cancelled, and the task *settles*: nothing of
 * it is dropped, and its join does not resolve, before the last child's frame and untaken output are
 * gone. No thread waits for that: the worker goes on with other tasks. A child in the middle of a poll,
 * or of a blocking run, is waited for until that ends. A root of pirn_block_on() settles as well, before
 * that call returns; its thread goes on driving meanwhile if it did.
 *
 * What a group in a drop, a hook or on a plain thread is made for, nobody settles: there
 * pirn_group_free() waits, or cannot; see it. Children on another runtime than their owner's are waited
 * for too, but not by the shutdown of the owner's: the owner's frame then ends when they do.
 *
 * All calls may come from any thread while the group lives, but for pirn_group_free(). A group is made
 * with one allocation, a child with the one that every task is.
 */
#ifndef PIRN_GROUP_H
#define PIRN_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include <pirn/join.h>
#include <pirn/op.h>
#include <pirn/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_group pirn_group; /* (tokio: JoinSet, TaskTracker) */

enum {
    /* The first failure cancels the rest. A failure is a fault, or a negative code; not a child that was
     * cancelled. */
    PIRN_GROUP_FAIL_FAST = 1u << 0,
    /* Results are thrown away where they come, so none is kept for pirn_group_next_poll(): for services
     * that spawn without end. (tokio: TaskTracker) */
    PIRN_GROUP_DISCARD = 1u << 1,
};

/**
 * pirn_group_new() - make a group
 * @h: where its children run; NULL: the current runtime
 * @parent: a group whose cancel, deadline or end cancels this one as well; NULL: none. It may be freed
 *          before this one.
 * @deadline: when everything in it is cancelled, and the groups below; PIRN_NEVER for none; one in the past:
 *            at once. A task of the library's own, "pirn: group deadline", waits for it on @h
 * @flags: PIRN_GROUP_*
 * @out: receives the group, to be freed with pirn_group_free()
 *
 * In a poll, a blocking one or pirn_block_in_place() included, the task or root that is polled owns it from here
 * on.
 *
 * Return: 0; -EINVAL (@out is NULL, or unknown flags); -ENOMEM; PIRN_ENORUNTIME.
 * (tokio: JoinSet::new, TaskTracker::new)
 */
PIRN_API PIRN_MUST_USE int pirn_group_new(pirn_handle *h, pirn_group *parent, pirn_time deadline,
                                          uint32_t flags, pirn_group **out);

/**
 * pirn_group_free() - end the group: cancel its children, drop results that were not taken; NULL is fine
 *
 * In the task that owns it: returns at once; children that are alive are waited for by the task's end.
 * On a thread that runs no tasks, of a group that no task owns: waits until they are gone; another thread
 * drives a current-thread runtime meanwhile. In a drop, a hook or a task that does not own it: returns at once, and the group's memory goes with
 * its last child, so children of such a group must not point into what ends before. Operations that
 * wait on the group return -ECANCELED.
 *
 * Threads: the owner's task, or any thread once that has ended, or if there is none; once.
 * A second time, while that can be seen: message, abort. (tokio: drop of JoinSet)
 */
PIRN_API void pirn_group_free(pirn_group *g);

/**
 * pirn_group_spawn() - start a child
 * @d: as pirn_spawn(), PIRN_TASK_BLOCKING included
 * @frame: copied in; NULL: zeroed
 * @id: receives the child's id, which its result has too; may be NULL
 *
 * In a group that was cancelled, or whose deadline is past, the child is cancelled before its first
 * poll: its frame is dropped, its result is CANCELLED.
 *
 * Return: as pirn_spawn(), with nothing taken; -EINVAL if @g is NULL.
 * (tokio: JoinSet::spawn_on, TaskTracker::spawn)
 */
PIRN_API PIRN_MUST_USE int pirn_group_spawn(pirn_group *g, const pirn_task_desc *d,
                                            const void *frame, uint64_t *id);

/**
 * pirn_group_commit() - start what pirn_spawn_begin() made, as a child
 * @frame: as it was given; on the runtime that was named there. Never fails. Misuse, as committing twice
 *         or a NULL: message, abort.
 */
PIRN_API void pirn_group_commit(pirn_group *g, void *frame, uint64_t *id);

/**
 * pirn_group_next_poll() - await the next result, in the order in which children end
 * @res: receives it, with the child's id; may be NULL
 * @out: receives the output, moved with memcpy, if the outcome is DONE with code 0; NULL drops it
 *
 * Ordering: everything the child did happens before this returns 0. Takes one unit of budget. Any number
 * of operations may wait: each result goes to one of them. Dropped half-way, nothing is lost: a result is
 * taken by the call that returns 0, and by no other. A faulted child's text is the last error text.
 *
 * Return: 0; PIRN_PENDING; PIRN_EOF: no child is alive, and no result left (with PIRN_GROUP_DISCARD: the
 * first); -ECANCELED: the group was freed; -EINVAL: @g is NULL.
 * (tokio: JoinSet::join_next_with_id)
 */
PIRN_API PIRN_MUST_USE int pirn_group_next_poll(pirn_op *op, pirn_cx *cx, pirn_group *g,
                                                pirn_result *res, void *out);

/**
 * pirn_group_next_try() - take the next result if there is one
 *
 * Return: 0; -EAGAIN: children are alive, and no result is there; PIRN_EOF, -EINVAL: as the poll.
 * (tokio: JoinSet::try_join_next_with_id)
 */
PIRN_API PIRN_MUST_USE int pirn_group_next_try(pirn_group *g, pirn_result *res, void *out);

/**
 * pirn_group_next_wait() - block this thread for the next result
 *
 * Threads: any that does not run tasks; another drives the runtime.
 *
 * Return: as the poll, never PIRN_PENDING; -ETIMEDOUT; -EDEADLK on a thread that runs tasks; -ENOMEM.
 */
PIRN_API PIRN_MUST_USE int pirn_group_next_wait(pirn_group *g, pirn_time deadline, pirn_result *res,
                                                void *out);

/**
 * pirn_group_join_poll() - await that no child is alive
 * @first: receives the first failure, whether or not its result was taken; if there was none, a child
 *         that was cancelled; else DONE with code 0 and id 0. May be NULL.
 *
 * Results stay where they are. Takes one unit of budget. Nothing is lost if the op is dropped.
 *
 * Return: 0; PIRN_PENDING; -ECANCELED: the group was freed; -EINVAL: @g is NULL.
 * (tokio: JoinSet::join_all, TaskTracker::wait)
 */
PIRN_API PIRN_MUST_USE int pirn_group_join_poll(pirn_op *op, pirn_cx *cx, pirn_group *g,
                                                pirn_result *first);

/** pirn_group_join_wait() - the same, blocking this thread; errors besides as pirn_group_next_wait() */
PIRN_API PIRN_MUST_USE int pirn_group_join_wait(pirn_group *g, pirn_time deadline,
                                                pirn_result *first);

/** pirn_group_len() - children that run, or whose result was not taken; 0 for NULL. (tokio: JoinSet::len) */
PIRN_API size_t pirn_group_len(const pirn_group *g);

/**
 * pirn_group_cancel() - cancel all children, those to come, and the groups below; NULL is fine
 *
 * As pirn_join_abort(), each. Their results still come.
 */
PIRN_API void pirn_group_cancel(pirn_group *g);

/** pirn_group_abort_all() - cancel the children there are, and no more. (tokio: JoinSet::abort_all) */
PIRN_API void pirn_group_abort_all(pirn_group *g);

/**
 * pirn_group_abort() - cancel one child
 *
 * Takes time in proportion to the children that run. Return: 0; -ESRCH: no such child runs, or it was
 * cancelled before; -EINVAL: @g is NULL. (tokio: AbortHandle of a JoinSet's task)
 */
PIRN_API int pirn_group_abort(pirn_group *g, uint64_t id);

/**
 * pirn_group_cause() - why the group was cancelled
 *
 * Return: 0: it was not; -ECANCELED: by a call, its own, its owner's end or its parent's; -ETIMEDOUT: its
 * deadline, or its parent's; with PIRN_GROUP_FAIL_FAST the first failure's code, PIRN_EFAULT for a fault.
 */
PIRN_API int pirn_group_cause(const pirn_group *g);

#ifdef __cplusplus
}
#endif
#endif
