/* SPDX-License-Identifier: MIT */
/* A dump looks at which task runs while one poll ends and the next begins: does it see an id with
 * another task's name? */
#include "tests/model/core_model.h"

#include "runtime/scheduler/walk.c"
#include "task/harness.c"

static struct header cells[2];
static pirn_task_desc descs[2];

static void setup(void)
{
    core_setup();
    for (int i = 0; i < 2; i++) {
        cells[i].id = (uint64_t)i + 1;
        cells[i].desc = &descs[i];
    }
    atomic_store_explicit(&rt.core.poller.running_desc, NULL, memory_order_relaxed);
    poller_idle(&rt.core.poller);
}

static void run(unsigned thread)
{
    struct task_facts f;

    if (thread == 0) {
        publish_running(&rt.core.poller, &cells[0], 0, 0, 0);
        poller_idle(&rt.core.poller);
        publish_running(&rt.core.poller, &cells[1], 0, 0, 0);
        poller_idle(&rt.core.poller);
        return;
    }
    if (pirn__walk_running(&rt.core.poller, &f))
        assert(f.desc == &descs[f.id - 1]);
}

static void check(void)
{
}

MODEL_SCENARIO("core_running", 2)
