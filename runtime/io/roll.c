/* SPDX-License-Identifier: MIT */
/* Which registrations there are: those that live, those that are to be given back, and what they hold. */
#include "runtime/io/io.h"

#include <stddef.h>
#include <unistd.h>

void pirn__io_set_owner(struct io *io, const struct io_owner *owner)
{
    io->owner = *owner;
}

/* Gives back what was buried. */
static void give_back(struct io *io, struct registration *list)
{
    struct registration *next;
    uint64_t n = 0;
    bool last;

    for (struct registration *r = list; r != NULL; r = next, n++) {
        next = r->next;
        r->kind->release(r);
    }
    if (n == 0)
        return;
    spin_take(&io->lock);
    io->out -= n;
    last = io->out == 0;
    spin_give(&io->lock);
    if (last)
        io->owner.give_up(io->owner.who); /* with it the struct io may go */
}

void pirn__io_give_back(struct io *io)
{
    struct registration *list;

    /* mo: relaxed. A look spares the lock; who comes too late is for the next turn. */
    if (atomic_load_explicit(&io->dead_count, memory_order_relaxed) == 0)
        return;
    spin_take(&io->lock);
    list = io->dead;
    io->dead = NULL;
    /* mo: relaxed. Written with the lock. */
    atomic_store_explicit(&io->dead_count, 0, memory_order_relaxed);
    spin_give(&io->lock);
    give_back(io, list);
}

/* With the lock, as the next. */
static void link_into(struct registration **list, struct registration *r)
{
    r->next = *list;
    r->link = list;
    if (r->next != NULL)
        r->next->link = &r->next;
    *list = r;
}

static void unlink_from_any(struct registration *r)
{
    *r->link = r->next;
    if (r->next != NULL)
        r->next->link = r->link;
}

bool pirn__io_enter(struct io *io, struct registration *r)
{
    bool closed, first = false;

    spin_take(&io->lock);
    closed = io->closed;
    if (!closed) {
        first = io->out++ == 0;
        if (first)
            io->owner.hold(io->owner.who);
        link_into(&io->live, r);
    }
    spin_give(&io->lock);
    return !closed;
}

void pirn__io_leave(struct io *io, struct registration *r)
{
    spin_take(&io->lock);
    unlink_from_any(r);
    spin_give(&io->lock);
}

void pirn__io_forget(struct io *io)
{
    bool last;

    spin_take(&io->lock);
    last = --io->out == 0;
    spin_give(&io->lock);
    if (last)
        io->owner.give_up(io->owner.who);
}

void pirn__io_bury(struct io *io, struct registration *r)
{
    struct registration **list = r->lost ? &io->lost : &io->dead;
    bool closed;

    if (r->owns && !r->lost)
        (void)close(r->fd); /* what is to be said of an error has nobody to say it to */
    spin_take(&io->lock);
    closed = io->closed;
    r->next = NULL;
    if (!closed) {
        r->next = *list;
        *list = r;
        /* mo: relaxed. Written with the lock. */
        if (!r->lost &&
            atomic_fetch_add_explicit(&io->dead_count, 1, memory_order_relaxed) == IO_DEAD_MAX - 1)
            /* Before the lock is given back: with the last of them the struct io may go. */
            pirn__io_call(io);
    }
    spin_give(&io->lock);
    if (closed)
        give_back(io, r);
}

void pirn__io_shutdown(struct io *io, struct wake_list *wakes)
{
    struct registration *r, *dead, *lost;
    uint32_t word;

    spin_take(&io->lock);
    io->closed = true;
    dead = io->dead;
    lost = io->lost;
    io->dead = io->lost = NULL;
    while ((r = io->live) != NULL) {
        unlink_from_any(r);
        link_into(&io->told, r);
        ref_add(&r->pins, 1); /* its owner takes it out of the list before it gives up its own */
        spin_give(&io->lock);
        word = pirn__readiness_end(&r->ready, READY_SHUT);
        pirn__registration_tell(r, word, READY_SHUT, wakes);
        pirn__registration_unpin(r);
        spin_take(&io->lock);
    }
    spin_give(&io->lock);
    give_back(io, dead);
    give_back(io, lost);
}
