/* SPDX-License-Identifier: MIT */
/* ct.c: what do spawning, joining, yielding and waking cost on the current-thread runtime? */
#include <pirn.h>

#include "rows.h"

enum {
    SPAWNS = 10000,
    TASKS = 200,
    YIELDS = 1000,
    ROUNDS = TASKS * YIELDS
};

static pirn_runtime *rt;
static pirn_handle *handle;

static void make_runtime(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flavor = PIRN_CURRENT_THREAD;
    check("pirn_runtime_new", pirn_runtime_new(&o, &rt));
    handle = pirn_runtime_handle(rt);
}

static void free_runtime(void)
{
    pirn_runtime_free(rt);
}

/* Runs a root to its end, and checks what it returned. */
static void block_on(const pirn_task_desc *root, void *frame, uint64_t expected)
{
    uint64_t answer = 0;
    pirn_result res;

    check("pirn_block_on", pirn_block_on(handle, root, frame, &res, &answer));
    check(root->name, pirn_result_status(&res));
    bench_expect(root->name, answer, expected);
}

/* ---- tasks ------------------------------------------------------------------------------ */

/* Returns the number it was given, at its first poll. */
static int number_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)cx;
    *(uint64_t *)out = *(uint64_t *)frame;
    return 0;
}

static const pirn_task_desc number = {
    .size = sizeof(pirn_task_desc),
    .name = "number",
    .poll = number_poll,
    .frame_size = sizeof(uint64_t),
    .out_size = sizeof(uint64_t),
};

/* Yields, and returns how often it was polled: once more than it yielded. */
struct yielder {
    uint64_t polls;
    uint32_t yields;
    unsigned yield;
};

static int yielder_poll(void *frame, pirn_cx *cx, void *out)
{
    struct yielder *y = frame;

    y->polls++;
    while (y->yields < YIELDS) {
        if (pirn_yield_poll(&y->yield, cx) == PIRN_PENDING) {
            return PIRN_PENDING;
        }
        y->yields++;
    }
    *(uint64_t *)out = y->polls;
    return 0;
}

static const pirn_task_desc yielder = {
    .size = sizeof(pirn_task_desc),
    .name = "yielder",
    .poll = yielder_poll,
    .frame_size = sizeof(struct yielder),
    .out_size = sizeof(uint64_t),
};

/* The same, by hand: each poll wakes its own task, and waits for that. */
static int selfwaker_poll(void *frame, pirn_cx *cx, void *out)
{
    uint64_t *polls = frame;

    if (++*polls <= YIELDS) {
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    }
    *(uint64_t *)out = *polls;
    return 0;
}

static const pirn_task_desc selfwaker = {
    .size = sizeof(pirn_task_desc),
    .name = "selfwaker",
    .poll = selfwaker_poll,
    .frame_size = sizeof(uint64_t),
    .out_size = sizeof(uint64_t),
};

/* ---- roots ------------------------------------------------------------------------------ */

/* What a root needs to await many tasks, and to return the sum of their outputs. */
struct join_all {
    const pirn_task_desc *task;
    size_t spawned, joined;
    uint64_t sum;
    pirn_join *joins[SPAWNS];
};

static struct join_all all;

static struct join_all *all_of(const pirn_task_desc *task)
{
    all.task = task;
    all.spawned = all.joined = 0;
    all.sum = 0;
    return &all;
}

static int join_all_poll(void *frame, pirn_cx *cx, void *out)
{
    struct join_all *a = frame;

    while (a->joined < a->spawned) {
        pirn_join *j = a->joins[a->joined];
        pirn_result res;
        uint64_t one = 0;
        int status = pirn_join_poll(j, cx, &res, &one);

        if (status == PIRN_PENDING) {
            return PIRN_PENDING;
        }
        check("pirn_join_poll", status);
        check("the joined task", pirn_result_status(&res));
        pirn_join_free(j);
        a->sum += one;
        a->joined++;
    }
    *(uint64_t *)out = a->sum;
    return 0;
}

static const pirn_task_desc join_all = {
    .size = sizeof(pirn_task_desc),
    .name = "join all",
    .poll = join_all_poll,
    .frame_size = sizeof(struct join_all),
    .out_size = sizeof(uint64_t),
};

/* Numbers, spawned from inside the root. */
static int spawn_numbers_poll(void *frame, pirn_cx *cx, void *out)
{
    struct join_all *a = frame;

    for (; a->spawned < SPAWNS; a->spawned++) {
        uint64_t n = a->spawned;

        check("pirn_spawn", pirn_spawn(NULL, a->task, &n, &a->joins[n]));
    }
    return join_all_poll(frame, cx, out);
}

static const pirn_task_desc spawn_numbers = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn numbers",
    .poll = spawn_numbers_poll,
    .frame_size = sizeof(struct join_all),
    .out_size = sizeof(uint64_t),
};

/* Tasks that go round the run queue; their frames begin as zeroes. */
static int spawn_rounds_poll(void *frame, pirn_cx *cx, void *out)
{
    struct join_all *a = frame;

    for (; a->spawned < TASKS; a->spawned++) {
        check("pirn_spawn", pirn_spawn(NULL, a->task, NULL, &a->joins[a->spawned]));
    }
    return join_all_poll(frame, cx, out);
}

static const pirn_task_desc spawn_rounds = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn rounds",
    .poll = spawn_rounds_poll,
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
    block_on(&spawn_numbers, all_of(&number), 49995000);
}

static void spawn_await_one(void)
{
    struct one_by_one frame = {0};

    block_on(&one_by_one, &frame, 49995000);
}

static void yield_many(void)
{
    block_on(&spawn_rounds, all_of(&yielder), 200200);
}

static void selfwake_many(void)
{
    block_on(&spawn_rounds, all_of(&selfwaker), 200200);
}

/* Nobody is inside the runtime while the tasks are spawned. */
static void spawn_remote(void)
{
    struct join_all *a = all_of(&number);

    for (; a->spawned < SPAWNS; a->spawned++) {
        uint64_t n = a->spawned;

        check("pirn_spawn", pirn_spawn(handle, a->task, &n, &a->joins[n]));
    }
    block_on(&join_all, a, 49995000);
}

#define CT_ROW(count, function)                                                                    \
    .ops = (count), .setup = make_runtime, .run = (function), .teardown = free_runtime

const struct bench_row ct_rows[] = {
    {.name = "ct_spawn_join_many", CT_ROW(SPAWNS, spawn_join_many)},
    {.name = "ct_spawn_await_one", CT_ROW(SPAWNS, spawn_await_one)},
    {.name = "ct_yield_many", CT_ROW(ROUNDS, yield_many)},
    {.name = "ct_selfwake_many", CT_ROW(ROUNDS, selfwake_many)},
    {.name = "ct_spawn_remote", CT_ROW(SPAWNS, spawn_remote)},
    {0},
};
