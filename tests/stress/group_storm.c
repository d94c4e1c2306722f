/* SPDX-License-Identifier: MIT */
/* Does no child outlive its owner's frame, and is nothing lost or doubled, when trees of groups grow, fail,
 * are aborted and shut down at random?
 *
 * Every task is a node: it makes groups, spawns children that point into its frame, takes some of their
 * results, and ends in any way at any moment. A node's canary is a plain word: its children read it in
 * every poll and drop, it overwrites it in its own drop, and ThreadSanitizer sees whether one comes
 * before the other. Threads of the program's own plant trees, abort and join them, and have groups too.
 * Afterwards frames and outputs made and dropped are the same in number, and no memory is left.
 * usage: group_storm [SEED [ROUNDS]] */
#include <signal.h>
#include <unistd.h>

#include "stress.h"

enum {
    ALIVE = 0x5eed,
    GONE = 0xdead,
    PLANTERS = 3,
    TREES = 40, /* each plants in a round */
    DEPTH = 5,  /* of a tree */
    LIMIT_S = 120,
    IDS = 8,
};

static struct {
    pirn_handle *h;
    _Atomic(int64_t) spawned, dropped, outputs_made, outputs_gone, results, faults;
    _Atomic(bool) stop; /* plant no more */
} storm;

struct node {
    uint64_t canary;
    struct node *above; /* its frame; NULL: a tree's root */
    int depth;
    uint64_t random;
    pirn_group *group;
    pirn_op op;
    unsigned yielded;
    int steps;
    bool waiting, joining, blocking;
    uint64_t ids[IDS];
};

static int node_poll(void *frame, pirn_cx *cx, void *out);
static void node_drop(void *frame);
static void output_drop(void *out);

#define NODE_DESC(f)                                                                               \
    {                                                                                              \
        .size = sizeof(pirn_task_desc), .name = "node", .poll = node_poll, .drop = node_drop,      \
        .frame_size = sizeof(struct node), .out_size = sizeof(uint64_t *),                         \
        .out_drop = output_drop, .flags = (f),                                                     \
    }
static const pirn_task_desc node_desc = NODE_DESC(0);
static const pirn_task_desc blocking_desc = NODE_DESC(PIRN_TASK_BLOCKING);

static void on_alarm(int signo)
{
    static const char text[] = "group_storm: a round does not end\n";

    (void)signo;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    /* Not allowed in a handler; but all is lost anyway. */
    if (pirn_runtime_dump(storm.h, STDERR_FILENO) != 0)
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

static void output_drop(void *out)
{
    uint64_t **word = out;

    CHECK_EQ(**word, ALIVE);
    free(*word);
    storm.outputs_gone++;
}

static void take(int r, const pirn_result *res, uint64_t *word)
{
    CHECK(r == 0);
    storm.results++;
    if (res->outcome == PIRN_DONE && res->code == 0)
        output_drop(&word);
}

static void check_above(const struct node *n)
{
    CHECK(n->above == NULL || n->above->canary == ALIVE);
}

static void node_drop(void *frame)
{
    struct node *n = frame;

    check_above(n);
    n->canary = GONE;
    pirn_group_free(n->group);
    storm.dropped++;
}

/* Counted before it can end. */
static int plant(pirn_group *g, struct node *above, int depth, uint64_t *random, uint64_t *id,
                 pirn_join **join)
{
    struct node n = {.above = above, .depth = depth, .random = next_random(random)};
    const pirn_task_desc *d = depth > 0 && below(random, 20) == 0 ? &blocking_desc : &node_desc;
    int r;

    n.blocking = d == &blocking_desc;
    storm.spawned++;
    if (g == NULL) {
        r = pirn_spawn(storm.h, d, &n, join);
    } else if (!n.blocking && below(random, 4) == 0) {
        void *frame;

        r = pirn_spawn_begin(storm.h, d, &frame);
        if (r == 0) {
            memcpy(frame, &n, sizeof n);
            pirn_group_commit(g, frame, id);
        }
    } else {
        r = pirn_group_spawn(g, d, &n, id);
    }
    CHECK_EQ(r, 0);
    return r;
}

static void grow(struct node *n)
{
    pirn_time deadline = below(&n->random, 10) == 0
                             ? pirn_after((int64_t)below(&n->random, 300) * PIRN_US)
                             : PIRN_NEVER;
    int children = (int)below(&n->random, 5);

    if (n->group != NULL)
        pirn_group_free(n->group); /* with children alive, as like as not */
    n->group = NULL;
    CHECK_EQ(pirn_group_new(storm.h, NULL, deadline, below(&n->random, 4), &n->group), 0);
    for (int i = 0; i < children && n->depth < DEPTH; i++)
        (void)plant(n->group, n, n->depth + 1, &n->random, &n->ids[below(&n->random, IDS)], NULL);
}

static int end(struct node *n, pirn_cx *cx, uint64_t **out)
{
    switch (below(&n->random, 10)) {
    case 0:
        return -EIO;
    case 1:
        storm.faults++;
        pirn_fault(1, "on purpose");
    case 2:
        storm.faults++;
        return pirn_cx_fault(cx, 2, "on purpose");
    default:
        *out = malloc(sizeof **out);
        CHECK(*out != NULL);
        **out = ALIVE;
        storm.outputs_made++;
        return 0;
    }
}

/* Waits for a result, or for all of them. Return: PIRN_PENDING: it waits on. */
static int await(struct node *n, pirn_cx *cx)
{
    uint64_t *word = NULL;
    pirn_result res;
    int r;

    if (n->joining) {
        r = pirn_group_join_poll(&n->op, cx, n->group, &res);
        CHECK(r == 0 || r == PIRN_PENDING);
        return r;
    }
    r = pirn_group_next_poll(&n->op, cx, n->group, &res, &word);
    CHECK(r == 0 || r == PIRN_EOF || r == PIRN_PENDING);
    if (r == 0)
        take(r, &res, word);
    return r == PIRN_EOF ? 0 : r;
}

static void look(struct node *n)
{
    uint64_t *word = NULL;
    pirn_result res;
    int r = pirn_group_next_try(n->group, &res, &word);

    CHECK(r == 0 || r == -EAGAIN || r == PIRN_EOF);
    if (r == 0)
        take(r, &res, word);
}

/* One thing a node may do. Return: PIRN_PENDING: it waits; -EAGAIN: go on; else it ends. */
static int act(struct node *n, pirn_cx *cx, uint64_t **out)
{
    switch (below(&n->random, 12)) {
    case 0:
        grow(n);
        return -EAGAIN;
    case 1:
    case 2:
    case 3:
        n->waiting = true;
        n->joining = below(&n->random, 3) == 0;
        return -EAGAIN;
    case 4:
        look(n);
        return -EAGAIN;
    case 5:
        (void)pirn_group_abort(n->group, n->ids[below(&n->random, IDS)]);
        return -EAGAIN;
    case 6:
        if (below(&n->random, 4) == 0)
            pirn_group_cancel(n->group);
        else if (below(&n->random, 3) == 0)
            pirn_group_abort_all(n->group);
        return -EAGAIN;
    case 7:
        if (below(&n->random, 8) == 0)
            return pirn_pending_poll(cx); /* until somebody aborts it */
        return -EAGAIN;
    case 8:
    case 9:
        return pirn_yield_poll(&n->yielded, cx) == PIRN_PENDING ? PIRN_PENDING : -EAGAIN;
    default:
        return end(n, cx, out);
    }
}

static int node_poll(void *frame, pirn_cx *cx, void *out)
{
    struct node *n = frame;
    int r;

    if (n->group == NULL)
        n->canary = ALIVE; /* once: children read it */
    check_above(n);
    if (n->yielded != 0)
        CHECK_EQ(pirn_yield_poll(&n->yielded, cx), 0);
    if (n->group == NULL)
        grow(n);
    if (n->blocking) {
        r = pirn_group_join_wait(n->group, pirn_after(50 * PIRN_US), NULL);
        CHECK(r == 0 || r == -ETIMEDOUT);
        return end(n, cx, out);
    }
    do {
        if (n->waiting) {
            r = await(n, cx);
            if (r == PIRN_PENDING)
                return r;
            n->waiting = false;
        }
        r = n->steps++ < 200 ? act(n, cx, out) : end(n, cx, out);
    } while (r == -EAGAIN);
    return r;
}

/* ---- threads of the program's own ------------------------------------------------------------ */

static void finish(pirn_join *j, uint64_t *random)
{
    uint64_t *word = NULL;
    pirn_result res;

    if (below(random, 3) == 0)
        pirn_join_abort(j);
    if (pirn_join_wait(j, pirn_after((int64_t)below(random, 2000) * PIRN_US), &res, &word) == 0) {
        take(0, &res, word);
    } else {
        pirn_join_abort(j); /* or it may wait for ever */
    }
    pirn_join_free(j);
}

/* A group of nobody's, freed with children alive: the free waits. */
static void own_group(uint64_t *random)
{
    struct node here = {.canary = ALIVE};
    pirn_group *g;

    CHECK_EQ(pirn_group_new(storm.h, NULL, PIRN_NEVER, below(random, 4), &g), 0);
    for (int i = 0; i < 4; i++)
        (void)plant(g, &here, DEPTH - 1, random, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        uint64_t *word = NULL;
        pirn_result res;
        int r = pirn_group_next_wait(g, pirn_after(200 * PIRN_US), &res, &word);

        CHECK(r == 0 || r == -ETIMEDOUT || r == PIRN_EOF);
        if (r == 0)
            take(r, &res, word);
    }
    pirn_group_free(g);
    here.canary = GONE;
}

static void *planter(void *arg)
{
    uint64_t random = *(uint64_t *)arg;

    for (int i = 0; i < TREES && !storm.stop; i++) {
        pirn_join *j = NULL;

        if (below(&random, 4) == 0) {
            own_group(&random);
            continue;
        }
        (void)plant(NULL, NULL, 0, &random, NULL, &j);
        finish(j, &random);
    }
    return NULL;
}

/* Drives the current-thread flavour until all planters are done, or the runtime is stopped. */
static _Atomic(int) planters_left;
static pirn_waker_cell driver_cell;

static int driver_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    pirn_waker_cell_set(&driver_cell, cx);
    return planters_left == 0 ? 0 : PIRN_PENDING;
}

static const pirn_task_desc driver_desc = {.size = sizeof(pirn_task_desc), .poll = driver_poll};

static void *planter_of_driven(void *arg)
{
    (void)planter(arg);
    planters_left--;
    pirn_waker_cell_wake(&driver_cell);
    return NULL;
}

static void round_on(enum pirn_flavor flavor, uint64_t *random)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    uint64_t seeds[PLANTERS];
    pthread_t threads[PLANTERS];
    pirn_runtime *rt = NULL;
    bool early = flavor == PIRN_MULTI_THREAD && below(random, 2) == 0;

    o.flavor = flavor;
    o.worker_threads = flavor == PIRN_MULTI_THREAD ? 1 + below(random, 4) : 0;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    memset(&storm, 0, sizeof storm);
    storm.h = pirn_runtime_handle(rt);
    planters_left = PLANTERS;
    (void)alarm(LIMIT_S);
    for (int i = 0; i < PLANTERS; i++) {
        seeds[i] = next_random(random);
        threads[i] = start_thread(planter_of_driven, &seeds[i]);
    }
    if (flavor == PIRN_CURRENT_THREAD) {
        CHECK_EQ(pirn_block_on(storm.h, &driver_desc, NULL, NULL, NULL), 0);
    } else if (early) {
        struct timespec t = {0, (long)below(random, 20000) * 1000};

        (void)nanosleep(&t, NULL);
        CHECK_EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
        storm.stop = true;
    }
    for (int i = 0; i < PLANTERS; i++)
        end_thread(threads[i]);
    pirn_runtime_free(rt);
    pirn_waker_cell_fini(&driver_cell);
    CHECK_EQ(storm.dropped, storm.spawned);
    CHECK_EQ(storm.outputs_gone, storm.outputs_made);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.bytes, 0);
}

int main(int argc, char **argv)
{
    uint64_t random = seed_of(argc, argv);
    int rounds = argc > 2 ? atoi(argv[2]) : is_long() ? 400 : 12;
    int64_t nodes = 0, outputs = 0, results = 0;

    (void)signal(SIGALRM, on_alarm);
    for (int i = 0; i < rounds; i++) {
        round_on(i % 3 == 0 ? PIRN_CURRENT_THREAD : PIRN_MULTI_THREAD, &random);
        nodes += storm.spawned;
        outputs += storm.outputs_made;
        results += storm.results;
    }
    printf("%d rounds: %lld tasks, %lld outputs, %lld results taken\n", rounds, (long long)nodes,
           (long long)outputs, (long long)results);
    return 0;
}
