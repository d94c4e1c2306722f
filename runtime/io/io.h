/* SPDX-License-Identifier: MIT */
/* What a runtime waits on: an epoll descriptor, and in it an eventfd by which threads call whoever waits
 * there. Knows no scheduler. */
#ifndef PIRN_RUNTIME_IO_IO_H
#define PIRN_RUNTIME_IO_IO_H

#include <stdint.h>

#include <pirn/alloc.h>
#include <pirn/task.h>

#include "task/wake.h"

struct io {
    int epoll_fd; /* immutable, as the next */
    int event_fd;
};

/* @a: copied. @events_max: taken in at a time. Return: 0, -EMFILE, -ENFILE, -ENOMEM. */
int pirn__io_init(struct io *io, const pirn_alloc *a, uint32_t events_max);
void pirn__io_fini(struct io *io);

/* Waits for events, or a call, or until @timeout_ns have passed (0: only looks; PIRN_NEVER: no limit), and
 * takes in what there is. Tasks that are to be told go into @wakes; foreign wakers too, or are woken here
 * when there is no room. One thread at a time. Keeps errno. */
void pirn__io_turn(struct io *io, int64_t timeout_ns, struct wake_list *wakes);

/* Ends the turn that waits, or the next. Any thread. Keeps errno. */
void pirn__io_call(struct io *io);

/* Takes a call back that nobody has waited for. Keeps errno. */
void pirn__io_uncall(struct io *io);

#endif
