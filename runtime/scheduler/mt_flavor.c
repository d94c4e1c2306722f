/* SPDX-License-Identifier: MIT */
/* The multi-thread flavour as the faces see it: made, given back, entered, looked into. */
#include <errno.h>

#include "runtime/os/cpus.h"
#include "runtime/os/random.h"
#include "runtime/scheduler/entry.h"
#include "runtime/scheduler/multi_thread.h"
#include "runtime/scheduler/root.h"
#include "runtime/scheduler/watchdog.h"
#include "task/base/error.h"

/* ---- pirn_block_on --------------------------------------------------------------------------------- */

static bool is_signalled(void *root)
{
    return pirn__waiter_is_signalled(&((struct root *)root)->waiter);
}

static void wait_for_wake(struct root *root)
{
    if (pirn__patience_look(&root->patience, is_signalled, root))
        return;
    (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
    pirn__patience_slept(&root->patience);
}

/* The root is polled here when it is woken; the workers do the rest. */
static enum end drive_root(struct multi_thread *mt, struct root *root)
{
    enum end end = END_IDLE;
    bool told;

    /* In the list before the look: told to stop under its lock, or seen here. */
    pirn__waiters_add(&mt->waiters, &root->waiter);
    while (end == END_IDLE) {
        told = false;
        if (pirn__mt_is_stopping(&mt->base))
            end = END_STOPPED;
        else if (pirn__root_take_wake(root, &told))
            end = pirn__root_poll_contained(root, mt->base.coop_budget);
        else if (!told)
            wait_for_wake(root);
    }
    pirn__waiters_remove(&mt->waiters, &root->waiter, true);
    return end;
}

static int mt_block_on(struct pirn_handle *h, const pirn_task_desc *d, void *frame,
                       pirn_result *res, void *out)
{
    struct root *root = pirn__root_open(h, NULL, d, frame, out);
    struct entry entry;
    int r;

    if (root == NULL)
        return -ENOMEM;
    pirn__entry_begin(&entry, h);
    pirn__root_decide(root, drive_root(mt_of(h), root));
    while (!pirn__root_is_settled(root)) {
        (void)pirn__waiter_sleep(&root->waiter, PIRN_NEVER);
        (void)pirn__root_take_wake(root, NULL);
    }
    r = pirn__root_finish(root, res);
    pirn__entry_end(&entry);
    pirn__root_close(root);
    return r;
}

/* ---- looking inside -------------------------------------------------------------------------------- */

static struct worker *nth(struct pirn_handle *h, uint32_t i)
{
    return i < h->workers ? &mt_of(h)->workers[i] : NULL;
}

static struct spawner *mt_spawner(struct pirn_handle *h, uint32_t i)
{
    struct worker *w = nth(h, i);

    return w != NULL ? &w->spawner : NULL;
}

static struct timing *mt_timing(struct pirn_handle *h, uint32_t i)
{
    struct worker *w = nth(h, i);

    return w != NULL ? &w->timing : NULL;
}

static struct poller *mt_next_poller(struct pirn_handle *h, struct poller *p)
{
    return pirn__pool_next_poller(&h->blocking.pool, p);
}

static bool mt_is_awake(struct pirn_handle *h)
{
    return !pirn__idle_all_asleep(&mt_of(h)->idle);
}

/* The watchdog's thread steals everything that waits behind the poll, and shares it out. */
static void mt_relieve(struct pirn_handle *h, uint32_t worker)
{
    struct multi_thread *mt = mt_of(h);
    struct worker *w = nth(h, worker);
    struct header *tasks[QUEUE_STEAL_MAX];
    struct task_list chain;
    uint32_t n;

    if (w == NULL)
        return;
    task_list_init(&chain);
    /* Always: this thread answers no walker, and who stops waits for what it has in hand. It says so, then
     * looks whether anybody stops: else the last worker may have looked before, and gone. */
    pirn__mt_begin_move(mt);
    if (pirn__mt_is_stopping(h)) {
        pirn__mt_end_move(mt, NULL, 0);
        return;
    }
    tasks[0] = pirn__worker_take_lifo(w);
    n = tasks[0] != NULL;
    do {
        for (uint32_t i = 0; i < n; i++) {
            pirn__mt_link(mt, tasks[i]);
            task_list_push(&chain, (struct notified){tasks[i]});
        }
        n = pirn__queue_steal(&w->queue, tasks);
    } while (n != 0);
    pirn__mt_push_shared(mt, &chain);
    pirn__mt_end_move(mt, NULL, 0);
}

static void mt_add_metrics(struct pirn_handle *h, pirn_metrics *m)
{
    struct multi_thread *mt = mt_of(h);
    uint64_t moved = stat_get(&mt->moved), pulled = 0; /* in this order: not more than is counted */

    for (uint32_t i = 0; i < h->workers; i++) {
        const struct worker *w = &mt->workers[i];

        pulled += stat_get(&w->stats.remote_schedules);
        m->parks += stat_get(&w->stats.parks);
        m->polls += stat_get(&w->stats.polls);
        m->local_queue_depth += pirn__queue_len(&w->queue);
    }
    m->remote_schedules += pulled > moved ? pulled - moved : 0;
    /* The stack cannot be counted from outside: 1 stands for "some". */
    m->inject_queue_depth +=
        stat_get(&mt->global.ready.len) + !pirn__inject_is_empty(&mt->global.inject);
    m->block_in_place_kept = stat_get(&mt->kept);
}

static void mt_worker_metrics(struct pirn_handle *h, uint32_t worker, pirn_worker_metrics *m)
{
    const struct worker *w = nth(h, worker);
    const struct worker_stats *s = &w->stats;

    m->thread_id = stat_get(&s->thread_id);
    m->busy_ns = stat_get(&s->busy_ns);
    m->parks = stat_get(&s->parks);
    m->parks_unparks = stat_get(&s->parks_unparks);
    m->noops = stat_get(&s->noops);
    m->polls = stat_get(&s->polls);
    m->mean_poll_ns = stat_get(&w->tuning.mean_ns);
    m->local_schedules = stat_get(&s->local_schedules);
    m->overflows = stat_get(&s->overflows);
    m->steals = stat_get(&s->steals);
    m->steal_operations = stat_get(&s->steal_operations);
    m->queue_depth = pirn__queue_len(&w->queue);
    m->global_queue_interval = tuning_interval(&w->tuning);
}

/* ---- life -------------------------------------------------------------------------------------------- */

/* One block: the scheduler, its workers, their lists, the sleepers' numbers. */
struct layout {
    size_t workers, owned, sleepers, bytes;
    uint32_t shards;
};

static size_t align_line(size_t n)
{
    return (n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static struct layout layout_of(uint32_t workers)
{
    struct layout l;

    l.shards = workers < CELL_SHARDS ? workers : CELL_SHARDS;
    l.workers = align_line(sizeof(struct multi_thread));
    l.owned = align_line(l.workers + workers * sizeof(struct worker));
    l.sleepers = align_line(l.owned + l.shards * sizeof(struct owned));
    l.bytes = align_line(l.sleepers + workers * sizeof(uint32_t));
    return l;
}

static void free_workers(struct multi_thread *mt, uint32_t n)
{
    const pirn_alloc *a = &mt->base.sched.alloc;

    for (uint32_t i = 0; i < n; i++) {
        pirn__timing_fini(&mt->workers[i].timing, a);
        pirn__queue_fini(&mt->workers[i].queue, a);
    }
}

static void mt_destroy(struct pirn_handle *h)
{
    struct multi_thread *mt = mt_of(h);
    pirn_alloc a = h->sched.alloc;
    size_t bytes = layout_of(h->workers).bytes;

    free_workers(mt, h->workers);
    pirn__waiters_fini(&mt->waiters);
    pirn__idle_fini(&mt->idle);
    pirn__driver_fini(&mt->driver.driver);
    pirn__handle_fini(h);
    a.free(a.user, mt, bytes);
}

/* Return: false: no memory; nothing is left behind. */
static bool init_worker(struct multi_thread *mt, uint32_t i, uint64_t *seed)
{
    const pirn_alloc *a = &mt->base.sched.alloc;
    struct worker *w = &mt->workers[i];

    *w = (struct worker){
        .mt = mt, .index = i, .yield_mark = UINT64_MAX, .polls_at_wake = UINT64_MAX};
    w->lifo_off = !mt->lifo;
    if (!pirn__timing_init(&w->timing, mt->base.flags, a))
        return false;
    if (!pirn__queue_init(&w->queue, a)) {
        pirn__timing_fini(&w->timing, a);
        return false;
    }
    pirn__spawner_init(&w->spawner, &mt->base, NULL, pirn__random_next(seed));
    w->spawner.shard = i % mt->base.shards;
    pirn__tuning_init(&w->tuning, mt->base.global_queue_interval);
    w->until_event = mt->base.event_interval;
    w->until_global = tuning_interval(&w->tuning);
    pirn__parker_init(&w->parker);
    pirn__worker_pass_on(w); /* to the first thread that runs it */
    return true;
}

/* All that needs no thread. Return: 0; an error, and nothing is left behind. */
static int build(struct multi_thread *mt, const struct pirn_handle *base, const struct layout *l)
{
    uint64_t seed = base->seed != 0 ? base->seed : pirn__random_seed();
    int r = pirn__driver_init(&mt->driver.driver, &base->sched.alloc, base->io_events);

    if (r != 0)
        return r;
    pirn__handle_init(&mt->base, base, &pirn__mt_flavor, &pirn__mt_ops,
                      (struct owned *)(void *)((char *)mt + l->owned), l->shards);
    mt->workers = (struct worker *)(void *)((char *)mt + l->workers);
    pirn__handle_set_io(&mt->base, &mt->driver.driver.io);
    mt->lifo = !(base->flags & PIRN_RT_NO_LIFO);
    mt->spin = pirn__cpus_usable() > 1;
    pirn__global_init(&mt->global);
    pirn__idle_init(&mt->idle, base->workers, (uint32_t *)(void *)((char *)mt + l->sleepers));
    pirn__waiters_init(&mt->waiters);
    for (uint32_t i = 0; i < base->workers; i++)
        if (!init_worker(mt, i, &seed)) {
            free_workers(mt, i);
            r = -ENOMEM;
            break;
        }
    if (r == 0)
        return 0;
    pirn__waiters_fini(&mt->waiters);
    pirn__idle_fini(&mt->idle);
    pirn__driver_fini(&mt->driver.driver);
    mt->base.name = mt->base.thread_name = NULL; /* the caller's still */
    pirn__handle_fini(&mt->base);
    return r;
}

/* The workers' threads, and the watchdog's. Return: 0; an error, and none runs. */
static int start(struct multi_thread *mt)
{
    struct pirn_handle *h = &mt->base;
    uint32_t started = 0;
    int r = pirn__watchdog_start(h);

    while (r == 0 && started < h->workers) {
        r = pirn__pool_start(&h->blocking.pool,
                             (struct pool_job){pirn__worker_run, &mt->workers[started]});
        started += r == 0;
    }
    if (r == 0)
        return 0;
    /* mo: relaxed. Those that never ran have nothing to hand over. */
    (void)atomic_fetch_add_explicit(&mt->stopped, h->workers - started, memory_order_relaxed);
    pirn__mt_ask_stop(h);
    if (started == 0)
        /* mo: relaxed. There is no thread. */
        atomic_store_explicit(&mt->stop, MT_STOPPED, memory_order_relaxed);
    (void)pirn__mt_shutdown(h, PIRN_NEVER, true);
    pirn__watchdog_stop(h);
    return r;
}

static int mt_make(const struct pirn_handle *base, struct pirn_handle **out)
{
    const pirn_alloc *a = &base->sched.alloc;
    struct layout l = layout_of(base->workers);
    struct multi_thread *mt = a->alloc(a->user, l.bytes, CACHE_LINE);
    int r;

    if (mt == NULL)
        return -ENOMEM;
    *mt = (struct multi_thread){.stop = MT_RUNNING};
    r = build(mt, base, &l);
    if (r != 0) {
        a->free(a->user, mt, l.bytes);
        return r;
    }
    r = start(mt);
    if (r != 0) {
        mt->base.name = mt->base.thread_name = NULL; /* the caller's still */
        pirn__handle_release(&mt->base);
        return r;
    }
    *out = &mt->base;
    return 0;
}

const struct flavor_ops pirn__mt_flavor = {
    .name = "multi_thread",
    .make = mt_make,
    .submit = pirn__mt_submit,
    .block_on = mt_block_on,
    .shutdown = pirn__mt_shutdown,
    .ask_stop = pirn__mt_ask_stop,
    .is_stopping = pirn__mt_is_stopping,
    .spawner = mt_spawner,
    .next_poller = mt_next_poller,
    .link_queued = pirn__mt_link_queued,
    .timing = mt_timing,
    .is_awake = mt_is_awake,
    .timer_set = pirn__mt_timer_set,
    .relieve = mt_relieve,
    .add_metrics = mt_add_metrics,
    .worker_metrics = mt_worker_metrics,
    .destroy = mt_destroy,
};
