/* SPDX-License-Identifier: MIT */
/* Counters of a runtime, added up from those who keep them. */
#include <errno.h>
#include <string.h>

#include <pirn/runtime.h>

#include "runtime/runtime.h"
#include "runtime/scheduler/local_set.h"
#include "task/base/error.h"

static void fill(struct pirn_handle *h, pirn_metrics *m)
{
    struct local_totals sets;
    struct poller *p = NULL;
    struct spawner *sp;
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
    m->tasks_spawned = stat_get(&h->shared.spawned) + sets.spawned;
    m->cell_bytes =
        stat_get(&h->shared.cells.bytes) + stat_get(&h->shared.large_bytes) + sets.cell_bytes;
    for (uint32_t i = 0; (sp = h->flavor->spawner(h, i)) != NULL; i++) {
        m->tasks_spawned += stat_get(&sp->spawned);
        m->cell_bytes += stat_get(&sp->cells.bytes);
    }
    m->tasks_alive = m->tasks_spawned - finished;
    m->contained_faults = stat_get(&h->stray.contained);
    m->forgotten_wakes = stat_get(&h->stray.forgotten);
    m->local_queue_depth = sets.queued;
    m->retired_cells = sets.retired_cells;
    for (uint32_t i = 0; i < h->shards; i++)
        m->retired_cells += stat_get(&h->owned[i].limbo_count);
    m->retired_cells += stat_get(&h->blocking.owned.limbo_count);
    pirn__blocking_metrics(&h->blocking, m);
    h->flavor->add_metrics(h, m);
}

int pirn_runtime_metrics(pirn_handle *h, pirn_metrics *m)
{
    pirn_metrics now = {0};
    size_t n;

    if (m == NULL)
        return pirn__error(-EINVAL, "pirn_runtime_metrics: m is NULL");
    if (m->size < sizeof now)
        return pirn__error(-EINVAL, "pirn_metrics.size: %zu, must be %zu or more", m->size,
                           sizeof now);
    h = pirn__runtime_resolve(h, "pirn_runtime_metrics");
    if (h == NULL)
        return PIRN_ENORUNTIME;
    fill(h, &now);
    /* A later version's caller gets what we know, and zeroes. */
    n = m->size;
    now.size = sizeof now;
    memset(m, 0, n);
    memcpy(m, &now, sizeof now);
    return 0;
}
