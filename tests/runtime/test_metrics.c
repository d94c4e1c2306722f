/* SPDX-License-Identifier: MIT */
/* Are the counters exact once the runtime is quiet? */
#include "support.h"

#include <stddef.h>

Test(metrics, of_what_size)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct {
        pirn_metrics m;
        char tail[16];
    } later;
    pirn_metrics m;

    EQ(pirn_runtime_metrics(h, NULL), -EINVAL);
    m.size = sizeof m - 1;
    EQ(pirn_runtime_metrics(h, &m), -EINVAL);
    SAYS("size");
    m.size = sizeof m;
    EQ(pirn_runtime_metrics(NULL, &m), PIRN_ENORUNTIME);
    memset(&later, 0xee, sizeof later);
    later.m.size = sizeof later;
    EQ(pirn_runtime_metrics(h, &later.m), 0);
    EQ(later.m.size, sizeof m);
    EQ(later.m.workers, 1);
    EQ(later.m.tasks_alive, 0);
    for (int i = 0; i < 16; i++)
        EQ(later.tail[i], 0);
    rt_free(rt);
}

static int yield_thrice(void *user, pirn_cx *cx, int *out)
{
    unsigned *left = user;

    *out = 0;
    if ((*left)-- == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(1, "x");
}

static void *spawn_and_wake(void *user)
{
    struct gate *g = user;

    gate_open(g);
    return NULL;
}

/* (tokio: rt_metrics, rt_unstable_metrics) */
Test(metrics, exact_counts)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g[3] = {{0}};
    pirn_join *j[3], *bad, *often, *aborted;
    unsigned left = 3;
    pirn_metrics m;

    for (int i = 0; i < 3; i++)
        j[i] = spawn_gate(h, &g[i]);
    bad = spawn(h, fault_poll, NULL);
    often = spawn(h, yield_thrice, &left);
    aborted = spawn(h, pending_poll, NULL);
    m = metrics_of(h);
    EQ(m.tasks_spawned, 6);
    EQ(m.tasks_alive, 6);
    EQ(m.polls, 0);
    CHECK(m.inject_queue_depth > 0);
    rt_idle(rt);
    m = metrics_of(h);
    EQ(m.tasks_alive, 4);
    EQ(m.polls, 3 + 1 + 4 + 1);
    EQ(m.faults, 1);
    EQ(m.remote_schedules, 6); /* spawned while nobody drove */
    EQ(m.inject_queue_depth, 0);
    EQ(m.local_queue_depth, 0);
    end_thread(start_thread(spawn_and_wake, &g[0]));
    gate_open(&g[1]);
    pirn_join_abort(aborted);
    rt_idle(rt);
    m = metrics_of(h);
    EQ(m.remote_schedules, 9);
    EQ(m.polls, 9 + 2);
    EQ(m.tasks_alive, 1);
    EQ(m.tasks_spawned, 6);
    EQ(m.forgotten_wakes, 0);
    EQ(m.contained_faults, 0);
    EQ(m.budget_yields, 0);
    EQ(m.retired_cells, 0);
    for (int i = 0; i < 3; i++)
        pirn_join_free(j[i]);
    pirn_join_free(bad);
    pirn_join_free(often);
    pirn_join_free(aborted);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}

struct tree {
    int depth;
    struct tree *next;
};

static int spawn_two(void *user, pirn_cx *cx, int *out)
{
    struct tree *t = user;

    (void)cx;
    *out = 0;
    if (t->depth > 0)
        for (int i = 0; i < 2; i++)
            pirn_join_free(spawn(NULL, spawn_two, t->next));
    return 0;
}

/* Spawns of the driving thread go through no inject queue. */
Test(metrics, local_spawns)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct tree t[11];
    pirn_metrics m;

    for (int i = 0; i <= 10; i++)
        t[i] = (struct tree){i, i > 0 ? &t[i - 1] : NULL};
    pirn_join_free(spawn(h, spawn_two, &t[10]));
    rt_idle(rt);
    m = metrics_of(h);
    EQ(m.tasks_spawned, 2047);
    EQ(m.polls, 2047);
    EQ(m.tasks_alive, 0);
    EQ(m.remote_schedules, 1);
    EQ(outputs_dropped, 2047);
    rt_free(rt);
}

/* What is held for cells is what the allocator has given, besides the runtime itself. */
Test(metrics, cell_bytes)
{
    static const pirn_task_desc large_closure = {
        .size = sizeof large_closure,
        .poll = NULL,
        .frame_size = 50000,
    };
    pirn_task_desc d = large_closure;
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct {
        struct closure c;
        char rest[50000 - sizeof(struct closure)];
    } *frame = calloc(1, sizeof *frame);
    int64_t runtime_bytes = tally.bytes;
    pirn_join *j, *k = NULL;
    struct gate g = {0};

    EQ(metrics_of(h).cell_bytes, 0);
    j = spawn_gate(h, &g);
    CHECK(tally.bytes > runtime_bytes);
    /* A slab is counted with the rest of its 64 KiB. */
    CHECK(metrics_of(h).cell_bytes >= (uint64_t)(tally.bytes - runtime_bytes));
    d.poll = closure_desc.poll;
    frame->c = (struct closure){pending_poll, NULL, NULL};
    runtime_bytes = (int64_t)metrics_of(h).cell_bytes;
    EQ(pirn_spawn(h, &d, frame, &k), 0);
    CHECK((int64_t)metrics_of(h).cell_bytes - runtime_bytes >= 50000);
    pirn_join_abort(k);
    rt_idle(rt);
    pirn_join_free(k);
    EQ((int64_t)metrics_of(h).cell_bytes, runtime_bytes);
    pirn_join_free(j);
    free(frame);
    rt_free(rt);
}

/* ---- sleeps --------------------------------------------------------------------------------------- */

static sem_t parked;

static void on_park(void *user, uint32_t worker)
{
    (void)user;
    (void)worker;
    post(&parked);
}

static void *wake_thrice(void *user)
{
    struct gate *g = user;

    for (int i = 0; i < 3; i++) {
        await(&parked);
        if (i == 2)
            g->open = true;
        pirn_waker_cell_wake(&g->cell);
    }
    return NULL;
}

Test(metrics, parks, .timeout = 20)
{
    pirn_hooks k = {.size = sizeof k, .on_thread_park = on_park};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct gate g = {0};
    pirn_runtime *rt;
    pthread_t t;
    uint64_t parks;

    EQ(sem_init(&parked, 0, 0), 0);
    o.hooks = &k;
    rt = rt_new_with(&o);
    t = start_thread(wake_thrice, &g);
    EQ(block_on(pirn_runtime_handle(rt), gate_poll, &g), 0);
    end_thread(t);
    pirn_waker_cell_fini(&g.cell);
    EQ(g.polls, 4);
    parks = metrics_of(pirn_runtime_handle(rt)).parks;
    CHECK(parks <= 3); /* a wake between the hook and the sleep spares it */
    rt_idle(rt);
    EQ(metrics_of(pirn_runtime_handle(rt)).parks, parks); /* a turn never sleeps */
    rt_free(rt);
}
