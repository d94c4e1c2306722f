/* SPDX-License-Identifier: MIT */
/* mt.c: what do spawning, yielding and waking cost when several workers share the tasks? */
#include <sched.h>
#include <stdatomic.h>

#include "tasks.h"

enum {
    BUSY_PER_WORKER = 2,
    STALL_NS = 10000,
    CHAIN = 1000,
    TREE_DEPTH = 14,
    TREE_NODES = (1 << (TREE_DEPTH + 1)) - 1
};

/* ---- many that run once ----------------------------------------------------------------- */

/* mo: relaxed throughout. A count; the semaphore that the last one posts orders the rest. */
static atomic_size_t remaining;

static int counted_down_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    (void)out;
    if (atomic_fetch_sub_explicit(&remaining, 1, memory_order_relaxed) == 1) {
        post_done();
    }
    return 0;
}

static const pirn_task_desc counted_down = {
    .size = sizeof(pirn_task_desc),
    .name = "counted down",
    .poll = counted_down_poll,
};

/* The root blocks its thread, as it does in the peers: it is none of the workers. */
static int spawn_counted_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    atomic_store_explicit(&remaining, SPAWNS, memory_order_relaxed);
    for (size_t i = 0; i < SPAWNS; i++) {
        spawn_detached(NULL, &counted_down, NULL);
    }
    wait_done();
    *(uint64_t *)out = atomic_load_explicit(&remaining, memory_order_relaxed);
    return 0;
}

static const pirn_task_desc spawn_counted = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn counted",
    .poll = spawn_counted_poll,
    .out_size = sizeof(uint64_t),
};

static void spawn_many_local(void)
{
    block_on(&spawn_counted, NULL, 0);
}

static void spawn_remote(void)
{
    struct join_all *a = all_of(&number);

    spawn_numbers_on(handle, a);
    block_on(&join_all, a, SPAWNS_SUM);
}

/* ---- the same, while others keep the workers busy --------------------------------------- */

/* mo: relaxed throughout. A flag and a count, which carry nothing else. */
static atomic_bool stop;
static atomic_size_t begun;

static void stall(void)
{
    uint64_t begin = bench_now();

    while (bench_now() - begin < STALL_NS) {
        sched_yield();
    }
}

struct busy {
    unsigned yield;
    bool has_begun;
};

static int busy_poll(void *frame, pirn_cx *cx, void *out)
{
    struct busy *b = frame;

    (void)out;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        if (pirn_yield_poll(&b->yield, cx) == PIRN_PENDING) {
            return PIRN_PENDING;
        }
        stall();
        if (!b->has_begun) {
            b->has_begun = true;
            atomic_fetch_add_explicit(&begun, 1, memory_order_relaxed);
        }
    }
    return 0;
}

static const pirn_task_desc busy = {
    .size = sizeof(pirn_task_desc),
    .name = "busy",
    .poll = busy_poll,
    .frame_size = sizeof(struct busy),
};

static void make_busy(void)
{
    size_t tasks = BUSY_PER_WORKER * bench_workers();

    make_multi_thread();
    atomic_store_explicit(&stop, false, memory_order_relaxed);
    atomic_store_explicit(&begun, 0, memory_order_relaxed);
    for (size_t i = 0; i < tasks; i++) {
        spawn_detached(handle, &busy, NULL);
    }
    while (atomic_load_explicit(&begun, memory_order_relaxed) < tasks) {
        sched_yield();
    }
}

static void free_busy(void)
{
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    free_runtime();
}

/* ---- round and round -------------------------------------------------------------------- */

static int add_polls(int status, uint64_t own)
{
    if (status == 0) {
        add_to_total(own);
    }
    return status;
}

static int counted_yielder_poll(void *frame, pirn_cx *cx, void *out)
{
    uint64_t own = 0;
    int status = yielder_poll(frame, cx, &own);

    (void)out;
    return add_polls(status, own);
}

static const pirn_task_desc counted_yielder = {
    .size = sizeof(pirn_task_desc),
    .name = "yielder",
    .poll = counted_yielder_poll,
    .frame_size = sizeof(struct yielder),
};

static int counted_selfwaker_poll(void *frame, pirn_cx *cx, void *out)
{
    uint64_t own = 0;
    int status = selfwaker_poll(frame, cx, &own);

    (void)out;
    return add_polls(status, own);
}

static const pirn_task_desc counted_selfwaker = {
    .size = sizeof(pirn_task_desc),
    .name = "selfwaker",
    .poll = counted_selfwaker_poll,
    .frame_size = sizeof(uint64_t),
};

static void rounds_of(const pirn_task_desc *task)
{
    for (size_t i = 0; i < TASKS; i++) {
        spawn_detached(handle, task, NULL);
    }
    bench_expect(task->name, total_of(TASKS), ROUNDS_POLLS);
}

static void yield_many(void)
{
    rounds_of(&counted_yielder);
}

static void selfwake_many(void)
{
    rounds_of(&counted_selfwaker);
}

static void make_with_histograms(void)
{
    make_multi_thread_with(PIRN_RT_POLL_HISTOGRAM | PIRN_RT_LATENCY_HISTOGRAM);
}

/* ---- a chain ---------------------------------------------------------------------------- */

static uint64_t links; /* each is spawned by the one before, so no two are counted at once */

static int link_poll(void *frame, pirn_cx *cx, void *out);

static const pirn_task_desc chain_link = {
    .size = sizeof(pirn_task_desc),
    .name = "link",
    .poll = link_poll,
    .frame_size = sizeof(uint32_t),
};

static int link_poll(void *frame, pirn_cx *cx, void *out)
{
    uint32_t left = *(uint32_t *)frame;

    (void)cx;
    (void)out;
    if (!left) {
        post_done();
        return 0;
    }
    links++;
    left--;
    spawn_detached(NULL, &chain_link, &left);
    return 0;
}

static int spawn_chain_poll(void *frame, pirn_cx *cx, void *out)
{
    uint32_t left = CHAIN;

    (void)frame;
    (void)cx;
    links = 0;
    spawn_detached(NULL, &chain_link, &left);
    wait_done();
    *(uint64_t *)out = links;
    return 0;
}

static const pirn_task_desc spawn_chain = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn chain",
    .poll = spawn_chain_poll,
    .out_size = sizeof(uint64_t),
};

static void chained_spawn(void)
{
    block_on(&spawn_chain, NULL, CHAIN);
}

/* ---- a tree ----------------------------------------------------------------------------- */

/* Spawns two nodes of the next level, awaits both, and returns how many nodes it is with them. */
struct node {
    uint32_t depth; /* levels below */
    uint32_t joined;
    pirn_join *children[2];
    uint64_t below;
};

static int node_poll(void *frame, pirn_cx *cx, void *out);

static const pirn_task_desc node = {
    .size = sizeof(pirn_task_desc),
    .name = "node",
    .poll = node_poll,
    .frame_size = sizeof(struct node),
    .out_size = sizeof(uint64_t),
};

static void spawn_node(uint32_t depth, pirn_join **join)
{
    struct node frame = {.depth = depth};

    check("pirn_spawn", pirn_spawn(NULL, &node, &frame, join));
}

static int await_node(pirn_join **join, pirn_cx *cx, uint64_t *nodes)
{
    pirn_result res;
    int status = pirn_join_poll(*join, cx, &res, nodes);

    if (status == PIRN_PENDING) {
        return status;
    }
    check("pirn_join_poll", status);
    check("the joined task", pirn_result_status(&res));
    pirn_join_free(*join);
    return 0;
}

static int node_poll(void *frame, pirn_cx *cx, void *out)
{
    struct node *n = frame;

    if (n->depth) {
        if (!n->children[0]) {
            spawn_node(n->depth - 1, &n->children[0]);
            spawn_node(n->depth - 1, &n->children[1]);
        }
        for (; n->joined < 2; n->joined++) {
            uint64_t nodes = 0;

            if (await_node(&n->children[n->joined], cx, &nodes) == PIRN_PENDING) {
                return PIRN_PENDING;
            }
            n->below += nodes;
        }
    }
    *(uint64_t *)out = n->below + 1;
    return 0;
}

static int tree_poll(void *frame, pirn_cx *cx, void *out)
{
    pirn_join **top = frame;

    if (!*top) {
        spawn_node(TREE_DEPTH, top);
    }
    return await_node(top, cx, out);
}

static const pirn_task_desc tree = {
    .size = sizeof(pirn_task_desc),
    .name = "tree",
    .poll = tree_poll,
    .frame_size = sizeof(pirn_join *),
    .out_size = sizeof(uint64_t),
};

static void fork_join_tree(void)
{
    pirn_join *top = NULL;

    block_on(&tree, &top, TREE_NODES);
}

/* ---- rows ------------------------------------------------------------------------------- */

const struct bench_row mt_rows[] = {
    {.name = "mt_spawn_many_local", MT_ROW(SPAWNS, spawn_many_local)},
    {.name = "mt_spawn_remote_idle", MT_ROW(SPAWNS, spawn_remote)},
    {.name = "mt_spawn_remote_busy",
     .ops = SPAWNS,
     .setup = make_busy,
     .run = spawn_remote,
     .teardown = free_busy},
    {.name = "mt_yield_many", MT_ROW(ROUNDS, yield_many)},
    {.name = "mt_yield_many_histograms",
     .ops = ROUNDS,
     .setup = make_with_histograms,
     .run = yield_many,
     .teardown = free_runtime},
    {.name = "mt_selfwake_many", MT_ROW(ROUNDS, selfwake_many)},
    {.name = "mt_chained_spawn", MT_ROW(CHAIN, chained_spawn)},
    {.name = "mt_fork_join_tree", MT_ROW(TREE_NODES, fork_join_tree)},
    {0},
};
