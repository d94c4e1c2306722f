/* SPDX-License-Identifier: MIT */
/* What the multi-thread storm's tasks and threads share: counts, and pools of things to use. */
#ifndef PIRN_TESTS_STRESS_MT_STORM_H
#define PIRN_TESTS_STRESS_MT_STORM_H

#include "stress.h"

enum {
    POOL = 32,     /* wakers, joins and the like that anybody may take, use and give up */
    BEHIND = 3000, /* live tasks from which on threads of the storm spawn no more */
    WORKERS_MAX = 32,
};

struct counts {
    _Atomic(int64_t) frames, dropped, refused, given_up; /* spawns: accepted, -EAGAIN or -ENOMEM */
    _Atomic(int64_t) made, taken, outputs_dropped;       /* outputs */
    _Atomic(int64_t) roots, roots_dropped;
    _Atomic(int64_t) ops, ops_dropped, deferred, defer_ran;
    _Atomic(int64_t) in_place, blocking, mandatory, rings, forgotten;
    _Atomic(int64_t) hooked_spawns, hooked_ends, hooked_faults, parks, unparks;
    _Atomic(int64_t) starts[WORKERS_MAX + 1], stops[WORKERS_MAX + 1]; /* the last: blocking */
};

/* One waits, one rings, and no ring is repeated: a lost wake is never made good. */
struct bell {
    pirn_waker_cell cell;
    _Atomic(int) state; /* BELL_* */
};
enum {
    BELL_FREE,
    BELL_AWAITED,
    BELL_RUNG
};

struct storm {
    pirn_runtime *rt;
    pirn_handle *h;
    bool calm_end;       /* everything ends by itself: nothing may wait for ever */
    _Atomic(int) ending; /* nothing new is begun */
    _Atomic(int) over;   /* the runtime has been shut down */
    _Atomic(int) drivers;
    _Atomic(unsigned) fail_every, allocations; /* how often the allocator has nothing; 0: never */
    struct bell bells[POOL];
    /* guard: lock */
    pthread_mutex_t lock;
    pirn_waker wakers[POOL];
    pirn_abort *aborts[POOL];
    pirn_join *joins[POOL];
    void *begun[POOL]; /* frames whose spawn is neither committed nor cancelled */
};

#define ALIVE UINT64_C(0x1badc0de0ddf00d)

/* struct frame.kind */
enum {
    LEAF = 1, /* waits for no other task */
    ROOT = 2,
    BLOCKING = 4,
    MANDATORY = 8,
};

struct frame {
    uint64_t guard; /* shows a frame that was moved or used after its end */
    uint64_t random, serial;
    unsigned kind, state, left, ops; /* state: of a yield; left: steps until it ends */
    bool polled, faulting, forever;
    _Atomic(int) polling;
    pirn_join *child;
    struct bell *bell;
    pirn_local_set *set;
    pirn_op op, deferred;
};

extern struct counts counts;
extern struct storm storm;

/* mt_storm_tasks.c */
extern const pirn_task_desc storm_plain[3];
extern const pirn_task_desc storm_pooled[3]; /* for the blocking pool; the last is mandatory */

/* mt_storm_use.c */
extern _Thread_local uint64_t storm_spawning; /* the serial of the frame inside a spawn here */
extern _Thread_local bool storm_aborting;
pirn_waker storm_swap_waker(unsigned at, pirn_waker w);
pirn_abort *storm_swap_abort(unsigned at, pirn_abort *a);
pirn_join *storm_swap_join(unsigned at, pirn_join *j);
void *storm_swap_begun(unsigned at, void *frame);

void storm_wake_one(uint64_t *random);
void storm_give_join(uint64_t *random, pirn_join *j); /* to anybody who finds it */
void storm_abort(pirn_join *j);
void storm_abort_now(pirn_abort *a);
void storm_take(pirn_join **j, int r, const pirn_result *res, void *out);
void storm_settle_begun(unsigned at, bool commit);
void storm_ring(unsigned at);
void storm_look(uint64_t *random);
void storm_block_on(uint64_t *random, bool leaf);
void storm_local_runtime(uint64_t *random, bool for_ever);

/* Return: whether it was accepted. *@out: the join; NULL detaches. */
bool storm_spawn(pirn_handle *h, uint64_t *random, unsigned left, pirn_join **out);
bool storm_spawn_leaf(pirn_handle *h, uint64_t *random, pirn_join **out);
bool storm_spawn_in_set(pirn_local_set *set, uint64_t *random, pirn_join **out);
bool storm_spawn_blocking(pirn_handle *h, uint64_t *random, pirn_join **out);

#endif
