/* SPDX-License-Identifier: MIT */
/* cell.h: what must a task consist of at least? The words that its life needs, and none more. */
#ifndef BENCH_FLOOR_CELL_H
#define BENCH_FLOOR_CELL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
    RUNNING = 1,
    COMPLETE = 2,
    NOTIFIED = 4,
    JOIN_INTEREST = 8,
    REF = 64
};

struct cell {
    /* header */
    atomic_size_t state;
    struct cell *queue_next;
    int (*const *vtable)(struct cell *c);
    void *owner;
    /* core */
    void *scheduler;
    uint64_t id;
    union {
        uint64_t frame[2];
        struct {
            uint64_t status; /* outcome and code */
            uint64_t out;
        };
    };
    /* trailer */
    struct cell *owned_prev, *owned_next;
    struct {
        const void *vt;
        void *data;
    } join_waker;
    void *hooks;
};

static_assert(sizeof(struct cell) == 104, "the floor of the memory row");

#endif
