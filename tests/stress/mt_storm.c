/* SPDX-License-Identifier: MIT */
/* Is nothing lost, doubled or leaked when many workers run everything at once, and the runtime ends at
 * a random moment?
 *
 * Threads spawn, wake, abort and join; two block on roots; others look at everything; then the runtime
 * is shut down, by one or two at once, or freed under everybody's feet, or everything is left to end by
 * itself. Afterwards the counts must be exact. Public headers only: it runs against an installed
 * library as well.
 * usage: mt_storm [SEED [ROUNDS]] */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "mt_storm.h"

enum {
    STRANGERS = 3,
    DRIVERS = 2,
    LOOKERS = 2,
    THREADS = STRANGERS + DRIVERS + LOOKERS,
    JOINS = 24,
    LIMIT_S = 120, /* of one round */
};

static void on_alarm(int signo)
{
    static const char text[] = "mt_storm: a round does not end\n";

    (void)signo;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    /* Not allowed in a handler; but all is lost anyway. */
    if (pirn_runtime_dump(storm.h, STDERR_FILENO) != 0)
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

static void pause_us(unsigned us)
{
    struct timespec t = {0, (long)us * 1000};

    (void)nanosleep(&t, NULL);
}

static unsigned threads_alive(void)
{
    DIR *d = opendir("/proc/self/task");
    unsigned n = 0;

    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.';
    CHECK_EQ(closedir(d), 0);
    return n;
}

static void *do_nothing(void *arg)
{
    return arg;
}

/* A thread that was joined is in the list until the kernel has done with it. */
static void check_threads(unsigned before)
{
    for (int i = 0; threads_alive() > before; i++) {
        CHECK(i < 5000);
        pause_us(1000);
    }
}

/* ---- memory that runs out ------------------------------------------------------------------ */

static void *scarce_alloc(void *user, size_t n, size_t align)
{
    unsigned every = storm.fail_every;

    if (every != 0 && ++storm.allocations % every == 0)
        return NULL;
    return count_alloc(user, n, align);
}

static const pirn_alloc scarce = {sizeof(pirn_alloc), scarce_alloc, count_free, NULL};

/* ---- threads of the program's own ---------------------------------------------------------- */

static void use_fd(pirn_join *j)
{
    struct pollfd p = {.events = POLLIN};
    bool finished = pirn_join_is_finished(j);

    p.fd = pirn_join_fd(j);
    if (p.fd < 0) {
        CHECK(p.fd == -ENOMEM && storm.fail_every != 0);
        return;
    }
    CHECK(poll(&p, 1, finished ? 0 : 1) >= 0);
    CHECK(!finished || (p.revents & POLLIN));
    CHECK(!(p.revents & POLLIN) || pirn_join_is_finished(j));
}

static void use_join(pirn_join **j, uint64_t *random)
{
    uint64_t *out = NULL;
    pirn_result res;
    int r;

    switch (below(random, 10)) {
    case 0:
        storm_abort(*j);
        break;
    case 1:
        r = pirn_join_wait(*j, pirn_after(below(random, 300) * PIRN_US), &res, &out);
        storm_take(j, r, &res, out);
        break;
    case 2:
        pirn_join_free(*j);
        *j = NULL;
        break;
    case 3:
        use_fd(*j);
        break;
    case 4:
        pirn_abort_free(storm_swap_abort(below(random, POOL), pirn_join_abort_handle(*j)));
        break;
    case 5:
        *j = storm_swap_join(below(random, POOL), *j);
        break;
    default:
        r = pirn_join_try(*j, &res, &out);
        storm_take(j, r, &res, out);
        break;
    }
}

static void spawn_some(pirn_join **j, uint64_t *random)
{
    if (storm.ending || *j != NULL)
        return;
    switch (below(random, 4)) {
    case 0:
        (void)storm_spawn_blocking(storm.h, random, below(random, 3) != 0 ? j : NULL);
        break;
    case 1:
        (void)storm_spawn_leaf(storm.h, random, j);
        break;
    default:
        (void)storm_spawn(storm.h, random, below(random, 12), below(random, 3) != 0 ? j : NULL);
        break;
    }
}

static void use_waker(uint64_t *random)
{
    pirn_waker w = storm_swap_waker(below(random, POOL), (pirn_waker){NULL, NULL});

    if (below(random, 4) == 0)
        pirn_waker_drop(pirn_waker_clone(&w));
    if (below(random, 4) == 0)
        pirn_waker_wake_by_ref(&w);
    pirn_waker_wake(w);
    storm_ring(below(random, POOL));
}

static void use_abort(uint64_t *random)
{
    pirn_abort *a = storm_swap_abort(below(random, POOL), NULL);

    if (below(random, 2) == 0)
        storm_abort_now(a);
    pirn_abort_free(a);
}

static void *stranger(void *seed)
{
    uint64_t random = *(uint64_t *)seed;
    pirn_join *joins[JOINS] = {NULL};
    int after = 100; /* rounds after the end: everything still answers */

    while (!storm.over || after-- > 0) {
        pirn_join **j = &joins[below(&random, JOINS)];

        switch (below(&random, 12)) {
        case 0:
        case 1:
        case 2:
            spawn_some(j, &random);
            break;
        case 3:
        case 4:
            use_waker(&random);
            break;
        case 5:
            use_abort(&random);
            break;
        case 6:
            storm_settle_begun(below(&random, POOL), below(&random, 4) != 0);
            break;
        case 7: /* the workers fall asleep meanwhile */
            pause_us(below(&random, 16) == 0 ? below(&random, 3000) : 1);
            break;
        case 8:
            if (!storm.ending && below(&random, 8) == 0)
                storm_local_runtime(&random, false);
            break;
        default:
            if (*j != NULL)
                use_join(j, &random);
            break;
        }
    }
    /* Everything has ended, so every join is resolved; begun tasks have none yet. */
    for (unsigned i = 0; i < JOINS; i++) {
        CHECK(joins[i] == NULL || pirn_join_is_finished(joins[i]));
        pirn_join_free(joins[i]);
    }
    return NULL;
}

static void *driver(void *seed)
{
    uint64_t random = *(uint64_t *)seed;

    while (!storm.ending) {
        if (below(&random, 8) == 0)
            storm_local_runtime(&random, true);
        else
            storm_block_on(&random, false);
    }
    storm.drivers--;
    return NULL;
}

static void *looker(void *seed)
{
    uint64_t random = *(uint64_t *)seed;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), r;

    CHECK(fd >= 0);
    while (!storm.over) {
        if (below(&random, 3) == 0) {
            r = pirn_runtime_dump(storm.h, fd);
            CHECK(r == 0 || (r == -ENOMEM && storm.fail_every != 0));
        } else {
            storm_look(&random);
        }
        pause_us(below(&random, 200));
    }
    CHECK_EQ(close(fd), 0);
    return NULL;
}

/* ---- hooks ------------------------------------------------------------------------------------ */

static _Atomic(uint64_t) hook_seed;

static unsigned index_of(uint32_t worker)
{
    CHECK(worker == PIRN_NO_WORKER || worker < WORKERS_MAX);
    return worker == PIRN_NO_WORKER ? WORKERS_MAX : worker;
}

static void on_start(void *user, uint32_t worker)
{
    (void)user;
    counts.starts[index_of(worker)]++;
}

static void on_stop(void *user, uint32_t worker)
{
    (void)user;
    counts.stops[index_of(worker)]++;
}

static void on_park(void *user, uint32_t worker)
{
    uint64_t random = atomic_fetch_add(&hook_seed, 0x9e3779b9);

    (void)user;
    (void)index_of(worker);
    counts.parks++;
    if (!storm.ending && below(&random, 8) == 0)
        (void)storm_spawn_leaf(storm.h, &random, NULL);
}

static void on_unpark(void *user, uint32_t worker)
{
    (void)user;
    (void)index_of(worker);
    counts.unparks++;
}

static void on_spawn(void *user, const pirn_task_info *t)
{
    (void)user;
    CHECK(t->id != 0);
    counts.hooked_spawns++;
}

static void on_terminate(void *user, const pirn_task_info *t)
{
    (void)user;
    counts.hooked_ends++;
    storm_ring((unsigned)t->id % POOL);
}

static void on_fault(void *user, const pirn_task_info *t, int code, const char *text)
{
    (void)user;
    (void)text;
    counts.hooked_faults++;
    if (t->id % 16 == 0)
        pirn_fault(code, "storm in a hook");
}

static const pirn_hooks hooks = {
    .size = sizeof hooks,
    .on_thread_start = on_start,
    .on_thread_stop = on_stop,
    .on_thread_park = on_park,
    .on_thread_unpark = on_unpark,
    .on_task_spawn = on_spawn,
    .on_task_terminate = on_terminate,
    .on_fault = on_fault,
};

/* ---- one round ---------------------------------------------------------------------------------- */

static bool make(uint64_t *random, unsigned workers)
{
    static const int64_t keep[] = {1, 100 * PIRN_US, PIRN_SEC};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    bool hooked = below(random, 2) != 0;

    o.worker_threads = workers;
    o.max_blocking_threads = below(random, 2) != 0 ? 1 + below(random, 3) : 64;
    o.max_blocking_queue = 1 + below(random, 8);
    o.thread_keep_alive_ns = keep[below(random, 3)];
    o.event_interval = below(random, 3) == 0 ? 1 + below(random, 4) : 0;
    o.global_queue_interval = below(random, 3) == 0 ? 1 + below(random, 4) : 0;
    o.coop_budget = below(random, 3) == 0 ? 1 + below(random, 8) : 0;
    o.flags = (below(random, 3) == 0 ? PIRN_RT_NO_LIFO : 0) |
              (below(random, 4) == 0 ? PIRN_RT_POLL_HISTOGRAM : 0) |
              (below(random, 4) == 0 ? PIRN_RT_LATENCY_HISTOGRAM : 0);
    o.unhandled_fault = below(random, 16) == 0 ? PIRN_UNHANDLED_SHUTDOWN : PIRN_UNHANDLED_IGNORE;
    o.stuck_poll_ns = below(random, 3) == 0 ? PIRN_MS / 4 : 0;
    o.alloc = &scarce;
    o.hooks = hooked ? &hooks : NULL;
    o.seed = next_random(random);
    CHECK_EQ(pirn_runtime_new(&o, &storm.rt), 0);
    storm.h = pirn_handle_ref(pirn_runtime_handle(storm.rt));
    storm.fail_every = below(random, 4) == 0 ? 2 + below(random, 300) : 0;
    return hooked;
}

static void *shut_down(void *step_us)
{
    int64_t step = (int64_t)(intptr_t)step_us * PIRN_US;
    int r;

    while ((r = pirn_runtime_shutdown(storm.rt, pirn_after(step))) != 0)
        CHECK_EQ(r, -ETIMEDOUT);
    return NULL;
}

static void wait_for_the_end(void)
{
    pirn_metrics m = {.size = sizeof m};

    do {
        pause_us(200);
        CHECK_EQ(pirn_runtime_metrics(storm.h, &m), 0);
    } while (storm.drivers != 0 || m.tasks_alive != 0);
}

enum {
    BY_ITSELF,
    BY_SHUTDOWN,
    BY_TWO,
    BY_FREE,
    ENDS
};

/* Return: whether the runtime is freed. */
static bool come_to_an_end(uint64_t *random, unsigned how)
{
    pthread_t second = pthread_self();

    storm.ending = 1;
    if (how == BY_ITSELF)
        wait_for_the_end();
    if (how == BY_TWO)
        second = start_thread(shut_down, (void *)(intptr_t)(1 + below(random, 2000)));
    if (how != BY_FREE)
        (void)shut_down((void *)(intptr_t)(1 + below(random, 2000)));
    if (how == BY_TWO)
        end_thread(second);
    if (how == BY_SHUTDOWN && below(random, 2) == 0)
        return false;
    pirn_runtime_free(storm.rt);
    return true;
}

static void give_up_pools(uint64_t *random)
{
    for (unsigned i = 0; i < POOL; i++) {
        pirn_join *j = storm_swap_join(i, NULL);

        CHECK(j == NULL || pirn_join_is_finished(j));
        pirn_join_free(j);
        pirn_waker_wake(storm_swap_waker(i, (pirn_waker){NULL, NULL}));
        pirn_abort_free(storm_swap_abort(i, NULL));
        storm_settle_begun(i, below(random, 2) != 0);
        CHECK(storm.bells[i].state == BELL_FREE);
        pirn_waker_cell_fini(&storm.bells[i].cell);
    }
}

static void check_counts(bool hooked, const pirn_metrics *m)
{
    CHECK_EQ(m->tasks_alive, 0);
    CHECK_EQ(m->retired_cells, 0);
    CHECK_EQ(m->blocking_threads, 0);
    CHECK_EQ(m->idle_blocking_threads, 0);
    CHECK_EQ(m->blocking_queue_depth, 0);
    CHECK_EQ(m->inject_queue_depth, 0);
    CHECK_EQ(m->local_queue_depth, 0);
    CHECK(m->tasks_spawned >= (uint64_t)counts.frames);
    CHECK(m->tasks_spawned <= (uint64_t)(counts.frames + counts.refused + counts.given_up));
    CHECK_EQ(counts.dropped, counts.frames);
    CHECK_EQ(counts.taken + counts.outputs_dropped, counts.made);
    CHECK_EQ(counts.roots_dropped, counts.roots);
    CHECK_EQ(counts.ops_dropped, counts.ops);
    CHECK_EQ(counts.defer_ran, counts.deferred);
    CHECK_EQ(counts.hooked_ends, counts.hooked_spawns);
    CHECK(!hooked || counts.hooked_spawns >= counts.frames);
    CHECK_EQ(counts.parks, counts.unparks);
    for (unsigned i = 0; i <= WORKERS_MAX; i++)
        CHECK_EQ(counts.starts[i], counts.stops[i]);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.bytes, 0);
}

static void rage(uint64_t *random, unsigned workers, unsigned how)
{
    static void *(*const bodies[THREADS])(void *) = {stranger, stranger, stranger, driver,
                                                     driver,   looker,   looker};
    unsigned threads_before = threads_alive();
    uint64_t seeds[THREADS];
    pthread_t threads[THREADS];
    bool hooked, freed;
    pirn_metrics m = {.size = sizeof m};

    (void)alarm(LIMIT_S);
    memset(&counts, 0, sizeof counts);
    storm.over = 0;
    storm.ending = 1; /* hooks run before anything is there to be used */
    storm.drivers = DRIVERS;
    storm.calm_end = how == BY_ITSELF;
    hooked = make(random, workers);
    storm.ending = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = next_random(random);
        threads[i] = start_thread(bodies[i], &seeds[i]);
    }
    pause_us(below(random, 8) == 0 ? below(random, 1000) : below(random, 80000));
    freed = come_to_an_end(random, how);
    for (unsigned i = STRANGERS; i < STRANGERS + DRIVERS; i++)
        end_thread(threads[i]);
    storm.over = 1;
    for (unsigned i = 0; i < THREADS; i++)
        if (i < STRANGERS || i >= STRANGERS + DRIVERS)
            end_thread(threads[i]);
    give_up_pools(random);
    CHECK_EQ(pirn_runtime_metrics(storm.h, &m), 0);
    if (!freed)
        pirn_runtime_free(storm.rt);
    check_threads(threads_before);
    storm.fail_every = 0;
    pirn_handle_unref(storm.h);
    check_counts(hooked, &m);
    printf("%2u workers, end %u: %lld frames, %lld blocking, %lld in place, %llu polls\n", workers,
           how, (long long)counts.frames, (long long)counts.blocking, (long long)counts.in_place,
           (unsigned long long)m.polls);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const unsigned workers[] = {1, 2, 4, WORKERS_MAX};
    uint64_t random = seed_of(argc, argv);
    int rounds = argc > 2 ? atoi(argv[2]) : is_long() ? 3200 : 64;

    CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    CHECK_EQ(pthread_mutex_init(&storm.lock, NULL), 0);
    end_thread(start_thread(do_nothing, NULL)); /* a sanitizer's own thread comes with the first */
    for (int i = 0; i < rounds; i++) {
        rage(&random, workers[i % 4], (unsigned)i / 4 % ENDS);
    }
    return 0;
}
