/* SPDX-License-Identifier: MIT */
/* Is nothing lost, doubled or leaked when everything happens at once and ends at a random moment?
 *
 * Threads spawn, wake, abort and join; two threads take turns at driving; one looks at everything;
 * and one shuts the runtime down in the middle. Afterwards the counts must be exact.
 * usage: storm [SEED] */
#include <fcntl.h>
#include <unistd.h>

#include "stress.h"

enum {
    WORKERS = 3,
    JOINS = 48,
    POOL = 64
};

static struct {
    _Atomic(int64_t) frames, frames_dropped, made, taken, outputs_dropped; /* outputs */
    _Atomic(int64_t) roots, roots_dropped, hooked_spawns, hooked_ends;
} counts;

static struct {
    pirn_runtime *rt;
    pirn_handle *h;
    _Atomic(int) over; /* the runtime is shut down */
    /* Wakers and abort handles that any thread may take, use and give up. guard: lock */
    pthread_mutex_t lock;
    pirn_waker wakers[POOL];
    pirn_abort *aborts[POOL];
    bool early_free;
} storm;

/* ---- tasks ----------------------------------------------------------------------------------------- */

struct frame {
    uint64_t random;
    unsigned state, left; /* of a yield; polls until it ends */
    pirn_join *child;
    uint64_t guard; /* shows a frame that was moved or used after its end */
};

#define ALIVE UINT64_C(0x1badc0de0ddf00d)

static pirn_waker swap_waker(unsigned at, pirn_waker w)
{
    pirn_waker was;

    CHECK_EQ(pthread_mutex_lock(&storm.lock), 0);
    was = storm.wakers[at];
    storm.wakers[at] = w;
    CHECK_EQ(pthread_mutex_unlock(&storm.lock), 0);
    return was;
}

static pirn_abort *swap_abort(unsigned at, pirn_abort *a)
{
    pirn_abort *was;

    CHECK_EQ(pthread_mutex_lock(&storm.lock), 0);
    was = storm.aborts[at];
    storm.aborts[at] = a;
    CHECK_EQ(pthread_mutex_unlock(&storm.lock), 0);
    return was;
}

static int spawn(pirn_handle *h, uint64_t random, unsigned left, pirn_join **out);

static int poll_child(struct frame *f, pirn_cx *cx)
{
    uint64_t out = 0;
    pirn_result res;
    int r = pirn_join_poll(f->child, cx, &res, &out);

    if (r == PIRN_PENDING)
        return r;
    CHECK_EQ(r, 0);
    if (res.outcome == PIRN_DONE && res.code == 0) {
        CHECK(out == ALIVE);
        counts.taken++;
    }
    pirn_join_free(f->child);
    f->child = NULL;
    return 0;
}

static int task_poll(void *frame, pirn_cx *cx, void *out)
{
    struct frame *f = frame;

    CHECK(f->guard == ALIVE);
    CHECK(pirn_task_id() != 0);
    if (f->child != NULL && poll_child(f, cx) == PIRN_PENDING)
        return PIRN_PENDING;
    if (f->state != 0 && pirn_yield_poll(&f->state, cx) == PIRN_PENDING)
        return PIRN_PENDING;
    while (f->left > 0) {
        f->left--;
        switch (below(&f->random, 7)) {
        case 0:
            return pirn_yield_poll(&f->state, cx);
        case 1:
            pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
            return PIRN_PENDING;
        case 2:
            pirn_waker_wake(swap_waker(below(&f->random, POOL), pirn_cx_waker(cx)));
            return PIRN_PENDING;
        case 3:
            CHECK_EQ(spawn(NULL, next_random(&f->random), f->left, &f->child), 0);
            if (poll_child(f, cx) == PIRN_PENDING)
                return PIRN_PENDING;
            break;
        case 4:
            pirn_waker_wake(swap_waker(below(&f->random, POOL), (pirn_waker){NULL, NULL}));
            break;
        default:
            break;
        }
    }
    switch (below(&f->random, 8)) {
    case 0:
        return -(int)below(&f->random, 100) - 1;
    case 1:
        return pirn_cx_fault(cx, 1, "storm");
    case 2:
        pirn_fault(2, "storm %u", f->left);
    default:
        *(uint64_t *)out = ALIVE;
        counts.made++;
        return 0;
    }
}

static void task_drop(void *frame)
{
    struct frame *f = frame;

    CHECK(f->guard == ALIVE);
    f->guard = 0;
    if (f->child != NULL && below(&f->random, 2) != 0)
        pirn_join_abort(f->child);
    pirn_join_free(f->child);
    counts.frames_dropped++;
    if (below(&f->random, 16) == 0)
        pirn_fault(3, "storm in a drop");
}

static void output_drop(void *out)
{
    CHECK(*(uint64_t *)out == ALIVE);
    counts.outputs_dropped++;
}

static const pirn_task_desc task_desc = {
    .size = sizeof task_desc,
    .name = "storm",
    .poll = task_poll,
    .drop = task_drop,
    .frame_size = sizeof(struct frame),
    .out_size = sizeof(uint64_t),
    .out_drop = output_drop,
};

static int spawn(pirn_handle *h, uint64_t random, unsigned left, pirn_join **out)
{
    struct frame f = {.random = random, .left = left, .guard = ALIVE};
    void *place;
    int r;

    if (random % 4 != 0) {
        counts.frames++;
        return pirn_spawn(h, &task_desc, &f, out);
    }
    r = pirn_spawn_begin(h, &task_desc, &place);
    if (r != 0)
        return r;
    if (random % 8 == 0 && h != NULL) { /* changes its mind */
        pirn_spawn_cancel(place);
        counts.frames++;
        return pirn_spawn(h, &task_desc, &f, out);
    }
    *(struct frame *)place = f;
    counts.frames++;
    return pirn_spawn_commit(place, out);
}

/* ---- threads ------------------------------------------------------------------------------------------- */

static void take(pirn_join **j, int r, const pirn_result *res, uint64_t out)
{
    if (r == -EAGAIN || r == -ETIMEDOUT)
        return;
    CHECK_EQ(r, 0);
    if (res->outcome == PIRN_DONE && res->code == 0) {
        CHECK(out == ALIVE);
        counts.taken++;
    }
    CHECK_EQ(pirn_join_try(*j, NULL, NULL), -EINVAL);
    pirn_join_free(*j);
    *j = NULL;
}

static void use_join(pirn_join **j, uint64_t *random)
{
    pirn_result res;
    uint64_t out = 0;
    int r;

    switch (below(random, 10)) {
    case 0:
        pirn_join_abort(*j);
        break;
    case 1:
        r = pirn_join_wait(*j, pirn_after(below(random, 200) * PIRN_US), &res, &out);
        take(j, r, &res, out);
        break;
    case 2:
        pirn_join_free(*j);
        *j = NULL;
        break;
    case 3:
        CHECK(pirn_join_fd(*j) >= 0);
        break;
    case 4:
        pirn_abort_free(swap_abort(below(random, POOL), pirn_join_abort_handle(*j)));
        break;
    default:
        r = pirn_join_try(*j, &res, &out);
        take(j, r, &res, out);
        break;
    }
}

static void *worker(void *seed)
{
    uint64_t random = *(uint64_t *)seed;
    pirn_join *joins[JOINS] = {NULL};
    int after = 200; /* rounds after the end: everything still answers */

    while (!storm.over || after-- > 0) {
        unsigned at = below(&random, JOINS);
        pirn_waker w;
        pirn_abort *a;

        switch (below(&random, 6)) {
        case 0:
        case 1:
            if (joins[at] == NULL)
                CHECK_EQ(spawn(storm.h, next_random(&random), below(&random, 8),
                               below(&random, 4) != 0 ? &joins[at] : NULL),
                         0);
            break;
        case 2:
            w = swap_waker(below(&random, POOL), (pirn_waker){NULL, NULL});
            if (below(&random, 4) == 0)
                pirn_waker_drop(pirn_waker_clone(&w));
            if (below(&random, 4) == 0)
                pirn_waker_wake_by_ref(&w);
            pirn_waker_wake(w);
            break;
        case 3:
            a = swap_abort(below(&random, POOL), NULL);
            if (below(&random, 2) == 0)
                pirn_abort_now(a);
            pirn_abort_free(a);
            break;
        default:
            if (joins[at] != NULL)
                use_join(&joins[at], &random);
            break;
        }
    }
    for (unsigned i = 0; i < JOINS; i++)
        pirn_join_free(joins[i]);
    return NULL;
}

/* A root that spawns, waits for its child and lets a few turns pass. */
static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    struct frame *f = frame;

    (void)out;
    CHECK(pirn_task_id() == 0);
    if (f->left == 0 && f->child == NULL)
        return 0;
    if (f->child == NULL)
        CHECK_EQ(spawn(NULL, next_random(&f->random), 3, &f->child), 0);
    while (poll_child(f, cx) == 0) {
        if (--f->left == 0)
            return 0;
        CHECK_EQ(spawn(NULL, next_random(&f->random), 3, &f->child), 0);
    }
    /* A child may wait for a waker that nobody has any more: nobody waits for ever here. */
    if (below(&f->random, 64) == 0)
        pirn_join_abort(f->child);
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void root_drop(void *frame)
{
    pirn_join_free(((struct frame *)frame)->child);
    counts.roots_dropped++;
}

static const pirn_task_desc root_desc = {
    .size = sizeof root_desc,
    .name = "root",
    .poll = root_poll,
    .drop = root_drop,
    .frame_size = sizeof(struct frame),
};

static void *driver(void *seed)
{
    uint64_t random = *(uint64_t *)seed;
    int r = 0;

    while (r != PIRN_ESHUTDOWN) {
        if (below(&random, 2) == 0) {
            struct frame f = {.random = next_random(&random), .left = 1 + below(&random, 5)};

            counts.roots++;
            r = pirn_block_on(storm.h, &root_desc, &f, NULL, NULL);
            CHECK(r == 0 || r == PIRN_ESHUTDOWN);
        } else if (!storm.early_free) {
            r = pirn_runtime_turn(storm.rt, pirn_after(below(&random, 100) * PIRN_US), NULL);
            CHECK(r == 0 || r == 1 || r == -EBUSY || r == PIRN_ESHUTDOWN);
        }
    }
    return NULL;
}

static int see(void *user, const pirn_task_info *t)
{
    CHECK(t->id != 0 && t->name != NULL && strcmp(t->name, "storm") == 0);
    return ++*(int *)user == 5000;
}

static void *looker(void *seed)
{
    uint64_t random = *(uint64_t *)seed;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    while (!storm.over) {
        int seen = 0, r;

        switch (below(&random, 3)) {
        case 0:
            CHECK_EQ(pirn_runtime_dump(storm.h, fd), 0);
            break;
        case 1:
            r = pirn_runtime_each_task(storm.h, see, &seen);
            CHECK(r == 0 || r == 1);
            break;
        default:
            CHECK(metrics_of(storm.h).tasks_alive <= metrics_of(storm.h).tasks_spawned);
            break;
        }
    }
    CHECK_EQ(close(fd), 0);
    return NULL;
}

/* ---- one storm -------------------------------------------------------------------------------------- */

static void on_spawn(void *user, const pirn_task_info *t)
{
    (void)user;
    (void)t;
    counts.hooked_spawns++;
}

static void on_terminate(void *user, const pirn_task_info *t)
{
    (void)user;
    (void)t;
    counts.hooked_ends++;
}

static const pirn_hooks hooks = {
    .size = sizeof hooks,
    .on_task_spawn = on_spawn,
    .on_task_terminate = on_terminate,
};

static void give_up_pools(void)
{
    for (unsigned i = 0; i < POOL; i++) {
        pirn_waker_wake(swap_waker(i, (pirn_waker){NULL, NULL}));
        pirn_abort_free(swap_abort(i, NULL));
    }
}

static void check_counts(bool hooked, const pirn_metrics *m)
{
    CHECK_EQ(m->tasks_alive, 0);
    CHECK_EQ(counts.frames_dropped, counts.frames);
    CHECK_EQ(counts.taken + counts.outputs_dropped, counts.made);
    CHECK_EQ(counts.hooked_spawns, hooked ? counts.frames : 0);
    CHECK_EQ(counts.roots_dropped, counts.roots);
    CHECK_EQ(counts.hooked_ends, counts.hooked_spawns);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.bytes, 0);
}

static void rage(uint64_t *random)
{
    uint64_t seeds[WORKERS + 3];
    pthread_t threads[WORKERS + 3];
    unsigned n = 0;
    bool hooked = below(random, 2) != 0;
    struct timespec pause = {0, (1 + below(random, 40)) * 1000000};
    pirn_metrics m;

    memset(&counts, 0, sizeof counts);
    storm.over = 0;
    storm.early_free = below(random, 2) != 0;
    storm.rt = runtime_with(hooked ? &hooks : NULL);
    storm.h = pirn_handle_ref(pirn_runtime_handle(storm.rt));
    for (unsigned i = 0; i < WORKERS + 3; i++)
        seeds[i] = next_random(random);
    for (; n < WORKERS; n++)
        threads[n] = start_thread(worker, &seeds[n]);
    threads[n] = start_thread(driver, &seeds[n]), n++;
    threads[n] = start_thread(driver, &seeds[n]), n++;
    threads[n] = start_thread(looker, &seeds[n]), n++;
    CHECK_EQ(nanosleep(&pause, NULL), 0);
    while (pirn_runtime_shutdown(storm.rt, pirn_after(PIRN_MS)) != 0)
        ;
    if (storm.early_free) /* under the feet of everybody: they have a handle */
        pirn_runtime_free(storm.rt);
    storm.over = 1;
    for (unsigned i = 0; i < n; i++)
        end_thread(threads[i]);
    give_up_pools();
    m = metrics_of(storm.h);
    if (!storm.early_free)
        pirn_runtime_free(storm.rt);
    pirn_handle_unref(storm.h);
    check_counts(hooked, &m);
    printf("%lld frames, %lld outputs, %lld polls\n", (long long)counts.frames,
           (long long)counts.made, (long long)m.polls);
}

int main(int argc, char **argv)
{
    uint64_t random = seed_of(argc, argv);
    int rounds = is_long() ? 2000 : 40;

    CHECK_EQ(pthread_mutex_init(&storm.lock, NULL), 0);
    for (int i = 0; i < rounds; i++)
        rage(&random);
    return 0;
}
