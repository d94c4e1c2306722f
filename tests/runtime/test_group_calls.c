/* SPDX-License-Identifier: MIT */
/* Are the calls of a group safe in odd places: freed under who waits, with blocking or large children,
 * with a deadline, with arguments that are wrong? */
#include "group_use.h"

/* ---- the calls ------------------------------------------------------------------------------------- */

static void freed_under_who_waits(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    struct outside next = {.group = g}, join = {.group = g}, dropped = {.group = g};
    struct gate gate = {.value = 3};
    struct wakes w = {0};

    (void)spawn_in(g, gate_poll, gate_drop, &gate);
    EQ(step(rt, f, outside_next, &next, &w), PIRN_PENDING);
    EQ(step(rt, f, outside_join, &join, &w), PIRN_PENDING);
    EQ(step(rt, f, outside_next, &dropped, &w), PIRN_PENDING);
    if (f.flavor == PIRN_CURRENT_THREAD) {
        pirn_group_cancel(g); /* nobody would drive while the free waits */
        rt_idle(rt);
        EQ(pirn_group_next_try(g, NULL, NULL), 0);
    }
    pirn_group_free(g);
    EQ(gate.drops, 1);
    EQ(step(rt, f, outside_next, &next, &w), -ECANCELED);
    EQ(step(rt, f, outside_join, &join, &w), -ECANCELED);
    pirn_op_drop(&dropped.op);
    EQ(w.clones, w.drops);
    rt_free(rt);
}
EACH_FLAVOR(group_calls, freed_under_who_waits)

static void blocking_children(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    static pirn_task_desc d;
    struct closure c = {number_poll, NULL, (void *)5};
    pirn_result res;
    uint64_t id;
    int out = 0;

    d = closure_desc;
    d.flags = PIRN_TASK_BLOCKING;
    EQ(pirn_group_spawn(g, &d, &c, &id), 0);
    EQ(pirn_group_next_wait(g, PIRN_NEVER, &res, &out), 0);
    EQ(res.task_id, id);
    EQ(out, 5);
    EQ(pirn_group_next_wait(g, PIRN_NEVER, &res, &out), PIRN_EOF);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group_calls, blocking_children)

static void waits_have_deadlines(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    struct gate gate = {.value = 3};

    (void)spawn_in(g, gate_poll, gate_drop, &gate);
    EQ(pirn_group_next_wait(g, 1, NULL, NULL), -ETIMEDOUT);
    EQ(pirn_group_join_wait(g, 1, NULL), -ETIMEDOUT);
    gate_open(&gate);
    drive(rt, f);
    EQ(pirn_group_join_wait(g, PIRN_NEVER, NULL), 0);
    EQ(pirn_group_next_wait(g, 1, NULL, NULL), 0);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group_calls, waits_have_deadlines)

static int deadlock_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    EQ(pirn_group_next_wait(user, PIRN_NEVER, NULL, NULL), -EDEADLK);
    EQ(pirn_group_join_wait(user, PIRN_NEVER, NULL), -EDEADLK);
    return 0;
}

Test(group_calls, refuses_what_is_wrong)
{
    pirn_runtime *rt = rt_new();
    pirn_group *g = group_on(rt, 0), *other = NULL;
    pirn_task_desc d = closure_desc;
    uint64_t id = 9;
    struct outside o = {.group = NULL};

    EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &other), PIRN_ENORUNTIME);
    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, PIRN_NEVER, 4, &other), -EINVAL);
    SAYS("flags");
    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, PIRN_NEVER, 0, NULL), -EINVAL);
    tally.fail_at = 1;
    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, PIRN_NEVER, 0, &other), -ENOMEM);
    CHECK(other == NULL);
    d.poll = NULL;
    EQ(pirn_group_spawn(g, &d, NULL, &id), -EINVAL);
    EQ(pirn_group_spawn(NULL, &closure_desc, NULL, &id), -EINVAL);
    EQ(id, 9);
    EQ(pirn_group_len(g), 0);
    EQ(pirn_group_abort(NULL, 1), -EINVAL);
    EQ(pirn_group_abort(g, 1), -ESRCH);
    EQ(pirn_group_next_try(NULL, NULL, NULL), -EINVAL);
    EQ(pirn_poll_with(NULL, outside_next, &o, NULL), -EINVAL);
    EQ(pirn_poll_with(NULL, outside_join, &o, NULL), -EINVAL);
    EQ(block_on(pirn_runtime_handle(rt), deadlock_poll, g), 0);
    pirn_group_free(NULL);
    pirn_group_free(g);
    rt_free(rt);
}

static void commit_twice(void)
{
    pirn_runtime *rt = rt_new();
    pirn_group *g = group_on(rt, 0);
    void *frame;

    EQ(pirn_spawn_begin(pirn_runtime_handle(rt), &closure_desc, &frame), 0);
    pirn_group_commit(g, frame, NULL);
    pirn_group_commit(g, frame, NULL);
}

Test(group_calls, misuse_is_reported)
{
    expect_abort(commit_twice, "pirn_group_commit");
}

/* Cells that no slab takes, and stamps behind the frame. */
Test(group_calls, large_children_and_latency_stamps)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_task_desc d[3] = {closure_desc, closure_desc, closure_desc};
    struct closure c = {number_poll, NULL, (void *)8};
    static struct closure big[1000];
    pirn_runtime *rt;
    pirn_group *g;
    int out = 0;

    o.flags = PIRN_RT_LATENCY_HISTOGRAM;
    rt = rt_new_with(&o);
    g = group_on(rt, 0);
    (void)spawn_in(g, number_poll, NULL, (void *)7);
    big[0] = c;
    d[0].frame_size = sizeof big;
    d[1].frame_size = sizeof c + 1; /* not a multiple of a word */
    d[2].frame_align = 256;
    for (int i = 0; i < 3; i++)
        EQ(pirn_group_spawn(g, &d[i], big, NULL), 0);
    rt_idle(rt);
    EQ(pirn_group_next_try(g, NULL, &out), 0);
    EQ(out, 7);
    for (int i = 0; i < 3; i++) {
        EQ(pirn_group_next_try(g, NULL, &out), 0);
        EQ(out, 8);
    }
    pirn_group_free(g);
    rt_free(rt);
}

/* ---- deadlines --------------------------------------------------------------------------------------- */

struct late {
    pirn_group *group, *below;
    struct gate gates[3];
    pirn_op op;
    pirn_time until;
    pirn_result first;
};

static int late_poll(void *user, pirn_cx *cx, int *out)
{
    struct late *l = user;
    int r;

    if (l->group == NULL) {
        l->until = pirn_after(20 * PIRN_MS);
        EQ(pirn_group_new(NULL, NULL, l->until, 0, &l->group), 0);
        EQ(pirn_group_new(NULL, l->group, PIRN_NEVER, 0, &l->below), 0);
        for (int i = 0; i < 3; i++)
            (void)spawn_in(i == 2 ? l->below : l->group, gate_poll, gate_drop, &l->gates[i]);
    }
    r = pirn_group_join_poll(&l->op, cx, l->group, &l->first);
    if (r == PIRN_PENDING)
        return r;
    EQ(r, 0);
    CHECK(pirn_now() >= l->until);
    EQ(l->first.outcome, PIRN_CANCELLED);
    EQ(pirn_group_cause(l->group), -ETIMEDOUT);
    EQ(pirn_group_cause(l->below), -ETIMEDOUT);
    pirn_group_free(l->group);
    pirn_group_free(l->below);
    *out = 0;
    return 0;
}

static void a_deadline_cancels(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    static struct late l;
    pirn_group *g;

    memset(&l, 0, sizeof l);
    EQ(block_on(pirn_runtime_handle(rt), late_poll, &l), 0);
    for (int i = 0; i < 3; i++)
        EQ(l.gates[i].drops, 1);
    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, pirn_now() - 1, 0, &g), 0);
    EQ(pirn_group_cause(g), -ETIMEDOUT);
    pirn_group_free(g);
    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, pirn_after(PIRN_SEC * 1000), 0, &g), 0);
    EQ(pirn_group_cause(g), 0);
    EQ(pirn_group_len(g), 0); /* what waits for the deadline is no child */
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group_calls, a_deadline_cancels)
