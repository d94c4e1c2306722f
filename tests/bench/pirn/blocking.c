/* SPDX-License-Identifier: MIT */
/* blocking.c: what does it cost to have a thread of the blocking pool run a function? */
#include "tasks.h"

enum {
    SEQ = 1000,
    BATCH = 16,
    BATCHES = 100
};

/* What a root needs that spawns a batch, awaits it, and spawns the next. */
struct batches {
    uint64_t next, end, sum;
    size_t size, spawned, joined;
    pirn_join *joins[BATCH];
};

static void spawn_blocking(const uint64_t *n, pirn_join **join)
{
    int status = pirn_spawn_blocking(NULL, &number, n, join);

    if (status == -ENOTSUP) {
        bench_unavailable("not in this version", "pirn_spawn_blocking");
    }
    check("pirn_spawn_blocking", status);
}

static int batches_poll(void *frame, pirn_cx *cx, void *out)
{
    struct batches *b = frame;

    while (b->next < b->end) {
        for (; b->spawned < b->size; b->spawned++) {
            uint64_t n = b->next + b->spawned;

            spawn_blocking(&n, &b->joins[b->spawned]);
        }
        for (; b->joined < b->size; b->joined++) {
            pirn_result res;
            uint64_t one = 0;
            int status = pirn_join_poll(b->joins[b->joined], cx, &res, &one);

            if (status == PIRN_PENDING) {
                return PIRN_PENDING;
            }
            check("pirn_join_poll", status);
            check("the joined task", pirn_result_status(&res));
            pirn_join_free(b->joins[b->joined]);
            b->sum += one;
        }
        b->next += b->size;
        b->spawned = b->joined = 0;
    }
    *(uint64_t *)out = b->sum;
    return 0;
}

static const pirn_task_desc batches = {
    .size = sizeof(pirn_task_desc),
    .name = "batches",
    .poll = batches_poll,
    .frame_size = sizeof(struct batches),
    .out_size = sizeof(uint64_t),
};

static void run_batches(uint64_t count, size_t size, uint64_t expected)
{
    struct batches frame = {.end = count * size, .size = size};

    block_on(&batches, &frame, expected);
}

static void blocking_seq(void)
{
    run_batches(SEQ, 1, 499500);
}

static void blocking_batch(void)
{
    run_batches(BATCHES, BATCH, 1279200);
}

const struct bench_row blocking_rows[] = {
    {.name = "ct_spawn_blocking_seq", CT_ROW(SEQ, blocking_seq)},
    {.name = "mt_spawn_blocking_seq", MT_ROW(SEQ, blocking_seq)},
    {.name = "mt_spawn_blocking_batch16", MT_ROW(BATCHES *BATCH, blocking_batch)},
    {0},
};
