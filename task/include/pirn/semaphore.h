/* SPDX-License-Identifier: MIT */
/* pirn/semaphore.h: permits, first come, first served. See pirn/sync.h.
 *
 * Fair: who asks for many waits in its place and collects what comes back; nobody overtakes. Threads:
 * everything here may be called from any thread, one thread at a time per permit; `_poll` from the one
 * that polls, `_wait` from one that runs no tasks. Ordering: what a holder did before it released a permit
 * happens before another one's acquiring it returns. (tokio: Semaphore)
 */
#ifndef PIRN_SEMAPHORE_H
#define PIRN_SEMAPHORE_H

#include <pirn/op.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PIRN_SEMAPHORE_MAX = 0x1fffffff /* permits that are free at once, or asked for at once */
};

typedef struct pirn_semaphore pirn_semaphore;

/* So many permits, held; valid also when the last handle of the semaphore has gone. Zeroed: empty.
 * (tokio: OwnedSemaphorePermit) */
typedef struct pirn_permit {
    pirn_semaphore *semaphore; /* NULL: empty */
    uint32_t count;
} pirn_permit;

/**
 * pirn_semaphore_new()
 * @permits: 0 to PIRN_SEMAPHORE_MAX
 * Return: 0 and the first handle in *@out; -EINVAL for too many or NULL, -ENOMEM.
 */
PIRN_API PIRN_MUST_USE int pirn_semaphore_new(uint32_t permits, pirn_semaphore **out);

/** pirn_semaphore_ref() - another handle of the same, which is returned; NULL gives NULL */
PIRN_API pirn_semaphore *pirn_semaphore_ref(pirn_semaphore *s);

/** pirn_semaphore_unref() - give a handle up; with the last, who waits gets -ECANCELED. NULL is fine */
PIRN_API void pirn_semaphore_unref(pirn_semaphore *s);

/**
 * pirn_semaphore_acquire_poll() - wait for permits
 * @n: 1 to PIRN_SEMAPHORE_MAX, all at once
 *
 * Return: 0 and *@out holds them; PIRN_PENDING; PIRN_ECLOSED: closed before they were there; -ECANCELED:
 * the last handle has gone; -EINVAL: @s is NULL, or such an @n.
 * Dropped half-way: its place is lost; what it had been granted goes to the next.
 * (tokio: Semaphore::acquire_many_owned)
 */
PIRN_API PIRN_MUST_USE int pirn_semaphore_acquire_poll(pirn_op *op, pirn_cx *cx, pirn_semaphore *s,
                                                       uint32_t n, pirn_permit *out);

/** pirn_semaphore_acquire_try() - the same at once, also past nobody: -EAGAIN: not there
 * (tokio: Semaphore::try_acquire_many_owned) */
PIRN_API PIRN_MUST_USE int pirn_semaphore_acquire_try(pirn_semaphore *s, uint32_t n,
                                                      pirn_permit *out);

/**
 * pirn_semaphore_acquire_wait() - the same, blocking this thread
 * @deadline: PIRN_NEVER for none
 * Return: as _poll; -ETIMEDOUT, -EDEADLK, -ENOMEM as pirn_poll_wait(): nothing is held.
 */
PIRN_API PIRN_MUST_USE int pirn_semaphore_acquire_wait(pirn_semaphore *s, uint32_t n,
                                                       pirn_time deadline, pirn_permit *out);

/** pirn_permit_release() - give back what it holds; empty afterwards, and if it was: nothing
 * (tokio: drop of a permit) */
PIRN_API void pirn_permit_release(pirn_permit *p);

/** pirn_permit_forget() - what it holds is gone for good; empty afterwards. Empty: nothing
 * (tokio: SemaphorePermit::forget) */
PIRN_API void pirn_permit_forget(pirn_permit *p);

/**
 * pirn_permit_split() - take @n of what @p holds into *@out; something must be left
 * Return: 0; -EINVAL: 0, or not less than it holds. (tokio: SemaphorePermit::split)
 */
PIRN_API PIRN_MUST_USE int pirn_permit_split(pirn_permit *p, uint32_t n, pirn_permit *out);

/**
 * pirn_permit_merge() - @p holds what @other held as well; @other is empty afterwards
 * Either may be empty. Return: 0; -EINVAL: of two semaphores, or one and the same permit; -EOVERFLOW:
 * more than PIRN_SEMAPHORE_MAX. (tokio: SemaphorePermit::merge)
 */
PIRN_API PIRN_MUST_USE int pirn_permit_merge(pirn_permit *p, pirn_permit *other);

/**
 * pirn_semaphore_add() - @n permits more
 * Return: 0; -EOVERFLOW: more than PIRN_SEMAPHORE_MAX would be free; -EINVAL: @s is NULL.
 * (tokio: Semaphore::add_permits)
 */
PIRN_API PIRN_MUST_USE int pirn_semaphore_add(pirn_semaphore *s, uint32_t n);

/**
 * pirn_semaphore_forget() - up to @n of the free permits fewer
 * A closed one stays closed. Return: how many were free, and are gone. (Semaphore::forget_permits)
 */
PIRN_API uint32_t pirn_semaphore_forget(pirn_semaphore *s, uint32_t n);

/** pirn_semaphore_available() - how many are free just now */
PIRN_API uint32_t pirn_semaphore_available(const pirn_semaphore *s);

/**
 * pirn_semaphore_close() - nobody gets a permit any more: who waits, or comes, gets PIRN_ECLOSED
 * Permits that are out stay. For good. (tokio: Semaphore::close)
 */
PIRN_API void pirn_semaphore_close(pirn_semaphore *s);

/** pirn_semaphore_is_closed() */
PIRN_API bool pirn_semaphore_is_closed(const pirn_semaphore *s);

#ifdef __cplusplus
}
#endif
#endif
