/* SPDX-License-Identifier: MIT */
/* The shared queue: a stack that anybody pushes to with one exchange, and behind it, under a short
 * lock, the list it is turned round into; workers take batches from the front of that. */
#include "runtime/scheduler/global_queue.h"

void pirn__global_init(struct global_queue *q)
{
    pirn__inject_init(&q->inject);
    spin_init(&q->lock);
    task_list_init(&q->ready);
}

bool pirn__global_push(struct global_queue *q, struct notified n)
{
    return pirn__inject_push(&q->inject, n);
}

bool pirn__global_push_list(struct global_queue *q, struct task_list *chain)
{
    return chain->head == NULL || pirn__inject_push_list(&q->inject, chain);
}

bool pirn__global_is_empty(const struct global_queue *q)
{
    /* mo: seq_cst pairs with [idle]: see pirn__queue_is_empty(). */
    return atomic_load_explicit(&q->ready.len, memory_order_seq_cst) == 0 &&
           pirn__inject_is_empty(&q->inject);
}

/* Under the lock. */
static struct header *take_one(struct global_queue *q)
{
    if (q->ready.head == NULL)
        (void)pirn__inject_take_all(&q->inject, &q->ready);
    return task_list_pop(&q->ready);
}

/* Under the lock, when something is in it that somebody may have to be woken for. */
static void order_length(struct global_queue *q)
{
    /* mo: seq_cst pairs with [idle]: the caller looks next whether anybody sleeps; who goes to sleep says
     * so, then looks at the length, which must be no older than this one. */
    atomic_store_explicit(&q->ready.len, stat_get(&q->ready.len), memory_order_seq_cst);
}

bool pirn__global_take(struct global_queue *q, struct task_list *to, uint32_t share, uint32_t max)
{
    struct header *h;
    uint64_t n;
    bool left;

    spin_take(&q->lock);
    h = take_one(q);
    if (h != NULL)
        task_list_push(to, (struct notified){h});
    n = stat_get(&q->ready.len) / share;
    for (; n > 0 && max > 1; n--, max--)
        task_list_push(to, (struct notified){take_one(q)});
    left = q->ready.head != NULL;
    if (left)
        order_length(q);
    spin_give(&q->lock);
    return left;
}

void pirn__global_take_all(struct global_queue *q, struct task_list *to)
{
    spin_take(&q->lock);
    task_list_append(to, &q->ready);
    (void)pirn__inject_take_all(&q->inject, to);
    spin_give(&q->lock);
}

void pirn__global_put_back(struct global_queue *q, struct task_list *from)
{
    spin_take(&q->lock);
    task_list_append(from, &q->ready);
    task_list_append(&q->ready, from);
    order_length(q);
    spin_give(&q->lock);
}

void pirn__global_close(struct global_queue *q)
{
    spin_take(&q->lock);
    pirn__inject_close(&q->inject, &q->ready);
    spin_give(&q->lock);
}
