/* SPDX-License-Identifier: MIT */
/* The life of a registration, and the slow way of an operation that waits on one. */
#include "runtime/io/registration.h"

#include <errno.h>
#include <sys/epoll.h>

#include "runtime/io/io.h"
#include "task/base/relax.h"
#include "task/op.h"

int pirn__registration_add(struct registration *r, struct io *io, int fd, unsigned watch,
                           uint32_t initial, const struct registration_kind *kind)
{
    struct epoll_event ev = {.events = EPOLLET, .data.ptr = r};
    int err;

    ev.events |= watch & IO_WATCH_READ ? EPOLLIN | EPOLLRDHUP : 0;
    ev.events |= watch & IO_WATCH_WRITE ? EPOLLOUT : 0;
    ev.events |= watch & IO_WATCH_PRIORITY ? EPOLLPRI : 0;
    r->fd = fd;
    r->io = io;
    r->kind = kind;
    r->owns = watch & IO_OWNS;
    r->lost = false;
    seat_init(&r->reader);
    seat_init(&r->writer);
    ref_init(&r->pins, 1);
    readiness_init(&r->ready, initial); /* last: see there */
    if (!pirn__io_enter(io, r))
        return PIRN_ESHUTDOWN;
    if (epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0) {
        /* mo: relaxed, a statistic. */
        (void)atomic_fetch_add_explicit(&io->added, 1, memory_order_relaxed);
        if (io->owner.noticed != NULL)
            io->owner.noticed(io->owner.who);
        return 0;
    }
    err = -errno;
    pirn__io_leave(io, r);
    /* A shutdown that found it in the list has a pin, for a few instructions; now nobody finds it. */
    for (unsigned tries = 0; !ref_is_last(&r->pins); tries++)
        cpu_relax(tries);
    pirn__io_forget(io);
    return err;
}

void pirn__registration_retire(struct registration *r)
{
    struct io *io = r->io;
    struct epoll_event none;
    struct wake_list wakes;
    uint64_t pins = 1; /* the owner's */
    uint32_t word;

    wake_list_init(&wakes);
    pirn__io_leave(io, r);
    /* If it was closed before, and lives on under another number or in another process, epoll still
     * knows it and nobody can take it out: then its memory stays as long as events may come. */
    if (epoll_ctl(io->epoll_fd, EPOLL_CTL_DEL, r->fd, &none) != 0)
        r->lost = true;
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&io->retired, 1, memory_order_relaxed);
    ref_add(&r->pins, 2);
    word = pirn__readiness_end(&r->ready, READY_GONE);
    pins += !pirn__seat_condemn(&r->reader, &wakes);
    pins += !pirn__seat_condemn(&r->writer, &wakes);
    if (r->kind->event != NULL)
        r->kind->event(r, word, &wakes);
    if (ref_sub(&r->pins, pins))
        pirn__io_bury(io, r);
    pirn__wake_flush(&wakes);
}

void pirn__registration_unpin(struct registration *r)
{
    if (ref_sub(&r->pins, 1))
        pirn__io_bury(r->io, r);
}

static void make_room(struct wake_list *wakes)
{
    if (UNLIKELY(!wake_list_has_room(wakes)))
        pirn__wake_flush(wakes);
}

void pirn__registration_tell(struct registration *r, uint32_t word, uint32_t bits,
                             struct wake_list *wakes)
{
    if (r->kind->event != NULL) {
        r->kind->event(r, word, wakes);
        return;
    }
    if (bits & (IO_READ | READY_OVER)) {
        make_room(wakes);
        pirn__seat_wake(&r->reader, wakes);
    }
    if (bits & (IO_WRITE | READY_OVER)) {
        make_room(wakes);
        pirn__seat_wake(&r->writer, wakes);
    }
}

int pirn__io_sit(struct io_wait *w, struct registration *r, enum io_dir dir, pirn_cx *cx)
{
    switch (pirn__seat_take(dir == IO_READ ? &r->reader : &r->writer, &w->waiter, cx)) {
    case SEAT_YOURS:
        w->at = (uintptr_t)r | (dir == IO_WRITE);
        return 0;
    case SEAT_OTHERS:
        return -EBUSY;
    case SEAT_CLOSED:
        break;
    }
    return -ECANCELED;
}

int pirn__io_wait(struct io_wait *w, struct registration *r, enum io_dir dir, pirn_cx *cx,
                  uint32_t *seen)
{
    int e;

    for (bool seated = false;; seated = true) {
        *seen = readiness_look(&r->ready);
        e = io_is_over(*seen);
        if (e != 0 || (*seen & dir))
            return e;
        if (seated)
            return PIRN_PENDING;
        e = pirn__io_sit(w, r, dir, cx);
        if (e != 0)
            return e;
    }
}

void pirn__io_wait_leave(struct io_wait *w)
{
    struct registration *r = io_wait_at(w, NULL);
    struct seat *s = w->at & 1 ? &r->writer : &r->reader;

    w->at = 0;
    if (pirn__seat_leave(s, &w->waiter))
        pirn__registration_unpin(r);
}

void pirn__io_wait_drop(void *wait)
{
    io_wait_end(wait);
}
