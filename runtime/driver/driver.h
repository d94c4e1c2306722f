/* SPDX-License-Identifier: MIT */
/* Parking: where a scheduler sleeps until something happens, and how it is woken.
 *
 * One eventfd in one epoll descriptor, so that a foreign event loop can wait on the same thing, and
 * other descriptors can join it. */
#ifndef PIRN_RUNTIME_DRIVER_DRIVER_H
#define PIRN_RUNTIME_DRIVER_DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct driver {
    _Atomic(uint32_t) state; /* enum in driver.c */
    int epoll_fd;
    int event_fd;
};

/* Return: 0, -EMFILE, -ENFILE, -ENOMEM. */
int pirn__driver_init(struct driver *d);
void pirn__driver_fini(struct driver *d);

/* Sleeps until pirn__driver_unpark(), a signal, or an event, unless @pending(arg) says, after the
 * sleep was announced, that there is work. One thread at a time.
 * Return: whether it slept. */
bool pirn__driver_park(struct driver *d, bool (*pending)(void *arg), void *arg);

/* Wakes the sleeper, or makes the descriptor readable. Any thread. What the caller published with a
 * sequentially consistent operation before is seen by @pending or after the sleep. */
void pirn__driver_unpark(struct driver *d);

/* Nobody sleeps here: somebody waits on the descriptor. Unparks make it readable from now on.
 * Followed by a look for work that came before. */
void pirn__driver_arm(struct driver *d);

/* Somebody drives again: the descriptor is not readable, unparks are free. */
void pirn__driver_disarm(struct driver *d);

#endif
