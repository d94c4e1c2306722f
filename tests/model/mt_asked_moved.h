/* SPDX-License-Identifier: MIT */
/* A walker that asks two workers while a task moves, for the scenarios. */
#ifndef PIRN_TESTS_MODEL_MT_ASKED_MOVED_H
#define PIRN_TESTS_MODEL_MT_ASKED_MOVED_H

#include "tests/model/mt_tasks.h"

static void ask(void)
{
    assert(pirn__mt_link_queued(&mt.base));
    assert(links[0] == 1);
}

/* Between two polls, at last. */
static void serve(struct worker *w)
{
    MODEL_WAIT_WHILE(atomic_load_explicit(&mt.base.link_asked, memory_order_relaxed) == 0);
    pirn__worker_serve_walkers(w);
}
#endif
