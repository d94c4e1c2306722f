/* SPDX-License-Identifier: MIT */
/* Descriptors of the caller's: the face of pirn/io.h, and waiting by edges or by levels. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

#include <pirn/io.h>

#include "runtime/io/crowd.h"
#include "runtime/io/io.h"
#include "runtime/runtime.h"
#include "task/base/compiler.h"
#include "task/base/error.h"
#include "task/cx.h"
#include "task/op.h"

_Static_assert((int)PIRN_READABLE == (int)READY_READ && (int)PIRN_WRITABLE == (int)READY_WRITE &&
                   (int)PIRN_READ_CLOSED == (int)READY_READ_CLOSED &&
                   (int)PIRN_WRITE_CLOSED == (int)READY_WRITE_CLOSED &&
                   (int)PIRN_PRIORITY == (int)READY_PRIORITY && (int)PIRN_ERROR == (int)READY_ERROR,
               "what callers see is in the word as it is");
_Static_assert((int)EPOLLIN == POLLIN && (int)EPOLLOUT == POLLOUT && (int)EPOLLPRI == POLLPRI &&
                   (int)EPOLLERR == POLLERR && (int)EPOLLHUP == POLLHUP &&
                   (int)EPOLLRDHUP == POLLRDHUP,
               "poll says it as epoll does");
_Static_assert(sizeof(struct onlooker) <= PIRN_OP_STATE, "an operation's state fits");

struct pirn_fd {
    struct registration reg; /* first */
    struct crowd crowd;
    bool level; /* immutable */
};

static struct pirn_fd *watched(struct registration *r)
{
    return container_of(r, struct pirn_fd, reg);
}

static void release_fd(struct registration *r)
{
    const pirn_alloc *a = &r->io->alloc;

    a->free(a->user, watched(r), sizeof(struct pirn_fd));
}

static void tell_fd(struct registration *r, uint32_t word, struct wake_list *wakes)
{
    (void)pirn__crowd_tell(&watched(r)->crowd, word, wakes);
}

static const struct registration_kind fd_kind = {release_fd, tell_fd};

/* ---- making and freeing ------------------------------------------------------------------------------ */

static int say_why_not(int r, int fd)
{
    switch (r) {
    case -EPERM:
        return pirn__error(r, "pirn_fd_new: fd %d has no readiness: a regular file or a folder",
                           fd);
    case -EEXIST:
        return pirn__error(r, "pirn_fd_new: fd %d is registered with this runtime already", fd);
    case PIRN_ESHUTDOWN:
        return pirn__error(r, "pirn_fd_new: the runtime has shut down");
    default:
        return pirn__error(r, "pirn_fd_new: fd %d: %s", fd, pirn_strerror(r));
    }
}

/* Return: 0 and the descriptor's flags, or an error. */
static int check_fd(int fd, uint32_t flags, int *file_flags)
{
    const uint32_t known = PIRN_FD_OWN | PIRN_FD_LEVEL | PIRN_FD_NONBLOCK;

    if (flags & ~known)
        return pirn__error(-EINVAL, "pirn_fd_new: flags: unknown bits 0x%x", flags & ~known);
    *file_flags = fcntl(fd, F_GETFL);
    if (*file_flags < 0)
        return say_why_not(-errno, fd);
    if (!(*file_flags & O_NONBLOCK) && !(flags & (PIRN_FD_NONBLOCK | PIRN_FD_LEVEL)))
        return pirn__error(-EINVAL, "pirn_fd_new: fd %d blocks: see PIRN_FD_NONBLOCK", fd);
    return 0;
}

int pirn_fd_new(pirn_handle *h, int fd, uint32_t flags, pirn_fd **out)
{
    const unsigned watch =
        IO_WATCH_READ | IO_WATCH_WRITE | IO_WATCH_PRIORITY | (flags & PIRN_FD_OWN ? IO_OWNS : 0);
    const pirn_alloc *a;
    struct pirn_fd *f;
    int r, file_flags = 0;
    bool change;

    if (out == NULL)
        return pirn__error(-EINVAL, "pirn_fd_new: out is NULL");
    r = check_fd(fd, flags, &file_flags);
    if (r != 0)
        return r;
    h = pirn__runtime_resolve(h, "pirn_fd_new");
    if (h == NULL)
        return PIRN_ENORUNTIME;
    change = (flags & PIRN_FD_NONBLOCK) && !(file_flags & O_NONBLOCK);
    if (change && fcntl(fd, F_SETFL, file_flags | O_NONBLOCK) != 0)
        return say_why_not(-errno, fd);
    a = &h->sched.alloc;
    f = a->alloc(a->user, sizeof *f, _Alignof(struct pirn_fd));
    if (f != NULL) {
        f->level = flags & PIRN_FD_LEVEL;
        pirn__crowd_init(&f->crowd);
        /* Nothing is taken for ready: epoll says at once what is. */
        r = pirn__registration_add(&f->reg, h->io, fd, watch, 0, &fd_kind);
        if (r == 0) {
            *out = f;
            return 0;
        }
        a->free(a->user, f, sizeof *f);
    } else {
        r = -ENOMEM;
    }
    if (change)
        (void)fcntl(fd, F_SETFL, file_flags);
    return say_why_not(r, fd);
}

void pirn_fd_free(pirn_fd *f)
{
    if (f != NULL)
        pirn__registration_retire(&f->reg);
}

int pirn_fd_number(const pirn_fd *f)
{
    return f != NULL ? f->reg.fd : pirn__error(-EINVAL, "pirn_fd_number: the fd is NULL");
}

/* ---- waiting ------------------------------------------------------------------------------------------ */

static void drop_ready(void *state)
{
    struct onlooker *o = state;

    if (o->at != NULL)
        pirn__crowd_leave(&watched(o->at)->crowd, o);
}

static const pirn_op_kind ready_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "pirn_fd_ready",
    .drop = drop_ready,
};

/* What waiting for @interest waits for. */
static uint32_t mask_of(unsigned interest)
{
    return (interest & PIRN_READABLE ? (uint32_t)IO_READ : 0) |
           (interest & PIRN_WRITABLE ? (uint32_t)IO_WRITE : 0) |
           (interest & PIRN_PRIORITY ? (uint32_t)(READY_PRIORITY | READY_ERROR | READY_READ_CLOSED)
                                     : 0);
}

/* Return: PIRN_PENDING: nothing is ready. */
static int take_edge(struct pirn_fd *f, struct onlooker *o, uint32_t mask, unsigned *ready)
{
    uint32_t word = o->at != NULL ? pirn__crowd_told(&f->crowd, o) : 0;

    if (word == 0)
        word = readiness_look(&f->reg.ready);
    if (word & READY_GONE)
        return -ECANCELED;
    if (word & READY_SHUT)
        return PIRN_ESHUTDOWN;
    if (!(word & mask))
        return PIRN_PENDING;
    *ready = word & (mask | READY_ERROR);
    pirn__readiness_clear(&f->reg.ready, word, *ready);
    return 0;
}

static int ask_kernel(int fd, uint32_t mask, uint32_t *bits)
{
    struct pollfd p = {.fd = fd, .events = 0};
    int n;

    p.events |= mask & READY_READ ? POLLIN | POLLRDHUP : 0;
    p.events |= mask & READY_WRITE ? POLLOUT : 0;
    p.events |= mask & READY_PRIORITY ? POLLPRI : 0;
    do
        n = poll(&p, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (p.revents & POLLNVAL)
        return -EBADF;
    *bits = pirn__io_ready_bits((uint32_t)p.revents);
    return 0;
}

/* Likewise. What no event has told yet, the kernel does; what an event has told may be over. */
static int look_at_level(struct pirn_fd *f, struct onlooker *o, uint32_t mask, unsigned *ready)
{
    uint32_t seen, bits = 0;
    int r;

    if (o->at != NULL)
        (void)pirn__crowd_told(&f->crowd, o);
    do {
        seen = readiness_look(&f->reg.ready);
        if (seen & READY_GONE)
            return -ECANCELED;
        if (seen & READY_SHUT)
            return PIRN_ESHUTDOWN;
        r = ask_kernel(f->reg.fd, mask, &bits);
        if (r != 0)
            return r;
        if (bits & mask) {
            *ready = bits & (mask | READY_ERROR);
            return 0;
        }
        pirn__readiness_clear(&f->reg.ready, seen, mask | READY_ERROR);
        /* There was an event while the kernel was asked. */
    } while (readiness_look(&f->reg.ready) & mask & ~(uint32_t)READY_CLOSED);
    return PIRN_PENDING;
}

int pirn_fd_ready_poll(pirn_op *op, pirn_cx *cx, pirn_fd *f, unsigned interest, unsigned *ready)
{
    const unsigned all = PIRN_READABLE | PIRN_WRITABLE | PIRN_PRIORITY;
    struct onlooker *o;
    uint32_t mask;
    int r;

    if (!pirn_op_is_pending(op)) { /* else the first call's arguments count */
        if (f == NULL || ready == NULL)
            return pirn__error(-EINVAL, "pirn_fd_ready_poll: %s is NULL",
                               f == NULL ? "the fd" : "ready");
        if (interest == 0 || (interest & ~all) != 0)
            return pirn__error(-EINVAL, "pirn_fd_ready_poll: interest 0x%x", interest);
    }
    o = pirn_op_state(op, cx, &ready_kind);
    if (o->at != NULL) /* the caller's may be gone */
        f = watched(o->at);
    else
        o->mask = mask_of(interest);
    if (!pirn__cx_take_unit(cx)) {
        if (o->at == NULL)
            pirn__crowd_join(&f->crowd, &f->reg, o, cx); /* so that it stays */
        return PIRN_PENDING;
    }
    mask = o->mask;
    for (bool waits = false;; waits = true) {
        r = f->level ? look_at_level(f, o, mask, ready) : take_edge(f, o, mask, ready);
        if (r != PIRN_PENDING || waits)
            break;
        pirn__crowd_join(&f->crowd, &f->reg, o, cx);
    }
    if (r == PIRN_PENDING) {
        cx_return_unit(cx);
        return r;
    }
    if (o->at != NULL)
        pirn__crowd_leave(&f->crowd, o);
    pirn_op_done(op);
    if (r == -ECANCELED)
        return pirn__error(r, "pirn_fd_ready_poll: the pirn_fd was freed");
    if (r == PIRN_ESHUTDOWN)
        return pirn__error(r, "pirn_fd_ready_poll: the runtime has shut down");
    return r == 0 ? 0 : pirn__error(r, "pirn_fd_ready_poll: %s", pirn_strerror(r));
}
