/* SPDX-License-Identifier: MIT */
/* Is the memory of a burst of 300,000 live tasks given back once they have gone? */
#include "stress.h"

enum {
    TASKS = 300000
};

static pirn_join *joins[TASKS];
static int drops;

static int wait_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    return pirn_pending_poll(cx);
}

static void count_drop(void *frame)
{
    (void)frame;
    drops++;
}

static const pirn_task_desc task_desc = {
    .size = sizeof task_desc,
    .name = "burst",
    .poll = wait_poll,
    .drop = count_drop,
    .frame_size = 64,
};

static void idle(pirn_runtime *rt)
{
    int r;

    do
        r = pirn_runtime_turn(rt, PIRN_NEVER, NULL);
    while (r == 1);
    CHECK_EQ(r, 0);
}

/* Spawns them from inside, out of the driving thread's own cache. */
static int spawn_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    (void)out;
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(pirn_spawn(NULL, &task_desc, NULL, &joins[i]), 0);
    return 0;
}

static const pirn_task_desc spawner = {
    .size = sizeof spawner,
    .name = "spawner",
    .poll = spawn_poll,
};

static void burst(pirn_runtime *rt, bool inside, unsigned order)
{
    pirn_handle *h = pirn_runtime_handle(rt);
    int64_t before = memory.bytes, full;
    int before_drops = drops;

    if (inside)
        CHECK_EQ(pirn_block_on(h, &spawner, NULL, NULL, NULL), 0);
    else
        CHECK_EQ(spawn_poll(NULL, NULL, NULL), 0);
    idle(rt);
    full = memory.bytes;
    CHECK_EQ(metrics_of(h).tasks_alive, TASKS);
    CHECK(full >= TASKS * (int64_t)(112 + 64));
    CHECK(full - before <= TASKS * (int64_t)(112 + 64) * 9 / 8);
    for (unsigned i = 0; i < TASKS; i++) {
        unsigned n = (unsigned)((uint64_t)i * order % TASKS); /* in order, or all over the place */

        pirn_join_abort(joins[n]);
        pirn_join_free(joins[n]);
    }
    idle(rt);
    CHECK_EQ(drops - before_drops, TASKS);
    CHECK_EQ(metrics_of(h).tasks_alive, 0);
    /* Another rhythm, small, for whatever is given back late. */
    for (int n = 0; n < 1000; n++) {
        pirn_join *j = NULL;

        CHECK_EQ(pirn_spawn(h, &task_desc, NULL, &j), 0);
        pirn_join_abort(j);
        pirn_join_free(j);
        idle(rt);
    }
    printf("%lld bytes, then %lld\n", (long long)full, (long long)memory.bytes);
    fflush(stdout);
    CHECK(memory.bytes <= full / 4);
}

int main(void)
{
    pirn_runtime *rt = runtime_with(NULL);
    pirn_enter guard;

    CHECK_EQ(pirn_handle_enter(pirn_runtime_handle(rt), &guard), 0);
    burst(rt, true, 1);
    burst(rt, true, 7919);
    burst(rt, false, 1);
    burst(rt, false, 7919);
    pirn_enter_exit(&guard);
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    return 0;
}
