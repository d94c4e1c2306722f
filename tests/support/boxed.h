/* SPDX-License-Identifier: MIT */
/* Elements that own something: a number in memory of its own, so that each must be dropped once. */
#ifndef PIRN_TESTS_SUPPORT_BOXED_H
#define PIRN_TESTS_SUPPORT_BOXED_H

#include <errno.h>
#include <stdlib.h>

#include <pirn/task.h>

struct boxed {
    int *number;
};

static int boxed_live;        /* made or cloned, and not dropped */
static int boxed_clones;      /* so far */
static int boxed_clone_fails; /* how many of the next clones fail */
static int boxed_clone_faults;

static inline struct boxed boxed(int n)
{
    struct boxed b = {malloc(sizeof(int))};

    if (b.number == NULL)
        abort();
    *b.number = n;
    boxed_live++;
    return b;
}

static inline int boxed_clone(void *to, const void *from)
{
    if (boxed_clone_faults > 0) {
        boxed_clone_faults--;
        pirn_fault(5, "a clone that faults");
    }
    if (boxed_clone_fails > 0) {
        boxed_clone_fails--;
        return -ENOBUFS;
    }
    *(struct boxed *)to = boxed(*((const struct boxed *)from)->number);
    boxed_clones++;
    return 0;
}

static inline void boxed_drop(void *elem)
{
    struct boxed *b = elem;

    free(b->number);
    b->number = NULL;
    boxed_live--;
}

/* Drops it. Return: its number. */
static inline int boxed_open(struct boxed *b)
{
    int n = *b->number;

    boxed_drop(b);
    return n;
}

#endif
