/* SPDX-License-Identifier: MIT */
/* Do the core scenarios of the multi-thread flavour hold with 1, 2 and 4 workers, exactly counted? */
#include "stress.h"

#include <semaphore.h>
#include <unistd.h>

enum {
    LIMIT_S = 150,
    TASKS = 300,
    LAPS = 60
};

static pirn_runtime *runtime_of(uint32_t workers, const pirn_hooks *hooks, int64_t stuck_ns)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;

    o.flavor = PIRN_MULTI_THREAD;
    o.worker_threads = workers;
    o.alloc = &counting;
    o.hooks = hooks;
    o.stuck_poll_ns = stuck_ns;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    return rt;
}

static void done_with(pirn_runtime *rt)
{
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.bytes, 0);
}

static void joined(pirn_join *j, enum pirn_outcome outcome, int code)
{
    pirn_result res;

    CHECK_EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    CHECK_EQ(res.outcome, outcome);
    CHECK_EQ(res.code, code);
    pirn_join_free(j);
}

/* ---- a ring of tasks that pass a token -------------------------------------------------------------- */

struct place {
    struct ring *ring;
    int me;
};

struct ring {
    pirn_waker_cell cell[TASKS];
    _Atomic(int) token;
    int passed; /* plain on purpose: the wakes order it */
    int drops[TASKS];
};

static int place_poll(void *frame, pirn_cx *cx, void *out)
{
    struct place *p = frame;
    struct ring *r = p->ring;
    int token;

    (void)out;
    pirn_waker_cell_set(&r->cell[p->me], cx);
    token = r->token;
    if (token < TASKS * LAPS && token % TASKS == p->me) {
        r->passed++;
        r->token = ++token;
        pirn_waker_cell_wake(&r->cell[token % TASKS]);
    }
    if (token < TASKS * LAPS)
        return PIRN_PENDING;
    pirn_waker_cell_wake(&r->cell[(p->me + 1) % TASKS]); /* the end goes round as well */
    return 0;
}

static void place_drop(void *frame)
{
    struct place *p = frame;

    p->ring->drops[p->me]++;
}

static const pirn_task_desc place_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "place",
    .poll = place_poll,
    .drop = place_drop,
    .frame_size = sizeof(struct place),
};

static void ring(uint32_t workers)
{
    static struct ring r;
    pirn_runtime *rt = runtime_of(workers, NULL, 0);
    pirn_join *j[TASKS];

    memset(&r, 0, sizeof r);
    for (int i = 0; i < TASKS; i++) {
        struct place p = {&r, i};

        CHECK_EQ(pirn_spawn(pirn_runtime_handle(rt), &place_desc, &p, &j[i]), 0);
    }
    for (int i = 0; i < TASKS; i++)
        joined(j[i], PIRN_DONE, 0);
    CHECK_EQ(r.passed, TASKS * LAPS);
    for (int i = 0; i < TASKS; i++) {
        CHECK_EQ(r.drops[i], 1);
        pirn_waker_cell_fini(&r.cell[i]);
    }
    done_with(rt);
}

/* ---- a tree of spawns that yield and join ------------------------------------------------------------- */

struct tree {
    int depth, joined;
    unsigned yield;
    pirn_join *child[3];
    int sum;
};

static int tree_poll(void *frame, pirn_cx *cx, void *out);

static const pirn_task_desc tree_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "tree",
    .poll = tree_poll,
    .frame_size = sizeof(struct tree),
    .out_size = sizeof(int),
};

static int tree_poll(void *frame, pirn_cx *cx, void *out)
{
    struct tree *t = frame, below = {.depth = t->depth - 1};
    int sum;

    if (t->depth > 0 && t->child[0] == NULL)
        for (int i = 0; i < 3; i++)
            CHECK_EQ(pirn_spawn(NULL, &tree_desc, &below, &t->child[i]), 0);
    else if (t->joined == 0 && pirn_yield_poll(&t->yield, cx) == PIRN_PENDING)
        return PIRN_PENDING;
    for (; t->depth > 0 && t->joined < 3; t->joined++) {
        if (pirn_join_poll(t->child[t->joined], cx, NULL, &sum) == PIRN_PENDING)
            return PIRN_PENDING;
        t->sum += sum;
        pirn_join_free(t->child[t->joined]);
    }
    *(int *)out = t->sum + 1;
    return 0;
}

static void tree(uint32_t workers)
{
    pirn_runtime *rt = runtime_of(workers, NULL, 0);
    struct tree root = {.depth = 7};
    pirn_result res;
    int sum = 0;

    CHECK_EQ(pirn_block_on(pirn_runtime_handle(rt), &tree_desc, &root, &res, &sum), 0);
    CHECK_EQ(res.outcome, PIRN_DONE);
    CHECK_EQ(sum, 3280);
    CHECK_EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, 3279);
    done_with(rt);
}

/* ---- faults, aborts and calls in place, side by side ------------------------------------------------------ */

static _Atomic(int) drops, in_place_calls;

static int in_place(void *arg)
{
    in_place_calls++;
    usleep((unsigned)(uintptr_t)arg);
    return 0;
}

struct mixed {
    int kind, polls;
    unsigned yield;
};

static int mixed_poll(void *frame, pirn_cx *cx, void *out)
{
    struct mixed *m = frame;

    (void)out;
    m->polls++;
    switch (m->kind) {
    case 0:
        return pirn_pending_poll(cx);
    case 1:
        if (m->polls == 3)
            pirn_fault(41, "on purpose");
        break;
    case 2:
        CHECK_EQ(pirn_block_in_place(in_place, (void *)50), 0);
        break;
    default:
        break;
    }
    if (m->polls == 5)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void mixed_drop(void *frame)
{
    (void)frame;
    drops++;
}

static const pirn_task_desc mixed_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "mixed",
    .poll = mixed_poll,
    .drop = mixed_drop,
    .frame_size = sizeof(struct mixed),
};

static void mixed(uint32_t workers)
{
    pirn_runtime *rt = runtime_of(workers, NULL, 0);
    pirn_join *j[TASKS];
    pirn_metrics m;

    drops = in_place_calls = 0;
    for (int i = 0; i < TASKS; i++) {
        struct mixed f = {i % 4, 0, 0};

        CHECK_EQ(pirn_spawn(pirn_runtime_handle(rt), &mixed_desc, &f, &j[i]), 0);
    }
    for (int i = 0; i < TASKS; i += 4)
        pirn_join_abort(j[i]);
    for (int i = 0; i < TASKS; i++)
        joined(j[i],
               i % 4 == 0   ? PIRN_CANCELLED
               : i % 4 == 1 ? PIRN_FAULTED
                            : PIRN_DONE,
               i % 4 == 0   ? -ECANCELED
               : i % 4 == 1 ? 41
                            : 0);
    CHECK_EQ(drops, TASKS);
    CHECK_EQ(in_place_calls, TASKS / 4 * 5);
    m = metrics_of(pirn_runtime_handle(rt));
    CHECK_EQ(m.tasks_spawned, TASKS);
    CHECK_EQ(m.faults, TASKS / 4);
    done_with(rt);
}

/* ---- spawned from outside, looked at, and shut down in between ---------------------------------------------- */

enum {
    SPAWNERS = 3,
    EACH = 6000
};

static struct {
    pirn_handle *h;
    _Atomic(int) spawned, dropped, done, cancelled;
    _Atomic(int) walking;
} storm;

static int brief_poll(void *frame, pirn_cx *cx, void *out)
{
    unsigned *yield = frame;

    (void)out;
    return pirn_yield_poll(yield, cx);
}

static void brief_drop(void *frame)
{
    (void)frame;
    storm.dropped++;
}

static const pirn_task_desc brief_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "brief",
    .poll = brief_poll,
    .drop = brief_drop,
    .frame_size = sizeof(unsigned),
};

static void *spawn_many(void *user)
{
    pirn_join **j = calloc(EACH, sizeof(pirn_join *));

    (void)user;
    CHECK(j != NULL);
    for (int i = 0; i < EACH; i++) {
        CHECK_EQ(pirn_spawn(storm.h, &brief_desc, NULL, &j[i]), 0);
        storm.spawned++;
    }
    for (int i = 0; i < EACH; i++) {
        pirn_result res;

        CHECK_EQ(pirn_join_wait(j[i], PIRN_NEVER, &res, NULL), 0);
        CHECK(res.outcome != PIRN_FAULTED);
        ++*(res.outcome == PIRN_DONE ? &storm.done : &storm.cancelled);
        pirn_join_free(j[i]);
    }
    free(j);
    return NULL;
}

static int count_one(void *user, const pirn_task_info *t)
{
    CHECK(t->id != 0 && strcmp(t->name, "brief") == 0);
    ++*(int *)user;
    return 0;
}

static void *walk(void *user)
{
    (void)user;
    while (storm.walking) {
        int n = 0;

        CHECK_EQ(pirn_runtime_each_task(storm.h, count_one, &n), 0);
        usleep(200);
    }
    return NULL;
}

static void shut_down_in_between(uint32_t workers, int after)
{
    pirn_runtime *rt = runtime_of(workers, NULL, 5 * PIRN_MS);
    pthread_t t[SPAWNERS], walker;

    memset(&storm, 0, sizeof storm);
    storm.h = pirn_handle_ref(pirn_runtime_handle(rt));
    storm.walking = 1;
    walker = start_thread(walk, NULL);
    for (int i = 0; i < SPAWNERS; i++)
        t[i] = start_thread(spawn_many, NULL);
    while (storm.spawned < after)
        usleep(50);
    CHECK_EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    for (int i = 0; i < SPAWNERS; i++)
        end_thread(t[i]);
    storm.walking = 0;
    end_thread(walker);
    CHECK_EQ(storm.spawned, SPAWNERS * EACH);
    CHECK_EQ(storm.dropped, SPAWNERS * EACH);
    CHECK_EQ(storm.done + storm.cancelled, SPAWNERS * EACH);
    CHECK_EQ(metrics_of(storm.h).tasks_alive, 0);
    CHECK_EQ(metrics_of(storm.h).tasks_spawned, SPAWNERS * EACH);
    pirn_handle_unref(storm.h);
    done_with(rt);
}

/* ---- a stuck poll, and what is behind it ------------------------------------------------------------------------ */

static struct {
    sem_t go;
    _Atomic(int) told, ran;
} stuck;

static void on_stuck(void *user, const pirn_task_info *t, pirn_time since)
{
    (void)user;
    CHECK(strcmp(t->name, "stuck") == 0);
    CHECK(since <= pirn_now());
    stuck.told++;
}

static int behind_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    (void)out;
    if (++stuck.ran == 10)
        CHECK_EQ(sem_post(&stuck.go), 0);
    return 0;
}

static const pirn_task_desc behind_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "behind",
    .poll = behind_poll,
};

static int stuck_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)cx;
    (void)out;
    for (int i = 0; i < 10; i++)
        CHECK_EQ(pirn_spawn(NULL, &behind_desc, NULL, NULL), 0);
    while (sem_wait(&stuck.go) != 0)
        CHECK_EQ(errno, EINTR);
    while (stuck.told == 0)
        usleep(100);
    return 0;
}

static const pirn_task_desc stuck_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "stuck",
    .poll = stuck_poll,
};

static void relieved(uint32_t workers)
{
    static const pirn_hooks hooks = {.size = sizeof hooks, .on_stuck_poll = on_stuck};
    pirn_runtime *rt = runtime_of(workers, &hooks, 10 * PIRN_MS);
    pirn_join *j = NULL;

    CHECK_EQ(sem_init(&stuck.go, 0, 0), 0);
    stuck.told = stuck.ran = 0;
    CHECK_EQ(pirn_spawn(pirn_runtime_handle(rt), &stuck_desc, NULL, &j), 0);
    joined(j, PIRN_DONE, 0);
    CHECK_EQ(stuck.ran, 10);
    CHECK_EQ(stuck.told, 1);
    done_with(rt);
}

int main(void)
{
    static const uint32_t workers[] = {1, 2, 4};

    (void)alarm(LIMIT_S);
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        ring(workers[i]);
        tree(workers[i]);
        mixed(workers[i]);
        for (int k = 0; k <= SPAWNERS * EACH; k += SPAWNERS * EACH / 4)
            shut_down_in_between(workers[i], k);
        if (workers[i] > 1)
            relieved(workers[i]);
    }
    return 0;
}
