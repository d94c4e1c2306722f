/* SPDX-License-Identifier: MIT */
/* The inject queue: tasks spawned or woken from outside the driving thread. */
#ifndef PIRN_RUNTIME_SCHEDULER_INJECT_H
#define PIRN_RUNTIME_SCHEDULER_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/cell.h"
#include "task/handle.h"

/* First in, first out, a plain list through queue_next. guard: its owner. */
struct task_list {
    struct header *head, *tail;
    _Atomic(uint64_t) len; /* written by the owner, read for metrics */
};

struct inject {
    _Alignas(CACHE_LINE) _Atomic(struct header *) head; /* newest first; or closed */
};

void pirn__inject_init(struct inject *q);

/* Any thread. Sequentially consistent, so that what follows may ask whether anybody sleeps.
 * False: closed; the handle is still the caller's. */
bool pirn__inject_push(struct inject *q, struct notified n);

/* Sequentially consistent: after announcing sleep. */
bool pirn__inject_is_empty(const struct inject *q);

/* Appends everything to @to, oldest first. The owner of @to, one thread at a time. Return: how many. */
uint64_t pirn__inject_take_all(struct inject *q, struct task_list *to);

/* Every later push fails. What is in stays, for take_all. */
void pirn__inject_close(struct inject *q, struct task_list *to);

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
void pirn__task_list_append(struct task_list *to, struct task_list *from);

#endif
