/* SPDX-License-Identifier: MIT */
/* Waiting on epoll. */
#include "runtime/io/io.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int pirn__io_init(struct io *io, const pirn_alloc *a, uint32_t events_max)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int err;

    (void)a;
    (void)events_max;
    io->event_fd = -1;
    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io->epoll_fd < 0)
        return -errno;
    io->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (io->event_fd >= 0 && epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->event_fd, &ev) == 0)
        return 0;
    err = -errno;
    pirn__io_fini(io);
    return err;
}

void pirn__io_fini(struct io *io)
{
    if (io->event_fd >= 0)
        (void)close(io->event_fd);
    (void)close(io->epoll_fd);
}

/* epoll_wait() to the nanosecond, where the kernel has that: 5.11. */
static int wait_for_events(int fd, struct epoll_event *events, int max, int64_t timeout_ns)
{
#if defined(SYS_epoll_pwait2)
    struct timespec ts = {(time_t)(timeout_ns / PIRN_SEC), (long)(timeout_ns % PIRN_SEC)};
    int n = (int)syscall(SYS_epoll_pwait2, fd, events, max, timeout_ns == PIRN_NEVER ? NULL : &ts,
                         NULL, 0);

    if (n >= 0 || errno != ENOSYS)
        return n;
#endif
    if (timeout_ns > INT32_MAX * PIRN_MS)
        return epoll_wait(fd, events, max, timeout_ns == PIRN_NEVER ? -1 : INT32_MAX);
    return epoll_wait(fd, events, max, (int)((timeout_ns + PIRN_MS - 1) / PIRN_MS));
}

void pirn__io_turn(struct io *io, int64_t timeout_ns, struct wake_list *wakes)
{
    struct epoll_event ev;
    int saved = errno;

    (void)wakes;
    if (wait_for_events(io->epoll_fd, &ev, 1, timeout_ns) > 0)
        pirn__io_uncall(io);
    errno = saved;
}

void pirn__io_call(struct io *io)
{
    const uint64_t one = 1;
    int saved = errno;

    /* Cannot fail: the counter is far from full, and the descriptor is ours. */
    if (write(io->event_fd, &one, sizeof one) < 0)
        errno = saved;
    errno = saved;
}

void pirn__io_uncall(struct io *io)
{
    uint64_t count;
    int saved = errno;

    /* Nothing to read is fine: the writer has yet to come, and costs one look later. */
    if (read(io->event_fd, &count, sizeof count) < 0)
        errno = saved;
    errno = saved;
}
