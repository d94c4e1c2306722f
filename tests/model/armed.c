/* SPDX-License-Identifier: MIT */
/* A foreign loop waits on the descriptor, after arming it and a last look; two push, then unpark:
 * does the descriptor become readable, and not stay so after the loop has driven? */
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

static void turn(struct task_list *list, uint64_t *got)
{
    pirn__driver_disarm(&driver);
    *got += pirn__inject_take_all(&queue, list);
    pirn__driver_arm(&driver);
    if (!pirn__inject_is_empty(&queue))
        pirn__driver_unpark(&driver);
}

static void run(unsigned thread)
{
    struct task_list list;
    uint64_t got = 0;

    if (thread < 2) {
        assert(pirn__inject_push(&queue, (struct notified){&cells[thread]}));
        pirn__driver_unpark(&driver);
        return;
    }
    task_list_init(&list);
    for (int turns = 1;; turns++) {
        assert(turns <= 5); /* the first, two unparks, two of its own */
        turn(&list, &got);
        if (got == 2)
            return;
        fd_wait();
    }
}

static void check(void)
{
    assert(pirn__inject_is_empty(&queue));
}

MODEL_SCENARIO("armed", 3)
