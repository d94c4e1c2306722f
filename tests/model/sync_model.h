/* SPDX-License-Identifier: MIT */
/* Operations for the scenarios of task/sync: each thread polls its own, under a waker that counts.
 *
 * What was before a wake is stored relaxed, or is plain: the object itself must order it. */
#ifndef PIRN_TESTS_MODEL_SYNC_MODEL_H
#define PIRN_TESTS_MODEL_SYNC_MODEL_H

#define MODEL_WITH_OPS
#include "tests/model/task_model.h"

/* The objects' memory. */
#define malloc(n) model_alloc(n)
#define free(p)   model_free(p)

bool pirn__cx_take_unit(struct pirn_cx *cx)
{
    (void)cx;
    return true;
}

#if !defined(MODEL_WITH_TASK)
static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return 0;
}
#endif

#include "task/wake.c"

struct waiting {
    pirn_op op;
    struct counted count;
    struct pirn_cx cx;
    int result; /* of the last poll */
};

static struct waiting waiting[MODEL_MAIN];

/* First in setup. */
static void sync_reset(void)
{
    world_reset(MODEL_MAIN);
    for (unsigned i = 0; i < MODEL_MAIN; i++) {
        struct waiting *w = &waiting[i];

        counted_reset(&w->count, &w->cx.waker);
        w->cx.cell = NULL;
        w->cx.ops = NULL;
        w->cx.budget_full = PIRN_UNLIMITED;
        w->op.kind = NULL;
        w->result = PIRN_PENDING;
    }
}

static bool is_woken(struct waiting *w)
{
    return get(&w->count.woken) != 0;
}

/* Last in check: no operation pends, every waker is woken or dropped. */
static void sync_check(void)
{
    for (unsigned i = 0; i < MODEL_MAIN; i++) {
        assert(waiting[i].op.kind == NULL);
        check_wakers(&waiting[i].count);
    }
}
#endif
