/* SPDX-License-Identifier: MIT */
/* Workers' queues for the scenarios: tasks that are pushed once, and must be seen once. */
#ifndef PIRN_TESTS_MODEL_QUEUE_MODEL_H
#define PIRN_TESTS_MODEL_QUEUE_MODEL_H

#include "tests/model/model.h"

#include "runtime/scheduler/local_queue.h"

#include "runtime/scheduler/local_queue.c"

enum {
    QUEUES = 2,
    QUEUED_MAX = 4
};

static struct local_queue queues[QUEUES];
static struct header cells[QUEUED_MAX];
static int payloads[QUEUED_MAX]; /* plain: the queue alone publishes it */
static int seen[QUEUED_MAX];     /* plain: two that take the same task are a race */

static void *ring_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    (void)align;
    return model_alloc(n);
}

static void ring_free(void *user, void *memory, size_t n)
{
    (void)user;
    (void)n;
    model_free(memory);
}

static const pirn_alloc ring_memory = {sizeof(pirn_alloc), ring_alloc, ring_free, NULL};

static void queues_setup(void)
{
    for (int i = 0; i < QUEUES; i++)
        assert(pirn__queue_init(&queues[i], &ring_memory));
    for (int i = 0; i < QUEUED_MAX; i++)
        payloads[i] = seen[i] = 0;
}

static bool push_task(struct local_queue *q, int task)
{
    payloads[task] = 1;
    return pirn__queue_push(q, &cells[task]);
}

static void see_task(const struct header *h)
{
    int task = (int)(h - cells);

    assert(payloads[task] == 1 && seen[task] == 0);
    seen[task]++;
}

/* What is left, by who has the queue: as a worker does, until it is empty. */
static void take_all(struct local_queue *q, bool batch)
{
    struct header *h;

    while ((h = pirn__queue_take(q, batch)) != NULL)
        see_task(h);
}

static void steal_once(struct local_queue *q)
{
    struct header *out[QUEUE_STEAL_MAX];
    uint32_t n = pirn__queue_steal(q, out);

    for (uint32_t i = 0; i < n; i++)
        see_task(out[i]);
}

/* After the threads. */
static void queues_check(int pushed)
{
    for (int i = 0; i < QUEUES; i++) {
        assert(pirn__queue_is_empty(&queues[i]) && pirn__queue_len(&queues[i]) == 0);
        assert(!queue_has_claimed(&queues[i]));
        pirn__queue_fini(&queues[i], &ring_memory);
    }
    for (int i = 0; i < QUEUED_MAX; i++)
        assert(seen[i] == (i < pushed));
}
#endif
