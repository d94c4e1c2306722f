/* SPDX-License-Identifier: MIT */
/* Registrations and turns from inside, without a scheduler: who is told of what, when memory goes, and
 * what is left behind by what fails. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#include "runtime/io/io.h"
#include "task/cx.h"
#include "task/op.h"

/* ---- the readiness word ---------------------------------------------------------------------------- */

static const struct set_row {
    const char *given;
    uint32_t before, bits, after;
} set_rows[] = {
    {"nothing yet", 0, 1, 0x101},
    {"what is there stays", 0x301, 2, 0x403},
    {"the same again is news", 0x403, 3, 0x503},
    {"the end of reading", 0x100, 5, 0x205},
    {"an event that tells of no end takes it back", 0x10f, 2, 0x203},
    {"shut stays", 0x140, 1, 0x241},
    {"gone stays", 0x180, 1, 0x281},
    {"the tick begins anew", 0xffffff01, 1, 0x1},
};

Test(readiness, an_event)
{
    for (size_t i = 0; i < sizeof set_rows / sizeof *set_rows; i++) {
        const struct set_row *row = &set_rows[i];
        struct readiness r;

        readiness_init(&r, row->before);
        CHECK_SAYS(pirn__readiness_set(&r, row->bits) == row->after, "%s", row->given);
        CHECK_SAYS(readiness_look(&r) == row->after, "%s: 0x%x", row->given, readiness_look(&r));
    }
}

static const struct clear_row {
    const char *given;
    uint32_t before, seen, bits, after;
} clear_rows[] = {
    {"as it was seen", 0x103, 0x103, 1, 0x102},
    {"an event came since", 0x203, 0x103, 1, 0x203},
    {"another direction was cleared since", 0x101, 0x103, 1, 0x100},
    {"the end of reading stays", 0x105, 0x105, IO_READ, 0x104},
    {"the end of writing stays", 0x10a, 0x10a, IO_WRITE, 0x108},
    {"all that can go", 0x13f, 0x13f, 0xff, 0x10c},
    {"shut since it was seen", 0x141, 0x101, 1, 0x140},
    {"gone since it was seen", 0x181, 0x101, 1, 0x180},
    {"not even if they are named", 0x1c1, 0x1c1, 0xff, 0x1c0},
};

Test(readiness, a_clear)
{
    for (size_t i = 0; i < sizeof clear_rows / sizeof *clear_rows; i++) {
        const struct clear_row *row = &clear_rows[i];
        struct readiness r;

        readiness_init(&r, row->before);
        pirn__readiness_clear(&r, row->seen, row->bits);
        CHECK_SAYS(readiness_look(&r) == row->after, "%s: 0x%x", row->given, readiness_look(&r));
    }
}

static const struct event_row {
    uint32_t events, bits;
} event_rows[] = {
    {0, 0},
    {EPOLLIN, READY_READ},
    {EPOLLOUT, READY_WRITE},
    {EPOLLPRI, READY_PRIORITY},
    {EPOLLIN | EPOLLRDHUP, READY_READ | READY_READ_CLOSED},
    {EPOLLHUP, READY_READ | READY_WRITE | READY_CLOSED},
    {EPOLLERR, READY_READ | READY_WRITE | READY_ERROR},
    {EPOLLOUT | EPOLLERR, READY_READ | READY_WRITE | READY_ERROR},
};

Test(readiness, events_of_the_kernel)
{
    for (size_t i = 0; i < sizeof event_rows / sizeof *event_rows; i++)
        EQ(pirn__io_ready_bits(event_rows[i].events), event_rows[i].bits);
}

/* ---- registrations --------------------------------------------------------------------------------- */

static struct io io;
static int holds;

static void hold(void *who)
{
    CHECK(who == &io);
    holds++;
}

static void give_up(void *who)
{
    CHECK(who == &io);
    holds--;
}

static void begin(uint32_t events_max)
{
    const struct io_owner owner = {&io, hold, give_up, NULL};

    EQ(pirn__io_init(&io, &tally.alloc, events_max), 0);
    pirn__io_set_owner(&io, &owner);
}

static void end(void)
{
    EQ(holds, 0);
    pirn__io_fini(&io);
    EQ(tally.live, 0);
    EQ(tally.bytes, 0);
}

/* An object as owners have them. */
struct object {
    struct registration reg;
    struct object *ends; /* that is retired by an event of this one */
    int events;
};

static int released;

static void release_object(struct registration *r)
{
    struct object *o = container_of(r, struct object, reg);

    released++;
    io_free(r->io, o, sizeof *o);
}

static void note_event(struct registration *r, uint32_t word, struct wake_list *wakes)
{
    struct object *o = container_of(r, struct object, reg);

    (void)wakes;
    o->events++;
    if (o->ends != NULL && !(word & READY_OVER)) {
        pirn__registration_retire(&o->ends->reg);
        o->ends = NULL;
    }
}

static const struct registration_kind seats = {release_object, NULL};
static const struct registration_kind noting = {release_object, note_event};

static struct object *object_of(int fd, unsigned watch, const struct registration_kind *kind)
{
    struct object *o = io_alloc(&io, sizeof *o, _Alignof(struct object));

    o->ends = NULL;
    o->events = 0;
    EQ(pirn__registration_add(&o->reg, &io, fd, watch, 0, kind), 0);
    return o;
}

static void turn(void)
{
    struct wake_list wakes;

    wake_list_init(&wakes);
    pirn__io_turn(&io, 0, &wakes);
    pirn__wake_flush(&wakes);
}

static int ready_event(void)
{
    return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

/* One operation that waits for reading or writing, without a call. */
struct wait {
    struct registration *reg;
    enum io_dir dir;
    pirn_op op;
};

static const pirn_op_kind wait_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "wait",
    .drop = pirn__io_wait_drop,
};

static int wait_step(void *frame, pirn_cx *cx, void *out)
{
    struct wait *w = frame;
    struct io_wait *state = pirn_op_state(&w->op, cx, &wait_kind);
    uint32_t seen;
    int e = io_ready(state, io_wait_at(state, w->reg), w->dir, cx, &seen);

    (void)out;
    if (e == PIRN_PENDING)
        return e;
    io_wait_end(state);
    pirn_op_done(&w->op);
    return e;
}

static int poll_wait(struct wait *w)
{
    return pirn_poll_with(NULL, wait_step, w, NULL);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

Test(io, memory_goes_with_the_next_turn)
{
    struct object *o;

    begin(8);
    o = object_of(ready_event(), IO_WATCH_READ | IO_OWNS, &seats);
    EQ(holds, 1);
    pirn__registration_retire(&o->reg);
    EQ(released, 0);
    CHECK(fcntl(o->reg.fd, F_GETFD) < 0); /* the descriptor at once */
    EQ(holds, 1);
    turn();
    EQ(released, 1);
    end();
}

/* Two events in one turn, the first of which ends both: the second finds memory that is there still. */
Test(io, an_event_in_hand_finds_its_memory)
{
    struct object *a, *b, *other;
    int fd;

    begin(8);
    a = object_of(ready_event(), IO_WATCH_READ | IO_OWNS, &noting);
    b = object_of(ready_event(), IO_WATCH_READ | IO_OWNS, &noting);
    fd = dup(b->reg.fd); /* the file lives on */
    a->ends = b;
    b->ends = a;
    turn(); /* whichever is first: it ends the other, whose event is in hand, and which ends nobody */
    EQ(a->events, b->events == 2 ? 1 : 2);
    EQ(released, 0);
    other = a->events == 1 ? a : b;
    turn();
    EQ(released, 1);
    other->ends = NULL;
    pirn__registration_retire(&other->reg);
    turn();
    EQ(released, 2);
    EQ(close(fd), 0);
    end();
}

/* Who waits for a turn with its memory calls for one when they are many. */
Test(io, many_that_are_dead_call)
{
    struct object *o[IO_DEAD_MAX];
    struct pollfd p;

    begin(8);
    p = (struct pollfd){io.epoll_fd, POLLIN, 0};
    for (int i = 0; i < IO_DEAD_MAX; i++)
        o[i] = object_of(eventfd(0, EFD_CLOEXEC), IO_WATCH_READ | IO_OWNS, &seats);
    for (int i = 0; i < IO_DEAD_MAX; i++) {
        EQ(poll(&p, 1, 0), 0);
        pirn__registration_retire(&o[i]->reg);
    }
    EQ(poll(&p, 1, 0), 1);
    turn();
    EQ(released, IO_DEAD_MAX);
    EQ(poll(&p, 1, 0), 0);
    end();
}

Test(io, what_fails_leaves_nothing)
{
    struct registration r;
    struct object *o;
    int file = memfd_create("pirn", MFD_CLOEXEC), fd = ready_event();

    begin(8);
    EQ(pirn__registration_add(&r, &io, file, IO_WATCH_READ, 0, &seats), -EPERM);
    EQ(pirn__registration_add(&r, &io, 5000, IO_WATCH_READ | IO_OWNS, 0, &seats), -EBADF);
    EQ(pirn__registration_add(&r, &io, io.epoll_fd, IO_WATCH_READ, 0, &seats), -EINVAL);
    EQ(holds, 0);
    CHECK(io.live == NULL);
    o = object_of(fd, IO_WATCH_READ, &seats);
    EQ(pirn__registration_add(&r, &io, fd, IO_WATCH_READ | IO_OWNS, 0, &seats), -EEXIST);
    EQ(holds, 1);
    CHECK(io.live == &o->reg);
    pirn__registration_retire(&o->reg);
    turn();
    CHECK(fcntl(fd, F_GETFD) >= 0);
    EQ(released, 1);
    EQ(close(fd) | close(file), 0);
    end();
}

static int lowest_free(void)
{
    int fd = dup(0);

    CHECK(fd >= 0);
    EQ(close(fd), 0);
    return fd;
}

Test(io, no_descriptors_and_no_memory)
{
    struct rlimit old, none;

    EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    for (int left = 0; left < 2; left++) {
        int first = lowest_free();

        none = old;
        none.rlim_cur = (rlim_t)(first + left);
        EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        EQ(pirn__io_init(&io, &tally.alloc, 8), -EMFILE);
        EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
        EQ(tally.live, 0);
        EQ(lowest_free(), first);
    }
    tally.fail_at = 1;
    EQ(pirn__io_init(&io, &tally.alloc, 8), -ENOMEM);
    EQ(tally.live, 0);
}

/* ---- who waits ----------------------------------------------------------------------------------------- */

Test(io, one_each_way)
{
    struct wait in = {.dir = IO_READ}, too = {.dir = IO_READ}, out = {.dir = IO_WRITE};
    struct object *o;

    begin(8);
    o = object_of(eventfd(UINT32_MAX, EFD_CLOEXEC), IO_WATCH_PRIORITY | IO_OWNS, &seats);
    in.reg = too.reg = out.reg = &o->reg;
    EQ(poll_wait(&in), PIRN_PENDING);
    EQ(poll_wait(&out), PIRN_PENDING);
    EQ(poll_wait(&too), -EBUSY);
    CHECK(!pirn_op_is_pending(&too.op));
    EQ(poll_wait(&in), PIRN_PENDING);
    pirn_op_drop(&in.op);
    EQ(poll_wait(&too), PIRN_PENDING); /* now it may */
    pirn_op_drop(&too.op);
    pirn_op_drop(&out.op);
    pirn__registration_retire(&o->reg);
    turn();
    EQ(released, 1);
    end();
}

Test(io, waits_that_sit_keep_memory_and_descriptor)
{
    struct wait in = {.dir = IO_READ}, out = {.dir = IO_WRITE};
    struct object *o;
    int fd = eventfd(0, EFD_CLOEXEC);

    begin(8);
    o = object_of(fd, IO_WATCH_PRIORITY | IO_OWNS, &seats);
    in.reg = out.reg = &o->reg;
    EQ(poll_wait(&in), PIRN_PENDING);
    EQ(poll_wait(&out), PIRN_PENDING);
    pirn__registration_retire(&o->reg);
    turn();
    EQ(released, 0);
    in.reg = NULL; /* what the caller has is not looked at */
    EQ(poll_wait(&in), -ECANCELED);
    turn();
    EQ(released, 0);
    CHECK(fcntl(fd, F_GETFD) >= 0);
    pirn_op_drop(&out.op);
    CHECK(fcntl(fd, F_GETFD) < 0);
    turn();
    EQ(released, 1);
    end();
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

Test(io, after_the_shutdown)
{
    struct wait in = {.dir = IO_READ}, late = {.dir = IO_READ};
    struct registration r;
    struct wake_list wakes;
    struct object *o, *dead;
    int fd = ready_event();

    begin(8);
    o = object_of(eventfd(0, EFD_CLOEXEC), IO_WATCH_READ | IO_OWNS, &seats);
    dead = object_of(eventfd(0, EFD_CLOEXEC), IO_WATCH_READ | IO_OWNS, &seats);
    pirn__registration_retire(&dead->reg);
    in.reg = late.reg = &o->reg;
    EQ(poll_wait(&in), PIRN_PENDING);
    wake_list_init(&wakes);
    pirn__io_shutdown(&io, &wakes);
    pirn__wake_flush(&wakes);
    EQ(released, 1); /* no turn will do it */
    EQ(poll_wait(&in), PIRN_ESHUTDOWN);
    EQ(poll_wait(&late), PIRN_ESHUTDOWN);
    io_drained(&o->reg, IO_READ, readiness_look(&o->reg.ready));
    EQ(poll_wait(&late), PIRN_ESHUTDOWN); /* no clear takes that away */
    EQ(pirn__registration_add(&r, &io, fd, IO_WATCH_READ, 0, &seats), PIRN_ESHUTDOWN);
    EQ(holds, 1);
    pirn__registration_retire(&o->reg);
    EQ(released, 2);
    EQ(close(fd), 0);
    end();
}
