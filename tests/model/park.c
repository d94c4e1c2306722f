/* SPDX-License-Identifier: MIT */
/* Two push a task, then unpark; one parks when it finds none: does it sleep for ever while there is
 * work? */
#include "tests/model/os_model.h"

#include "runtime/driver/driver.c"
#include "runtime/scheduler/inject.c"

static struct driver driver;
static struct inject queue;
static struct header cells[2];

static void setup(void)
{
    fd_reset();
    atomic_store_explicit(&driver.state, AWAKE, memory_order_relaxed);
    pirn__inject_init(&queue);
}

static bool work(void *arg)
{
    (void)arg;
    return !pirn__inject_is_empty(&queue);
}

static void take_two(void)
{
    struct task_list list;
    uint64_t got = 0;

    task_list_init(&list);
    while (got < 2) {
        got += pirn__inject_take_all(&queue, &list);
        if (got < 2)
            (void)pirn__driver_park(&driver, work, NULL, PIRN_NEVER, NULL);
    }
}

static void run(unsigned thread)
{
    if (thread < 2) {
        assert(pirn__inject_push(&queue, (struct notified){&cells[thread]}));
        pirn__driver_unpark(&driver);
    } else {
        take_two();
    }
}

static void check(void)
{
    assert(pirn__inject_is_empty(&queue));
}

MODEL_SCENARIO("park", 3)
