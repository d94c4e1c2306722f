/* SPDX-License-Identifier: MIT */
/* The current-thread flavour as the faces see it: made, given back, looked into. */
#include "runtime/os/random.h"
#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/watchdog.h"
#include "task/harness.h"
#include "task/waker.h"

static void ct_submit(struct pirn_handle *h, struct unowned_task t)
{
    struct current_thread *ct = ct_of(h);
    struct notified n = {t.cell};

    timing_stamp(h->flags, t.cell);
    if (ct_is_here(ct)) {
        if (LIKELY(!ct->core.stopped))
            task_list_push(&ct->core.local, n);
        else
            pirn__spawner_refuse(h, n);
        return;
    }
    if (!pirn__inject_push(&ct->inject, n)) {
        pirn__spawner_refuse(h, n);
        return;
    }
    pirn__driver_unpark(&ct->driver);
}

static void ct_ask_stop(struct pirn_handle *h)
{
    pirn__ct_ask_stop(ct_of(h));
}

static bool ct_is_stopping(const struct pirn_handle *h)
{
    return pirn__ct_is_stopping((const struct current_thread *)(const void *)h);
}

static struct spawner *ct_spawner(struct pirn_handle *h, uint32_t i)
{
    return i == 0 ? &ct_of(h)->core.spawner : NULL;
}

static struct poller *ct_next_poller(struct pirn_handle *h, struct poller *p)
{
    struct poller *own = &ct_of(h)->core.poller;

    return p == NULL ? own : pirn__pool_next_poller(&h->blocking.pool, p == own ? NULL : p);
}

static void ct_add_metrics(struct pirn_handle *h, pirn_metrics *m)
{
    struct core *core = &ct_of(h)->core;

    m->remote_schedules += stat_get(&core->remote_schedules);
    m->parks += stat_get(&core->parks);
    m->local_queue_depth += stat_get(&core->local.len) + stat_get(&core->deferred.len);
    /* The stack cannot be counted from outside: 1 stands for "some". */
    m->inject_queue_depth +=
        stat_get(&core->pulled.len) + !pirn__inject_is_empty(&ct_of(h)->inject);
}

static void ct_worker_metrics(struct pirn_handle *h, uint32_t worker, pirn_worker_metrics *m)
{
    struct core *core = &ct_of(h)->core;

    (void)worker;
    m->parks = stat_get(&core->parks);
    m->polls = stat_get(&core->poller.stats.polls);
    m->queue_depth = stat_get(&core->local.len) + stat_get(&core->deferred.len);
    m->global_queue_interval = h->global_queue_interval;
}

static struct timing *ct_timing(struct pirn_handle *h, uint32_t i)
{
    return i == 0 ? &ct_of(h)->core.timing : NULL;
}

static bool ct_is_awake(struct pirn_handle *h)
{
    /* mo: seq_cst pairs with [watch] in the watchdog. */
    return atomic_load_explicit(&ct_of(h)->awake, memory_order_seq_cst);
}

/* There is nobody else. */
static void ct_relieve(struct pirn_handle *h, uint32_t worker)
{
    (void)h;
    (void)worker;
}

static void ct_destroy(struct pirn_handle *h)
{
    struct current_thread *ct = ct_of(h);
    pirn_alloc a = h->sched.alloc;

    pirn__timing_fini(&ct->core.timing, &a);
    pirn__waiters_fini(&ct->waiters);
    pirn__driver_fini(&ct->driver);
    pirn__handle_fini(h);
    a.free(a.user, ct, sizeof *ct);
}

static int ct_make(const struct pirn_handle *base, struct pirn_handle **out)
{
    const pirn_alloc *a = &base->sched.alloc;
    struct current_thread *ct = a->alloc(a->user, sizeof *ct, _Alignof(struct current_thread));
    struct core *core;
    int r;

    if (ct == NULL)
        return -ENOMEM;
    *ct = (struct current_thread){.stop = CT_RUNNING};
    core = &ct->core;
    if (!pirn__timing_init(&core->timing, base->flags, a)) {
        a->free(a->user, ct, sizeof *ct);
        return -ENOMEM;
    }
    r = pirn__driver_init(&ct->driver, a, base->io_events);
    if (r == 0) {
        r = pirn__alarm_open(&ct->driver.alarm, &ct->driver.io);
        if (r != 0)
            pirn__driver_fini(&ct->driver);
    }
    if (r != 0) {
        pirn__timing_fini(&core->timing, a);
        a->free(a->user, ct, sizeof *ct);
        return r;
    }
    pirn__handle_init(&ct->base, base, &pirn__ct_flavor, &pirn__ct_ops, &ct->owned, 1);
    pirn__handle_set_io(&ct->base, &ct->driver.io);
    pirn__inject_init(&ct->inject);
    pirn__waiters_init(&ct->waiters);
    core->ct = ct;
    core->fd_has_timers = true;
    core->told = PIRN_NEVER;
    core->until_global = ct->base.global_queue_interval;
    pirn__spawner_init(&core->spawner, &ct->base, &core->poller,
                       ct->base.seed != 0 ? ct->base.seed : pirn__random_seed());
    pirn__poller_init(&core->poller, &ct->base.sched, ct->base.coop_budget);
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&ct->slot, core, memory_order_relaxed);
    r = pirn__watchdog_start(&ct->base);
    if (r != 0) {
        ct->base.name = ct->base.thread_name = NULL; /* the caller's still */
        pirn__handle_release(&ct->base);
        return r;
    }
    *out = &ct->base;
    return 0;
}

const struct flavor_ops pirn__ct_flavor = {
    .name = "current_thread",
    .make = ct_make,
    .submit = ct_submit,
    .block_on = pirn__ct_block_on,
    .shutdown = pirn__ct_shutdown,
    .ask_stop = ct_ask_stop,
    .is_stopping = ct_is_stopping,
    .spawner = ct_spawner,
    .next_poller = ct_next_poller,
    .link_queued = pirn__ct_link_queued,
    .timing = ct_timing,
    .is_awake = ct_is_awake,
    .timer_set = pirn__ct_timer_set,
    .relieve = ct_relieve,
    .add_metrics = ct_add_metrics,
    .worker_metrics = ct_worker_metrics,
    .destroy = ct_destroy,
};
