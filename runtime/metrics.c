/* SPDX-License-Identifier: MIT */
/* Counters of a runtime, added up from those who keep them. */
#include <errno.h>
#include <string.h>

#include <pirn/runtime.h>

#include "runtime/io/io.h"
#include "runtime/runtime.h"
#include "runtime/scheduler/local_set.h"
#include "runtime/scheduler/timing.h"
#include "task/base/error.h"

static void fill(struct pirn_handle *h, pirn_metrics *m)
{
    struct local_totals sets;
    struct poller *p = NULL;
    struct spawner *sp;
    uint64_t undone = stat_get(&h->stray.undone);
    uint64_t finished = stat_get(&h->stray.finished);

    pirn__local_totals(h, &sets);
    m->workers = h->workers;
    m->faults = stat_get(&h->stray.faults) + sets.faults;
    m->polls = sets.polls;
    m->budget_yields = sets.budget_yields;
    /* Finished first: what is spawned in between must not make it the larger. */
    while ((p = h->flavor->next_poller(h, p)) != NULL) {
        finished += stat_get(&p->stats.finished);
        m->polls += stat_get(&p->stats.polls);
        m->budget_yields += stat_get(&p->stats.budget_yields);
        m->faults += stat_get(&p->stats.faults);
    }
    finished += sets.finished;
    m->tasks_spawned = stat_get(&h->shared.spawned) + sets.spawned - undone;
    m->cell_bytes =
        stat_get(&h->shared.cells.bytes) + stat_get(&h->shared.large_bytes) + sets.cell_bytes;
    for (uint32_t i = 0; (sp = h->flavor->spawner(h, i)) != NULL; i++) {
        m->tasks_spawned += stat_get(&sp->spawned);
        m->cell_bytes += stat_get(&sp->cells.bytes);
    }
    m->tasks_alive = m->tasks_spawned - finished;
    m->contained_faults = stat_get(&h->stray.contained);
    m->forgotten_wakes = stat_get(&h->stray.forgotten);
    m->stuck_polls = stat_get(&h->stray.stuck);
    /* The second first, as above. */
    m->fds_deregistered = stat_get(&h->io->retired);
    m->fds_registered = stat_get(&h->io->added);
    m->io_events = stat_get(&h->io->ready);
    m->local_queue_depth = sets.queued;
    m->retired_cells = sets.retired_cells;
    for (uint32_t i = 0; i < h->shards; i++)
        m->retired_cells += stat_get(&h->owned[i].limbo_count);
    m->retired_cells += stat_get(&h->blocking.owned.limbo_count);
    pirn__blocking_metrics(&h->blocking, m);
    h->flavor->add_metrics(h, m);
}

/* Checks what the calls below share. @given: the size the caller's struct has; @known: ours. */
static int check(const void *m, size_t given, size_t known, const char *call, const char *type,
                 pirn_handle **h)
{
    if (m == NULL)
        return pirn__error(-EINVAL, "%s: the struct is NULL", call);
    if (given < known)
        return pirn__error(-EINVAL, "%s.size: %zu, must be %zu or more", type, given, known);
    *h = pirn__runtime_resolve(*h, call);
    return *h != NULL ? 0 : PIRN_ENORUNTIME;
}

/* A later version's caller gets what we know, and zeroes. Both begin with their size. */
static void hand_over(void *m, size_t given, const void *now, size_t known)
{
    memset(m, 0, given);
    memcpy(m, now, known);
}

int pirn_runtime_metrics(pirn_handle *h, pirn_metrics *m)
{
    pirn_metrics now = {.size = sizeof now};
    int r =
        check(m, m != NULL ? m->size : 0, sizeof now, "pirn_runtime_metrics", "pirn_metrics", &h);

    if (r != 0)
        return r;
    fill(h, &now);
    hand_over(m, m->size, &now, sizeof now);
    return 0;
}

int pirn_runtime_worker_metrics(pirn_handle *h, uint32_t worker, pirn_worker_metrics *m)
{
    pirn_worker_metrics now = {.size = sizeof now};
    int r = check(m, m != NULL ? m->size : 0, sizeof now, "pirn_runtime_worker_metrics",
                  "pirn_worker_metrics", &h);

    if (r != 0)
        return r;
    if (worker >= h->workers)
        return pirn__error(-EINVAL, "pirn_runtime_worker_metrics: worker %u of %u", worker,
                           h->workers);
    h->flavor->worker_metrics(h, worker, &now);
    hand_over(m, m->size, &now, sizeof now);
    return 0;
}

int pirn_runtime_histogram(pirn_handle *h, enum pirn_histogram_kind kind, uint32_t worker,
                           pirn_histogram *out)
{
    pirn_histogram now = {.size = sizeof now};
    int r = check(out, out != NULL ? out->size : 0, sizeof now, "pirn_runtime_histogram",
                  "pirn_histogram", &h);
    struct timing *t;

    if (r != 0)
        return r;
    if (kind != PIRN_HISTOGRAM_POLL_TIME && kind != PIRN_HISTOGRAM_SCHEDULE_LATENCY)
        return pirn__error(-EINVAL, "pirn_runtime_histogram: kind %d", (int)kind);
    if (worker != PIRN_NO_WORKER && worker >= h->workers)
        return pirn__error(-EINVAL, "pirn_runtime_histogram: worker %u of %u", worker, h->workers);
    if (!(h->flags &
          (kind == PIRN_HISTOGRAM_POLL_TIME ? PIRN_RT_POLL_HISTOGRAM : PIRN_RT_LATENCY_HISTOGRAM)))
        return pirn__error(-ENODATA, "pirn_runtime_histogram: the runtime was made without it");
    for (uint32_t i = 0; (t = h->flavor->timing(h, i)) != NULL; i++)
        if (worker == PIRN_NO_WORKER || worker == i)
            pirn__timing_add(t, kind, &now);
    hand_over(out, out->size, &now, sizeof now);
    return 0;
}
