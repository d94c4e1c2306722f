/* SPDX-License-Identifier: MIT */
/* Does a task that ends with children alive keep its frame, its output and its join until they are gone,
 * however it ends, and without keeping a worker? */
#include "settle_use.h"

/* However it ends: the children are gone first, the output is what the poll wrote. */
static void every_end(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int how = 0; how < HOWS; how++)
        for (int variant = 0; variant < 4; variant++) {
            static struct notes n;
            unsigned char out[OUT] = {0};
            pirn_result res;
            pirn_join *j;

            notes_reset(&n, how);
            n.free_early = variant == 1 && how != HOW_PEND;
            n.never_free = variant == 2;
            n.slow = variant == 3;
            j = owner_start(h, &n);
            EQ(n.alive, 0);
            if (how == HOW_PEND)
                pirn_join_abort(j);
            else
                gate_open(&n.gates[0]);
            res = join_owner(h, j, out);
            check_result(how, &res, out);
            is_over(&n);
            EQ(metrics_of(h).tasks_alive, 0);
            for (int i = 0; i < GROUPS && n.never_free; i++) {
                EQ(pirn_group_len(n.groups[i]), 0);
                EQ(pirn_group_cause(n.groups[i]), -ECANCELED);
                pirn_group_free(n.groups[i]);
            }
        }
    rt_free(rt);
}
EACH_FLAVOR(settle, every_end)

/* A child that blocks, until it is cancelled: a thread of the pool each. */
static int patient_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    while (!pirn_cx_cancelled(cx))
        nap(100 * PIRN_US);
    return 0;
}

/* The runtime ends: every kind of child and owner, from wherever they are. */
static void by_shutdown(struct flavor f)
{
    pirn_task_desc blocking = child_desc;

    blocking.flags = PIRN_TASK_BLOCKING;
    blocking.poll = patient_poll;
    for (int variant = 0; variant < 3; variant++) {
        static struct notes n[4];
        pirn_runtime *rt = rt_on(f);
        pirn_join *joins[4];

        for (int i = 0; i < 4; i++) {
            notes_reset(&n[i], HOW_PEND);
            n[i].never_free = i == 1;
            n[i].slow = i == 2 && variant != 0;
            if (variant == 2)
                n[i].child = &blocking;
            joins[i] = owner_start(pirn_runtime_handle(rt), &n[i]);
        }
        if (variant == 1)
            pirn_join_abort(joins[3]); /* it may be settling */
        EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
        for (int i = 0; i < 4; i++) {
            is_over(&n[i]);
            join_is(joins[i], PIRN_CANCELLED, -ECANCELED);
            for (int g = 0; g < GROUPS && n[i].never_free; g++)
                pirn_group_free(n[i].groups[g]);
        }
        rt_free(rt);
    }
}
EACH_FLAVOR(settle, by_shutdown)

/* ---- roots ------------------------------------------------------------------------------------------ */

struct opener {
    struct notes *n;
    pirn_runtime *rt;
};

static void *open_later(void *arg)
{
    struct opener *o = arg;

    while (o->n->started == 0)
        nap(100 * PIRN_US);
    nap(PIRN_MS);
    if (o->rt != NULL)
        EQ(pirn_runtime_shutdown(o->rt, PIRN_NEVER), 0);
    else
        gate_open(&o->n->gates[0]);
    return NULL;
}

static void of_a_root(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    static struct notes n;
    struct owner o;

    for (int how = 0; how < HOW_PEND; how++)
        for (int slow = 0; slow < 2; slow++) {
            unsigned char out[OUT] = {0};
            struct opener opener = {&n, NULL};
            pirn_result res;
            pthread_t t;

            notes_reset(&n, how);
            n.slow = slow;
            o = (struct owner){.notes = &n};
            t = start_thread(open_later, &opener);
            EQ(pirn_block_on(pirn_runtime_handle(rt), &owner_desc, &o, &res, out), 0);
            end_thread(t);
            check_result(how, &res, out);
            is_over(&n);
            EQ(o.word, GONE); /* the frame is ours again */
        }
    rt_free(rt);
}
EACH_FLAVOR(settle, of_a_root)

static void of_a_root_by_shutdown(struct flavor f)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        pirn_runtime *rt = rt_on(f);
        static struct notes n;
        struct owner o = {.notes = &n};
        struct opener opener = {&n, rt};
        pirn_task_desc d = child_desc;
        pthread_t t;

        d.flags = PIRN_TASK_BLOCKING;
        d.poll = patient_poll;
        notes_reset(&n, HOW_PEND);
        n.slow = true;
        if (blocking)
            n.child = &d;
        t = start_thread(open_later, &opener);
        EQ(pirn_block_on(pirn_runtime_handle(rt), &owner_desc, &o, NULL, NULL), PIRN_ESHUTDOWN);
        is_over(&n);
        end_thread(t);
        rt_free(rt);
    }
}
EACH_FLAVOR(settle, of_a_root_by_shutdown)
