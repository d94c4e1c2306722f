/* SPDX-License-Identifier: MIT */
/* pirn/lock.h: locks that may be held over an await: mutex, rwlock. See pirn/sync.h.
 *
 * Fair: first come, first served; no reader overtakes a writer that waits. Threads: everything here may
 * be called from any thread, one at a time per guard; `_poll` from the one that polls, `_wait` from one
 * that runs no tasks. Ordering: what a holder did happens before the next one's locking returns. A guard
 * whose frame goes without releasing it leaves the lock locked for ever. Where nothing is awaited while
 * it is held, a pthread_mutex_t costs less.
 */
#ifndef PIRN_LOCK_H
#define PIRN_LOCK_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_mutex pirn_mutex;
typedef struct pirn_rwlock pirn_rwlock;

/* A lock, held; valid also when the lock's last handle has gone. Zeroed: empty. (tokio:
 * OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard) */
typedef struct pirn_guard {
    void *lock; /* NULL: empty */
    uint32_t held, kind;
} pirn_guard;

/** pirn_guard_release() - unlock; empty afterwards, and if it was: nothing (tokio: drop of a guard) */
PIRN_API void pirn_guard_release(pirn_guard *g);

/* ---- mutex ----------------------------------------------------------------------------------- */

/** pirn_mutex_new() - Return: 0 and the first handle in *@out; -EINVAL for NULL, -ENOMEM. */
PIRN_API PIRN_MUST_USE int pirn_mutex_new(pirn_mutex **out);

/** pirn_mutex_ref() - another handle of the same, which is returned; NULL gives NULL */
PIRN_API pirn_mutex *pirn_mutex_ref(pirn_mutex *m);

/** pirn_mutex_unref() - give a handle up; with the last, who waits gets -ECANCELED. NULL is fine */
PIRN_API void pirn_mutex_unref(pirn_mutex *m);

/**
 * pirn_mutex_lock_poll() - lock
 *
 * Not recursive: its holder waits for itself. Return: 0 and *@out holds it; PIRN_PENDING; -ECANCELED or
 * PIRN_ECLOSED: the last handle has gone, while waiting or before; -EINVAL: @m is NULL.
 * Dropped half-way: its place is lost; if it had been given the lock, the next one gets it.
 * (tokio: Mutex::lock_owned)
 */
PIRN_API PIRN_MUST_USE int pirn_mutex_lock_poll(pirn_op *op, pirn_cx *cx, pirn_mutex *m,
                                                pirn_guard *out);

/** pirn_mutex_lock_try() - the same at once: -EAGAIN: somebody holds it (tokio: Mutex::try_lock_owned) */
PIRN_API PIRN_MUST_USE int pirn_mutex_lock_try(pirn_mutex *m, pirn_guard *out);

/**
 * pirn_mutex_lock_wait() - the same, blocking this thread (tokio: Mutex::blocking_lock_owned)
 * @deadline: PIRN_NEVER for none
 * Return: as _poll; -ETIMEDOUT, -EDEADLK, -ENOMEM as pirn_poll_wait(): not locked.
 */
PIRN_API PIRN_MUST_USE int pirn_mutex_lock_wait(pirn_mutex *m, pirn_time deadline, pirn_guard *out);

/* ---- rwlock ---------------------------------------------------------------------------------- */

/**
 * pirn_rwlock_new()
 * @max_readers: how many may read at once: 1 to 0x1fffffff, or PIRN_UNLIMITED
 * Return: 0 and the first handle in *@out; -EINVAL for 0, too many, or NULL; -ENOMEM.
 * (tokio: RwLock::with_max_readers)
 */
PIRN_API PIRN_MUST_USE int pirn_rwlock_new(uint32_t max_readers, pirn_rwlock **out);
PIRN_API pirn_rwlock *pirn_rwlock_ref(pirn_rwlock *l);
PIRN_API void pirn_rwlock_unref(pirn_rwlock *l);

/**
 * pirn_rwlock_read_poll() - lock for reading
 *
 * Who reads already and asks again may wait for a writer that waits for it. Return, and what is lost: as
 * pirn_mutex_lock_poll(). (tokio: RwLock::read_owned)
 */
PIRN_API PIRN_MUST_USE int pirn_rwlock_read_poll(pirn_op *op, pirn_cx *cx, pirn_rwlock *l,
                                                 pirn_guard *out);
PIRN_API PIRN_MUST_USE int pirn_rwlock_read_try(pirn_rwlock *l, pirn_guard *out);
PIRN_API PIRN_MUST_USE int pirn_rwlock_read_wait(pirn_rwlock *l, pirn_time deadline,
                                                 pirn_guard *out);

/**
 * pirn_rwlock_write_poll() - lock for writing, alone
 *
 * Dropped half-way: those who came after it go on, if they can. Else as pirn_mutex_lock_poll(). (tokio:
 * RwLock::write_owned)
 */
PIRN_API PIRN_MUST_USE int pirn_rwlock_write_poll(pirn_op *op, pirn_cx *cx, pirn_rwlock *l,
                                                  pirn_guard *out);
PIRN_API PIRN_MUST_USE int pirn_rwlock_write_try(pirn_rwlock *l, pirn_guard *out);
PIRN_API PIRN_MUST_USE int pirn_rwlock_write_wait(pirn_rwlock *l, pirn_time deadline,
                                                  pirn_guard *out);

/**
 * pirn_rwlock_downgrade() - a guard for writing becomes one for reading: no writer in between
 * Any other guard is misuse: message, abort. (tokio: OwnedRwLockWriteGuard::downgrade)
 */
PIRN_API void pirn_rwlock_downgrade(pirn_guard *g);

#ifdef __cplusplus
}
#endif
#endif
