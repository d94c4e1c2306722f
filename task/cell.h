/* SPDX-License-Identifier: MIT */
/* Where the bytes of a task lie, and who may touch each of them.
 *
 *   offset  bytes  part     field
 *        0      8  header   state        atomic: task/state.h
 *        8      8           queue_next   guard: the Notified
 *       16      8           desc         immutable: what kind of task, its functions
 *       24      8           sched        immutable: the owner
 *       32      8  core     id           immutable
 *       40      8           end          guard: RUNNING, then the result's owner
 *       48      8           site         spawn site, and worker; atomic, written holding RUNNING
 *       56      8           born         spawn time and polls; atomic, written holding RUNNING
 *       64      8           seen         last poll and await line; likewise
 *       72      8  trailer  owned.next   atomic: walkers read it
 *       80      8           owned.prev   guard: the list's gate
 *       88      8           owned.seq, kind, outcome
 *       96     16           join_waker   guard: the join handle; read-only while JOIN_WAKER; atomic
 *      112                  stage        the frame; after completion the output
 *
 * "The result's owner" is the join handle once COMPLETE is set, or the completing thread when
 * there is no join handle. The stage has the same owners.
 */
#ifndef PIRN_TASK_CELL_H
#define PIRN_TASK_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/join.h>
#include <pirn/op.h>
#include <pirn/task.h>

#include "task/sched.h"
#include "task/state.h"

struct fault_record; /* the text of a fault: task/fault.h */

enum cell_outcome {
    OUTCOME_NONE = 0, /* no result yet */
    OUTCOME_DONE,     /* code in `end.code`; output in the stage if that is 0 */
    OUTCOME_CANCELLED,
    OUTCOME_FAULTED,       /* `end.fault` */
    OUTCOME_FAULTED_PLAIN, /* `end.code`: there was no memory for the text */
    OUTCOME_TAKEN,         /* the join handle has been served; `end` holds nothing */
    OUTCOME_TAKEN_FAULT,   /* likewise, and `end.fault` stays for its text */
    OUTCOME_TAKEN_PLAIN,   /* likewise, faulted, without one */
    OUTCOME_ASIDE,         /* `end.aside` has what these two say, and the handle's descriptor */
};

enum {
    /* kind */
    CELL_LARGE = 1u << 0,  /* not from a slab */
    CELL_QUEUED = 1u << 1, /* in the blocking pool's queue. guard: the pool's lock */
    CELL_SHARD_SHIFT =
        2, /* which of the scheduler's lists it is linked to; written by the linker */
    CELL_SHARDS = 64,
};

union cell_end {
    struct pirn_op *ops;       /* until the end: pending operations, newest first */
    struct header *queue_prev; /* before that, in the blocking pool's queue. guard: its lock */
    struct fault_record *fault;
    int code;
    struct cell_aside *aside;
};

/* A result that makes room: its handle asked for a descriptor when the task was complete already,
 * and the join waker's words may still be being read. The descriptor's struct begins with this. */
struct cell_aside {
    union cell_end end;
    uint8_t outcome;
};

struct owned_node {
    _Atomic(struct owned_node *) next; /* frozen by unlink: walkers may stand here */
    struct owned_node *prev; /* NULL: not linked; OWNED_PEND: nor, and a walker may know it */
    uint32_t seq_low;        /* order of linking in the list, 48 bits, from 1; written */
    uint16_t seq_high;       /* once, by the linker. 0: never linked */
    uint8_t kind;            /* CELL_LARGE and more */
    uint8_t outcome;         /* guard: RUNNING, then the result's owner. enum cell_outcome */
};

/* The join waker. Relaxed atomics: a completer may read the words while the handle takes them back,
 * and then does not use them. */
struct join_slot {
    _Atomic(const pirn_waker_vt *) vt; /* NULL: never set, or taken back */
    _Atomic(void *) data;
};

struct header {
    struct state state;
    struct header *queue_next;
    const pirn_task_desc *desc;
    struct sched *sched;

    uint64_t id;
    union cell_end end;

    /* mo: all three relaxed: for people who look from outside while the task runs. */
    _Atomic(uint64_t) site; /* bits 0..47 address, 48..63 worker */
    _Atomic(uint64_t) born; /* bits 0..35 tick, 36..63 polls */
    _Atomic(uint64_t) seen; /* bits 0..35 tick, 36..62 line, 63: waits for an abort, on purpose */

    struct owned_node owned;
    struct join_slot join_waker;
};

enum {
    CELL_STAGE = 112,    /* offset of the stage: the header always lies directly before it */
    CELL_ALIGN = 16,     /* of every cell */
    CELL_TICK_BITS = 36, /* ticks of 2^20 ns: 2.2 years */
    CELL_TICK_SHIFT = 20,
    CELL_NO_WORKER = 0xffff, /* in `site` */
    SCRATCH_BYTES = 256,     /* outputs up to this size and 64-byte alignment are polled into */
    SCRATCH_ALIGN = 64,      /* the poller's scratch; larger ones behind the frame */
};
#define CELL_TICK_MASK    ((UINT64_C(1) << CELL_TICK_BITS) - 1)
#define CELL_SITE_BITS    48
#define CELL_SITE_MASK    ((UINT64_C(1) << CELL_SITE_BITS) - 1)
#define CELL_POLLS_MAX    ((UINT64_C(1) << 28) - 1)
#define CELL_LINE_MAX     ((UINT64_C(1) << 27) - 1)
#define CELL_FOREVER      (UINT64_C(1) << 63)
#define CELL_FROM_NODE(n) container_of(n, struct header, owned)

#if !defined(PIRN_MODEL)
_Static_assert(sizeof(struct header) == CELL_STAGE, "the cell's header has the size it promises");
_Static_assert(CELL_STAGE % CELL_ALIGN == 0, "a frame behind it is aligned for malloc's types");
_Static_assert(sizeof(struct owned_node) == 24, "three words in the trailer");
#endif

/* guard: RUNNING, or the Notified of a task that was never polled. */
static inline bool cell_is_linked(const struct header *h)
{
    return (h->owned.seq_low | h->owned.seq_high) != 0;
}

/* Of a linked task. */
static inline uint32_t cell_shard(const struct header *h)
{
    return h->owned.kind >> CELL_SHARD_SHIFT;
}

/* Before it is linked; holding RUNNING, or the Notified of a task that was never polled. */
static inline void cell_set_shard(struct header *h, uint32_t shard)
{
    h->owned.kind = (uint8_t)(h->owned.kind & (CELL_LARGE | CELL_QUEUED)) |
                    (uint8_t)(shard << CELL_SHARD_SHIFT);
}

static inline const pirn_waker_vt *slot_vt(const struct join_slot *slot)
{
    /* mo: relaxed. Published by T11, [waker] in state.c, or the handle's own. */
    return atomic_load_explicit(&slot->vt, memory_order_relaxed);
}

static inline void *slot_data(const struct join_slot *slot)
{
    /* mo: relaxed. As above. */
    return atomic_load_explicit(&slot->data, memory_order_relaxed);
}

static inline void slot_set(struct join_slot *slot, const pirn_waker_vt *vt, void *data)
{
    /* mo: relaxed, both: as above. */
    atomic_store_explicit(&slot->vt, vt, memory_order_relaxed);
    atomic_store_explicit(&slot->data, data, memory_order_relaxed);
}

/* The result, wherever it lies. guard: its owner. */
static inline enum cell_outcome cell_outcome(const struct header *h)
{
    return (enum cell_outcome)(h->owned.outcome == OUTCOME_ASIDE ? h->end.aside->outcome
                                                                 : h->owned.outcome);
}

static inline void cell_set_outcome(struct header *h, enum cell_outcome o)
{
    if (h->owned.outcome == OUTCOME_ASIDE)
        h->end.aside->outcome = (uint8_t)o;
    else
        h->owned.outcome = (uint8_t)o;
}

static inline union cell_end *cell_end(struct header *h)
{
    return h->owned.outcome == OUTCOME_ASIDE ? &h->end.aside->end : &h->end;
}

static inline void *cell_stage(struct header *h)
{
    return (char *)h + CELL_STAGE;
}

static inline struct header *cell_from_frame(void *frame)
{
    return (struct header *)((char *)frame - CELL_STAGE);
}

#endif
