/* SPDX-License-Identifier: MIT */
/* Parking of workers.
 *
 * An unpark always writes the state, also when it finds it written: what its caller did before must
 * be seen by the sleeper, and only a write that is read hands that over. */
#include "runtime/scheduler/park.h"

#include <stddef.h>

#include "runtime/os/clock.h"
#include "runtime/os/futex.h"
#include "task/cx.h"

enum {
    EMPTY = 0,
    PARKED,           /* on `state` */
    PARKED_ON_DRIVER, /* on the driver, or about to be */
    NOTIFIED,
};

void pirn__parker_init(struct parker *p)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&p->state, EMPTY, memory_order_relaxed);
}

/* Return: false: it was notified, and that is consumed. */
static bool announce(struct parker *p, uint32_t how)
{
    uint32_t empty = EMPTY;

    /* mo: seq_cst pairs with [park] in the driver. Acquire on failure would not do: the exchange
     * below reads what the last unpark wrote. */
    if (atomic_compare_exchange_strong_explicit(&p->state, &empty, how, memory_order_seq_cst,
                                                memory_order_relaxed))
        return true;
    /* mo: acquire pairs with [unpark]. */
    (void)atomic_exchange_explicit(&p->state, EMPTY, memory_order_acquire);
    return false;
}

static bool is_notified(void *arg)
{
    struct parker *p = arg;

    /* mo: seq_cst pairs with [park]: we announce the sleep at the driver, then look here; an unpark
     * writes here, then looks at the driver. */
    return atomic_load_explicit(&p->state, memory_order_seq_cst) == NOTIFIED;
}

static void sleep_on_word(struct parker *p, pirn_time until)
{
    if (!announce(p, PARKED))
        return;
    /* mo: relaxed. The exchange acquires. */
    while (atomic_load_explicit(&p->state, memory_order_relaxed) == PARKED)
        if (!pirn__futex_wait(&p->state, PARKED, until))
            break;
    /* mo: acquire pairs with [unpark]. */
    (void)atomic_exchange_explicit(&p->state, EMPTY, memory_order_acquire);
}

static void sleep_on_driver(struct parker *p, struct driver *d, pirn_time until,
                            struct wake_list *wakes)
{
    if (!announce(p, PARKED_ON_DRIVER))
        return;
    (void)pirn__driver_park(d, is_notified, p, pirn__clock_until(until), wakes);
    /* mo: acquire pairs with [unpark]. */
    (void)atomic_exchange_explicit(&p->state, EMPTY, memory_order_acquire);
}

static bool take_driver(struct shared_driver *d)
{
    /* mo: relaxed: a look saves the exchange. Acquire pairs with [turn] below: the driver is as its last
     * holder left it. */
    return !atomic_load_explicit(&d->taken, memory_order_relaxed) &&
           !atomic_exchange_explicit(&d->taken, true, memory_order_acquire);
}

static void give_driver(struct shared_driver *d)
{
    stat_add(&d->turns, 1);
    /* mo: release pairs with [turn] above. */
    atomic_store_explicit(&d->taken, false, memory_order_release);
}

bool pirn__parker_park(struct parker *p, struct shared_driver *d, bool drive, pirn_time until,
                       struct wake_list *wakes)
{
    if (!drive || !take_driver(d)) {
        sleep_on_word(p, until);
        return false;
    }
    sleep_on_driver(p, &d->driver, until, wakes);
    give_driver(d);
    return true;
}

bool pirn__shared_driver_look(struct shared_driver *d, struct wake_list *wakes)
{
    if (!take_driver(d))
        return false;
    driver_look(&d->driver, wakes);
    give_driver(d);
    return !wake_list_is_empty(wakes);
}

void pirn__parker_unpark(struct parker *p, struct shared_driver *d)
{
    /* mo: release pairs with [unpark] in the sleeper. seq_cst pairs with [park]: the look at the
     * driver's state that follows. */
    uint32_t was = atomic_exchange_explicit(&p->state, NOTIFIED, memory_order_seq_cst);

    if (was == PARKED)
        pirn__futex_wake(&p->state, 1);
    else if (was == PARKED_ON_DRIVER)
        pirn__driver_unpark(&d->driver);
}
