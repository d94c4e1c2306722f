/* SPDX-License-Identifier: MIT */
/* The shared queue is closed while several tasks are pushed at a time, and put back by who took them
 * for a walker: is each taken or refused, in one place, and in order? */
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
static struct task_list chain; /* guard: the pusher */
static bool refused;           /* likewise */
static int payloads[PUSHED];   /* plain: the queue alone publishes it */

static void setup(void)
{
    pirn__global_init(&queue);
    assert(pirn__global_push(&queue, (struct notified){&cells[0]}));
    payloads[0] = 1;
    payloads[1] = payloads[2] = 0;
}

static void run(unsigned thread)
{
    struct task_list all;

    if (thread == 0) {
        payloads[1] = payloads[2] = 1;
        task_list_init(&chain);
        task_list_push(&chain, (struct notified){&cells[1]});
        task_list_push(&chain, (struct notified){&cells[2]});
        refused = !pirn__global_push_list(&queue, &chain);
    } else if (thread == 1) {
        pirn__global_close(&queue);
    } else {
        task_list_init(&all);
        pirn__global_take_all(&queue, &all);
        for (struct header *h = all.head; h != NULL; h = h->queue_next)
            assert(payloads[h - cells] == 1);
        pirn__global_put_back(&queue, &all);
    }
}

/* Takes @l's tasks, which are the ones from @first on. */
static void check_list(struct task_list *l, int first, int count)
{
    struct header *h;

    for (int i = first; i < first + count; i++)
        assert(task_list_pop(l) == &cells[i]);
    h = task_list_pop(l);
    assert(h == NULL);
}

static void check(void)
{
    struct task_list all;

    assert(!pirn__global_push(&queue, (struct notified){&cells[0]}));
    task_list_init(&all);
    pirn__global_take_all(&queue, &all);
    check_list(&all, 0, refused ? 1 : PUSHED);
    check_list(&chain, 1, refused ? PUSHED - 1 : 0);
}

MODEL_SCENARIO("global_close", 3)
