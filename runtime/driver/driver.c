/* SPDX-License-Identifier: MIT */
/* Parking on an eventfd in an epoll descriptor.
 *
 * `state` spares the system calls: only an unpark that finds a sleeper (or a foreign loop waiting on
 * the descriptor) writes to the eventfd. Announce, then look for work; publish work, then look for a
 * sleeper: with both sides sequentially consistent one of them sees the other. */
#include "runtime/driver/driver.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    AWAKE = 0,
    PARKED,   /* asleep, or armed for a foreign loop */
    NOTIFIED, /* and the eventfd has been written to, or is about to be */
};

int pirn__driver_init(struct driver *d)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int err;

    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&d->state, AWAKE, memory_order_relaxed);
    d->event_fd = -1;
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (d->epoll_fd < 0)
        return -errno;
    d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->event_fd >= 0 && epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->event_fd, &ev) == 0)
        return 0;
    err = -errno;
    pirn__driver_fini(d);
    return err;
}

void pirn__driver_fini(struct driver *d)
{
    if (d->event_fd >= 0)
        (void)close(d->event_fd);
    (void)close(d->epoll_fd);
}

static void read_event(struct driver *d)
{
    uint64_t count;

    /* Nothing to read is fine: the writer has yet to come, and costs one look later. */
    if (read(d->event_fd, &count, sizeof count) < 0)
        return;
}

bool pirn__driver_park(struct driver *d, bool (*pending)(void *arg), void *arg)
{
    struct epoll_event ev;
    int saved = errno;
    bool slept = false;

    /* mo: seq_cst pairs with [park] in unpark: see above. */
    atomic_store_explicit(&d->state, PARKED, memory_order_seq_cst);
    if (!pending(arg)) {
        slept = true;
        if (epoll_wait(d->epoll_fd, &ev, 1, -1) > 0)
            read_event(d);
    }
    /* mo: relaxed. The sleeper looks for work itself now; whoever still writes to the eventfd has
     * published before, and costs one early end of the next sleep. Acquiring what was published is
     * up to the queue it was published in. */
    atomic_store_explicit(&d->state, AWAKE, memory_order_relaxed);
    errno = saved;
    return slept;
}

void pirn__driver_unpark(struct driver *d)
{
    uint32_t parked = PARKED;
    const uint64_t one = 1;
    int saved = errno;

    /* mo: seq_cst pairs with [park] in park and arm: see above. */
    if (atomic_load_explicit(&d->state, memory_order_seq_cst) != PARKED)
        return;
    /* mo: relaxed. One of several unparkers wins; what they publish does not go through here. */
    if (!atomic_compare_exchange_strong_explicit(&d->state, &parked, NOTIFIED, memory_order_relaxed,
                                                 memory_order_relaxed))
        return;
    /* Cannot fail: the counter is far from full, and the descriptor is ours. */
    if (write(d->event_fd, &one, sizeof one) < 0)
        errno = saved;
    errno = saved;
}

void pirn__driver_arm(struct driver *d)
{
    /* mo: seq_cst pairs with [park] in unpark. */
    atomic_store_explicit(&d->state, PARKED, memory_order_seq_cst);
}

void pirn__driver_disarm(struct driver *d)
{
    int saved = errno;

    /* mo: relaxed, as at the end of park. */
    atomic_store_explicit(&d->state, AWAKE, memory_order_relaxed);
    read_event(d);
    errno = saved;
}
