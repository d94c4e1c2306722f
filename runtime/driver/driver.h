/* SPDX-License-Identifier: MIT */
/* Parking: where a scheduler sleeps until something happens, and how it is woken. */
#ifndef PIRN_RUNTIME_DRIVER_DRIVER_H
#define PIRN_RUNTIME_DRIVER_DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/io/alarm.h"
#include "runtime/io/io.h"

struct driver {
    _Atomic(uint32_t) state; /* enum in driver.c */
    struct io io;
    struct alarm alarm; /* guard: who may park here */
};

/* Return: as pirn__io_init(). */
int pirn__driver_init(struct driver *d, const pirn_alloc *a, uint32_t events_max);
void pirn__driver_fini(struct driver *d);

/* Sleeps until pirn__driver_unpark(), a signal, an event, or until @timeout_ns have passed, unless
 * @pending(arg) says, after the sleep was announced, that there is work. Takes events in, as
 * pirn__io_turn() does. One thread at a time. Return: whether it slept. */
bool pirn__driver_park(struct driver *d, bool (*pending)(void *arg), void *arg, int64_t timeout_ns,
                       struct wake_list *wakes);

/* Takes events in without sleeping. As park, one thread at a time. */
static inline void driver_look(struct driver *d, struct wake_list *wakes)
{
    pirn__io_turn(&d->io, 0, wakes);
}

/* Wakes the sleeper, or makes the descriptor readable. Any thread. What the caller published with a
 * sequentially consistent operation before is seen by @pending or after the sleep. */
void pirn__driver_unpark(struct driver *d);

/* Nobody sleeps here: somebody waits on the descriptor. Unparks make it readable from now on.
 * Followed by a look for work that came before. */
void pirn__driver_arm(struct driver *d);

/* Somebody drives again: the descriptor is not readable, unparks are free. */
void pirn__driver_disarm(struct driver *d);

#endif
