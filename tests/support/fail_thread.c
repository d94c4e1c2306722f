/* SPDX-License-Identifier: MIT */
/* Threads that cannot be made: see fail_thread.h. */
#include "tests/support/fail_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

int __real_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);

struct fail_thread fail_thread;

/* Counts down; at 1 it is due. */
static bool is_due(_Atomic(int) *left, bool stays)
{
    int n = *left;

    do {
        if (n == 0)
            return false;
    } while (!atomic_compare_exchange_weak(left, &n, n == 1 && stays ? 1 : n - 1));
    return n == 1;
}

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    bool now, later;

    fail_thread.calls++;
    now = is_due(&fail_thread.fail_at, false);
    later = is_due(&fail_thread.fail_from, true);
    if (!now && !later)
        return __real_pthread_create(id, attr, fn, arg);
    fail_thread.failed++;
    return fail_thread.error != 0 ? fail_thread.error : EAGAIN;
}
