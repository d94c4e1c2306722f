/* SPDX-License-Identifier: MIT */
/* Wakers that the library's own operations leave behind, and waking many at once.
 *
 * A task's pending operations are dropped before its cell goes, so an operation that is listed in its
 * task keeps the task's waker without a reference: borrowed. That holds as long as the drop of the
 * operation and the wake exclude each other: the wake is made under the lock (or in the state) that
 * guards the registration, and only what it owes then, a Notified in a queue, comes after it. */
#ifndef PIRN_TASK_WAKE_H
#define PIRN_TASK_WAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <pirn/task.h>

struct header;

enum {
    WAKE_FOREIGN = 8 /* wakers that are no borrowed ones, which a list takes */
};

/* guard: the registration's. All zero: empty. */
struct op_waker {
    const pirn_waker_vt *vt; /* &pirn__borrowed_vt: the task's own; else a clone, owned */
    void *data;
};

/* Marks a borrowed waker; nothing in it is called. */
extern const pirn_waker_vt pirn__borrowed_vt;

/* Tasks and wakers that are to be told once no lock is held. */
struct wake_list {
    /* Notifieds, by queue_next; the last only if there is a first. Of the scheduler that this thread drives;
     * and of any other, each with a second reference. */
    struct header *first, *last;
    struct header *other_first, *other_last;
    uint32_t count;
    pirn_waker foreign[WAKE_FOREIGN];
};

/* For the operation whose state is @state: a borrowed waker if its task polls it, and lists it. It is
 * armed then, and only then. May call a waker's clone: not under a lock. */
void pirn__op_waker_make(struct op_waker *w, void *state, pirn_cx *cx);

/* Empty afterwards. May call a waker's drop: not under a lock. */
void pirn__op_waker_drop(struct op_waker *w);

static inline bool op_waker_is_set(const struct op_waker *w)
{
    return w->vt != NULL;
}

static inline void wake_list_init(struct wake_list *l)
{
    l->first = NULL;
    l->other_first = NULL;
    l->count = 0;
}

static inline bool wake_list_is_empty(const struct wake_list *l)
{
    return l->first == NULL && l->other_first == NULL && l->count == 0;
}

/* Whether a waker of any kind still goes in. If not: give the lock back, flush, go on. */
static inline bool wake_list_has_room(const struct wake_list *l)
{
    return l->count < WAKE_FOREIGN;
}

/* Takes the waker out of @w, and makes a borrowed one's wake: under the registration's guard. */
void pirn__wake_take(struct wake_list *l, struct op_waker *w);

/* Tells all; the list is empty afterwards. Holding no lock. A foreign waker that faults is contained. */
void pirn__wake_flush(struct wake_list *l);

#endif
