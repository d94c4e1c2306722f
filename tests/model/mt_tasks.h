/* SPDX-License-Identifier: MIT */
/* Workers that run what they find, once, for the scenarios. */
#ifndef PIRN_TESTS_MODEL_MT_TASKS_H
#define PIRN_TESTS_MODEL_MT_TASKS_H

#include "tests/model/mt_model.h"

static void run_task(struct header *h)
{
    assert(payloads[task_of(h)] == 1 && runs[task_of(h)]++ == 0);
}

/* As the loop does, until it has run @n tasks. */
static void work(struct worker *w, int n)
{
    struct pool_thread self;
    struct runner r = {.worker = w, .thread = &self};
    struct header *h;

    self.poller.polls = &self.poller.stats.polls;
    while (n > 0) {
        h = pirn__worker_next(w);
        if (h == NULL)
            h = pirn__worker_search(w);
        if (h == NULL) {
            pirn__worker_sleep(w);
            continue;
        }
        run_one(&r, h);
        n--;
    }
}
#endif
