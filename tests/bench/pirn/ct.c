/* SPDX-License-Identifier: MIT */
/* ct.c: what do spawning, joining, yielding and waking cost on the current-thread runtime? */
#include "tasks.h"

/* Numbers, spawned from inside the root. */
static int spawn_numbers_poll(void *frame, pirn_cx *cx, void *out)
{
    spawn_numbers_on(NULL, frame);
    return join_all_poll(frame, cx, out);
}

static const pirn_task_desc spawn_numbers = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn numbers",
    .poll = spawn_numbers_poll,
    .frame_size = sizeof(struct join_all),
    .out_size = sizeof(uint64_t),
};

/* One task after the other, each awaited before the next. */
struct one_by_one {
    uint64_t n, sum;
    pirn_join *join; /* NULL: the next one is to be spawned */
};

static int one_by_one_poll(void *frame, pirn_cx *cx, void *out)
{
    struct one_by_one *o = frame;

    for (; o->n < SPAWNS; o->n++) {
        pirn_result res;
        uint64_t one = 0;
        int status;

        if (!o->join) {
            check("pirn_spawn", pirn_spawn(NULL, &number, &o->n, &o->join));
        }
        status = pirn_join_poll(o->join, cx, &res, &one);
        if (status == PIRN_PENDING) {
            return PIRN_PENDING;
        }
        check("pirn_join_poll", status);
        check("the joined task", pirn_result_status(&res));
        pirn_join_free(o->join);
        o->join = NULL;
        o->sum += one;
    }
    *(uint64_t *)out = o->sum;
    return 0;
}

static const pirn_task_desc one_by_one = {
    .size = sizeof(pirn_task_desc),
    .name = "one by one",
    .poll = one_by_one_poll,
    .frame_size = sizeof(struct one_by_one),
    .out_size = sizeof(uint64_t),
};

/* ---- rows ------------------------------------------------------------------------------- */

static void spawn_join_many(void)
{
    block_on(&spawn_numbers, all_of(&number), SPAWNS_SUM);
}

static void spawn_await_one(void)
{
    struct one_by_one frame = {0};

    block_on(&one_by_one, &frame, SPAWNS_SUM);
}

static void yield_many(void)
{
    block_on(&spawn_rounds, all_of(&yielder), ROUNDS_POLLS);
}

static void selfwake_many(void)
{
    block_on(&spawn_rounds, all_of(&selfwaker), ROUNDS_POLLS);
}

/* Nobody is inside the runtime while the tasks are spawned. */
static void spawn_remote(void)
{
    struct join_all *a = all_of(&number);

    spawn_numbers_on(handle, a);
    block_on(&join_all, a, SPAWNS_SUM);
}

const struct bench_row ct_rows[] = {
    {.name = "ct_spawn_join_many", CT_ROW(SPAWNS, spawn_join_many)},
    {.name = "ct_spawn_await_one", CT_ROW(SPAWNS, spawn_await_one)},
    {.name = "ct_yield_many", CT_ROW(ROUNDS, yield_many)},
    {.name = "ct_selfwake_many", CT_ROW(ROUNDS, selfwake_many)},
    {.name = "ct_spawn_remote", CT_ROW(SPAWNS, spawn_remote)},
    {0},
};
