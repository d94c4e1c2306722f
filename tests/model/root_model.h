/* SPDX-License-Identifier: MIT */
/* The root of a block_on for the scenarios: its waker, its thread's sleep, its end. */
#ifndef PIRN_TESTS_MODEL_ROOT_MODEL_H
#define PIRN_TESTS_MODEL_ROOT_MODEL_H

#include "tests/model/os_model.h"

#include "runtime/scheduler/root.h"

#define pirn_fault(code, ...) abort()

#include "runtime/driver/driver.c"
#include "runtime/scheduler/root.c"
#include "runtime/scheduler/waiter.c"

enum {
    ROOT_THREAD = 2
};

static struct driver driver;
static struct pirn_handle handle;
static struct root *root;
static int freed;         /* plain */
static atomic_int events; /* relaxed */

/* No root here owns a group. */
struct settle *pirn__groups_record(struct pirn_op *ops)
{
    (void)ops;
    return NULL;
}

void pirn__groups_close(struct pirn_op *ops, struct settle *s)
{
    (void)ops;
    (void)s;
}

void pirn__groups_drop_results(struct pirn_op *ops)
{
    (void)ops;
}

void pirn__root_note_fault(struct root *r)
{
    (void)r;
}

static void root_dealloc(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    freed++;
    model_free(p);
}

void pirn_handle_unref(pirn_handle *h)
{
    (void)h;
}

/* A root as pirn__root_new() makes it, but field by field, with two wakers given out. */
static void root_setup(void)
{
    fd_reset();
    futex_reset();
    atomic_store_explicit(&driver.state, AWAKE, memory_order_relaxed);
    atomic_store_explicit(&events, 0, memory_order_relaxed);
    freed = 0;
    handle.sched.alloc.free = root_dealloc;
    handle.sched.alloc.user = NULL;
    root = model_alloc(sizeof *root);
    pirn__waiter_init(&root->waiter);
    root->thread = &model_contexts[ROOT_THREAD];
    root->driver = &driver;
    root->handle = &handle;
    root->local = 0;
    root->ended = root->woken = root->ready = false;
    root->over = root->settling = false;
    atomic_store_explicit(&root->refs, BIAS + 2, memory_order_relaxed);
}

static void wake_root(void)
{
    (void)atomic_fetch_add_explicit(&events, 1, memory_order_relaxed);
    root_wake(root);
}

/* A poll: whether both have happened. */
static bool root_is_ready(void)
{
    return atomic_load_explicit(&events, memory_order_relaxed) == 2;
}
#endif
