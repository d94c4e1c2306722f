/* SPDX-License-Identifier: MIT */
/* Where a worker sleeps: on the driver if nobody else does, else on a word of its own. */
#ifndef PIRN_RUNTIME_SCHEDULER_PARK_H
#define PIRN_RUNTIME_SCHEDULER_PARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/driver/driver.h"
#include "task/base/compiler.h"

/* The driver of a runtime whose workers take turns at it. */
struct shared_driver {
    _Alignas(CACHE_LINE) _Atomic(bool) taken; /* by the worker that sleeps on it */
    struct driver driver;                     /* guard, of parking on it: `taken` */
    _Atomic(uint64_t)
        turns; /* that it was taken and given back; written by its holder. A statistic */
};

struct parker {
    _Alignas(CACHE_LINE) _Atomic(uint32_t) state; /* enum in park.c */
};

void pirn__parker_init(struct parker *p);

/* Sleeps until pirn__parker_unpark(), one call of which before it counts as well, or until @until, or
 * for no reason. @drive: on the driver if that is free; what it brings goes into @wakes.
 * Return: whether it was on the driver. */
bool pirn__parker_park(struct parker *p, struct shared_driver *d, bool drive, pirn_time until,
                       struct wake_list *wakes);

/* Takes events in without sleeping, unless somebody has the driver. Return: whether @wakes has any. */
bool pirn__shared_driver_look(struct shared_driver *d, struct wake_list *wakes);

/* Any thread. What it did before is seen by the sleeper. */
void pirn__parker_unpark(struct parker *p, struct shared_driver *d);

#endif
