/* SPDX-License-Identifier: MIT */
/* Waiting on epoll, and what to do with an event. */
#include "runtime/io/io.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "task/cx.h"

int pirn__io_init(struct io *io, const pirn_alloc *a, uint32_t events_max)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int err;

    *io = (struct io){
        .epoll_fd = -1, .event_fd = -1, .events_max = events_max, .alloc = *a, .closed = false};
    spin_init(&io->lock);
    io->events = a->alloc(a->user, events_max * sizeof *io->events, _Alignof(struct epoll_event));
    if (io->events == NULL)
        return -ENOMEM;
    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io->epoll_fd >= 0)
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
    if (io->epoll_fd >= 0)
        (void)close(io->epoll_fd);
    io->alloc.free(io->alloc.user, io->events, io->events_max * sizeof *io->events);
}

/* ---- turns ------------------------------------------------------------------------------------------- */

/* epoll_wait() to the nanosecond, where the kernel has that: 5.11. */
static int wait_for_events(struct io *io, int64_t timeout_ns)
{
    int max = (int)io->events_max;

#if defined(SYS_epoll_pwait2)
    if (!io->old_kernel) {
        struct timespec ts = {(time_t)(timeout_ns / PIRN_SEC), (long)(timeout_ns % PIRN_SEC)};
        int n = (int)syscall(SYS_epoll_pwait2, io->epoll_fd, io->events, max,
                             timeout_ns == PIRN_NEVER ? NULL : &ts, NULL, 0);

        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) /* EPERM: a filter that is older */
            return n;
        io->old_kernel = true;
    }
#endif
    if (timeout_ns > INT32_MAX * PIRN_MS)
        return epoll_wait(io->epoll_fd, io->events, max, timeout_ns == PIRN_NEVER ? -1 : INT32_MAX);
    return epoll_wait(io->epoll_fd, io->events, max, (int)((timeout_ns + PIRN_MS - 1) / PIRN_MS));
}

/* An error is read by reading or writing: both are worth a try. */
uint32_t pirn__io_ready_bits(uint32_t events)
{
    uint32_t bits = 0;

    if (events & EPOLLIN)
        bits |= READY_READ;
    if (events & EPOLLOUT)
        bits |= READY_WRITE;
    if (events & EPOLLRDHUP)
        bits |= READY_READ | READY_READ_CLOSED;
    if (events & EPOLLHUP)
        bits |= READY_READ | READY_WRITE | READY_CLOSED;
    if (events & EPOLLPRI)
        bits |= READY_PRIORITY;
    if (events & EPOLLERR)
        bits |= READY_READ | READY_WRITE | READY_ERROR;
    return bits;
}

static void take_in(struct io *io, const struct epoll_event *ev, struct wake_list *wakes)
{
    struct registration *r = ev->data.ptr;
    uint32_t bits, word;

    if (r == NULL) {
        pirn__io_uncall(io);
        return;
    }
    bits = pirn__io_ready_bits(ev->events);
    word = pirn__readiness_set(&r->ready, bits);
    stat_add(&io->ready, 1);
    pirn__registration_tell(r, word, bits, wakes);
}

void pirn__io_turn(struct io *io, int64_t timeout_ns, struct wake_list *wakes)
{
    int n, saved = errno;

    pirn__io_give_back(io);
    n = wait_for_events(io, timeout_ns);
    for (int i = 0; i < n; i++)
        take_in(io, &io->events[i], wakes);
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
