/* SPDX-License-Identifier: MIT */
/* The objects of pirn/sync.h for plain threads: each _poll as a _wait. */
#include <pirn/sync.h>

/* One frame for all: what is waited for, and how. */
struct sync_wait {
    pirn_op op;
    union {
        pirn_notify *notify;
        pirn_barrier *barrier;
        pirn_once *once;
        pirn_semaphore *semaphore;
        pirn_mutex *mutex;
        pirn_rwlock *rwlock;
        pirn_cancel_token *token;
    } on;
    uint32_t n;
};

static int sync_wait(int (*poll)(void *frame, pirn_cx *cx, void *out), struct sync_wait *f,
                     pirn_time deadline, void *out)
{
    int r = pirn_poll_wait(poll, f, deadline, out);

    pirn_op_drop(&f->op);
    return r;
}

static int on_notify(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    (void)out;
    return pirn_notify_poll(&f->op, cx, f->on.notify);
}

int pirn_notify_wait(pirn_notify *n, pirn_time deadline)
{
    struct sync_wait f = {.on.notify = n};

    return sync_wait(on_notify, &f, deadline, NULL);
}

static int on_barrier(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    return pirn_barrier_poll(&f->op, cx, f->on.barrier, out);
}

int pirn_barrier_wait(pirn_barrier *b, pirn_time deadline, bool *leader)
{
    struct sync_wait f = {.on.barrier = b};

    return sync_wait(on_barrier, &f, deadline, leader);
}

static int on_once_enter(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    return pirn_once_enter_poll(&f->op, cx, f->on.once, out);
}

int pirn_once_enter_wait(pirn_once *o, pirn_time deadline, pirn_once_turn *out)
{
    struct sync_wait f = {.on.once = o};

    return sync_wait(on_once_enter, &f, deadline, out);
}

static int on_once(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    (void)out;
    return pirn_once_poll(&f->op, cx, f->on.once);
}

int pirn_once_wait(pirn_once *o, pirn_time deadline)
{
    struct sync_wait f = {.on.once = o};

    return sync_wait(on_once, &f, deadline, NULL);
}

static int on_semaphore(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    return pirn_semaphore_acquire_poll(&f->op, cx, f->on.semaphore, f->n, out);
}

int pirn_semaphore_acquire_wait(pirn_semaphore *s, uint32_t n, pirn_time deadline, pirn_permit *out)
{
    struct sync_wait f = {.on.semaphore = s, .n = n};

    return sync_wait(on_semaphore, &f, deadline, out);
}

static int on_mutex(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    return pirn_mutex_lock_poll(&f->op, cx, f->on.mutex, out);
}

int pirn_mutex_lock_wait(pirn_mutex *m, pirn_time deadline, pirn_guard *out)
{
    struct sync_wait f = {.on.mutex = m};

    return sync_wait(on_mutex, &f, deadline, out);
}

static int on_read(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    return pirn_rwlock_read_poll(&f->op, cx, f->on.rwlock, out);
}

int pirn_rwlock_read_wait(pirn_rwlock *l, pirn_time deadline, pirn_guard *out)
{
    struct sync_wait f = {.on.rwlock = l};

    return sync_wait(on_read, &f, deadline, out);
}

static int on_write(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    return pirn_rwlock_write_poll(&f->op, cx, f->on.rwlock, out);
}

int pirn_rwlock_write_wait(pirn_rwlock *l, pirn_time deadline, pirn_guard *out)
{
    struct sync_wait f = {.on.rwlock = l};

    return sync_wait(on_write, &f, deadline, out);
}

static int on_token(void *frame, pirn_cx *cx, void *out)
{
    struct sync_wait *f = frame;

    (void)out;
    return pirn_cancel_token_poll(&f->op, cx, f->on.token);
}

int pirn_cancel_token_wait(pirn_cancel_token *t, pirn_time deadline)
{
    struct sync_wait f = {.on.token = t};

    return sync_wait(on_token, &f, deadline, NULL);
}
