/* SPDX-License-Identifier: MIT */
/* Is no blocking task lost, doubled or stranded when threads come and go, tasks are aborted, and the
 * runtime ends at a random moment?
 *
 * Threads spawn blocking tasks of all kinds, abort and join them, and spawn tasks that do the same;
 * one looks on; one shuts down in the middle. Afterwards the counts must be exact.
 * usage: pool_storm [SEED] */
#include <fcntl.h>
#include <unistd.h>

#include "stress.h"

enum {
    SPAWNERS = 3,
    HELD = 32,    /* joins a spawner keeps */
    BEHIND = 500, /* tasks that wait before the spawners do */
};

static struct {
    _Atomic(int64_t) accepted, refused, polls, dropped, mandatory, mandatory_ran, cancelled;
    _Atomic(int64_t) starts, stops, hooked_spawns, hooked_ends;
} counts;

static struct {
    pirn_runtime *rt;
    pirn_handle *h;
    _Atomic(int) over;
    pthread_barrier_t start;
} storm;

struct work {
    uint64_t random;
    unsigned depth; /* how often it may spawn in its turn */
    bool mandatory, polled;
};

static void work_once(uint64_t *random, unsigned depth, pirn_join **out);

static void wait_for(pirn_join *j, int64_t ns)
{
    pirn_result res;
    int r = pirn_join_wait(j, pirn_after(ns), &res, NULL);

    CHECK(r == 0 || r == -ETIMEDOUT);
}

static int work_poll(void *frame, pirn_cx *cx, void *out)
{
    struct work *w = frame;
    unsigned what = below(&w->random, 16);
    pirn_join *j = NULL;

    (void)out;
    CHECK(pirn_task_id() != 0);
    CHECK(pirn_handle_current() == storm.h);
    CHECK(!w->polled);
    w->polled = true;
    counts.polls++;
    counts.mandatory_ran += w->mandatory;
    switch (what) {
    case 0:
        for (unsigned i = below(&w->random, 20); i > 0; i--)
            (void)sched_yield();
        break;
    case 1: /* waits for another, as far as the runtime still runs them */
        if (w->depth == 0)
            break;
        work_once(&w->random, w->depth - 1, &j);
        if (j == NULL)
            break;
        wait_for(j, (int64_t)below(&w->random, 200) * PIRN_US);
        pirn_join_free(j);
        break;
    case 2:
        if (w->depth != 0)
            work_once(&w->random, w->depth - 1, NULL);
        break;
    case 3:
        return pirn_cx_fault(cx, -7, "on purpose");
    case 4:
        pirn_fault(-8, "on purpose, from the depth");
    default:
        break;
    }
    return 0;
}

static void work_drop(void *frame)
{
    struct work *w = frame;

    counts.dropped++;
    counts.cancelled += !w->polled;
}

#define WORK(f)                                                                                    \
    {                                                                                              \
        .size = sizeof(pirn_task_desc), .name = "work", .poll = work_poll, .drop = work_drop,      \
        .frame_size = sizeof(struct work), .flags = (f)                                            \
    }
static const pirn_task_desc descs[] = {
    WORK(PIRN_TASK_BLOCKING),
    WORK(PIRN_TASK_BLOCKING | PIRN_TASK_TRY),
    WORK(PIRN_TASK_BLOCKING | PIRN_TASK_MANDATORY),
    WORK(PIRN_TASK_BLOCKING | PIRN_TASK_TRY | PIRN_TASK_MANDATORY),
    WORK(0), /* a plain one among them, which never waits */
};

static void work_once(uint64_t *random, unsigned depth, pirn_join **out)
{
    unsigned kind = below(random, 5);
    const pirn_task_desc *d = &descs[kind];
    struct work w = {next_random(random), kind == 4 ? 0 : depth, d->flags & PIRN_TASK_MANDATORY,
                     false};
    int r = pirn_spawn(storm.h, d, &w, out);

    if (r == 0) {
        counts.accepted++;
        counts.mandatory += w.mandatory;
    } else {
        CHECK_EQ(r, -EAGAIN);
        CHECK(d->flags & PIRN_TASK_TRY);
        counts.refused++;
    }
}

static void give_up(pirn_join **slot, uint64_t *random)
{
    pirn_join *j = *slot;

    *slot = NULL;
    if (j == NULL)
        return;
    switch (below(random, 4)) {
    case 0:
        pirn_join_abort(j);
        break;
    case 1:
        pirn_join_abort(j);
        wait_for(j, PIRN_MS);
        break;
    case 2:
        wait_for(j, PIRN_MS / 4);
        break;
    default:
        break;
    }
    pirn_join_free(j);
}

/* What waits for others leaves them the CPU. */
static void nap(long ns)
{
    struct timespec t = {0, ns};

    (void)nanosleep(&t, NULL);
}

static void *spawn_and_abort(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg;
    pirn_join *held[HELD] = {NULL};

    (void)pthread_barrier_wait(&storm.start);
    for (int after = 0; after < 100; after += storm.over) {
        pirn_join **slot = &held[below(&random, HELD)];

        give_up(slot, &random);
        if (!storm.over && counts.accepted - counts.dropped > BEHIND) {
            nap(50000);
            continue;
        }
        work_once(&random, 3, below(&random, 4) == 0 ? NULL : slot);
        if (below(&random, 64) == 0)
            (void)sched_yield();
    }
    for (unsigned i = 0; i < HELD; i++)
        give_up(&held[i], &random);
    return NULL;
}

static void *look_on(void *arg)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)arg;
    CHECK(fd >= 0);
    (void)pthread_barrier_wait(&storm.start);
    while (!storm.over) {
        pirn_metrics m = metrics_of(storm.h);

        CHECK(m.blocking_threads <= 4);
        CHECK(m.idle_blocking_threads <= 4);
        CHECK_EQ(pirn_runtime_dump(storm.h, fd), 0);
        nap(100000);
    }
    (void)close(fd);
    return NULL;
}

static int drive_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    return pirn_pending_poll(cx);
}

/* Until the end: on the current-thread flavour somebody has to run the plain ones. */
static void *drive(void *arg)
{
    static const pirn_task_desc root = {.size = sizeof root, .name = "root", .poll = drive_poll};

    (void)arg;
    (void)pthread_barrier_wait(&storm.start);
    CHECK_EQ(pirn_block_on(storm.h, &root, NULL, NULL, NULL), PIRN_ESHUTDOWN);
    return NULL;
}

static void shut_down_at_some_time(uint64_t *random)
{
    int r;

    (void)pthread_barrier_wait(&storm.start);
    nap((long)below(random, 20) * 1000000);
    while ((r = pirn_runtime_shutdown(storm.rt, pirn_after(PIRN_MS))) != 0)
        CHECK_EQ(r, -ETIMEDOUT);
    storm.over = 1;
}

/* ---- hooks ---- */
static void on_start(void *user, uint32_t worker)
{
    (void)user;
    counts.starts += worker == PIRN_NO_WORKER;
}

static void on_stop(void *user, uint32_t worker)
{
    (void)user;
    counts.stops += worker == PIRN_NO_WORKER;
}

static void on_spawn(void *user, const pirn_task_info *info)
{
    (void)user;
    (void)info;
    counts.hooked_spawns++;
}

static void on_end(void *user, const pirn_task_info *info)
{
    (void)user;
    (void)info;
    counts.hooked_ends++;
}

static void make(uint64_t *random)
{
    const pirn_hooks hooks = {.size = sizeof hooks,
                              .on_thread_start = on_start,
                              .on_thread_stop = on_stop,
                              .on_task_spawn = on_spawn,
                              .on_task_terminate = on_end};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    unsigned keep = below(random, 3);

    o.flavor = below(random, 2) ? PIRN_CURRENT_THREAD : PIRN_MULTI_THREAD;
    o.worker_threads = o.flavor == PIRN_MULTI_THREAD ? 1 + below(random, 3) : 1;
    o.max_blocking_threads = 1 + below(random, 4);
    o.max_blocking_queue = 1 + below(random, 8);
    o.thread_keep_alive_ns = keep == 0 ? 1 : keep == 1 ? 100 * PIRN_US : PIRN_SEC;
    o.alloc = &counting;
    o.hooks = below(random, 2) ? &hooks : NULL;
    CHECK_EQ(pirn_runtime_new(&o, &storm.rt), 0);
    storm.h = pirn_handle_ref(pirn_runtime_handle(storm.rt));
}

static void check_counts(void)
{
    pirn_metrics m = metrics_of(storm.h);

    CHECK_EQ(counts.dropped, counts.accepted);
    CHECK_EQ(counts.polls + counts.cancelled, counts.accepted);
    CHECK(counts.mandatory_ran <= counts.mandatory);
    CHECK_EQ(m.tasks_alive, 0);
    CHECK_EQ(m.tasks_spawned, counts.accepted);
    CHECK_EQ(m.polls, counts.polls);
    CHECK_EQ(m.blocking_threads, 0);
    CHECK_EQ(m.idle_blocking_threads, 0);
    CHECK_EQ(m.blocking_queue_depth, 0);
    CHECK_EQ(counts.starts, counts.stops);
    CHECK_EQ(counts.hooked_spawns, counts.hooked_ends);
}

static void one_round(uint64_t *random)
{
    pthread_t spawners[SPAWNERS], looker, driver;

    memset(&counts, 0, sizeof counts);
    storm.over = 0;
    make(random);
    CHECK_EQ(pthread_barrier_init(&storm.start, NULL, SPAWNERS + 3), 0);
    for (int i = 0; i < SPAWNERS; i++)
        spawners[i] = start_thread(spawn_and_abort, (void *)(uintptr_t)next_random(random));
    looker = start_thread(look_on, NULL);
    driver = start_thread(drive, NULL);
    shut_down_at_some_time(random);
    for (int i = 0; i < SPAWNERS; i++)
        end_thread(spawners[i]);
    end_thread(looker);
    end_thread(driver);
    check_counts();
    pirn_runtime_free(storm.rt);
    pirn_handle_unref(storm.h);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(pthread_barrier_destroy(&storm.start), 0);
}

int main(int argc, char **argv)
{
    uint64_t seed = seed_of(argc, argv);
    int rounds = is_long() ? 4000 : 200;

    for (int i = 0; i < rounds; i++)
        one_round(&seed);
    return 0;
}
