/* SPDX-License-Identifier: MIT */
/* Blocking a plain thread until a task, or any poll function, is done. */
#include <errno.h>
#include <stdlib.h>

#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "task/base/error.h"
#include "task/base/ref.h"
#include "task/base/scope.h"
#include "task/cell.h"
#include "task/join.h"
#include "task/waker.h"

/* ---- pirn_join_wait ------------------------------------------------------------------------------ */

/* A waker on the waiter's stack. It is woken at most once, and the waiter does not return before it
 * either took the waker back or saw the wake. */
struct parker {
    _Atomic(uint32_t) woken;
};

static void *parker_clone(void *data)
{
    return data; /* there is one, in the join waker's slot or behind its descriptor */
}

static void parker_wake(void *data)
{
    struct parker *p = data;

    /* mo: release pairs with [parker] in the waiter. After this store the parker may be gone; the
     * kernel does not mind. */
    atomic_store_explicit(&p->woken, 1, memory_order_release);
    pirn__futex_wake(&p->woken, 1);
}

static void parker_drop(void *data)
{
    (void)data;
}

static const pirn_waker_vt parker_vt = {
    WAKER_VT_PARKER, parker_clone, parker_wake, parker_wake, parker_drop,
};

/* Return: false: the deadline is past. */
static bool parker_sleep(struct parker *p, pirn_time deadline)
{
    /* mo: acquire pairs with [parker] in wake. */
    while (atomic_load_explicit(&p->woken, memory_order_acquire) == 0)
        if (!pirn__futex_wait(&p->woken, 0, deadline))
            return false;
    return true;
}

int pirn_join_wait(pirn_join *j, pirn_time deadline, pirn_result *res, void *out)
{
    struct join_handle handle = {j != NULL ? join_cell(j) : NULL};
    struct parker parker = {0};
    pirn_waker w = {&parker_vt, &parker};

    if (j == NULL)
        return pirn__error(-EINVAL, "pirn_join_wait: the handle is NULL");
    pirn__join_check(j, "pirn_join_wait");
    if (pirn__scope.busy != 0)
        return pirn__error(-EDEADLK, "pirn_join_wait: on a thread that runs tasks");
    if (!pirn__join_register(handle, &w) && !parker_sleep(&parker, deadline)) {
        if (pirn__join_unregister(handle))
            return pirn__error(-ETIMEDOUT, "pirn_join_wait: the task has not ended");
        (void)parker_sleep(&parker, PIRN_NEVER); /* the completer has the waker: a moment */
    }
    return pirn__join_take(handle, res, out);
}

/* ---- pirn_poll_wait -------------------------------------------------------------------------------- */

/* Wakers of any number that may outlive the call. */
struct shared_parker {
    struct parker parker;
    ref_count refs;
};

static void shared_give_up(struct shared_parker *p)
{
    if (ref_sub(&p->refs, 1))
        free(p);
}

static void *shared_clone(void *data)
{
    struct shared_parker *p = data;

    ref_add(&p->refs, 1);
    return p;
}

static void shared_wake_by_ref(void *data)
{
    struct shared_parker *p = data;

    parker_wake(&p->parker);
}

static void shared_wake(void *data)
{
    shared_wake_by_ref(data);
    shared_give_up(data);
}

static void shared_drop(void *data)
{
    shared_give_up(data);
}

static const pirn_waker_vt shared_vt = {
    WAKER_VT_OWN, shared_clone, shared_wake, shared_wake_by_ref, shared_drop,
};

int pirn_poll_wait(int (*poll)(void *frame, pirn_cx *cx, void *out), void *frame,
                   pirn_time deadline, void *out)
{
    struct shared_parker *p;
    pirn_waker w;
    int r;

    if (poll == NULL)
        return pirn__error(-EINVAL, "pirn_poll_wait: poll is NULL");
    if (pirn__scope.busy != 0)
        return pirn__error(-EDEADLK, "pirn_poll_wait: on a thread that runs tasks");
    p = malloc(sizeof *p);
    if (p == NULL)
        return pirn__error(-ENOMEM, "pirn_poll_wait: no memory");
    ref_init(&p->refs, 1);
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&p->parker.woken, 0, memory_order_relaxed);
    w = (pirn_waker){&shared_vt, p};
    while ((r = pirn_poll_with(&w, poll, frame, out)) == PIRN_PENDING) {
        /* Also one that wakes itself all the time comes to its deadline. */
        if (!parker_sleep(&p->parker, deadline) ||
            (deadline != PIRN_NEVER && pirn__clock_now() >= deadline)) {
            r = pirn__error(-ETIMEDOUT, "pirn_poll_wait: not done");
            break;
        }
        /* An exchange: a wake that comes now must not be overwritten.
         * mo: acquire pairs with [parker] in wake. */
        (void)atomic_exchange_explicit(&p->parker.woken, 0, memory_order_acquire);
    }
    shared_give_up(p);
    return r;
}
