/* SPDX-License-Identifier: MIT */
/* The queues of ready tasks that one thread owns: a plain list through the cells. */
#ifndef PIRN_RUNTIME_SCHEDULER_TASK_LIST_H
#define PIRN_RUNTIME_SCHEDULER_TASK_LIST_H

#include <stdatomic.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/cell.h"
#include "task/handle.h"

/* First in, first out, a plain list through queue_next. guard: its owner. */
struct task_list {
    struct header *head, *tail;
    _Atomic(uint64_t) len; /* written by the owner, read for metrics */
};

static inline void task_list_init(struct task_list *l)
{
    l->head = l->tail = NULL;
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&l->len, 0, memory_order_relaxed);
}

static inline void task_list_count(struct task_list *l, uint64_t add)
{
    /* mo: relaxed, a statistic; the owner is the only writer. */
    atomic_store_explicit(&l->len, atomic_load_explicit(&l->len, memory_order_relaxed) + add,
                          memory_order_relaxed);
}

static inline void task_list_push(struct task_list *l, struct notified n)
{
    n.cell->queue_next = NULL;
    if (l->head == NULL)
        l->head = n.cell;
    else
        l->tail->queue_next = n.cell;
    l->tail = n.cell;
    task_list_count(l, 1);
}

/* NULL: empty. */
static inline struct header *task_list_pop(struct task_list *l)
{
    struct header *h = l->head;

    if (h != NULL) {
        l->head = h->queue_next;
        PREFETCH(l->head);
        task_list_count(l, (uint64_t)-1);
    }
    return h;
}

/* Everything of @from goes behind @to. */
static inline void task_list_append(struct task_list *to, struct task_list *from)
{
    if (from->head == NULL)
        return;
    if (to->head == NULL)
        to->head = from->head;
    else
        to->tail->queue_next = from->head;
    to->tail = from->tail;
    /* mo: relaxed, a statistic. */
    task_list_count(to, atomic_load_explicit(&from->len, memory_order_relaxed));
    task_list_init(from);
}

#endif
