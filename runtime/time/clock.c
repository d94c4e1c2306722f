/* SPDX-License-Identifier: MIT */
/* A clock that can stand still. */
#include "runtime/time/clock.h"

void pirn__rt_clock_init(struct clock *c, bool paused)
{
    spin_init(&c->lock);
    /* mo: relaxed, all: not shared yet. */
    atomic_store_explicit(&c->altered, paused, memory_order_relaxed);
    atomic_store_explicit(&c->paused, paused, memory_order_relaxed);
    atomic_store_explicit(&c->frozen, pirn__clock_now(), memory_order_relaxed);
    atomic_store_explicit(&c->ahead, 0, memory_order_relaxed);
    atomic_store_explicit(&c->changes, 0, memory_order_relaxed);
}

pirn_time pirn__rt_clock_read(const struct clock *c)
{
    if (rt_clock_is_paused(c))
        /* mo: relaxed, as the next: set before `paused`, which acquired; later ones are as good. */
        return atomic_load_explicit(&c->frozen, memory_order_relaxed);
    return pirn__clock_now() + atomic_load_explicit(&c->ahead, memory_order_relaxed);
}

/* Holding the lock. */
static void freeze_at(struct clock *c, pirn_time at)
{
    /* mo: relaxed. Published by `paused`, or read for itself. */
    atomic_store_explicit(&c->frozen, at, memory_order_relaxed);
}

/* Holding the lock. */
static void say_paused(struct clock *c, bool paused)
{
    /* mo: release, both: pairs with [paused] and with [altered] in readers. */
    atomic_store_explicit(&c->paused, paused, memory_order_release);
    atomic_store_explicit(&c->altered, true, memory_order_release);
    /* mo: seq_cst pairs with [park] in rt_clock_changes(). */
    (void)atomic_fetch_add_explicit(&c->changes, 1, memory_order_seq_cst);
}

bool pirn__rt_clock_pause(struct clock *c)
{
    bool was;

    spin_take(&c->lock);
    was = rt_clock_is_paused(c);
    if (!was) {
        freeze_at(c, rt_clock_now(c));
        say_paused(c, true);
    }
    spin_give(&c->lock);
    return !was;
}

bool pirn__rt_clock_resume(struct clock *c)
{
    bool was;

    spin_take(&c->lock);
    was = rt_clock_is_paused(c);
    if (was) {
        /* mo: relaxed. Published by `paused`. */
        atomic_store_explicit(&c->ahead, pirn__rt_clock_read(c) - pirn__clock_now(),
                              memory_order_relaxed);
        say_paused(c, false);
    }
    spin_give(&c->lock);
    return was;
}

static bool move_frozen(struct clock *c, int64_t by, pirn_time to)
{
    bool was;

    spin_take(&c->lock);
    was = rt_clock_is_paused(c);
    if (was) {
        pirn_time now = pirn__rt_clock_read(c), last = PIRN_NEVER - 1;

        if (by > 0)
            to = by > last - now ? last : now + by;
        if (to > now)
            freeze_at(c, to);
    }
    spin_give(&c->lock);
    return was;
}

bool pirn__rt_clock_advance(struct clock *c, int64_t ns)
{
    return move_frozen(c, ns, 0);
}

bool pirn__rt_clock_advance_to(struct clock *c, pirn_time at)
{
    return move_frozen(c, 0, at);
}
