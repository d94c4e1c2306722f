/* SPDX-License-Identifier: MIT */
/* A timerfd in a runtime's epoll descriptor. Nobody reads it: setting it anew takes its event back. */
#include "runtime/io/alarm.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "runtime/io/io.h"

int pirn__alarm_open(struct alarm *a, const struct io *io)
{
    struct epoll_event ev = {.events = EPOLLIN}; /* as a call: it brings nothing but the look */
    int err;

    if (a->fd >= 0)
        return 0;
    a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (a->fd >= 0 && epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, a->fd, &ev) == 0)
        return 0;
    err = -errno;
    pirn__alarm_close(a);
    return err;
}

void pirn__alarm_close(struct alarm *a)
{
    if (a->fd >= 0)
        (void)close(a->fd);
    alarm_init(a);
}

void pirn__alarm_set(struct alarm *a, pirn_time at)
{
    struct itimerspec when = {.it_value = {0, 0}};
    int saved = errno;

    if (a->fd < 0 || (at == PIRN_NEVER && !a->set))
        return;
    if (at != PIRN_NEVER) {
        at = at > 1 ? at : 1; /* 0 would disarm it */
        when.it_value.tv_sec = (time_t)(at / PIRN_SEC);
        when.it_value.tv_nsec = (long)(at % PIRN_SEC);
    }
    a->set = at != PIRN_NEVER;
    if (timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
        errno = saved; /* cannot be: the descriptor is ours, the time is in range */
    errno = saved;
}
