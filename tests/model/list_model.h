/* SPDX-License-Identifier: MIT */
/* The owned list for the scenarios: tasks that are in it and nowhere else, and a walker. */
#ifndef PIRN_TESTS_MODEL_LIST_MODEL_H
#define PIRN_TESTS_MODEL_LIST_MODEL_H

#define MODEL_WITH_LIST
#include "tests/model/task_model.h"

static int step(int task, pirn_cx *cx)
{
    (void)task;
    (void)cx;
    return PIRN_PENDING;
}

static void reuse(void *user, struct header *h)
{
    (void)user;
    model_free(h);
}

/* The list's reference is the only one. */
static struct header *spawn_linked(int task)
{
    struct header *h = spawn(task, false);

    (void)run_mail(task);
    return h;
}

static void give_up(struct header *h)
{
    if (pirn__state_ref_dec(&h->state, 1))
        pirn__harness_free(h);
}

/* As the end of a task. */
static void end(struct header *h)
{
    if (pirn__owned_unlink(&model_list, h))
        give_up(h);
}

static void end_all(void)
{
    struct task t;

    while (pirn__owned_pop(&model_list, &t))
        give_up(t.cell);
}

/* Walks in chunks of @chunk, at most TASKS_MAX. Return: which tasks it saw, as bits; none twice. */
static unsigned walk(size_t chunk)
{
    struct task_facts rows[TASKS_MAX];
    struct owned_walk w;
    unsigned seen = 0;
    size_t n;

    w.list = &model_list;
    w.reuse = reuse;
    w.user = NULL;
    w.begun = w.ended = false;
    w.cursor = NULL;
    w.below = 0;
    do {
        n = pirn__owned_walk(&w, rows, chunk);
        for (size_t i = 0; i < n; i++) {
            assert(rows[i].desc == &model_desc && rows[i].id < TASKS_MAX);
            assert(!(seen & 1u << rows[i].id));
            seen |= 1u << rows[i].id;
        }
    } while (n != 0);
    pirn__owned_walk_end(&w);
    return seen;
}

static void check_freed(int task)
{
    assert(ledgers[task].freed == 1);
    assert(model_list.limbo == NULL);
}
#endif
