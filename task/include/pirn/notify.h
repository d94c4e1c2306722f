/* SPDX-License-Identifier: MIT */
/* pirn/notify.h: waiting for something to happen: notify, barrier, once. See pirn/sync.h.
 *
 * Threads: everything here may be called from any thread, `_poll` from the one that polls, `_wait` from
 * one that runs no tasks. What a call of these wakes runs later: wakers of your own are called by it,
 * with no lock held.
 */
#ifndef PIRN_NOTIFY_H
#define PIRN_NOTIFY_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- notify ---------------------------------------------------------------------------------- */

typedef struct pirn_notify pirn_notify;

/**
 * pirn_notify_new() - without a permit
 * Return: 0 and the first handle in *@out; -EINVAL for NULL, -ENOMEM. (tokio: Notify::new)
 */
PIRN_API PIRN_MUST_USE int pirn_notify_new(pirn_notify **out);

/** pirn_notify_ref() - another handle of the same, which is returned; NULL gives NULL */
PIRN_API pirn_notify *pirn_notify_ref(pirn_notify *n);

/** pirn_notify_unref() - give a handle up; with the last those who wait get -ECANCELED. NULL is fine */
PIRN_API void pirn_notify_unref(pirn_notify *n);

/**
 * pirn_notify_one() - let the oldest that waits go on, or the next that comes
 *
 * If nobody waits a permit is stored; there is one at most. Ordering: what the caller did before happens
 * before that one goes on, also if the permit was there already. (tokio: Notify::notify_one)
 */
PIRN_API void pirn_notify_one(pirn_notify *n);

/** pirn_notify_last() - the same, for the newest that waits (tokio: Notify::notify_last) */
PIRN_API void pirn_notify_last(pirn_notify *n);

/**
 * pirn_notify_waiters() - let everybody go on who waits now, oldest first
 *
 * Nobody who comes during the call is among them; no permit is stored, and one that is stored stays.
 * (tokio: Notify::notify_waiters)
 */
PIRN_API void pirn_notify_waiters(pirn_notify *n);

/**
 * pirn_notify_poll() - wait to be notified
 *
 * Return: 0; PIRN_PENDING; -ECANCELED: the last handle has gone; -EINVAL: @n is NULL.
 * Dropped half-way: nothing is lost; if pirn_notify_one() or _last() had chosen it, the next one is
 * chosen instead, or a permit stored. (tokio: Notify::notified)
 */
PIRN_API PIRN_MUST_USE int pirn_notify_poll(pirn_op *op, pirn_cx *cx, pirn_notify *n);

/**
 * pirn_notify_arm() - begin to wait without being polled: "tell me of everything from here on"
 *
 * Arm first, then look at your condition, then poll: pirn_notify_waiters() in between is not missed.
 * The op is pending afterwards. Return: whether its next poll returns something else than PIRN_PENDING.
 * (tokio: Notified::enable)
 */
PIRN_API bool pirn_notify_arm(pirn_op *op, pirn_cx *cx, pirn_notify *n);

/**
 * pirn_notify_wait() - block this thread until notified
 * @deadline: PIRN_NEVER for none
 * Return: as pirn_notify_poll(); -ETIMEDOUT, -EDEADLK, -ENOMEM as pirn_poll_wait(): nothing is lost.
 */
PIRN_API PIRN_MUST_USE int pirn_notify_wait(pirn_notify *n, pirn_time deadline);

/* ---- barrier --------------------------------------------------------------------------------- */

typedef struct pirn_barrier pirn_barrier;

/**
 * pirn_barrier_new() - nobody goes on before @parties have come; then a new round begins
 * Return: 0 and the first handle in *@out; -EINVAL for 0 or NULL, -ENOMEM. (tokio: Barrier::new)
 */
PIRN_API PIRN_MUST_USE int pirn_barrier_new(uint32_t parties, pirn_barrier **out);
PIRN_API pirn_barrier *pirn_barrier_ref(pirn_barrier *b);
PIRN_API void pirn_barrier_unref(pirn_barrier *b);

/**
 * pirn_barrier_poll() - come, and wait for the others
 * @leader: true for one of each round: the one who came last; may be NULL
 *
 * Ordering: what each did before coming happens before anybody goes on.
 * Return: 0; PIRN_PENDING; -ECANCELED: the last handle has gone; -EINVAL: @b is NULL.
 * Dropped half-way: it has not come: the round needs somebody else. (tokio: Barrier::wait, where who was
 * dropped still counts)
 */
PIRN_API PIRN_MUST_USE int pirn_barrier_poll(pirn_op *op, pirn_cx *cx, pirn_barrier *b,
                                             bool *leader);

/** pirn_barrier_wait() - the same, blocking: also -ETIMEDOUT, -EDEADLK, -ENOMEM: it has not come */
PIRN_API PIRN_MUST_USE int pirn_barrier_wait(pirn_barrier *b, pirn_time deadline, bool *leader);

/* ---- once ------------------------------------------------------------------------------------ */

/* Something is made once, asynchronously, by whoever has the turn; the others wait, and if it fails the
 * next one has the turn. What is made lies beside it, where everybody finds it. (tokio: OnceCell with
 * _enter, SetOnce with _enter_try and _poll) */
typedef struct pirn_once pirn_once;

/* The right and the duty to make it: ended by pirn_once_done() or pirn_once_failed(). Zeroed: empty. */
typedef struct pirn_once_turn {
    pirn_once *once; /* NULL: empty */
} pirn_once_turn;

/** pirn_once_new() - not made yet. Return: 0; -EINVAL for NULL, -ENOMEM. (tokio: OnceCell::new) */
PIRN_API PIRN_MUST_USE int pirn_once_new(pirn_once **out);
PIRN_API pirn_once *pirn_once_ref(pirn_once *o);
PIRN_API void pirn_once_unref(pirn_once *o);

/**
 * pirn_once_enter_poll() - it is made, or it is your turn
 * @out: on 0: empty: it is made; else make it, in as many polls as it takes
 *
 * Ordering: what was done before pirn_once_done() happens before this returns an empty turn.
 * Return: 0; PIRN_PENDING: another has the turn; -ECANCELED: the last handle has gone; -EINVAL: NULL.
 * Dropped half-way: nothing is lost; a turn it had been given goes to the next.
 * (tokio: OnceCell::get_or_try_init)
 */
PIRN_API PIRN_MUST_USE int pirn_once_enter_poll(pirn_op *op, pirn_cx *cx, pirn_once *o,
                                                pirn_once_turn *out);

/** pirn_once_enter_try() - the same at once: -EAGAIN: another has the turn (tokio: OnceCell::set) */
PIRN_API PIRN_MUST_USE int pirn_once_enter_try(pirn_once *o, pirn_once_turn *out);

/** pirn_once_enter_wait() - the same, blocking: also -ETIMEDOUT, -EDEADLK, -ENOMEM: no turn was given */
PIRN_API PIRN_MUST_USE int pirn_once_enter_wait(pirn_once *o, pirn_time deadline,
                                                pirn_once_turn *out);

/** pirn_once_done() - it is made, for good; everybody goes on. Consumes the turn; empty: nothing */
PIRN_API void pirn_once_done(pirn_once_turn *t);

/**
 * pirn_once_failed() - it is not made; the next in pirn_once_enter_poll() has the turn. Consumes the
 * turn; empty: nothing, so that a frame's `drop` may call it in any case
 */
PIRN_API void pirn_once_failed(pirn_once_turn *t);

/** pirn_once_is_done() - whether it is made. Ordering: as for an empty turn. (OnceCell::initialized) */
PIRN_API bool pirn_once_is_done(const pirn_once *o);

/**
 * pirn_once_poll() - wait until it is made, without making it
 * Return: 0; PIRN_PENDING; -ECANCELED: the last handle has gone; -EINVAL: NULL. Dropped half-way:
 * nothing is lost. (tokio: SetOnce::wait)
 */
PIRN_API PIRN_MUST_USE int pirn_once_poll(pirn_op *op, pirn_cx *cx, pirn_once *o);

/** pirn_once_wait() - the same, blocking: also -ETIMEDOUT, -EDEADLK, -ENOMEM */
PIRN_API PIRN_MUST_USE int pirn_once_wait(pirn_once *o, pirn_time deadline);

#ifdef __cplusplus
}
#endif
#endif
