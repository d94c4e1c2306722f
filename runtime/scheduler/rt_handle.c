/* SPDX-License-Identifier: MIT */
/* The shared part of a runtime: made with it, given back when the last who knows it goes; and the
 * answers to its tasks that do not depend on the flavour. */
#include "runtime/scheduler/rt_handle.h"

#include <string.h>

#include "runtime/io/io.h"
#include "runtime/os/clock.h"
#include "runtime/scheduler/watchdog.h"
#include "task/base/assert.h"

/* More than cells can be out: while it is in `refs`, those that come back cannot reach 0. */
#define BIAS (UINT64_C(1) << 62)

void pirn__handle_init(struct pirn_handle *h, const struct pirn_handle *base,
                       const struct flavor_ops *flavor, const struct sched_ops *ops,
                       struct owned *owned, uint32_t shards)
{
    *h = *base;
    h->flavor = flavor;
    h->sched.ops = ops;
    h->owned = owned;
    h->shards = shards;
    for (uint32_t i = 0; i < shards; i++)
        pirn__owned_init(&owned[i]);
    pirn__rt_clock_init(&h->clock, h->flags & PIRN_RT_PAUSED);
    h->started_at = pirn__rt_now(h);
    h->owner = h->flags & PIRN_RT_LOCAL ? &pirn__context : NULL;
    ref_init(&h->refs, 1);
    /* mo: relaxed, all: not shared yet. */
    atomic_store_explicit(&h->calls, 0, memory_order_relaxed);
    atomic_store_explicit(&h->forgotten_told_at, -PIRN_SEC, memory_order_relaxed);
    atomic_store_explicit(&h->link_asked, 0, memory_order_relaxed);
    lock_init(&h->sets_lock);
    lock_init(&h->signal_lock);
    pirn__shared_spawner_init(&h->shared, &h->sched.alloc);
    pirn__blocking_init(&h->blocking, h);
}

static void hold_handle(void *h)
{
    (void)pirn_handle_ref(h);
}

/* Whoever runs now may be in a long poll next. */
static void notice_registration(void *h)
{
    pirn__handle_timer_set(h, NULL);
}

static void give_up_handle(void *h)
{
    pirn_handle_unref(h);
}

void pirn__handle_set_io(struct pirn_handle *h, struct io *io)
{
    const struct io_owner owner = {h, hold_handle, give_up_handle, notice_registration};

    h->io = io;
    pirn__io_set_owner(io, &owner);
}

static void free_text(const pirn_alloc *a, const char *text)
{
    if (text != NULL)
        a->free(a->user, (void *)(uintptr_t)text, strlen(text) + 1);
}

void pirn__handle_free_texts(struct pirn_handle *h)
{
    free_text(&h->sched.alloc, h->name);
    free_text(&h->sched.alloc, h->thread_name);
}

void pirn__handle_fini(struct pirn_handle *h)
{
    pirn__blocking_fini(&h->blocking);
    lock_fini(&h->signal_lock);
    lock_fini(&h->sets_lock);
    pirn__handle_free_texts(h);
}

static void free_handle(struct pirn_handle *h)
{
    struct spawner *sp;

    for (uint32_t i = 0; (sp = h->flavor->spawner(h, i)) != NULL; i++)
        pirn__cache_fini(&sp->cells);
    pirn__cache_fini(&h->shared.cells);
    h->flavor->destroy(h);
}

void pirn__handle_release(struct pirn_handle *h)
{
    struct spawner *sp;
    uint64_t out = 0;

    pirn__watchdog_stop(h);
    spin_take(&h->shared.lock);
    /* mo: relaxed. The lock orders it before the cache's end. */
    atomic_store_explicit(&h->shared.closed, true, memory_order_relaxed);
    spin_give(&h->shared.lock);
    /* Every cell that is still out holds the handle from now on. Some may come back while we count:
     * the bias keeps the handle until the sum is right. */
    ref_add(&h->refs, BIAS);
    for (uint32_t i = 0; (sp = h->flavor->spawner(h, i)) != NULL; i++)
        out += pirn__cache_close(&sp->cells);
    out += pirn__cache_close(&h->shared.cells);
    if (ref_sub(&h->refs, BIAS - out + 1)) /* with our own */
        free_handle(h);
}

void pirn__handle_end_sources(struct pirn_handle *h)
{
    struct registration *signals;
    struct wake_list wakes;
    struct spawner *sp;

    wake_list_init(&wakes);
    for (uint32_t i = 0; (sp = h->flavor->spawner(h, i)) != NULL; i++)
        pirn__timers_close(&sp->timers, &wakes);
    pirn__io_shutdown(h->io, &wakes);
    lock_take(&h->signal_lock);
    signals = h->signals;
    h->signals = NULL;
    h->signals_closed = true;
    lock_give(&h->signal_lock);
    if (signals != NULL)
        pirn__registration_retire(signals);
    pirn__wake_flush(&wakes);
}

pirn_handle *pirn_handle_ref(pirn_handle *h)
{
    ref_add(&h->refs, 1);
    return h;
}

void pirn_handle_unref(pirn_handle *h)
{
    if (h == NULL || !ref_sub(&h->refs, 1))
        return;
    if (!shared_spawner_is_closed(&h->shared)) /* the runtime's own went */
        CLIENT_BUG("pirn_handle_unref", "more references were given up than taken");
    free_handle(h);
}

/* ---- a paused clock ---------------------------------------------------------------------------- */

/* Blocking tasks take real time: while there are any, their ends come first. */
static pirn_time jump_target(struct pirn_handle *h, struct timers *t)
{
    if (LIKELY(!rt_clock_is_altered(&h->clock)) || !rt_clock_is_paused(&h->clock) ||
        !pirn__pool_is_quiet(&h->blocking.pool))
        return PIRN_NEVER;
    return pirn__timers_earliest(t);
}

bool pirn__handle_may_jump(struct pirn_handle *h, struct timers *t)
{
    return jump_target(h, t) != PIRN_NEVER;
}

bool pirn__handle_jump(struct pirn_handle *h, struct timers *t)
{
    pirn_time at = jump_target(h, t);

    return at != PIRN_NEVER && pirn__rt_clock_advance_to(&h->clock, at);
}

/* ---- what tasks ask of a scheduler: task/sched.h ---------------------------------------------- */

static struct pirn_handle *handle_of(struct sched *s)
{
    return (struct pirn_handle *)(void *)s;
}

bool pirn__handle_stopping(const struct sched *s)
{
    const struct pirn_handle *h = (const struct pirn_handle *)(const void *)s;

    return h->flavor->is_stopping(h);
}

bool pirn__handle_link(struct sched *s, struct header *cell)
{
    struct pirn_handle *h = handle_of(s);
    const struct spawner *sp = spawner_here(h);

    /* By who links: a thread that keeps its tasks shares its list with nobody. */
    cell_set_shard(cell, sp != NULL ? sp->shard : 0);
    return pirn__owned_link(handle_list_of(h, cell), cell);
}

bool pirn__handle_unlink(struct sched *s, struct header *cell)
{
    return pirn__owned_unlink(handle_list_of(handle_of(s), cell), cell);
}

void pirn__handle_resume(struct sched *s, struct notified n)
{
    struct pirn_handle *h = handle_of(s);

    h->flavor->submit(h, (struct unowned_task){n.cell});
}

void pirn__handle_end_here(struct sched *s, struct settle *settled)
{
    pirn__spawner_end_here(handle_of(s), settled);
}

void pirn__handle_free_cell(struct sched *s, struct header *cell)
{
    struct pirn_handle *h = handle_of(s);

    if (LIKELY(!cell_is_linked(cell) || pirn__owned_retire(handle_list_of(h, cell), cell)))
        pirn__spawner_reuse(h, cell);
}

void pirn__handle_faulted(struct sched *s, const struct task_facts *f, int code, const char *text)
{
    struct pirn_handle *h = handle_of(s);

    pirn__report_fault(h, f, code, text);
    if (h->unhandled == PIRN_UNHANDLED_SHUTDOWN)
        h->flavor->ask_stop(h);
}

void pirn__handle_contained(struct sched *s)
{
    pirn__report_contained(handle_of(s));
}

void pirn__handle_forgotten(struct sched *s, const struct task_facts *f)
{
    pirn__report_forgotten(handle_of(s), f);
}

void pirn__handle_terminated(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(handle_of(s), REPORT_TERMINATE, f);
}

void pirn__handle_before_poll(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(handle_of(s), REPORT_BEFORE_POLL, f);
}

void pirn__handle_after_poll(struct sched *s, const struct task_facts *f)
{
    pirn__report_task(handle_of(s), REPORT_AFTER_POLL, f);
}
