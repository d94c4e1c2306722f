/* SPDX-License-Identifier: MIT */
/* pirn/join.h: the handles of a spawned task: join (await, wait, try, fd) and abort.
 *
 * _poll, _wait, _try, _fd and _free: one thread at a time. Abort, id and is_finished: any thread
 * while the handle lives. Every handle may outlive its runtime.
 */
#ifndef PIRN_JOIN_H
#define PIRN_JOIN_H

#include <errno.h>

#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_join pirn_join;   /* (tokio: JoinHandle) */
typedef struct pirn_abort pirn_abort; /* (tokio: AbortHandle) */

enum pirn_outcome {
    PIRN_DONE = 0,      /* poll returned 0, or a negative code */
    PIRN_CANCELLED = 1, /* aborted or shut down first; code is -ECANCELED */
    PIRN_FAULTED = 2    /* pirn_fault(), or a poll that broke its contract */
};

/* How a task went. How the wait for it went is the return value of the call that filled this. */
typedef struct pirn_result {
    enum pirn_outcome outcome;
    int code; /* DONE: what poll returned; FAULTED: the fault's code */
    uint64_t task_id;
} pirn_result;

/** pirn_result_status() - in one int: 0, the task's code, -ECANCELED, or PIRN_EFAULT */
static inline int pirn_result_status(const pirn_result *r)
{
    return r->outcome == PIRN_DONE        ? r->code
           : r->outcome == PIRN_CANCELLED ? -ECANCELED
                                          : PIRN_EFAULT;
}

/**
 * pirn_join_poll() - await the task's end, from a poll
 * @res: receives how it went; may be NULL
 * @out: receives the output, moved with memcpy, when the outcome is DONE with code 0; NULL drops it
 *
 * Ordering: everything the task did happens before this returns 0. Takes one unit of budget. The
 * waker of the last poll is the one woken. Not an op: nothing is lost if the frame ends half-way;
 * the handle stays.
 *
 * Return: 0; PIRN_PENDING; -EINVAL if the result was taken before, or @j is NULL. (tokio: JoinHandle::poll)
 */
PIRN_API PIRN_MUST_USE int pirn_join_poll(pirn_join *j, pirn_cx *cx, pirn_result *res, void *out);

/**
 * pirn_join_wait() - block this thread until the task has ended; another thread drives the runtime
 * @deadline: PIRN_NEVER for none; one in the past is a look
 *
 * Threads: any that does not run tasks. Ordering, @res and @out as pirn_join_poll().
 *
 * There is one waker slot: the waker that an earlier pirn_join_poll() left is given up; after
 * -ETIMEDOUT poll again. A second thread that waits on the handle: message, abort.
 *
 * Return: 0; -ETIMEDOUT (nothing of the waiter is left behind); -EDEADLK on a thread that runs tasks,
 * even if finished; -EINVAL if the result was taken before, or @j is NULL.
 * (tokio: Handle::block_on(join))
 */
PIRN_API PIRN_MUST_USE int pirn_join_wait(pirn_join *j, pirn_time deadline, pirn_result *res,
                                          void *out);

/**
 * pirn_join_try() - take the result if the task has ended
 *
 * Threads: any. Return: 0; -EAGAIN while it runs; -EINVAL if the result was taken before, or @j is
 * NULL.
 */
PIRN_API PIRN_MUST_USE int pirn_join_try(pirn_join *j, pirn_result *res, void *out);

/**
 * pirn_join_abort() - cancel the task at the next chance, between polls; NULL is fine
 *
 * The frame is never dropped on this thread by this call. A poll that is running finishes; if it
 * returns 0, the task is DONE. Finished: nothing. Threads: any. (tokio: JoinHandle::abort)
 */
PIRN_API void pirn_join_abort(pirn_join *j);

/**
 * pirn_join_free() - give the handle up: a running task goes on, detached; NULL is fine
 *
 * An output that was not taken is dropped here. Closes the fd of pirn_join_fd().
 * (tokio: drop of JoinHandle)
 */
PIRN_API void pirn_join_free(pirn_join *j);

/** pirn_join_is_finished() - whether the result is there. Threads: any. Ordering: acquire. */
PIRN_API bool pirn_join_is_finished(const pirn_join *j);

/** pirn_join_id() - the task's id: never 0, unique in the runtime. Threads: any. */
PIRN_API uint64_t pirn_join_id(const pirn_join *j);

/**
 * pirn_join_fault_text() - the text of a FAULTED task
 *
 * Return: NULL unless finished and FAULTED; else valid until the handle is freed, "" if memory
 * for the text was short.
 */
PIRN_API const char *pirn_join_fault_text(const pirn_join *j);

/**
 * pirn_join_fd() - a descriptor that is readable once the task has ended: for poll(), GLib, libuv
 *
 * Made once, the same every time; non-blocking, close-on-exec, level-triggered. The handle owns
 * it: never read or close it; take the result with pirn_join_try(). A later pirn_join_poll() still
 * works. Already finished: readable at once.
 *
 * Return: the descriptor; -EMFILE, -ENFILE or -ENOMEM, with the handle as before; -EINVAL for NULL.
 */
PIRN_API PIRN_MUST_USE int pirn_join_fd(pirn_join *j);

/**
 * pirn_join_abort_handle() - a handle that can only abort; outlives the join handle
 *
 * Never fails. Any number; each is given up with pirn_abort_free(). It hides a forgotten wake, for
 * it can still end the task. (tokio: JoinHandle::abort_handle)
 */
PIRN_API PIRN_MUST_USE pirn_abort *pirn_join_abort_handle(pirn_join *j);

/** pirn_abort_now() - as pirn_join_abort(); NULL is fine. Threads: any. */
PIRN_API void pirn_abort_now(pirn_abort *a);

/** pirn_abort_free() - give the handle up, without aborting; NULL is fine. Threads: any. */
PIRN_API void pirn_abort_free(pirn_abort *a);

#ifdef __cplusplus
}
#endif
#endif
