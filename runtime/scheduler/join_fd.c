/* SPDX-License-Identifier: MIT */
/* A join handle's descriptor: a join waker that writes to an eventfd, and passes the wake on. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/os/lock.h"
#include "runtime/scheduler/current_thread.h"
#include "task/base/error.h"
#include "task/base/ref.h"
#include "task/join.h"

struct join_fd {
    struct cell_aside aside; /* first: the cell may point here instead of to its result */
    pirn_alloc alloc;
    int fd;         /* immutable */
    ref_count refs; /* the handle's and the join waker's */
    struct lock lock;
    pirn_waker forward; /* guard: lock. A later poller or waiter; empty: none */
};

static void signal_fd(int fd)
{
    const uint64_t one = 1;
    int saved = errno;

    /* Cannot fail: written once, and ours. */
    if (write(fd, &one, sizeof one) < 0)
        errno = saved;
    errno = saved;
}

static pirn_waker swap_forward(struct join_fd *f, pirn_waker w)
{
    pirn_waker was;

    lock_take(&f->lock);
    was = f->forward;
    f->forward = w;
    lock_give(&f->lock);
    return was;
}

static void join_fd_unref(struct join_fd *f)
{
    pirn_alloc a = f->alloc;

    if (!ref_sub(&f->refs, 1))
        return;
    pirn_waker_drop(f->forward);
    (void)close(f->fd);
    lock_fini(&f->lock);
    a.free(a.user, f, sizeof *f);
}

static void *fd_clone(void *data)
{
    struct join_fd *f = data;

    ref_add(&f->refs, 1);
    return f;
}

static void fd_wake_by_ref(void *data)
{
    struct join_fd *f = data;

    signal_fd(f->fd);
    pirn_waker_wake(swap_forward(f, (pirn_waker){NULL, NULL}));
}

static void fd_wake(void *data)
{
    struct join_fd *f = data;
    pirn_waker w = swap_forward(f, (pirn_waker){NULL, NULL});

    signal_fd(f->fd);
    join_fd_unref(f);
    pirn_waker_wake(w); /* last: it may be the caller's own, and fault */
}

static void fd_drop(void *data)
{
    join_fd_unref(data);
}

const pirn_waker_vt pirn__join_fd_vt = {
    sizeof(pirn_waker_vt), fd_clone, fd_wake, fd_wake_by_ref, fd_drop,
};

void pirn__join_fd_free(void *data)
{
    join_fd_unref(data);
}

void pirn__join_fd_signal(void *data)
{
    signal_fd(((struct join_fd *)data)->fd);
}

bool pirn__join_fd_forward(void *data, const pirn_waker *w)
{
    struct join_fd *f = data;
    pirn_waker was = swap_forward(f, w != NULL ? pirn_waker_clone(w) : (pirn_waker){NULL, NULL});

    pirn_waker_drop(was);
    return was.vt != NULL;
}

static struct join_fd *join_fd_new(const pirn_alloc *a, int *err)
{
    struct join_fd *f = a->alloc(a->user, sizeof *f, _Alignof(struct join_fd));

    if (f == NULL) {
        *err = -ENOMEM;
        return NULL;
    }
    *f = (struct join_fd){.alloc = *a, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (f->fd < 0) {
        *err = -errno;
        a->free(a->user, f, sizeof *f);
        return NULL;
    }
    lock_init(&f->lock);
    ref_init(&f->refs, 1);
    return f;
}

/* The task is complete: the result makes room for the descriptor. */
static void put_aside(struct header *h, struct join_fd *f)
{
    f->aside.end = h->end;
    f->aside.outcome = h->owned.outcome;
    h->end.aside = &f->aside;
    h->owned.outcome = OUTCOME_ASIDE;
    signal_fd(f->fd);
}

int pirn_join_fd(pirn_join *j)
{
    struct header *h = join_cell(j);
    struct join_fd *f;
    pirn_waker before = {NULL, NULL};
    bool complete;
    int err = 0;

    if (j == NULL)
        return pirn__error(-EINVAL, "pirn_join_fd: the handle is NULL");
    pirn__join_check(j, "pirn_join_fd");
    complete = pirn_join_is_finished(j);
    if (slot_vt(&h->join_waker) == &pirn__join_fd_vt) {
        f = slot_data(&h->join_waker);
        if (complete)
            signal_fd(f->fd);
        return f->fd;
    }
    if (complete && h->owned.outcome == OUTCOME_ASIDE)
        return ((struct join_fd *)(void *)h->end.aside)->fd;
    f = join_fd_new(&h->sched->alloc, &err);
    if (f == NULL)
        return pirn__error(err, "pirn_join_fd: %s", pirn_strerror(err));
    if (!complete) {
        pirn_waker w = {&pirn__join_fd_vt, f};

        /* A poller's waker that lies in the slot goes on being woken, behind the descriptor. It is
         * ours to move only once the completer cannot take it any more. */
        if ((pirn__state_load(&h->state) & STATE_JOIN_WAKER) &&
            pirn__state_unset_join_waker(&h->state)) {
            before = (pirn_waker){slot_vt(&h->join_waker), slot_data(&h->join_waker)};
            slot_set(&h->join_waker, NULL, NULL);
        }
        f->forward = before;
        complete = pirn__join_register((struct join_handle){h}, &w);
        /* The completer found no waker in between: what it would have woken is ours to wake. */
        if (complete)
            pirn_waker_wake(swap_forward(f, (pirn_waker){NULL, NULL}));
    }
    if (complete)
        put_aside(h, f);
    return f->fd;
}
