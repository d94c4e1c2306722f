/* SPDX-License-Identifier: MIT */
/* tasks.c: what do the shared tasks and roots do? */
#include "tasks.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

pirn_runtime *rt;
pirn_handle *handle;

static sem_t done;

/* ---- the runtime ------------------------------------------------------------------------ */

static void make_runtime(const pirn_runtime_opts *o)
{
    int status = pirn_runtime_new(o, &rt);

    if (status == -ENOTSUP) {
        bench_unavailable("not in this version", pirn_last_error_text());
    }
    check("pirn_runtime_new", status);
    handle = pirn_runtime_handle(rt);
}

void make_current_thread(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flavor = PIRN_CURRENT_THREAD;
    make_runtime(&o);
}

void make_multi_thread_with(uint32_t flags)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flavor = PIRN_MULTI_THREAD;
    o.worker_threads = bench_workers();
    o.flags = flags;
    if (sem_init(&done, 0, 0)) {
        bench_fail("sem_init", pirn_strerror(errno));
    }
    make_runtime(&o);
}

void make_multi_thread(void)
{
    make_multi_thread_with(0);
}

void free_runtime(void)
{
    pirn_runtime_free(rt);
}

void block_on(const pirn_task_desc *root, void *frame, uint64_t expected)
{
    uint64_t answer = 0;
    pirn_result res;

    check("pirn_block_on", pirn_block_on(handle, root, frame, &res, &answer));
    check(root->name, pirn_result_status(&res));
    bench_expect(root->name, answer, expected);
}

void spawn_detached(pirn_handle *h, const pirn_task_desc *task, const void *frame)
{
    check("pirn_spawn", pirn_spawn(h, task, frame, NULL));
}

void post_done(void)
{
    if (sem_post(&done)) {
        bench_fail("sem_post", pirn_strerror(errno));
    }
}

void wait_done(void)
{
    while (sem_wait(&done)) {
        if (errno != EINTR) {
            bench_fail("sem_wait", pirn_strerror(errno));
        }
    }
}

/* mo: relaxed throughout. A sum; the semaphore posted after each addition orders it. */
static atomic_uint_fast64_t total;

void add_to_total(uint64_t own)
{
    atomic_fetch_add_explicit(&total, own, memory_order_relaxed);
    post_done();
}

uint64_t total_of(size_t tasks)
{
    for (size_t i = 0; i < tasks; i++) {
        wait_done();
    }
    return atomic_exchange_explicit(&total, 0, memory_order_relaxed);
}

/* ---- tasks ------------------------------------------------------------------------------ */

static int number_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)cx;
    *(uint64_t *)out = *(uint64_t *)frame;
    return 0;
}

const pirn_task_desc number = {
    .size = sizeof(pirn_task_desc),
    .name = "number",
    .poll = number_poll,
    .frame_size = sizeof(uint64_t),
    .out_size = sizeof(uint64_t),
};

int yielder_poll(void *frame, pirn_cx *cx, void *out)
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

const pirn_task_desc yielder = {
    .size = sizeof(pirn_task_desc),
    .name = "yielder",
    .poll = yielder_poll,
    .frame_size = sizeof(struct yielder),
    .out_size = sizeof(uint64_t),
};

int selfwaker_poll(void *frame, pirn_cx *cx, void *out)
{
    uint64_t *polls = frame;

    if (++*polls <= YIELDS) {
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        return PIRN_PENDING;
    }
    *(uint64_t *)out = *polls;
    return 0;
}

const pirn_task_desc selfwaker = {
    .size = sizeof(pirn_task_desc),
    .name = "selfwaker",
    .poll = selfwaker_poll,
    .frame_size = sizeof(uint64_t),
    .out_size = sizeof(uint64_t),
};

/* ---- roots ------------------------------------------------------------------------------ */

static struct join_all all;

struct join_all *all_of(const pirn_task_desc *task)
{
    all.task = task;
    all.spawned = all.joined = 0;
    all.sum = 0;
    return &all;
}

void spawn_numbers_on(pirn_handle *h, struct join_all *a)
{
    for (; a->spawned < SPAWNS; a->spawned++) {
        uint64_t n = a->spawned;

        check("pirn_spawn", pirn_spawn(h, a->task, &n, &a->joins[n]));
    }
}

int join_all_poll(void *frame, pirn_cx *cx, void *out)
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

const pirn_task_desc join_all = {
    .size = sizeof(pirn_task_desc),
    .name = "join all",
    .poll = join_all_poll,
    .frame_size = sizeof(struct join_all),
    .out_size = sizeof(uint64_t),
};

static int spawn_rounds_poll(void *frame, pirn_cx *cx, void *out)
{
    struct join_all *a = frame;

    for (; a->spawned < TASKS; a->spawned++) {
        check("pirn_spawn", pirn_spawn(NULL, a->task, NULL, &a->joins[a->spawned]));
    }
    return join_all_poll(frame, cx, out);
}

const pirn_task_desc spawn_rounds = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn rounds",
    .poll = spawn_rounds_poll,
    .frame_size = sizeof(struct join_all),
    .out_size = sizeof(uint64_t),
};
