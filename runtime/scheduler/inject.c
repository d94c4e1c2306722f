/* SPDX-License-Identifier: MIT */
/* The inject queue: a stack that many push to with one exchange, and one takes whole and turns
 * round. Turning costs a nanosecond a task; a lock cost its contention. */
#include "runtime/scheduler/inject.h"

#define CLOSED ((struct header *)(uintptr_t)1)

void pirn__inject_init(struct inject *q)
{
    /* mo: relaxed. Not shared yet. */
    atomic_store_explicit(&q->head, NULL, memory_order_relaxed);
}

/* Reverses a list. Return: its new head, the old one's end; *@count: how many. */
static struct header *turn_round(struct header *h, uint64_t *count)
{
    struct header *after = NULL, *next;

    for (*count = 0; h != NULL; h = next, ++*count) {
        next = h->queue_next;
        PREFETCH(next);
        h->queue_next = after;
        after = h;
    }
    return after;
}

/* @newest down to @oldest, linked. */
static bool push_chain(struct inject *q, struct header *newest, struct header *oldest)
{
    struct header *head;

    /* mo: relaxed. A guess; the exchange confirms it. */
    head = atomic_load_explicit(&q->head, memory_order_relaxed);
    do {
        if (head == CLOSED)
            return false;
        oldest->queue_next = head;
        /* mo: release pairs with [inject] in take_all: the task is there. seq_cst pairs with
         * [park]: the pusher's next look at the driver, and the sleeper's look in is_empty. Failure
         * relaxed: we retry. */
    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, newest, memory_order_seq_cst,
                                                    memory_order_relaxed));
    return true;
}

bool pirn__inject_push(struct inject *q, struct notified n)
{
    return push_chain(q, n.cell, n.cell);
}

bool pirn__inject_push_list(struct inject *q, struct task_list *chain)
{
    uint64_t count;
    struct header *oldest = chain->head, *newest = turn_round(oldest, &count);

    if (push_chain(q, newest, oldest)) {
        task_list_init(chain);
        return true;
    }
    oldest->queue_next = NULL;
    (void)turn_round(newest, &count);
    return false;
}

bool pirn__inject_is_empty(const struct inject *q)
{
    /* mo: seq_cst pairs with [park]: see push. */
    struct header *head = atomic_load_explicit(&q->head, memory_order_seq_cst);

    return head == NULL || head == CLOSED;
}

static uint64_t append_reversed(struct header *newest, struct task_list *to)
{
    uint64_t count;
    struct header *oldest;

    if (newest == NULL)
        return 0;
    oldest = turn_round(newest, &count);
    if (to->head == NULL)
        to->head = oldest;
    else
        to->tail->queue_next = oldest;
    to->tail = newest;
    task_list_count(to, count);
    return count;
}

uint64_t pirn__inject_take_all(struct inject *q, struct task_list *to)
{
    struct header *head;

    /* mo: relaxed. A guess; the exchange confirms it. */
    head = atomic_load_explicit(&q->head, memory_order_relaxed);
    do {
        if (head == NULL || head == CLOSED)
            return 0;
        /* mo: acquire pairs with [inject] in push. Failure relaxed: we retry. */
    } while (!atomic_compare_exchange_weak_explicit(&q->head, &head, NULL, memory_order_acquire,
                                                    memory_order_relaxed));
    return append_reversed(head, to);
}

void pirn__inject_close(struct inject *q, struct task_list *to)
{
    /* mo: acquire pairs with [inject] in push. */
    struct header *head = atomic_exchange_explicit(&q->head, CLOSED, memory_order_acquire);

    if (head != CLOSED)
        (void)append_reversed(head, to);
}
