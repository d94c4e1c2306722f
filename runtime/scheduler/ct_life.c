/* SPDX-License-Identifier: MIT */
/* A current-thread runtime's memory: made at once, given back when the last who knows it goes. */
#include <errno.h>
#include <string.h>

#include "runtime/os/clock.h"
#include "runtime/os/random.h"
#include "runtime/scheduler/current_thread.h"
#include "task/base/assert.h"
#include "task/waker.h"

/* More than cells can be out: while it is in `refs`, those that come back cannot reach 0. */
#define BIAS (UINT64_C(1) << 62)

int pirn__ct_new(struct pirn_handle *base, struct current_thread **out)
{
    const pirn_alloc *a = &base->sched.alloc;
    struct current_thread *ct = a->alloc(a->user, sizeof *ct, _Alignof(struct current_thread));
    struct core *core;
    int r;

    if (ct == NULL)
        return -ENOMEM;
    *ct = (struct current_thread){.base = *base};
    r = pirn__driver_init(&ct->driver);
    if (r != 0) {
        a->free(a->user, ct, sizeof *ct);
        return r;
    }
    ct->base.sched.ops = &pirn__ct_ops;
    ct->base.started_at = pirn__clock_now();
    ct->owner = ct->base.flags & PIRN_RT_LOCAL ? &pirn__context : NULL;
    /* mo: relaxed, all below: not shared yet. */
    ref_init(&ct->base.refs, 1);
    atomic_store_explicit(&ct->base.forgotten_told_at, -PIRN_SEC, memory_order_relaxed);
    pirn__inject_init(&ct->inject);
    pirn__owned_init(&ct->owned);
    pirn__waiters_init(&ct->waiters);
    lock_init(&ct->sets_lock);
    spin_init(&ct->shared.lock);
    pirn__cache_init(&ct->shared.cells, &ct->base.sched.alloc);
    core = &ct->core;
    core->ct = ct;
    core->until_global = ct->base.global_queue_interval;
    core->random = ct->base.seed != 0 ? ct->base.seed : pirn__random_seed();
    pirn__cache_init(&core->cells, &ct->base.sched.alloc);
    core->poller.budget = ct->base.coop_budget;
    core->poller.cx.waker.vt = &pirn__task_waker_vt;
    core->poller.cx.root = &core->poller.cx;
    core->poller.cx.sched = &ct->base.sched;
    /* mo: relaxed, as above. */
    atomic_store_explicit(&ct->slot, core, memory_order_relaxed);
    *out = ct;
    return 0;
}

void pirn__ct_release(struct current_thread *ct)
{
    uint64_t out;

    spin_take(&ct->shared.lock);
    /* mo: relaxed. The lock orders it before the cache's end. */
    atomic_store_explicit(&ct->shared.closed, true, memory_order_relaxed);
    spin_give(&ct->shared.lock);
    /* Every cell that is still out holds the handle from now on. Some may come back while we count:
     * the bias keeps the handle until the sum is right. */
    ref_add(&ct->base.refs, BIAS);
    out = pirn__cache_close(&ct->core.cells) + pirn__cache_close(&ct->shared.cells);
    if (ref_sub(&ct->base.refs, BIAS - out + 1)) /* with our own */
        pirn__handle_free(&ct->base);
}

void pirn__handle_free(struct pirn_handle *h)
{
    struct current_thread *ct = ct_of(h);
    pirn_alloc a = h->sched.alloc;

    pirn__cache_fini(&ct->core.cells);
    pirn__cache_fini(&ct->shared.cells);
    pirn__waiters_fini(&ct->waiters);
    lock_fini(&ct->sets_lock);
    pirn__driver_fini(&ct->driver);
    if (h->name != NULL)
        a.free(a.user, (void *)(uintptr_t)h->name, strlen(h->name) + 1);
    a.free(a.user, ct, sizeof *ct);
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
    if (!pirn__ct_is_closed(ct_of(h))) /* the runtime's own went */
        CLIENT_BUG("pirn_handle_unref", "more references were given up than taken");
    pirn__handle_free(h);
}
