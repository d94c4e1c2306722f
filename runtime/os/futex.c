/* SPDX-License-Identifier: MIT */
/* Sleeping on a word in memory. */
#include "runtime/os/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool pirn__futex_wait(_Atomic(uint32_t) *word, uint32_t value, pirn_time deadline)
{
    struct timespec ts = {0};
    int saved = errno;
    long r;

    if (deadline != PIRN_NEVER) {
        if (deadline < 0)
            deadline = 0;
        ts.tv_sec = (time_t)(deadline / PIRN_SEC);
        ts.tv_nsec = (long)(deadline % PIRN_SEC);
    }
    /* The bitset form is the one whose timeout is absolute, on CLOCK_MONOTONIC. */
    r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
                deadline == PIRN_NEVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
    if (r == -1 && errno == ETIMEDOUT) {
        errno = saved;
        return false;
    }
    errno = saved;
    return true;
}

void pirn__futex_wake(_Atomic(uint32_t) *word, int count)
{
    int saved = errno;

    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
    errno = saved;
}
