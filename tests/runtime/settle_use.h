/* SPDX-License-Identifier: MIT */
/* Owners of groups whose children look at their owner's frame, for tests of settling. */
#ifndef PIRN_TESTS_RUNTIME_SETTLE_USE_H
#define PIRN_TESTS_RUNTIME_SETTLE_USE_H

#include "flavors.h"

enum {
    ALIVE = 0x5eed,
    GONE = 0xdead
};

/* A child that waits to be opened, or cancelled, and looks at its owner's frame when it goes. */
struct child {
    uint64_t *word; /* in the owner's frame */
    struct gate *gate;
    _Atomic(int) *seen_alive, *seen_gone;
    bool slow; /* its drop takes a while */
};

enum how {
    HOW_DONE,
    HOW_ERROR,
    HOW_FAULT,
    HOW_CX_FAULT,
    HOW_PEND, /* until it is aborted, or the runtime is shut down */
    HOWS,
};

enum {
    CHILDREN = 20,
    GROUPS = 3,
    OUT = 200
};

/* What a test keeps of an owner, which outlives it. */
struct notes {
    struct gate gates[CHILDREN];
    _Atomic(int) alive, gone, drops, deferred, outs;
    _Atomic(int) started;
    bool free_early, never_free, slow;
    enum how how;
    const pirn_task_desc *child;
    pirn_handle *elsewhere;     /* where the children run; NULL: here */
    pirn_group *groups[GROUPS]; /* never_free: they outlive their owner */
};

struct owner {
    uint64_t word;
    struct notes *notes;
    pirn_group *groups[GROUPS];
    pirn_op op, defer;
    int left;
};

extern const pirn_task_desc child_desc;
extern const pirn_task_desc owner_desc;

void notes_reset(struct notes *n, enum how how);
/* Its first poll has been; its children wait. */
pirn_join *owner_start(pirn_handle *h, struct notes *n);
void is_over(struct notes *n);
/* Awaits it in a root. @out: OUT bytes */
pirn_result join_owner(pirn_handle *h, pirn_join *j, unsigned char *out);
void check_result(enum how how, const pirn_result *res, const unsigned char *out);

#endif
