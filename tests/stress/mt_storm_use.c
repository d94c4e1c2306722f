/* SPDX-License-Identifier: MIT */
/* What tasks and threads of the multi-thread storm do to each other: spawn, join, wake, look. */
#include <sched.h>
#include <unistd.h>

#include "mt_storm.h"

struct counts counts;
struct storm storm;
static _Atomic(uint64_t) last_serial;
_Thread_local uint64_t storm_spawning;
_Thread_local bool storm_aborting;

/* ---- pools ------------------------------------------------------------------------------- */

#define SWAP(type, name, array)                                                                    \
    type name(unsigned at, type with)                                                              \
    {                                                                                              \
        type was;                                                                                  \
                                                                                                   \
        CHECK_EQ(pthread_mutex_lock(&storm.lock), 0);                                              \
        was = storm.array[at];                                                                     \
        storm.array[at] = with;                                                                    \
        CHECK_EQ(pthread_mutex_unlock(&storm.lock), 0);                                            \
        return was;                                                                                \
    }
SWAP(pirn_waker, storm_swap_waker, wakers)
typedef pirn_abort *abort_handle;
SWAP(abort_handle, storm_swap_abort, aborts)
typedef pirn_join *join_handle;
SWAP(join_handle, storm_swap_join, joins)
typedef void *begun_frame;
SWAP(begun_frame, storm_swap_begun, begun)

static const pirn_waker no_waker;

void storm_wake_one(uint64_t *random)
{
    pirn_waker_wake(storm_swap_waker(below(random, POOL), no_waker));
}

void storm_abort(pirn_join *j)
{
    storm_aborting = true;
    pirn_join_abort(j);
    storm_aborting = false;
}

void storm_abort_now(pirn_abort *a)
{
    storm_aborting = true;
    pirn_abort_now(a);
    storm_aborting = false;
}

/* To anybody who finds it. */
void storm_give_join(uint64_t *random, pirn_join *j)
{
    j = storm_swap_join(below(random, POOL), j);
    if (below(random, 2) == 0)
        storm_abort(j);
    pirn_join_free(j);
}

void storm_take(pirn_join **j, int r, const pirn_result *res, void *out)
{
    uint64_t *value = out;

    if (r == -EAGAIN || r == -ETIMEDOUT || r == PIRN_PENDING)
        return;
    CHECK_EQ(r, 0);
    CHECK(pirn_join_is_finished(*j));
    CHECK_EQ(res->task_id, pirn_join_id(*j));
    CHECK((pirn_join_fault_text(*j) != NULL) == (res->outcome == PIRN_FAULTED));
    CHECK(res->outcome != PIRN_CANCELLED || res->code == -ECANCELED);
    if (res->outcome == PIRN_DONE && res->code == 0) {
        CHECK(*value == ALIVE); /* written by the task, plainly */
        free(value);
        counts.taken++;
    }
    CHECK_EQ(pirn_join_try(*j, NULL, NULL), -EINVAL);
    pirn_join_free(*j);
    *j = NULL;
}

void storm_ring(unsigned at)
{
    int awaited = BELL_AWAITED;

    if (!atomic_compare_exchange_strong(&storm.bells[at].state, &awaited, BELL_RUNG))
        return;
    counts.rings++;
    pirn_waker_cell_wake(&storm.bells[at].cell);
}

/* ---- looking ----------------------------------------------------------------------------- */

struct look {
    uint64_t random;
    int seen, limit;
};

static int see(void *user, const pirn_task_info *t)
{
    struct look *l = user;

    CHECK(t->id != 0 && strncmp(t->name, "storm", 5) == 0);
    CHECK(t->worker == PIRN_NO_WORKER || t->worker < WORKERS_MAX);
    switch (below(&l->random, 64)) {
    case 0:
        storm_wake_one(&l->random);
        break;
    case 1:
        if (!storm.ending)
            (void)storm_spawn_leaf(storm.h, &l->random, NULL);
        break;
    case 2:
        (void)sched_yield();
        break;
    default:
        break;
    }
    return ++l->seen == l->limit;
}

static void look_at_worker(uint64_t *random, uint32_t workers)
{
    pirn_worker_metrics m = {.size = sizeof m};
    pirn_histogram g = {.size = sizeof g};
    int r;

    CHECK_EQ(pirn_runtime_worker_metrics(storm.h, below(random, workers), &m), 0);
    CHECK_EQ(pirn_runtime_worker_metrics(storm.h, workers, &m), -EINVAL);
    r = pirn_runtime_histogram(storm.h, PIRN_HISTOGRAM_POLL_TIME, PIRN_NO_WORKER, &g);
    CHECK(r == 0 || r == -ENODATA);
    r = pirn_runtime_histogram(storm.h, PIRN_HISTOGRAM_SCHEDULE_LATENCY, below(random, workers),
                               &g);
    CHECK(r == 0 || r == -ENODATA);
}

/* From any thread, tasks too. */
void storm_look(uint64_t *random)
{
    struct look l = {next_random(random), 0, 1 + (int)below(random, 3000)};
    pirn_metrics m = {.size = sizeof m};
    int r, pipe_ends[2];

    switch (below(random, 4)) {
    case 0:
        r = pirn_runtime_each_task(storm.h, see, &l);
        CHECK(r == 0 || r == 1 || r == -ENOMEM);
        break;
    case 1: /* nobody reads */
        CHECK_EQ(pipe(pipe_ends), 0);
        CHECK_EQ(close(pipe_ends[0]), 0);
        r = pirn_runtime_dump(storm.h, pipe_ends[1]);
        CHECK(r == -EPIPE || r == -ENOMEM);
        CHECK_EQ(close(pipe_ends[1]), 0);
        break;
    default:
        CHECK_EQ(pirn_runtime_metrics(storm.h, &m), 0);
        CHECK(m.blocking_threads < 1000 && m.tasks_alive < INT64_MAX);
        look_at_worker(random, m.workers);
        break;
    }
}

/* ---- spawns --------------------------------------------------------------------------------- */

static bool is_refusal(int r, const pirn_task_desc *d)
{
    if (r == 0)
        return false;
    CHECK(storm.fail_every != 0 ? r == -ENOMEM || r == -EAGAIN : r == -EAGAIN);
    CHECK(storm.fail_every != 0 || (d->flags & PIRN_TASK_TRY));
    return true;
}

static int commit(void *place, pirn_join **out)
{
    uint64_t outer = storm_spawning;
    int r;

    storm_spawning = ((struct frame *)place)->serial;
    counts.frames++;
    r = pirn_spawn_commit(place, out);
    storm_spawning = outer;
    CHECK_EQ(r, 0);
    return r;
}

void storm_settle_begun(unsigned at, bool go)
{
    void *place = storm_swap_begun(at, NULL);

    if (place != NULL && go) {
        (void)commit(place, NULL);
    } else {
        counts.given_up += place != NULL;
        pirn_spawn_cancel(place);
    }
}

static int spawn_in_steps(pirn_handle *h, const pirn_task_desc *d, struct frame *f, pirn_join **out)
{
    void *place = NULL;
    int r = pirn_spawn_begin(h, d, &place);

    if (r != 0)
        return r;
    memcpy(place, f, sizeof *f);
    if (out != NULL || below(&f->random, 2) == 0)
        return commit(place, out);
    place = storm_swap_begun(below(&f->random, POOL), place); /* for anybody to commit */
    if (place != NULL)
        (void)commit(place, NULL);
    return 0;
}

static int spawn_entered(pirn_handle *h, const pirn_task_desc *d, struct frame *f, pirn_join **out)
{
    pirn_enter guard;
    int r;

    CHECK_EQ(pirn_handle_enter(h, &guard), 0);
    CHECK(pirn_handle_current() == h);
    r = pirn_spawn(NULL, d, f, out);
    pirn_enter_exit(&guard);
    return r;
}

static int spawn_somehow(pirn_handle *h, const pirn_task_desc *d, struct frame *f, pirn_join **out)
{
    int r;

    switch (below(&f->random, 6)) {
    case 0:
        return spawn_in_steps(h, d, f, out);
    case 1:
        counts.frames++;
        r = h != NULL ? spawn_entered(h, d, f, out) : pirn_spawn(h, d, f, out);
        break;
    default:
        counts.frames++;
        r = d->flags & PIRN_TASK_BLOCKING ? pirn_spawn_blocking(h, d, f, out)
                                          : pirn_spawn(h, d, f, out);
        break;
    }
    counts.frames -= r != 0;
    return r;
}

/* @set: NULL: none. */
static bool start(pirn_handle *h, pirn_local_set *set, const pirn_task_desc *d, struct frame f,
                  pirn_join **out)
{
    pirn_join *before = out != NULL ? *out : NULL;
    uint64_t outer = storm_spawning;
    int r;

    if (counts.frames - counts.dropped > BEHIND)
        return false;
    f.guard = ALIVE;
    f.serial = storm_spawning = ++last_serial;
    if (set != NULL) {
        counts.frames++;
        r = pirn_local_set_spawn(set, d, &f, out);
        counts.frames -= r != 0;
    } else {
        r = spawn_somehow(h, d, &f, out);
    }
    storm_spawning = outer;
    if (!is_refusal(r, d))
        return true;
    CHECK(out == NULL || *out == before);
    counts.refused++;
    return false;
}

bool storm_spawn(pirn_handle *h, uint64_t *random, unsigned left, pirn_join **out)
{
    unsigned which = below(random, 16);
    struct frame f = {.random = next_random(random), .left = left};

    return start(h, NULL, &storm_plain[which < 3 ? which : 0], f, out);
}

bool storm_spawn_leaf(pirn_handle *h, uint64_t *random, pirn_join **out)
{
    struct frame f = {.random = next_random(random), .left = below(random, 4), .kind = LEAF};

    return start(h, NULL, &storm_plain[0], f, out);
}

bool storm_spawn_in_set(pirn_local_set *set, uint64_t *random, pirn_join **out)
{
    struct frame f = {.random = next_random(random), .left = below(random, 4), .kind = LEAF};

    return start(NULL, set, &storm_plain[0], f, out);
}

/* Mandatory ones are never joined, so that nobody can take them back. */
bool storm_spawn_blocking(pirn_handle *h, uint64_t *random, pirn_join **out)
{
    unsigned which = below(random, 3);
    struct frame f = {.random = next_random(random), .left = below(random, 3), .kind = BLOCKING};

    if (which == 2)
        f.kind |= MANDATORY;
    return start(h, NULL, &storm_pooled[which], f, which == 2 ? NULL : out);
}

/* ---- roots ---------------------------------------------------------------------------------- */

void storm_block_on(uint64_t *random, bool leaf)
{
    struct frame f = {.guard = ALIVE,
                      .random = next_random(random),
                      .left = 1 + below(random, leaf ? 3 : 12),
                      .kind = ROOT | (leaf ? LEAF : 0)};
    uint64_t *out = NULL;
    pirn_result res = {PIRN_CANCELLED, 0, 0};
    int r;

    counts.roots++;
    r = pirn_block_on(storm.h, &storm_plain[0], &f, &res, &out);
    CHECK(r == 0 || r == PIRN_ESHUTDOWN || (r == -ENOMEM && storm.fail_every != 0));
    if (r == -ENOMEM) { /* untouched */
        CHECK(f.guard == ALIVE && !f.polled);
        counts.roots--;
    }
    if (r == 0 && res.outcome == PIRN_DONE && res.code == 0) {
        CHECK(*out == ALIVE);
        free(out);
        counts.taken++;
    }
}

/* A task of the storm, awaited on another runtime. */
struct visit {
    uint64_t random;
    pirn_join *child;
    unsigned patience; /* polls; 0: without end */
};

static int visit_poll(void *frame, pirn_cx *cx, void *nothing)
{
    struct visit *v = frame;
    uint64_t *out = NULL;
    pirn_result res;
    int r;

    (void)nothing;
    if (v->child == NULL && !storm_spawn_leaf(storm.h, &v->random, &v->child))
        return 0;
    r = pirn_join_poll(v->child, cx, &res, &out);
    storm_take(&v->child, r, &res, out);
    if (r != PIRN_PENDING || v->patience == 0)
        return r;
    if (--v->patience == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void visit_drop(void *frame)
{
    struct visit *v = frame;

    storm_give_join(&v->random, v->child);
}

void storm_local_runtime(uint64_t *random, bool for_ever)
{
    static const pirn_task_desc d = {.size = sizeof d,
                                     .name = "visit",
                                     .poll = visit_poll,
                                     .drop = visit_drop,
                                     .frame_size = sizeof(struct visit)};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct visit v = {next_random(random), NULL, for_ever ? 0 : 50};

    o.flavor = PIRN_CURRENT_THREAD;
    CHECK_EQ(pirn_run(&o, &d, &v, NULL, NULL), 0);
}
