/* SPDX-License-Identifier: MIT */
/* A walker asks workers to link what is in queues only, while one goes to sleep: is it served, and
 * does it see what was linked? */
#include "tests/model/mt_tasks.h"

static void setup(void)
{
    mt_setup(1);
    assert(pirn__queue_push(&workers[0].queue, &cells[0]));
}

static void run(unsigned thread)
{
    struct worker *w = &workers[0];

    if (thread == 0) {
        assert(pirn__mt_link_queued(&mt.base));
        assert(links[0] == 1 && cell_is_linked(&cells[0]));
        return;
    }
    do {
        pirn__worker_sleep(w);
        pirn__worker_serve_walkers(w);
    } while (atomic_load_explicit(&w->link_done, memory_order_relaxed) == 0);
}

static void check(void)
{
    assert(pirn__queue_take(&workers[0].queue, false) == &cells[0]);
    mt_check();
}

MODEL_SCENARIO("mt_asked", 2)
