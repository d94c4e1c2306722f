/* SPDX-License-Identifier: MIT */
/* A frame's pending operations from inside: their layout, their list, and what the library's own ones
 * have besides.
 *
 * guard, of everything here: whoever polls or drops the frame; nothing is atomic. */
#ifndef PIRN_TASK_OP_H
#define PIRN_TASK_OP_H

#include <stdbool.h>
#include <stdint.h>

#include <pirn/op.h>

#include "task/base/compiler.h"

struct header;

enum {
    OP_ARMED = 1u << 0,   /* something will wake the task that holds no counted waker of it */
    OP_PUT_OFF = 1u << 1, /* its kind is a struct op_kind, whose `wait` is still to be called */
    OP_TETHER = 1u << 2,  /* a group's: its task does not end before the group's children */
    OP_LAST = 1u << 3,    /* dropped after the frame: a task-local value */
    OP_OF_KIND = 1u << 8, /* from here on the kind's own */
};

/* What pirn_op looks like from inside. */
struct op {
    const pirn_op_kind *kind; /* NULL: idle */
    struct op *next;          /* older */
    struct op **link;         /* what points here; NULL: in no list */
    uint64_t flags;           /* OP_* */
    uint64_t state[PIRN_OP_STATE / 8];
};

/* A kind that puts off part of its work until the task really waits. */
struct op_kind {
    pirn_op_kind public; /* first: an op's `kind` points here */
    /* The poll of its task, @h, ends pending, and nothing has woken it yet. Cannot fail; may arm. */
    void (*wait)(void *state, struct header *h);
};

/* Into a list, as the newest; NULL: into none. */
static inline void op_list(struct op *o, struct op **ops)
{
    o->link = ops;
    o->next = NULL;
    if (ops != NULL) {
        o->next = *ops;
        if (o->next != NULL)
            o->next->link = &o->next;
        *ops = o;
    }
}

/* An idle one becomes pending, listed at *@ops unless that is NULL; its state is not touched. */
static inline void op_begin(struct op *o, const pirn_op_kind *k, struct op **ops)
{
    o->kind = k;
    o->flags = 0;
    op_list(o, ops);
}

/* Off its list. */
static inline void op_unlist(struct op *o)
{
    if (o->link != NULL) {
        *o->link = o->next;
        if (o->next != NULL)
            o->next->link = o->link;
    }
    o->next = NULL;
    o->link = NULL;
}

static inline struct op *op_of_state(void *state)
{
    return container_of(state, struct op, state);
}

/* Of a pending one, without beginning it. */
static inline void *op_state_of(pirn_op *op)
{
    return ((struct op *)(void *)op)->state;
}

/* As pirn_op_done(). */
static inline void op_end(pirn_op *op)
{
    struct op *o = (struct op *)(void *)op;

    op_unlist(o);
    o->kind = NULL;
}

/* Of a pending one: its state, if it is of this kind; else the message. One that began in a poll of an
 * executor's own is the task's from the task's first poll of it on. */
static inline void *op_resume(pirn_op *op, pirn_cx *cx, const pirn_op_kind *k)
{
    const struct op *o = (struct op *)(void *)op;

    return LIKELY(o->kind == k && o->link != NULL) ? op_state_of(op) : pirn_op_state(op, cx, k);
}

/* Whether it is listed in the task that is polled: then its end comes before the task's. */
static inline bool op_is_listed(void *state)
{
    return op_of_state(state)->link != NULL;
}

/* While an operation of the library's keeps a waker that is not counted. */
static inline void op_set_armed(void *state, bool armed)
{
    struct op *o = op_of_state(state);

    o->flags = armed ? o->flags | OP_ARMED : o->flags & ~(uint64_t)OP_ARMED;
}

static inline bool op_is_armed(void *state)
{
    return op_of_state(state)->flags & OP_ARMED;
}

/* Of a listed operation whose kind is a struct op_kind: `wait` is called when the task waits. */
static inline void op_put_off(void *state)
{
    op_of_state(state)->flags |= OP_PUT_OFF;
}

/* Cancels a pending operation: off its list, then its kind's drop. For pirn__contain(). */
void pirn__op_drop_listed(void *op);

/* The newest that is not OP_LAST; NULL: none. */
struct pirn_op *pirn__op_before_frame(struct pirn_op *ops);

/* The list's head has moved to *@ops; tell the first operation. */
void pirn__op_rehead(struct pirn_op **ops);

/* The poll of @h ends pending: what was put off is done. Return: whether an operation is armed. */
bool pirn__op_before_wait(struct pirn_op *ops, struct header *h);

#endif
