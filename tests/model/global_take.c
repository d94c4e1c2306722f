/* SPDX-License-Identifier: MIT */
/* Two workers take from the shared queue while tasks are pushed, one and several at a time: is each
 * taken once, with what its pusher did, and in order? */
#include "tests/model/model.h"

#include "task/base/relax.h"

#define cpu_relax(tries) ((void)(tries), model_relax())

#include "runtime/scheduler/global_queue.c"
#include "runtime/scheduler/inject.c"

enum {
    PUSHED = 3
};

static struct global_queue queue;
static struct header cells[PUSHED];
static int payloads[PUSHED]; /* plain: the queue alone publishes it */
static int seen[PUSHED];     /* plain: two that take the same task are a race */

static void setup(void)
{
    pirn__global_init(&queue);
    for (int i = 0; i < PUSHED; i++)
        payloads[i] = seen[i] = 0;
}

static void take(uint32_t share)
{
    struct task_list list;
    struct header *h;
    long before = -1;

    task_list_init(&list);
    (void)pirn__global_take(&queue, &list, share, PUSHED);
    while ((h = task_list_pop(&list)) != NULL) {
        assert(h - cells > before && payloads[h - cells] == 1);
        before = h - cells;
        assert(seen[before]++ == 0);
    }
}

static void run(unsigned thread)
{
    struct task_list chain;

    if (thread != 0) {
        take(thread);
        return;
    }
    payloads[0] = payloads[1] = payloads[2] = 1;
    assert(pirn__global_push(&queue, (struct notified){&cells[0]}));
    task_list_init(&chain);
    task_list_push(&chain, (struct notified){&cells[1]});
    task_list_push(&chain, (struct notified){&cells[2]});
    assert(pirn__global_push_list(&queue, &chain));
    assert(chain.head == NULL);
}

static void check(void)
{
    take(1);
    assert(seen[0] == 1 && seen[1] == 1 && seen[2] == 1);
    assert(pirn__global_is_empty(&queue));
}

MODEL_SCENARIO("global_take", 3)
