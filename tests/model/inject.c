/* SPDX-License-Identifier: MIT */
/* Two push to the inject queue while its owner takes, then closes it: is every task taken or refused,
 * in one place, and is what its pusher did seen by who takes it? */
#include "tests/model/model.h"

#include "runtime/scheduler/inject.h"

#include "runtime/scheduler/inject.c"

static struct inject queue;
static struct header cells[2];
static bool refused[2]; /* guard: the pusher */
static int payloads[2]; /* plain: the queue alone publishes it */
static bool taken[2];   /* guard: the owner, as all below */
static struct task_list list;

static void setup(void)
{
    pirn__inject_init(&queue);
    task_list_init(&list);
    for (int i = 0; i < 2; i++) {
        cells[i].id = (uint64_t)i;
        refused[i] = taken[i] = false;
        payloads[i] = 0;
    }
}

static void take(void)
{
    struct header *h;

    while ((h = task_list_pop(&list)) != NULL) {
        assert(!taken[h->id] && payloads[h->id] == 1);
        taken[h->id] = true;
    }
}

static void run(unsigned thread)
{
    if (thread < 2) {
        payloads[thread] = 1;
        refused[thread] = !pirn__inject_push(&queue, (struct notified){&cells[thread]});
        return;
    }
    (void)pirn__inject_take_all(&queue, &list);
    take();
    pirn__inject_close(&queue, &list);
    take();
}

static void check(void)
{
    assert(taken[0] != refused[0] && taken[1] != refused[1]);
    assert(pirn__inject_is_empty(&queue));
    (void)task_list_append;
}

MODEL_SCENARIO("inject", 3)
