/* SPDX-License-Identifier: MIT */
/* How a worker sleeps, and who looks after the driver and the timers while others run.
 *
 * A sleeper takes the driver if nobody has it; the others sleep on words of their own, each until the
 * first of its own timers. Whoever leaves the driver runs what it brought, and mostly comes back soon,
 * so nobody is woken to take it over. But its poll may be a long one: then one of the sleepers, the
 * watcher, sees that. It sleeps for WATCH_NS at a time, and takes the driver when it finds that it is
 * left and that nobody has looked at it since the last time; it also fires timers of others that are
 * overdue. There is none while all sleep: who wakes and finds none makes one, who goes to sleep beside
 * others that are awake becomes it, and it stays for as long as it sees others wake. */
#include "runtime/os/clock.h"
#include "runtime/scheduler/multi_thread.h"
#include "runtime/scheduler/watchdog.h"
#include "task/wake.h"

#define WATCH_NS (4 * PIRN_MS)

/* ---- between polls --------------------------------------------------------------------------------- */

/* Oldest first, behind what is queued: events have no order that the slot could keep. */
static void flush_in_turn(struct worker *w, struct wake_list *wakes)
{
    w->lifo_off = true;
    pirn__wake_flush(wakes);
}

static void fire_overdue(struct worker *w, struct worker *other, pirn_time now,
                         struct wake_list *wakes)
{
    pirn_time next = pirn__timers_next(&other->spawner.timers);

    if (UNLIKELY(next <= now - WATCH_NS) && other != w)
        pirn__timers_advance(&other->spawner.timers, now, wakes);
}

void pirn__worker_fire_timers(struct worker *w, pirn_time now)
{
    struct multi_thread *mt = w->mt;
    struct wake_list wakes;

    wake_list_init(&wakes);
    pirn__timers_advance(&w->spawner.timers, now, &wakes);
    w->overdue_seen = (w->overdue_seen + 1) % mt->base.workers;
    fire_overdue(w, &mt->workers[w->overdue_seen], now, &wakes);
    if (!wake_list_is_empty(&wakes))
        flush_in_turn(w, &wakes);
}

void pirn__worker_look_at_driver(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    struct wake_list wakes;

    if (!io_has_sources(mt->base.io))
        return;
    wake_list_init(&wakes);
    if (pirn__shared_driver_look(&mt->driver, &wakes))
        flush_in_turn(w, &wakes);
}

/* ---- the watch --------------------------------------------------------------------------------------- */

static bool watches(const struct worker *w)
{
    /* mo: relaxed. It is a hint for everybody but the watcher, who is called when it changes. */
    return atomic_load_explicit(&w->mt->watcher, memory_order_relaxed) == w->index + 1;
}

/* Whether anything could be missed while a poll goes on and on. */
static bool has_sources(struct multi_thread *mt)
{
    bool timers = false;

    for (uint32_t i = 0; !timers && i < mt->base.workers; i++)
        timers = pirn__timers_next(&mt->workers[i].spawner.timers) != PIRN_NEVER;
    return timers || io_has_sources(mt->base.io);
}

/* Beside others that are awake, and did not see us asleep when they woke. */
static void volunteer(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    uint32_t nobody = 0;

    /* mo: relaxed, both. Its own hint. */
    if (atomic_load_explicit(&mt->watcher, memory_order_relaxed) == 0 &&
        !pirn__idle_all_asleep(&mt->idle) && has_sources(mt))
        (void)atomic_compare_exchange_strong_explicit(&mt->watcher, &nobody, w->index + 1,
                                                      memory_order_relaxed, memory_order_relaxed);
}

static void resign(struct worker *w)
{
    /* mo: seq_cst pairs with [watcher] in ensure_watch: see there. */
    if (watches(w))
        atomic_store_explicit(&w->mt->watcher, 0, memory_order_seq_cst);
}

/* Return: false: it has woken meanwhile, and did not see that it was made the watcher. */
static bool make_watcher(struct multi_thread *mt, uint32_t sleeper)
{
    uint32_t nobody = 0, it = sleeper + 1;

    /* mo: relaxed. Who becomes it is called by way of its parker. */
    if (!atomic_compare_exchange_strong_explicit(&mt->watcher, &nobody, it, memory_order_relaxed,
                                                 memory_order_relaxed))
        return true; /* somebody else was faster */
    if (pirn__idle_sleeps(&mt->idle, sleeper)) {
        pirn__parker_unpark(&mt->workers[sleeper].parker, &mt->driver);
        return true;
    }
    /* mo: relaxed. The lock in idle_sleeps orders it and the other's look when it woke. */
    (void)atomic_compare_exchange_strong_explicit(&mt->watcher, &it, 0, memory_order_relaxed,
                                                  memory_order_relaxed);
    return false;
}

void pirn__mt_ensure_watch(struct multi_thread *mt)
{
    uint32_t sleeper;

    do {
        /* mo: seq_cst pairs with [watcher] in resign: we are counted as awake, then look here; who resigns
         * says so, then looks whether all sleep. */
        if (atomic_load_explicit(&mt->watcher, memory_order_seq_cst) != 0)
            return;
    } while (pirn__idle_first_sleeper(&mt->idle, &sleeper) && !make_watcher(mt, sleeper));
}

/* The watcher's look, between two sleeps; @drove: the last was on the driver. */
static void look_after(struct worker *w, bool drove, struct wake_list *wakes)
{
    struct multi_thread *mt = w->mt;
    uint64_t turns = stat_get(&mt->driver.turns), awakenings = stat_get(&mt->awakenings);
    bool all_asleep = pirn__idle_all_asleep(&mt->idle);
    pirn_time now = pirn__clock_now();

    w->may_drive = drove || turns == w->turns_seen;
    if (all_asleep && awakenings == w->awakenings_seen) {
        resign(w);
        volunteer(w); /* again, if somebody has woken meanwhile and saw us */
    }
    w->turns_seen = turns;
    w->awakenings_seen = awakenings;
    for (uint32_t i = 0; i < mt->base.workers; i++)
        fire_overdue(w, &mt->workers[i], now, wakes);
}

/* ---- sleep ------------------------------------------------------------------------------------------- */

/* Whether the worker has to look up, asked after its sleep was announced. */
static bool is_called(struct worker *w)
{
    return pirn__mt_has_work(w->mt) || pirn__mt_is_stopping(&w->mt->base) ||
           pirn__worker_is_asked(w);
}

static void sleep_once(struct worker *w, struct wake_list *wakes)
{
    struct multi_thread *mt = w->mt;
    struct timers *timers = &w->spawner.timers;
    pirn_time until = pirn__timers_next(timers);
    bool watching = watches(w), drove;

    if (UNLIKELY(watching)) {
        pirn_time look = pirn__clock_now() + WATCH_NS;

        until = until < look ? until : look;
    }
    drove = pirn__parker_park(&w->parker, &mt->driver, !watching || w->may_drive, until, wakes);
    if (until != PIRN_NEVER)
        pirn__timers_advance(timers, pirn__clock_now(), wakes);
    if (UNLIKELY(watching))
        look_after(w, drove, wakes);
    else
        w->may_drive =
            drove; /* if it is the watcher now: it leaves the driver to who has just left it */
}

/* Until it is picked for new work, or called, or has work of its own. Return: whether the last. */
static bool sleep_until_woken(struct worker *w, struct wake_list *wakes)
{
    struct idle *idle = &w->mt->idle;
    bool found = false;

    pirn__idle_sleep(idle, w->index, w->searching);
    w->searching = true;
    w->may_drive = true;
    volunteer(w);
    /* Whoever picks it unparks it after; whoever calls it unparks it as well. */
    while (!found && !is_called(w)) {
        sleep_once(w, wakes);
        if (!pirn__idle_sleeps(idle, w->index))
            return false;
        found = !wake_list_is_empty(wakes) || pirn__worker_has_own(w);
    }
    /* What it has found is its own: it need not search. */
    if (pirn__idle_wake_self(idle, w->index, !found))
        w->searching = !found;
    else /* somebody picked it: its unpark is on its way */
        (void)pirn__parker_park(&w->parker, &w->mt->driver, false, PIRN_NEVER, wakes);
    return found;
}

void pirn__worker_sleep(struct worker *w)
{
    struct multi_thread *mt = w->mt;
    struct wake_list wakes;

    wake_list_init(&wakes);
    w->woken_by_event = sleep_until_woken(w, &wakes);
    resign(w);
    /* mo: relaxed, a statistic. Of the watcher alone. */
    (void)atomic_fetch_add_explicit(&mt->awakenings, 1, memory_order_relaxed);
    flush_in_turn(w, &wakes);
    if (has_sources(mt))
        pirn__mt_ensure_watch(mt);
}

void pirn__mt_timer_set(struct pirn_handle *h, struct timers *t)
{
    struct multi_thread *mt = mt_of(h);
    struct worker *here = worker_here(mt);

    if (here == NULL || t != &here->spawner.timers)
        for (uint32_t i = 0; i < h->workers; i++)
            if (t == &mt->workers[i].spawner.timers)
                pirn__parker_unpark(&mt->workers[i].parker, &mt->driver);
    pirn__mt_ensure_watch(mt);
}
