/* SPDX-License-Identifier: MIT */
/* pthread_create() that fails when it is told to: for programs linked with
 * -Wl,--wrap=pthread_create. */
#ifndef PIRN_TESTS_SUPPORT_FAIL_THREAD_H
#define PIRN_TESTS_SUPPORT_FAIL_THREAD_H

#include <stdatomic.h>

struct fail_thread {
    _Atomic(int) calls;     /* so far */
    _Atomic(int) fail_at;   /* the call that fails, counted from now, 1 is the next; 0: none */
    _Atomic(int) fail_from; /* that call and all after it; 0: none */
    _Atomic(int) error;     /* 0: EAGAIN */
    _Atomic(int) failed;
};
extern struct fail_thread fail_thread;

#endif
