/* SPDX-License-Identifier: MIT */
/* What a runtime waits on: an epoll descriptor, the descriptors that are registered with it, and an eventfd
 * by which threads call whoever waits there. Knows no scheduler.
 *
 * A registration that is retired is taken out of epoll at once. Its memory is given back at the start of
 * the driver's next turn: until then the turn may have an event in hand that points to it. */
#ifndef PIRN_RUNTIME_IO_IO_H
#define PIRN_RUNTIME_IO_IO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pirn/alloc.h>
#include <pirn/task.h>

#include "runtime/io/registration.h"
#include "task/base/spin.h"
#include "task/wake.h"

struct epoll_event;

enum {
    IO_DEAD_MAX = 16 /* registrations that wait for a turn before one is called for */
};

/* What keeps the struct io, and the descriptors in it: held while there is any registration. */
struct io_owner {
    void *who;
    void (*hold)(void *who);
    void (*give_up)(void *who);
    void (*noticed)(void *who); /* there is a registration more; NULL: never mind */
};

struct io {
    int epoll_fd; /* immutable, as all down to `owner` */
    int event_fd;
    uint32_t events_max;
    pirn_alloc alloc;
    struct io_owner owner;
    struct epoll_event *events; /* guard: the turn, as the next */
    bool old_kernel;            /* without epoll_pwait2 */
    struct spin lock;
    bool closed;               /* guard: lock, as all below: there are no more turns */
    struct registration *live; /* to be told of the end */
    struct registration *told; /* that have been */
    struct registration *dead; /* to be given back, by `next` alone */
    struct registration *lost; /* likewise, but epoll may still know them: after the last turn */
    _Atomic(uint32_t) dead_count;
    uint64_t out; /* registrations that exist */
    /* mo: all relaxed, statistics. */
    _Atomic(uint64_t) added, retired, ready;
};

/* @a: copied. @events_max: taken in at a time. Return: 0, -EMFILE, -ENFILE, -ENOMEM. */
int pirn__io_init(struct io *io, const pirn_alloc *a, uint32_t events_max);
void pirn__io_fini(struct io *io);

/* Before the first registration. */
void pirn__io_set_owner(struct io *io, const struct io_owner *owner);

/* Whether a look at it can bring anything but a call, or give memory back. */
static inline bool io_has_sources(const struct io *io)
{
    /* mo: relaxed, all. Who adds one may come after the look; its operation tries first. */
    return atomic_load_explicit(&io->added, memory_order_relaxed) !=
               atomic_load_explicit(&io->retired, memory_order_relaxed) ||
           atomic_load_explicit(&io->dead_count, memory_order_relaxed) != 0;
}

/* Waits for events, or a call, or until @timeout_ns have passed (0: only looks; PIRN_NEVER: no limit), and
 * takes in what there is. Tasks that are to be told go into @wakes; foreign wakers too, or are woken here
 * when there is no room. One thread at a time. Keeps errno. */
void pirn__io_turn(struct io *io, int64_t timeout_ns, struct wake_list *wakes);

/* Ends the turn that waits, or the next. Any thread. Keeps errno. */
void pirn__io_call(struct io *io);

/* Takes a call back that nobody has waited for. Keeps errno. */
void pirn__io_uncall(struct io *io);

/* There is no turn any more, and none will come: whoever waits is told, and operations return
 * PIRN_ESHUTDOWN from now on. Once; @wakes as in a turn. Registrations stay their owners'. */
void pirn__io_shutdown(struct io *io, struct wake_list *wakes);

/* Memory for what has a registration. NULL: there is none. */
static inline void *io_alloc(struct io *io, size_t n, size_t align)
{
    return io->alloc.alloc(io->alloc.user, n, align);
}

static inline void io_free(struct io *io, void *p, size_t n)
{
    io->alloc.free(io->alloc.user, p, n);
}

/* What events of epoll, and those of poll(2), mean: READY_*. */
uint32_t pirn__io_ready_bits(uint32_t events);

/* ---- inside ---- */

/* What is dead: at the start of a turn, by who has it. Holding no lock. */
void pirn__io_give_back(struct io *io);

/* In the list of those that exist. Return: false: closed. */
MUST_USE bool pirn__io_enter(struct io *io, struct registration *r);
/* Out of it again. */
void pirn__io_leave(struct io *io, struct registration *r);
/* Nobody uses it any more: its descriptor is closed if it owns that, and its kind gives it back, now or in
 * a later turn. */
void pirn__io_bury(struct io *io, struct registration *r);
/* It was never added: as if it had not been there. */
void pirn__io_forget(struct io *io);

#endif
