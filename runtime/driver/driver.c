/* SPDX-License-Identifier: MIT */
/* Parking on a runtime's descriptors.
 *
 * `state` spares the system calls: only an unpark that finds a sleeper (or a foreign loop waiting on
 * the descriptor) makes one. Announce, then look for work; publish work, then look for a
 * sleeper: with both sides sequentially consistent one of them sees the other. */
#include "runtime/driver/driver.h"

enum {
    AWAKE = 0,
    PARKED,   /* asleep, or armed for a foreign loop */
    NOTIFIED, /* and called, or about to be */
};

int pirn__driver_init(struct driver *d, const pirn_alloc *a, uint32_t events_max)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&d->state, AWAKE, memory_order_relaxed);
    alarm_init(&d->alarm);
    return pirn__io_init(&d->io, a, events_max);
}

void pirn__driver_fini(struct driver *d)
{
    pirn__alarm_close(&d->alarm);
    pirn__io_fini(&d->io);
}

bool pirn__driver_park(struct driver *d, bool (*pending)(void *arg), void *arg, int64_t timeout_ns,
                       struct wake_list *wakes)
{
    bool slept = false;

    /* mo: seq_cst pairs with [park] in unpark: see above. */
    atomic_store_explicit(&d->state, PARKED, memory_order_seq_cst);
    if (!pending(arg)) {
        slept = true;
        pirn__io_turn(&d->io, timeout_ns, wakes);
    }
    /* mo: relaxed. The sleeper looks for work itself now; whoever still calls has published before, and
     * costs one early end of the next sleep. Acquiring what was published is up to the queue it was
     * published in. */
    atomic_store_explicit(&d->state, AWAKE, memory_order_relaxed);
    return slept;
}

void pirn__driver_unpark(struct driver *d)
{
    uint32_t parked = PARKED;

    /* mo: seq_cst pairs with [park] in park and arm: see above. */
    if (atomic_load_explicit(&d->state, memory_order_seq_cst) != PARKED)
        return;
    /* mo: relaxed. One of several unparkers wins; what they publish does not go through here. */
    if (atomic_compare_exchange_strong_explicit(&d->state, &parked, NOTIFIED, memory_order_relaxed,
                                                memory_order_relaxed))
        pirn__io_call(&d->io);
}

void pirn__driver_arm(struct driver *d)
{
    /* mo: seq_cst pairs with [park] in unpark. */
    atomic_store_explicit(&d->state, PARKED, memory_order_seq_cst);
}

void pirn__driver_disarm(struct driver *d)
{
    /* mo: relaxed, as at the end of park. */
    atomic_store_explicit(&d->state, AWAKE, memory_order_relaxed);
    pirn__io_uncall(&d->io);
}
