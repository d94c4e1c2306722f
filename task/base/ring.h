/* SPDX-License-Identifier: MIT */
/* An intrusive list in both directions: a ring, of which one link is the list itself.
 *
 *                 is_empty  add  remove      X: the caller excludes it
 *   add              X       X     X
 *   remove           X       X     X
 */
#ifndef PIRN_TASK_BASE_RING_H
#define PIRN_TASK_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
    struct ring *next, *prev; /* next is NULL: in none */
};

static inline void ring_init(struct ring *r)
{
    r->next = r;
    r->prev = r;
}

static inline bool ring_is_empty(const struct ring *r)
{
    return r->next == r;
}

/* Before @at: behind all others, if that is the list. */
static inline void ring_add(struct ring *at, struct ring *link)
{
    link->next = at;
    link->prev = at->prev;
    at->prev->next = link;
    at->prev = link;
}

static inline void ring_remove(struct ring *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = NULL;
}

#endif
