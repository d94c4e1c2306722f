/* SPDX-License-Identifier: MIT */
/* A descriptor that a runtime watches, and operations that wait on it.
 *
 * A registration is the first member of an object of its owner's (a stream, a listener). The owner adds
 * it once and retires it once; then operations that wait on it return -ECANCELED, and the object's memory
 * is given back, by its kind's `release`, when the last of them has left and the driver can have no event
 * of it in hand. Operations keep no reference: the seat that a waiting one has taken stands for it.
 *
 * An operation, in its _poll (the state begins with a struct io_wait):
 *
 *     struct state *st = pirn_op_state(op, cx, &kind);   kind.drop = pirn__io_wait_drop
 *     struct registration *r = io_wait_at(&st->wait, &stream->reg);
 *     uint32_t seen;
 *     int e;
 *
 *     while ((e = io_ready(&st->wait, r, IO_READ, cx, &seen)) == 0) {
 *         n = recv(r->fd, ...);
 *         if (n >= 0 or an error that ends it) break;
 *         if (errno == EAGAIN) io_drained(r, IO_READ, seen);
 *     }
 *     if (e == PIRN_PENDING) return e;
 *     io_wait_end(&st->wait);
 *     pirn_op_done(op);
 */
#ifndef PIRN_RUNTIME_IO_REGISTRATION_H
#define PIRN_RUNTIME_IO_REGISTRATION_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/io/readiness.h"
#include "runtime/io/seat.h"
#include "task/base/ref.h"
#include "task/wake.h"

struct io;
struct registration;

/* What an owner's objects have in common; static. */
struct registration_kind {
    /* Gives the object's memory back, with the allocator of r->io: some time after the end, when the
     * driver can have no event of it in hand. Holding no lock; any thread. */
    void (*release)(struct registration *r);
    /* Instead of the seats: readiness has changed to @word, which may have SHUT or GONE. Wakes whoever
     * is concerned. May take a lock of its own. NULL: it has seats. */
    void (*event)(struct registration *r, uint32_t word, struct wake_list *wakes);
};

struct registration {
    struct readiness ready;
    int fd; /* immutable, as the next two */
    struct io *io;
    const struct registration_kind *kind;
    struct seat reader, writer;
    struct registration *next, **link; /* guard: io->lock: in a list of it */
    bool owns;                         /* immutable: it closes `fd` */
    bool lost;      /* guard: who retires, then who releases: `fd` was closed by somebody else */
    ref_count pins; /* the owner's, and those of operations that have to leave still */
};
_Static_assert(sizeof(struct registration) <= 80, "a connection is to be small");

enum io_dir {
    IO_READ = READY_READ | READY_READ_CLOSED,
    IO_WRITE = READY_WRITE | READY_WRITE_CLOSED,
};

/* ---- for the owner ---- */

/* What to watch for, always edge-triggered. */
enum {
    IO_WATCH_READ = 1u << 0,
    IO_WATCH_WRITE = 1u << 1,
    IO_WATCH_PRIORITY = 1u << 2,
    IO_OWNS = 1u << 3, /* and close it, as soon as it is retired and no operation has to leave */
};

/* Watches @fd, which the caller keeps open until it has retired @r, or gives up with IO_OWNS. Not on
 * failure.
 * @initial: READY_* that operations try on before any event has come: READ | WRITE for what may be ready;
 *           0 for what is not, such as a socket that connects: if it is after all, an event says so
 * Return: 0; PIRN_ESHUTDOWN; of epoll_ctl(2): -EPERM (it has no readiness: a file), -EBADF, -EEXIST (it is
 * watched already), -ENOSPC, -ENOMEM, -ELOOP. After an error nothing is left behind. */
MUST_USE int pirn__registration_add(struct registration *r, struct io *io, int fd, unsigned watch,
                                    uint32_t initial, const struct registration_kind *kind);

/* The owner has no more to do with it; any thread, holding no lock. Operations that wait are woken, and
 * return -ECANCELED. */
void pirn__registration_retire(struct registration *r);

/* One that had to leave has left. */
void pirn__registration_unpin(struct registration *r);

/* For the driver: readiness has changed to @word, and @bits of it are news. Wakes who waits for them. */
void pirn__registration_tell(struct registration *r, uint32_t word, uint32_t bits,
                             struct wake_list *wakes);

/* ---- for operations ---- */

/* The first member of an operation's state; zeroed: it does not wait. */
struct io_wait {
    struct seat_waiter waiter;
    uintptr_t at; /* the registration where it has a seat, | 1: the writer's; 0: nowhere */
};

static inline bool io_wait_is_seated(const struct io_wait *w)
{
    return w->at != 0;
}

/* What the operation is about: @r, the first call's argument. The owner may have given up that of a pending
 * one, and its memory is there still if the operation has a seat. */
static inline struct registration *io_wait_at(const struct io_wait *w, struct registration *r)
{
    return UNLIKELY(w->at != 0) ? (struct registration *)(w->at & ~(uintptr_t)1) : r;
}

/* Takes a seat, ready or not: to be told of the end, and for the registration to stay. Return: 0: now look;
 * -EBUSY, -ECANCELED. */
MUST_USE int pirn__io_sit(struct io_wait *w, struct registration *r, enum io_dir dir, pirn_cx *cx);

/* Takes a seat, or finds out why not. */
MUST_USE int pirn__io_wait(struct io_wait *w, struct registration *r, enum io_dir dir, pirn_cx *cx,
                           uint32_t *seen);

/* Return: 0; -ECANCELED (retired), PIRN_ESHUTDOWN. */
static inline int io_is_over(uint32_t seen)
{
    return LIKELY(!(seen & READY_OVER)) ? 0 : seen & READY_GONE ? -ECANCELED : PIRN_ESHUTDOWN;
}

/* Whether the call is worth trying: one load if it is. @seen: for io_drained(). Return: 0: try it;
 * PIRN_PENDING: return that; -ECANCELED (retired), PIRN_ESHUTDOWN, -EBUSY (another operation waits for the
 * same): io_wait_end(), and return that. */
MUST_USE static inline int io_ready(struct io_wait *w, struct registration *r, enum io_dir dir,
                                    pirn_cx *cx, uint32_t *seen)
{
    *seen = readiness_look(&r->ready);
    if (LIKELY((*seen & dir) && !(*seen & READY_OVER)))
        return 0;
    return pirn__io_wait(w, r, dir, cx, seen);
}

/* The call said EAGAIN; or it moved less than was asked for, on a stream where that means the same: TCP,
 * pipes, and writes to any stream. (Not reads of a Unix socket: they end where descriptors or other
 * credentials come along.) Without waiting, as the next operation will. */
static inline void io_drained(struct registration *r, enum io_dir dir, uint32_t seen)
{
    pirn__readiness_clear(&r->ready, seen, dir);
}

/* Out of line: it has a seat. */
void pirn__io_wait_leave(struct io_wait *w);

/* The operation ends: before pirn_op_done(). Its registration may be gone afterwards. */
static inline void io_wait_end(struct io_wait *w)
{
    if (UNLIKELY(w->at != 0))
        pirn__io_wait_leave(w);
}

/* As pirn_op_kind.drop, or called by it. */
void pirn__io_wait_drop(void *wait);

#endif
