/* SPDX-License-Identifier: MIT */
/* Do ten million tasks, spawned, joined, one in ten aborted, leave exact counts and no memory behind?
 *
 * A root spawns a batch, aborts one in ten (half of them before their first poll, half after it),
 * and joins them all. 200,000 tasks; all ten million with PIRN_TEST_LONG=1. */
#include "stress.h"

enum {
    BATCH = 1000
};

static int64_t polls, drops, outputs, outputs_dropped, drop_sum;

struct frame {
    uint32_t number;
    bool waits;
};

static int task_poll(void *frame, pirn_cx *cx, void *out)
{
    const struct frame *f = frame;

    polls++;
    if (f->waits)
        return pirn_pending_poll(cx);
    *(uint64_t *)out = (uint64_t)f->number * 3;
    return 0;
}

static void task_drop(void *frame)
{
    drops++;
    drop_sum += ((const struct frame *)frame)->number;
}

static void output_drop(void *out)
{
    (void)out;
    outputs_dropped++;
}

static const pirn_task_desc task_desc = {
    .size = sizeof task_desc,
    .name = "one of ten million",
    .poll = task_poll,
    .drop = task_drop,
    .frame_size = sizeof(struct frame),
    .out_size = sizeof(uint64_t),
    .out_drop = output_drop,
};

struct root {
    pirn_join *joins[BATCH];
    unsigned spawned, joined;
    bool aborted; /* those that wait */
};

static int take(struct root *r, pirn_cx *cx)
{
    unsigned n = BATCH - 1 - r->joined; /* the last one first: then all have been polled */
    pirn_result res;
    uint64_t out = UINT64_MAX;

    if (pirn_join_poll(r->joins[n], cx, &res, &out) == PIRN_PENDING)
        return PIRN_PENDING;
    if (n % 10 == 0) {
        CHECK_EQ(res.outcome, PIRN_CANCELLED);
        CHECK(out == UINT64_MAX);
    } else {
        CHECK_EQ(res.outcome, PIRN_DONE);
        CHECK_EQ(out, n * 3);
        outputs++;
    }
    pirn_join_free(r->joins[n]);
    r->joined++;
    return 0;
}

static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct root *r = frame;

    (void)out;
    for (; r->spawned < BATCH; r->spawned++) {
        struct frame f = {r->spawned, r->spawned % 20 == 10};

        CHECK_EQ(pirn_spawn(NULL, &task_desc, &f, &r->joins[r->spawned]), 0);
        if (r->spawned % 20 == 0)
            pirn_join_abort(r->joins[r->spawned]);
    }
    while (r->joined < BATCH) {
        if (r->joined == 1 && !r->aborted) {
            r->aborted = true;
            for (unsigned n = 10; n < BATCH; n += 20)
                pirn_join_abort(r->joins[n]);
        }
        if (take(r, cx) == PIRN_PENDING)
            return PIRN_PENDING;
    }
    return 0;
}

static const pirn_task_desc root_desc = {
    .size = sizeof root_desc,
    .name = "root",
    .poll = root_poll,
    .frame_size = sizeof(struct root),
};

static void batch(pirn_handle *h)
{
    static struct root r;

    memset(&r, 0, sizeof r);
    CHECK_EQ(pirn_block_on(h, &root_desc, &r, NULL, NULL), 0);
    CHECK_EQ(r.joined, BATCH);
}

int main(void)
{
    int64_t tasks = is_long() ? 10000000 : 200000, part = tasks / 10;
    pirn_runtime *rt = runtime_with(NULL);
    pirn_handle *h = pirn_runtime_handle(rt);
    int64_t first_peak = 0, last_peak = 0, first_bytes = 0;
    pirn_metrics m;

    for (int64_t done = 0; done < tasks; done += BATCH) {
        if (done % part == 0) {
            if (done == part)
                first_peak = memory.peak, first_bytes = memory.bytes;
            memory.peak = memory.bytes;
        }
        batch(h);
    }
    last_peak = memory.peak;
    m = metrics_of(h);
    CHECK_EQ(m.tasks_spawned, tasks);
    CHECK_EQ(m.tasks_alive, 0);
    CHECK_EQ(polls, tasks - tasks / 20); /* those aborted at once were never polled */
    CHECK_EQ(m.polls, polls);
    CHECK_EQ(drops, tasks);
    CHECK_EQ(drop_sum, tasks / BATCH * (BATCH * (BATCH - 1) / 2));
    CHECK_EQ(outputs, tasks - tasks / 10);
    CHECK_EQ(outputs_dropped, 0);
    CHECK_EQ(m.local_queue_depth + m.inject_queue_depth + m.retired_cells, 0);
    CHECK_EQ(last_peak, first_peak);
    CHECK_EQ(memory.bytes, first_bytes);
    printf("%lld tasks, %lld polls, %lld bytes at the peak\n", (long long)tasks, (long long)polls,
           (long long)last_peak);
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    return 0;
}
