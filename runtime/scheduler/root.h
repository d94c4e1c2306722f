/* SPDX-License-Identifier: MIT */
/* The root of a pirn_block_on(): a future polled on its caller's thread, in its caller's memory. */
#ifndef PIRN_RUNTIME_SCHEDULER_ROOT_H
#define PIRN_RUNTIME_SCHEDULER_ROOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/os/patience.h"
#include "runtime/scheduler/context.h"
#include "runtime/scheduler/rt_handle.h"
#include "runtime/scheduler/waiter.h"
#include "task/base/scope.h"
#include "task/cx.h"

struct driver;

struct root {
    struct core_waiter waiter;  /* also how wakes from elsewhere arrive */
    struct context *thread;     /* immutable: whose */
    struct driver *driver;      /* immutable: what the thread sleeps on while it drives; or NULL */
    struct pirn_handle *handle; /* immutable: a reference; wakers may outlive the runtime */
    /* Wakers, and a bias while block_on runs: clones made and given up on its own thread are
     * counted in `local`, and merged at the end. */
    ref_count refs;
    int64_t local; /* guard: the thread */
    bool ended;    /* guard: the thread. block_on is over: no more local counting */
    bool woken;    /* guard: the thread. It has woken itself */
    bool ready;    /* guard: the thread, as all below. The poll returned its end */
    int code;      /* what it returned */
    struct pirn_cx cx;
    struct pirn_op *ops;
    const pirn_task_desc *desc;
    void *frame, *out;
    struct patience patience; /* guard: the thread */
    bool out_given;           /* by the caller; else `out` is room of the call's own */
    bool over, settling;      /* its end is decided; and children of it were alive then */
    _Atomic(bool) settled;    /* they are gone. Written by who saw the last one go */
    uint8_t end;              /* enum end: how it ended, when that was decided */
    int fault_code;
    char fault_text[SCOPE_TEXT_BYTES]; /* of the first fault: drops may raise others */
};

enum end {
    END_READY,   /* the root is */
    END_FAULTED, /* the root has; code and text are in the scope */
    END_STOPPED, /* the runtime is to stop */
    END_IDLE,    /* nothing is ready */
    END_TIME,    /* the turn is over */
};

/* Return: NULL: no memory. */
struct root *pirn__root_new(struct pirn_handle *h, struct driver *driver, const pirn_task_desc *d,
                            void *frame, void *out);

/* The caller's share; wakers may hold the memory longer. */
void pirn__root_free(struct root *r);

/* Takes all signals: whether it is to be polled, and *@told, if asked: the core may be free. Its
 * thread. */
bool pirn__root_take_wake(struct root *r, bool *told);

/* The same without taking; sequentially consistent, after announcing sleep. */
bool pirn__root_is_woken(struct root *r);

/* One poll. A fault in it jumps to the recovery point in the scope. Return: whether it is ready. */
bool pirn__root_poll(struct root *r, uint32_t budget);

/* It has ended: decided once. Its groups are cancelled, and it is woken when their children are gone;
 * until then nothing is dropped. */
void pirn__root_decide(struct root *r, enum end end);
/* Whether it may be finished: after its end was decided. */
bool pirn__root_is_settled(const struct root *r);

/* Its pending operations and its frame, contained. Return: false: the frame's drop faulted. */
bool pirn__root_drop(struct root *r, struct sched *s);

/* ---- of a call of pirn_block_on(): runtime/scheduler/root_call.c ---- */

/* @driver: what the thread sleeps on besides; NULL: nothing. @out: NULL: room of its own is made.
 * Return: NULL, with the error text: no memory. */
struct root *pirn__root_open(struct pirn_handle *h, struct driver *driver, const pirn_task_desc *d,
                             void *frame, void *out);
/* One poll with a recovery point of its own. Return: END_IDLE: pending; END_READY; END_FAULTED. */
enum end pirn__root_poll_contained(struct root *r, uint32_t budget);
/* Keeps the fault that is in the scope. */
void pirn__root_note_fault(struct root *r);
/* Settled: the frame's end, and what is to be said of it: what pirn_block_on() returns. */
int pirn__root_finish(struct root *r, pirn_result *res);
/* Last: with it the call's hold on the handle and its allocator may go. */
void pirn__root_close(struct root *r);

#endif
