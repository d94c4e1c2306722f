/* SPDX-License-Identifier: MIT */
/* Registrations for the scenarios: readiness, seats and crowds as they stand, over a kernel that has a
 * byte or has not, and wakes that are letters. */
#ifndef PIRN_TESTS_MODEL_IO_MODEL_H
#define PIRN_TESTS_MODEL_IO_MODEL_H

#include "tests/model/model.h"

#include <sys/epoll.h>

#include "task/base/relax.h"
#include "task/cx.h"
#include "task/op.h"

#define cpu_relax(tries)             ((void)(tries), model_relax())
#define epoll_ctl(epoll, op, fd, ev) ((void)(ev), 0)

#include "runtime/io/readiness.c"

#include "runtime/io/seat.c"

#include "runtime/io/registration.c"

#include "runtime/io/crowd.c"

enum {
    WAITERS_MAX = 2
};

/* An operation and its task, or its executor if `cx.cell` is NULL. */
struct waiter_op {
    struct pirn_cx cx;
    struct op op;
    atomic_bool mail;      /* a wake came, published as any queue does */
    atomic_int made, gone; /* wakers; relaxed */
};

static struct io model_io;
static struct registration *reg;
static struct waiter_op waiters[WAITERS_MAX];
static int buried;        /* plain: once, by whoever is the last */
static atomic_int kernel; /* bytes to be read; relaxed: events must order by themselves */

/* ---- what is not part of the model ------------------------------------------------------------------- */

static const pirn_waker_vt model_vt;

static void count(atomic_int *n)
{
    (void)atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

void pirn__op_waker_make(struct op_waker *w, void *state, pirn_cx *cx)
{
    op_set_armed(state, cx->cell != NULL);
    w->vt = &model_vt;
    w->data = cx;
    count(&container_of(cx, struct waiter_op, cx)->made);
}

void pirn__op_waker_drop(struct op_waker *w)
{
    if (w->vt != NULL)
        count(&container_of(w->data, struct waiter_op, cx)->gone);
    w->vt = NULL;
}

void pirn__wake_take(struct wake_list *l, struct op_waker *w)
{
    (void)l;
    if (w->vt == NULL)
        return;
    w->vt = NULL;
    count(&container_of(w->data, struct waiter_op, cx)->gone);
    /* The operation may be polled from here on, and end. */
    atomic_store_explicit(&container_of(w->data, struct waiter_op, cx)->mail, true,
                          memory_order_release);
}

void pirn__wake_flush(struct wake_list *l)
{
    (void)l;
}

bool pirn__io_enter(struct io *io, struct registration *r)
{
    (void)io;
    (void)r;
    return true;
}

void pirn__io_leave(struct io *io, struct registration *r)
{
    (void)io;
    (void)r;
}

void pirn__io_forget(struct io *io)
{
    (void)io;
}

void pirn__io_bury(struct io *io, struct registration *r)
{
    (void)io;
    buried++;
    model_free(r);
}

/* ---- what scenarios are made of ------------------------------------------------------------------------ */

static void waiter_reset(struct waiter_op *w)
{
    w->cx.cell = (struct header *)(void *)w; /* a task's */
    w->op.kind = NULL;
    w->op.link = NULL;
    w->op.flags = 0;
    for (int k = 0; k < PIRN_OP_STATE / 8; k++)
        w->op.state[k] = 0;
    atomic_store_explicit(&w->made, 0, memory_order_relaxed);
    atomic_store_explicit(&w->gone, 0, memory_order_relaxed);
    atomic_store_explicit(&w->mail, false, memory_order_relaxed);
}

static void io_reset(const struct registration_kind *kind, uint32_t initial)
{
    reg = model_alloc(sizeof *reg);
    assert(pirn__registration_add(reg, &model_io, 0, 0, initial, kind) == 0);
    buried = 0;
    atomic_store_explicit(&kernel, 0, memory_order_relaxed);
    for (int i = 0; i < WAITERS_MAX; i++)
        waiter_reset(&waiters[i]);
}

static struct io_wait *wait_of(struct waiter_op *w)
{
    return (struct io_wait *)(void *)w->op.state;
}

/* A poll of an operation that reads. Return: as io_ready(); 0: it has read. */
static int read_poll(struct waiter_op *w)
{
    struct io_wait *wait = wait_of(w);
    struct registration *r = io_wait_at(wait, reg);
    uint32_t seen;
    int e;

    while ((e = io_ready(wait, r, IO_READ, &w->cx, &seen)) == 0) {
        assert(r->fd == 0); /* plain, as the call reads it */
        if (atomic_load_explicit(&kernel, memory_order_relaxed) > 0) {
            (void)atomic_fetch_add_explicit(&kernel, -1, memory_order_relaxed);
            break;
        }
        io_drained(r, IO_READ, seen);
    }
    if (e != PIRN_PENDING)
        io_wait_end(wait);
    return e;
}

/* A byte comes, and the driver hears of it. */
static void event(void)
{
    struct wake_list wakes;
    uint32_t word;

    (void)atomic_fetch_add_explicit(&kernel, 1, memory_order_relaxed);
    wake_list_init(&wakes);
    word = pirn__readiness_set(&reg->ready, READY_READ);
    pirn__registration_tell(reg, word, READY_READ, &wakes);
}

/* Every waker was woken or dropped. */
static bool is_even(struct waiter_op *w)
{
    return atomic_load_explicit(&w->made, memory_order_relaxed) ==
           atomic_load_explicit(&w->gone, memory_order_relaxed);
}

/* Takes a letter out. */
static bool has_mail(struct waiter_op *w)
{
    return atomic_exchange_explicit(&w->mail, false, memory_order_acquire);
}

static const struct registration_kind seats_kind;
#endif
