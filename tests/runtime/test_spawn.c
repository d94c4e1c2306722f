/* SPDX-License-Identifier: MIT */
/* Does a spawn start what it was given, refuse what is wrong, and run it by the rules of fairness
 * and budget? */
#include "support.h"

#include <limits.h>
#include <stddef.h>

/* ---- starting ------------------------------------------------------------------------------------ */

static int answer_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = *(int *)user;
    return 0;
}

/* (tokio: rt_common spawn_one_join, rt_basic spawned_task_does_not_progress_without_block_on) */
Test(spawn, runs_only_when_the_runtime_is_driven)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {.open = true, .value = 17};
    struct joining f = {spawn_gate(pirn_runtime_handle(rt), &g), {0}};

    EQ(g.polls, 0);
    CHECK(!pirn_join_is_finished(f.join));
    EQ(block_on(pirn_runtime_handle(rt), joining_poll, &f), 17);
    EQ(g.polls, 1);
    EQ(g.drops, 1);
    rt_free(rt);
}

struct chain {
    int left;
    struct joining child;
};

/* Each spawns the next and awaits it. */
static int chain_poll(void *user, pirn_cx *cx, int *out)
{
    struct chain *c = user;

    if (c->left == 0) {
        *out = 1;
        return 0;
    }
    if (c->child.join == NULL)
        c->child.join = spawn(NULL, chain_poll, c - 1);
    if (joining_poll(&c->child, cx, out) == PIRN_PENDING)
        return PIRN_PENDING;
    ++*out;
    return 0;
}

/* (tokio: rt_common spawn_await_chain) */
Test(spawn, await_chain)
{
    static struct chain chain[1001];
    pirn_runtime *rt = rt_new();

    for (int i = 0; i <= 1000; i++)
        chain[i].left = i;
    EQ(block_on(pirn_runtime_handle(rt), chain_poll, &chain[1000]), 1001);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, 1000);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_alive, 0);
    rt_free(rt);
}

struct many {
    int values[500];
    pirn_join *joins[500];
    int spawned, joined, sum;
};

static int many_poll(void *user, pirn_cx *cx, int *out)
{
    struct many *m = user;

    for (; m->spawned < 500; m->spawned++) {
        m->values[m->spawned] = m->spawned;
        m->joins[m->spawned] = spawn(NULL, answer_poll, &m->values[m->spawned]);
    }
    while (m->joined < 500) {
        pirn_result res;
        int value = -1;

        if (pirn_join_poll(m->joins[m->joined], cx, &res, &value) == PIRN_PENDING)
            return PIRN_PENDING;
        EQ(value, m->joined);
        pirn_join_free(m->joins[m->joined++]);
        m->sum += value;
    }
    *out = m->sum;
    return 0;
}

/* (tokio: rt_common spawn_many_from_block_on) */
Test(spawn, many_from_the_root)
{
    static struct many m;
    pirn_runtime *rt = rt_new();

    EQ(block_on(pirn_runtime_handle(rt), many_poll, &m), 499 * 500 / 2);
    rt_free(rt);
}

/* (tokio: rt_common spawn_many_from_task) */
Test(spawn, many_from_a_task)
{
    static struct many m;
    pirn_runtime *rt = rt_new();
    struct joining f = {spawn(pirn_runtime_handle(rt), many_poll, &m), {0}};

    EQ(block_on(pirn_runtime_handle(rt), joining_poll, &f), 499 * 500 / 2);
    rt_free(rt);
}

static void *spawn_here(void *user)
{
    struct joining *f = user;

    f->join = spawn((pirn_handle *)(void *)f->join, ready_poll, NULL);
    return NULL;
}

/* (tokio: rt_common spawn_from_other_thread_idle; remote spawns keep their order) */
Test(spawn, from_other_threads)
{
    pirn_runtime *rt = rt_new();
    struct joining f[3];

    for (int i = 0; i < 3; i++) {
        f[i].join = (pirn_join *)(void *)pirn_runtime_handle(rt);
        end_thread(start_thread(spawn_here, &f[i]));
    }
    for (int i = 0; i < 3; i++)
        EQ(block_on(pirn_runtime_handle(rt), joining_poll, &f[i]), 0);
    EQ(metrics_of(pirn_runtime_handle(rt)).remote_schedules, 3);
    rt_free(rt);
}

Test(spawn, detached_runs_to_its_end)
{
    pirn_runtime *rt = rt_new();
    int drops = 0;
    struct closure c = {ready_poll, count_drop, &drops};

    EQ(pirn_spawn(pirn_runtime_handle(rt), &closure_desc, &c, NULL), 0);
    rt_idle(rt);
    EQ(drops, 1);
    EQ(outputs_dropped, 1);
    rt_free(rt);
}

/* ---- in two steps -------------------------------------------------------------------------------- */

Test(spawn, begin_gives_zeroed_memory_where_it_stays)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    static const struct closure zero;
    int value = 8;
    void *frame = NULL, *detached = NULL;
    pirn_join *j = NULL;

    EQ(pirn_spawn_begin(h, &closure_desc, NULL), -EINVAL);
    EQ(pirn_spawn_begin(NULL, &closure_desc, &frame), PIRN_ENORUNTIME);
    EQ(pirn_spawn_begin(h, &closure_desc, &frame), 0);
    EQ(pirn_spawn_begin(h, &closure_desc, &detached), 0);
    CHECK(memcmp(frame, &zero, sizeof zero) == 0);
    *(struct closure *)frame = (struct closure){answer_poll, NULL, &value};
    *(struct closure *)detached = (struct closure){answer_poll, NULL, &value};
    rt_idle(rt);
    EQ(metrics_of(h).polls, 0);
    EQ(metrics_of(h).tasks_alive, 2);
    EQ(pirn_spawn_commit(frame, &j), 0);
    EQ(pirn_spawn_commit(detached, NULL), 0);
    rt_idle(rt);
    join_done(j, 8);
    EQ(outputs_dropped, 1);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}

static void *commit_here(void *frame)
{
    EQ(pirn_spawn_commit(frame, NULL), 0);
    return NULL;
}

Test(spawn, begun_frames_are_cancelled_or_committed_from_any_thread)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int drops = 0;
    void *a = NULL, *b = NULL;

    pirn_spawn_cancel(NULL);
    EQ(pirn_spawn_begin(h, &closure_desc, &a), 0);
    EQ(pirn_spawn_begin(h, &closure_desc, &b), 0);
    *(struct closure *)a = (struct closure){ready_poll, count_drop, &drops};
    *(struct closure *)b = (struct closure){ready_poll, count_drop, &drops};
    pirn_spawn_cancel(a);
    end_thread(start_thread(commit_here, b));
    rt_idle(rt);
    EQ(drops, 1);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(metrics_of(h).polls, 1);
    rt_free(rt);
}

static void cancel_twice(void)
{
    pirn_runtime *rt = rt_new();
    void *frame = NULL;

    EQ(pirn_spawn_begin(pirn_runtime_handle(rt), &closure_desc, &frame), 0);
    EQ(pirn_spawn_commit(frame, NULL), 0);
    pirn_spawn_cancel(frame);
}

static void commit_null(void)
{
    (void)pirn_spawn_commit(NULL, NULL);
}

Test(spawn, misuse_of_begun_frames_aborts)
{
    expect_abort(cancel_twice, "pirn_spawn_cancel");
    expect_abort(commit_null, "pirn_spawn_commit");
}

/* ---- plain functions ----------------------------------------------------------------------------- */

static int fn_calls;

static int plain(void *arg)
{
    fn_calls++;
    return *(int *)arg;
}

static void negate(void *arg)
{
    *(int *)arg = -*(int *)arg - 1;
}

Test(spawn, fn_runs_once_and_its_argument_is_dropped)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int good = 0, code = -7, bad = 3, never = 0;
    pirn_join *a = NULL, *b = NULL, *c = NULL, *d = NULL;

    EQ(pirn_spawn_fn(h, 0, NULL, NULL, NULL, NULL), -EINVAL);
    EQ(pirn_spawn_fn(h, 1u << 30, plain, &good, negate, NULL), -EINVAL);
    EQ(pirn_spawn_fn(NULL, 0, plain, &good, negate, NULL), PIRN_ENORUNTIME);
    EQ(good, 0);
    EQ(pirn_spawn_fn(h, 0, plain, &good, negate, &a), 0);
    EQ(pirn_spawn_fn(h, PIRN_TASK_UNCONSTRAINED, plain, &code, negate, &b), 0);
    EQ(pirn_spawn_fn(h, 0, plain, &bad, NULL, &c), 0);
    EQ(pirn_spawn_fn(h, 0, plain, &never, negate, &d), 0);
    pirn_join_abort(d);
    rt_idle(rt);
    EQ(fn_calls, 3);
    EQ(good, -1);
    EQ(code, 6);
    EQ(bad, 3);
    EQ(never, -1);
    join_is(a, PIRN_DONE, 0);
    join_is(b, PIRN_DONE, -7);
    join_is(c, PIRN_FAULTED, 3);
    join_is(d, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

/* ---- contracts of poll --------------------------------------------------------------------------- */

static int return_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    return *(int *)user;
}

Test(spawn, what_poll_returns)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int values[] = {-1, -4096, INT_MIN, 2, 1000, INT_MAX};

    for (int i = 0; i < 6; i++) {
        pirn_join *j = spawn(h, return_poll, &values[i]);

        rt_idle(rt);
        join_is(j, values[i] < 0 ? PIRN_DONE : PIRN_FAULTED, values[i]);
    }
    EQ(outputs_dropped, 0);
    EQ(metrics_of(h).faults, 3);
    rt_free(rt);
}

/* Frames and outputs lie where the descriptor asks, and nothing of them is overwritten. */
struct placed {
    size_t frame_size, frame_align, out_size, out_align;
};
static const struct placed *place;

static int placed_poll(void *frame, pirn_cx *cx, void *out)
{
    const struct placed *p = place;
    size_t fa = p->frame_align != 0 ? p->frame_align : _Alignof(max_align_t);
    size_t oa = p->out_align != 0 ? p->out_align : _Alignof(max_align_t);

    (void)cx;
    EQ((uintptr_t)frame % fa, 0);
    for (size_t i = 0; i < p->frame_size; i++)
        EQ(((unsigned char *)frame)[i], i % 251);
    if (p->out_size == 0) {
        CHECK(out == NULL);
        return 0;
    }
    EQ((uintptr_t)out % oa, 0);
    for (size_t i = 0; i < p->out_size; i++)
        ((unsigned char *)out)[i] = (unsigned char)(i % 241);
    for (size_t i = 0; i < p->frame_size; i++)
        EQ(((unsigned char *)frame)[i], i % 251);
    return 0;
}

Test(spawn, frames_and_outputs_of_every_size)
{
    static const size_t sizes[] = {0, 1, 8, 255, 256, 257, 8000, 70000};
    static const size_t aligns[] = {0, 1, 16, 64, 4096};
    static unsigned char frame[70000], out[70000];
    pirn_runtime *rt = rt_new();
    unsigned n = 0;

    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (unsigned char)(i % 251);
    for (unsigned i = 0; i < 8 * 5 * 8 * 5; i++) {
        struct placed p = {sizes[i % 8], aligns[i / 8 % 5], sizes[i / 40 % 8], aligns[i / 320]};
        pirn_task_desc d = {.size = sizeof d,
                            .poll = placed_poll,
                            .frame_size = p.frame_size,
                            .frame_align = p.frame_align,
                            .out_size = p.out_size,
                            .out_align = p.out_align};
        pirn_join *j = NULL;

        place = &p;
        EQ(pirn_spawn(pirn_runtime_handle(rt), &d, frame, &j), 0);
        rt_idle(rt);
        EQ(pirn_join_try(j, NULL, out), 0);
        for (size_t k = 0; k < p.out_size; k++)
            EQ(out[k], k % 241);
        pirn_join_free(j);
        n++;
    }
    EQ(n, 1600);
    rt_free(rt);
}

static int refused(pirn_handle *h, const pirn_task_desc *d, const char *field)
{
    int r = pirn_spawn(h, d, NULL, NULL);

    SAYS(field);
    EQ(pirn_block_on(h, d, NULL, NULL, NULL), r);
    SAYS(field);
    return r;
}

Test(spawn, descriptors_that_are_wrong_are_named)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_task_desc good = closure_desc, d;
    struct {
        pirn_task_desc desc;
        char tail[8];
    } later = {good, {0}};

    EQ(refused(h, NULL, "pirn_task_desc"), -EINVAL);
    d = good, d.size = 0;
    EQ(refused(h, &d, "size"), -EINVAL);
    d = good, d.size--;
    EQ(refused(h, &d, "size"), -EINVAL);
    d = good, d.poll = NULL;
    EQ(refused(h, &d, "poll"), -EINVAL);
    d = good, d.frame_size = SIZE_MAX;
    EQ(refused(h, &d, "frame_size"), -EINVAL);
    d = good, d.out_size = (size_t)-64;
    EQ(refused(h, &d, "out_size"), -EINVAL);
    d = good, d.frame_align = 3;
    EQ(refused(h, &d, "frame_align"), -EINVAL);
    d = good, d.frame_align = 8192;
    EQ(refused(h, &d, "frame_align"), -EINVAL);
    d = good, d.out_align = 24;
    EQ(refused(h, &d, "out_align"), -EINVAL);
    d = good, d.flags = 1u << 31;
    EQ(refused(h, &d, "flags"), -EINVAL);
    d = good, d.flags = PIRN_TASK_LINE, d.frame_size = 0;
    EQ(refused(h, &d, "PIRN_TASK_LINE"), -EINVAL);
    later.desc.size = sizeof later;
    later.tail[7] = 1;
    EQ(refused(h, &later.desc, "size"), -E2BIG);
    EQ(metrics_of(h).tasks_spawned, 0);
    later.tail[7] = 0;
    EQ(pirn_spawn(h, &later.desc, &(struct closure){ready_poll, NULL, NULL}, NULL), 0);
    rt_idle(rt);
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}
