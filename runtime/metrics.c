/* SPDX-License-Identifier: MIT */
/* Counters of a runtime, added up from those who keep them. */
#include <errno.h>
#include <string.h>

#include <pirn/runtime.h>

#include "runtime/runtime.h"
#include "runtime/scheduler/local_set.h"
#include "task/base/error.h"

static void fill(struct current_thread *ct, pirn_metrics *m)
{
    const struct poll_stats *p = &ct->core.poller.stats;
    const struct stray_stats *stray = &ct->base.stray;
    struct local_totals sets;
    uint64_t finished;

    pirn__local_totals(ct, &sets);
    m->workers = 1;
    /* Finished first: what is spawned in between must not make it the larger. */
    finished = stat_get(&p->finished) + stat_get(&stray->finished) + sets.finished;
    m->tasks_spawned = stat_get(&ct->core.spawned) + stat_get(&ct->shared.spawned) + sets.spawned;
    m->tasks_alive = m->tasks_spawned - finished;
    m->remote_schedules = stat_get(&ct->core.remote_schedules);
    m->polls = stat_get(&p->polls) + sets.polls;
    m->parks = stat_get(&ct->core.parks);
    m->budget_yields = stat_get(&p->budget_yields) + sets.budget_yields;
    m->faults = stat_get(&p->faults) + stat_get(&stray->faults) + sets.faults;
    m->contained_faults = stat_get(&stray->contained);
    m->forgotten_wakes = stat_get(&stray->forgotten);
    m->local_queue_depth =
        stat_get(&ct->core.local.len) + stat_get(&ct->core.deferred.len) + sets.queued;
    /* The stack cannot be counted from outside: 1 stands for "some". */
    m->inject_queue_depth = stat_get(&ct->core.pulled.len) + !pirn__inject_is_empty(&ct->inject);
    m->cell_bytes = stat_get(&ct->core.cells.bytes) + stat_get(&ct->shared.cells.bytes) +
                    stat_get(&ct->large_bytes) + sets.cell_bytes;
    m->retired_cells = stat_get(&ct->owned.limbo_count) + sets.retired_cells;
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
    fill(ct_of(h), &now);
    /* A later version's caller gets what we know, and zeroes. */
    n = m->size;
    now.size = sizeof now;
    memset(m, 0, n);
    memcpy(m, &now, sizeof now);
    return 0;
}
