/* SPDX-License-Identifier: MIT */
/* pirn/op.h: leaf operations: what a frame waits on. The built-in ones and your own.
 *
 * An op is idle (zeroed; after its call returned anything but PIRN_PENDING; after pirn_op_drop())
 * or pending. Idle, it serves any call; pending, only its own, and the first call's arguments
 * count. A pending op belongs to the task that polled it and dies with it, newest first, before
 * the frame's drop; its memory neither moves nor goes before that or before pirn_op_drop().
 */
#ifndef PIRN_OP_H
#define PIRN_OP_H

#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PIRN_OP_STATE = 48
}; /* bytes of state an operation has inside its op, 8-aligned */

/**
 * struct pirn_op_kind - a kind of operation; static and const
 * @size: sizeof(pirn_op_kind)
 * @name: shown in reports of misuse
 * @drop: cancels a pending operation, synchronously: when it returns, nothing refers to @state.
 *        Called on the thread that drops, at most once per time pending; may be NULL
 */
typedef struct pirn_op_kind {
    size_t size;
    const char *name;
    void (*drop)(void *state);
} pirn_op_kind;

typedef struct pirn_op {
    const pirn_op_kind *kind; /* NULL: idle */
    uint64_t _[9];
} pirn_op;

/**
 * pirn_op_drop() - cancel: idle afterwards. Idle already, or NULL: nothing.
 * Threads: the one that polls or drops the frame. No close callback, nothing left behind.
 */
PIRN_API void pirn_op_drop(pirn_op *op);

/** pirn_op_is_pending() - whether the op waits. Threads: as pirn_op_drop(). NULL does not. */
PIRN_API bool pirn_op_is_pending(const pirn_op *op);

/**
 * pirn_op_state() - begin or resume a library's own operation, at the top of its _poll function
 * @k: its kind, borrowed while pending
 *
 * Idle: zeroes the state, makes it pending, and ties it to the task being polled. Pending with
 * the same kind: the state as it was left, and if it began where no task was polled it is this one's
 * from now on. Pending with another kind is misuse: message, abort. Never fails.
 *
 * Return: PIRN_OP_STATE bytes.
 */
PIRN_API void *pirn_op_state(pirn_op *op, pirn_cx *cx, const pirn_op_kind *k);

/** pirn_op_done() - the operation is over: idle again, the kind's drop is not called */
PIRN_API void pirn_op_done(pirn_op *op);

/**
 * pirn_defer() - run a function when the frame ends, however it ends, or at pirn_op_drop()
 *
 * Newest first, among all pending operations. pirn_op_done() takes it back. On a pending op: as
 * pirn_op_state().
 */
PIRN_API void pirn_defer(pirn_op *op, pirn_cx *cx, void (*fn)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif
#endif
