/* SPDX-License-Identifier: MIT */
/* pirn/cancel.h: asking tasks to stop, a whole tree of them at once. See pirn/sync.h.
 *
 * A token is cancelled once, for good, and with it all tokens below. Unlike an abort it only asks: who
 * waits for it chooses when to look and what to do first. Threads: everything here may be called from any
 * thread, `_poll` from the one that polls, `_wait` from one that runs no tasks. (tokio-util:
 * CancellationToken)
 */
#ifndef PIRN_CANCEL_H
#define PIRN_CANCEL_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_cancel_token pirn_cancel_token;

/**
 * pirn_cancel_token_new() - a token, below @parent
 * @parent: borrowed for the call; NULL: below none. Cancelled: so is the new one
 *
 * The child does not keep its parent: a token whose last handle goes leaves its children to what it is
 * below of itself. Return: 0 and the first handle in *@out; -EINVAL: @out is NULL, -ENOMEM. (tokio-util:
 * CancellationToken::new, child_token)
 */
PIRN_API PIRN_MUST_USE int pirn_cancel_token_new(pirn_cancel_token *parent,
                                                 pirn_cancel_token **out);

/** pirn_cancel_token_ref() - another handle of the same, which is returned; NULL gives NULL */
PIRN_API pirn_cancel_token *pirn_cancel_token_ref(pirn_cancel_token *t);

/**
 * pirn_cancel_token_unref() - give a handle up; NULL is fine
 * With the last, who waits for it gets -ECANCELED: nobody can cancel it any more.
 */
PIRN_API void pirn_cancel_token_unref(pirn_cancel_token *t);

/**
 * pirn_cancel_token_cancel() - cancel it and all below it; again, or NULL: nothing
 *
 * When it returns all of them are cancelled and who waits is woken, but for what another thread's cancel
 * is still about to do. Ordering: what the caller did before happens before anybody sees it.
 */
PIRN_API void pirn_cancel_token_cancel(pirn_cancel_token *t);

/** pirn_cancel_token_is_cancelled() - Ordering: acquire */
PIRN_API bool pirn_cancel_token_is_cancelled(const pirn_cancel_token *t);

/**
 * pirn_cancel_token_poll() - wait until it is cancelled
 *
 * Kept pending over the awaits of a frame it costs nothing while nobody cancels. Return: 0: cancelled;
 * PIRN_PENDING; -ECANCELED: the last handle has gone and it never will be; -EINVAL: @t is NULL. Dropped
 * half-way: nothing is lost. (tokio-util: CancellationToken::cancelled)
 */
PIRN_API PIRN_MUST_USE int pirn_cancel_token_poll(pirn_op *op, pirn_cx *cx, pirn_cancel_token *t);

/** pirn_cancel_token_wait() - the same, blocking: also -ETIMEDOUT, -EDEADLK, -ENOMEM */
PIRN_API PIRN_MUST_USE int pirn_cancel_token_wait(pirn_cancel_token *t, pirn_time deadline);

/**
 * pirn_cancel_token_guard() - cancel @t when this frame ends, however it ends, or at pirn_op_drop()
 *
 * Holds a handle of its own until then. On a pending op: nothing. (tokio-util: drop_guard)
 */
PIRN_API void pirn_cancel_token_guard(pirn_op *op, pirn_cx *cx, pirn_cancel_token *t);

/** pirn_cancel_token_disarm() - take the guard back: idle, nothing is cancelled. Idle: nothing
 * (tokio-util: DropGuard::disarm) */
PIRN_API void pirn_cancel_token_disarm(pirn_op *op);

#ifdef __cplusplus
}
#endif
#endif
