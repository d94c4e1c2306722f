/* SPDX-License-Identifier: MIT */
/* Workers' parkers, and the driver they share, for the scenarios. */
#ifndef PIRN_TESTS_MODEL_PARKER_MODEL_H
#define PIRN_TESTS_MODEL_PARKER_MODEL_H

#define MODEL_IO_TURN
#include "tests/model/os_model.h"

/* What the sleeper on the driver does there; plain: `taken` alone publishes it. */
static int turns;

void pirn__io_turn(struct io *io, int64_t timeout_ns, struct wake_list *wakes)
{
    (void)timeout_ns;
    (void)wakes;
    turns++;
    fd_wait();
    pirn__io_uncall(io);
}

#include "runtime/driver/driver.c"
#define PARKED   PARKER_PARKED
#define NOTIFIED PARKER_NOTIFIED
#include "runtime/scheduler/park.c"
#undef PARKED
#undef NOTIFIED

static struct shared_driver shared;
static struct parker parkers[2];
static atomic_int events[2]; /* relaxed: the unpark alone publishes them */

static void parkers_setup(void)
{
    fd_reset();
    futex_reset();
    turns = 0;
    atomic_store_explicit(&shared.taken, false, memory_order_relaxed);
    atomic_store_explicit(&shared.driver.state, AWAKE, memory_order_relaxed);
    for (int i = 0; i < 2; i++) {
        pirn__parker_init(&parkers[i]);
        atomic_store_explicit(&events[i], 0, memory_order_relaxed);
    }
}

static void unpark_for(int event, int parker)
{
    atomic_store_explicit(&events[event], 1, memory_order_relaxed);
    pirn__parker_unpark(&parkers[parker], &shared);
}

static void park_until(int event, int parker)
{
    while (atomic_load_explicit(&events[event], memory_order_relaxed) == 0)
        (void)pirn__parker_park(&parkers[parker], &shared, true, PIRN_NEVER, NULL);
}
#endif
