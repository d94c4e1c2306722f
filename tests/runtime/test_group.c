/* SPDX-License-Identifier: MIT */
/* Does a group give every result once, in the order in which children end, say when it is empty, and
 * cancel what it is told to cancel? (tokio: tests/task_join_set.rs, tokio-util: task_tracker.rs) */
#include "group_use.h"

enum {
    MANY = 100
};

/* ---- results ------------------------------------------------------------------------------------- */

/* (tokio: task_join_set with_capacity, test_with_sleep's order of ends) */
static void results_in_the_order_of_ends(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    struct gate gates[3] = {{.value = 10}, {.value = 11}, {.value = 12}};
    static const int order[] = {1, 2, 0};
    struct outside o = {.group = g};
    struct wakes w = {0};
    uint64_t ids[3];

    EQ(pirn_group_len(g), 0);
    EQ(pirn_group_next_try(g, NULL, NULL), PIRN_EOF);
    for (int i = 0; i < 3; i++)
        ids[i] = spawn_in(g, gate_poll, gate_drop, &gates[i]);
    EQ(pirn_group_len(g), 3);
    for (int i = 0; i < 3; i++) {
        EQ(step(rt, f, outside_next, &o, &w), PIRN_PENDING);
        EQ(pirn_group_next_try(g, NULL, NULL), -EAGAIN);
        gate_open(&gates[order[i]]);
        BECOMES(w.woken, i + 1);
        EQ(gates[order[i]].drops, 1);
        EQ(pirn_group_len(g), 3 - i);
        EQ(step(rt, f, outside_next, &o, &w), 0);
        EQ(o.res.outcome, PIRN_DONE);
        EQ(o.res.code, 0);
        EQ(o.res.task_id, ids[order[i]]);
        EQ(o.out, 10 + order[i]);
        EQ(pirn_group_len(g), 2 - i);
    }
    EQ(step(rt, f, outside_next, &o, &w), PIRN_EOF);
    EQ(w.clones, w.drops);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, results_in_the_order_of_ends)

struct parent {
    pirn_group *group;
    pirn_op op;
    _Atomic(int) *count;
    int got, sum, step;
    pirn_result res;
};

/* A task that makes a group, fills it, and takes everything out. */
static int gathering_poll(void *user, pirn_cx *cx, int *out)
{
    struct parent *p = user;
    int r, value;

    if (p->group == NULL) {
        EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &p->group), 0);
        for (intptr_t i = 0; i < MANY; i++)
            (void)spawn_in(p->group, number_poll, NULL, (void *)i);
    }
    while ((r = pirn_group_next_poll(&p->op, cx, p->group, &p->res, &value)) == 0) {
        p->got++;
        p->sum += value;
    }
    if (r == PIRN_PENDING)
        return r;
    EQ(r, PIRN_EOF);
    pirn_group_free(p->group);
    *out = p->sum;
    return 0;
}

static void gathers_all_in_a_task(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    struct parent p = {.group = NULL}, root = {.group = NULL};

    ends_done(pirn_runtime_handle(rt), spawn(pirn_runtime_handle(rt), gathering_poll, &p),
              MANY * (MANY - 1) / 2);
    EQ(p.got, MANY);
    EQ(block_on(pirn_runtime_handle(rt), gathering_poll, &root), MANY * (MANY - 1) / 2);
    EQ(root.got, MANY);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_alive, 0);
    rt_free(rt);
}
EACH_FLAVOR(group, gathers_all_in_a_task)

static void tells_codes_and_faults(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    pirn_result res, first;
    int out = -1;

    (void)spawn_in(g, fail_poll, NULL, (void *)(intptr_t)-EIO);
    BECOMES(pirn_group_next_try(g, &res, &out), 0);
    EQ(res.outcome, PIRN_DONE);
    EQ(res.code, -EIO);
    EQ(out, -1);
    (void)spawn_in(g, fault_poll, NULL, NULL);
    BECOMES(pirn_group_next_try(g, &res, &out), 0);
    EQ(res.outcome, PIRN_FAULTED);
    EQ(res.code, 77);
    SAYS("the belt broke");
    /* The first failure, not the last. */
    EQ(pirn_group_join_wait(g, PIRN_NEVER, &first), 0);
    EQ(first.outcome, PIRN_DONE);
    EQ(first.code, -EIO);
    EQ(pirn_group_cause(g), 0);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, tells_codes_and_faults)

/* What is not taken is dropped by the free. */
static void free_drops_results(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);

    _Atomic(int) ended = 0;

    outputs_dropped = 0;
    for (int i = 0; i < 5; i++)
        (void)spawn_in(g, ready_poll, add_drop, &ended);
    BECOMES(ended, 5);
    EQ(pirn_group_len(g), 5);
    BECOMES(pirn_group_next_try(g, NULL, NULL), 0);
    EQ(outputs_dropped, 1);
    pirn_group_free(g);
    EQ(outputs_dropped, 5);
    rt_free(rt);
}
EACH_FLAVOR(group, free_drops_results)

/* (tokio-util: task_tracker) */
static void discard_keeps_nothing(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, PIRN_GROUP_DISCARD);
    struct outside next = {.group = g}, join = {.group = g};
    struct gate gate = {.value = 3};
    struct wakes w = {0};
    pirn_result first;

    outputs_dropped = 0;
    for (intptr_t i = 0; i < 5; i++)
        (void)spawn_in(g, number_poll, NULL, (void *)i);
    (void)spawn_in(g, gate_poll, gate_drop, &gate);
    BECOMES(pirn_group_len(g), 1);
    EQ(outputs_dropped, 5);
    EQ(step(rt, f, outside_next, &next, &w), PIRN_PENDING);
    EQ(step(rt, f, outside_join, &join, &w), PIRN_PENDING);
    gate_open(&gate);
    BECOMES(w.woken, 2);
    EQ(outputs_dropped, 6);
    EQ(step(rt, f, outside_next, &next, &w), PIRN_EOF);
    EQ(step(rt, f, outside_join, &join, &w), 0);
    EQ(join.res.outcome, PIRN_DONE);
    EQ(join.res.task_id, 0);
    EQ(pirn_group_join_wait(g, PIRN_NEVER, &first), 0);
    EQ(pirn_group_len(g), 0);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, discard_keeps_nothing)

/* Each result to one of those who wait; the end to all. */
static void several_wait(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    struct outside o[12];
    struct gate gates[2] = {{.value = 1}, {.value = 2}};
    struct wakes w = {0};
    int got = 0, ends = 0;

    for (int i = 0; i < 2; i++)
        (void)spawn_in(g, gate_poll, gate_drop, &gates[i]);
    for (int i = 0; i < 12; i++) {
        o[i] = (struct outside){.group = g};
        EQ(step(rt, f, outside_next, &o[i], &w), PIRN_PENDING);
    }
    gate_open(&gates[0]);
    BECOMES(w.woken, 1);
    pirn_op_drop(&o[0].op); /* the one that was woken: passed on */
    EQ(w.woken, 2);
    gate_open(&gates[1]);
    BECOMES(w.woken, 3);
    for (int i = 1; i < 12; i++) {
        int r = step(rt, f, outside_next, &o[i], &w);

        got += r == 0;
        ends += r == PIRN_EOF;
        CHECK(r == 0 || r == PIRN_EOF);
    }
    EQ(got, 2);
    EQ(ends, 9);
    EQ(w.woken, 12); /* the last result taken, the nine others were told */
    EQ(w.clones, w.drops);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, several_wait)

/* ---- cancelling ------------------------------------------------------------------------------------ */

/* (tokio: task_join_set abort_tasks, set_abort) */
static void abort_one_and_all(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    struct gate gates[600] = {{.value = 0}};
    uint64_t ids[600];
    pirn_result res;

    for (int i = 0; i < 600; i++)
        ids[i] = spawn_in(g, gate_poll, gate_drop, &gates[i]);
    EQ(pirn_group_abort(g, ids[599]), 0); /* behind two strides of the search */
    EQ(pirn_group_abort(g, ids[599]), -ESRCH);
    EQ(pirn_group_abort(g, ids[0]), 0);
    EQ(pirn_group_abort(g, ids[300]), 0);
    for (int i = 0; i < 3; i++) {
        BECOMES(pirn_group_next_try(g, &res, NULL), 0);
        EQ(res.outcome, PIRN_CANCELLED);
        EQ(res.code, -ECANCELED);
        CHECK(res.task_id == ids[599] || res.task_id == ids[0] || res.task_id == ids[300]);
    }
    EQ(pirn_group_next_try(g, &res, NULL), -EAGAIN);
    EQ(gates[599].drops, 1);
    pirn_group_abort_all(g);
    EQ(pirn_group_len(g), 597);
    for (int i = 0; i < 597; i++) {
        BECOMES(pirn_group_next_try(g, &res, NULL), 0);
        EQ(res.outcome, PIRN_CANCELLED);
    }
    for (int i = 0; i < 600; i++)
        EQ(gates[i].drops, 1);
    /* It goes on. */
    (void)spawn_in(g, number_poll, NULL, NULL);
    BECOMES(pirn_group_next_try(g, &res, NULL), 0);
    EQ(res.outcome, PIRN_DONE);
    EQ(pirn_group_cause(g), 0);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, abort_one_and_all)

static void cancelled_for_good(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, 0);
    struct gate gates[2] = {{.open = true}, {.open = true}};
    void *frame;
    pirn_result first;

    pirn_group_cancel(g);
    pirn_group_cancel(g);
    pirn_group_cancel(NULL);
    EQ(pirn_group_cause(g), -ECANCELED);
    (void)spawn_in(g, gate_poll, gate_drop, &gates[0]);
    EQ(pirn_spawn_begin(pirn_runtime_handle(rt), &closure_desc, &frame), 0);
    *(struct closure *)frame = (struct closure){gate_poll, gate_drop, &gates[1]};
    pirn_group_commit(g, frame, NULL);
    for (int i = 0; i < 2; i++) {
        BECOMES(gates[i].drops, 1);
        EQ(gates[i].polls, 0);
    }
    EQ(pirn_group_join_wait(g, PIRN_NEVER, &first), 0);
    EQ(first.outcome, PIRN_CANCELLED);
    EQ(pirn_group_len(g), 2);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, cancelled_for_good)

static void fail_fast_cancels_the_rest(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_group *g = group_on(rt, PIRN_GROUP_FAIL_FAST);
    struct gate gates[40] = {{.value = 0}};
    pirn_result first;
    uint64_t id, aborted;

    for (int i = 0; i < 40; i++)
        aborted = spawn_in(g, gate_poll, gate_drop, &gates[i]);
    EQ(pirn_group_abort(g, aborted), 0); /* what is cancelled is no failure */
    BECOMES(gates[39].drops, 1);
    BECOMES(pirn_group_next_try(g, NULL, NULL), 0);
    EQ(pirn_group_cause(g), 0);
    EQ(gates[0].drops, 0);
    id = spawn_in(g, fail_poll, NULL, (void *)(intptr_t)-EPIPE);
    BECOMES(pirn_group_cause(g), -EPIPE);
    EQ(pirn_group_join_wait(g, PIRN_NEVER, &first), 0);
    for (int i = 0; i < 40; i++)
        EQ(gates[i].drops, 1);
    EQ(first.code, -EPIPE);
    EQ(first.task_id, id);
    pirn_group_free(g);
    g = group_on(rt, PIRN_GROUP_FAIL_FAST);
    (void)spawn_in(g, fault_poll, NULL, NULL);
    BECOMES(pirn_group_next_try(g, &first, NULL), 0);
    EQ(pirn_group_cause(g), PIRN_EFAULT);
    pirn_group_free(g);
    rt_free(rt);
}
EACH_FLAVOR(group, fail_fast_cancels_the_rest)

static void a_cancel_reaches_the_groups_below(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate gates[4] = {{.value = 0}};
    pirn_group *top = group_on(rt, 0), *mid, *low, *late, *freed;

    EQ(pirn_group_new(h, top, PIRN_NEVER, 0, &mid), 0);
    EQ(pirn_group_new(h, mid, PIRN_NEVER, 0, &low), 0);
    EQ(pirn_group_new(h, top, PIRN_NEVER, 0, &freed), 0);
    (void)spawn_in(top, gate_poll, gate_drop, &gates[0]);
    (void)spawn_in(mid, gate_poll, gate_drop, &gates[1]);
    (void)spawn_in(low, gate_poll, gate_drop, &gates[2]);
    drive(rt, f);
    pirn_group_free(freed);
    EQ(pirn_group_cause(top), 0);
    /* Up it goes nowhere. */
    pirn_group_cancel(low);
    BECOMES(gates[2].drops, 1);
    EQ(gates[1].drops, 0);
    if (f.flavor == PIRN_CURRENT_THREAD)
        pirn_group_abort_all(top), rt_idle(rt);
    pirn_group_free(top); /* a parent may go first */
    EQ(gates[0].drops, 1);
    BECOMES(gates[1].drops, 1);
    EQ(pirn_group_cause(mid), -ECANCELED);
    EQ(pirn_group_new(h, mid, PIRN_NEVER, 0, &late), 0);
    (void)spawn_in(late, gate_poll, gate_drop, &gates[3]);
    BECOMES(gates[3].drops, 1);
    EQ(gates[3].polls, 0);
    EQ(pirn_group_cause(late), -ECANCELED);
    pirn_group_free(mid);
    pirn_group_free(low);
    pirn_group_free(late);
    rt_free(rt);
}
EACH_FLAVOR(group, a_cancel_reaches_the_groups_below)
