/* SPDX-License-Identifier: MIT */
/* The watchdog's sleep, for the scenarios: it is to be up while anybody is awake. */
#ifndef PIRN_TESTS_MODEL_WATCH_MODEL_H
#define PIRN_TESTS_MODEL_WATCH_MODEL_H

#include "runtime/os/thread.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/walk.h"

/* ---- what is not part of the model ---- */
#define pirn__thread_start(thread, stack, name, fn, arg) ((void)(fn), -EAGAIN)
#define pirn__thread_join(thread)                        ((void)(thread))
#define pirn__walk_running(poller, facts)                ((void)(facts), (poller) == NULL)
#define pirn__report_stuck(rt, facts, since)             ((void)(facts))

#include "runtime/scheduler/watchdog.c"

static struct watchdog dog;

static bool is_awake(struct pirn_handle *h);

static const struct flavor_ops flavor = {.is_awake = is_awake};

static void watch_setup(struct pirn_handle *h)
{
    atomic_store_explicit(&dog.state, UP, memory_order_relaxed);
    dog.rt = h;
    h->flavor = &flavor;
    h->watchdog = &dog;
}

/* As watch() does between two looks. */
static void watch_once(void)
{
    if (!is_awake(dog.rt))
        sleep_with_the_others(&dog);
}

static bool dog_is_up(void)
{
    uint32_t state = atomic_load_explicit(&dog.state, memory_order_relaxed);

    return state == UP || state == ENDING;
}
#endif
