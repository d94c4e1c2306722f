/* SPDX-License-Identifier: MIT */
/* Is a task told when its descriptor is ready, by edges and by levels, and at its end? */
#include "flavors.h"
#include "watching.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- making one ------------------------------------------------------------------------------------- */

static int new_on(pirn_runtime *rt, int fd, uint32_t flags)
{
    pirn_fd *f = NULL;
    int r = pirn_fd_new(pirn_runtime_handle(rt), fd, flags, &f);

    CHECK((r == 0) == (f != NULL));
    pirn_fd_free(f);
    return r;
}

Test(fd, bad_arguments_leave_all_as_it_was, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int file = memfd_create("pirn", 0), fds[2];
    pirn_fd *f = NULL, *g = NULL;

    EQ(pipe(fds), 0);
    EQ(pirn_fd_new(h, fds[0], PIRN_FD_LEVEL, NULL), -EINVAL);
    SAYS("out");
    EQ(new_on(rt, fds[0], 1u << 9), -EINVAL);
    SAYS("0x200");
    EQ(new_on(rt, -1, 0), -EBADF);
    EQ(new_on(rt, 4000, PIRN_FD_LEVEL), -EBADF);
    SAYS("4000");
    EQ(new_on(rt, fds[0], PIRN_FD_OWN), -EINVAL);
    SAYS("PIRN_FD_NONBLOCK");
    EQ(new_on(rt, file, PIRN_FD_NONBLOCK | PIRN_FD_OWN), -EPERM);
    SAYS("regular file");
    CHECK(!(fcntl(file, F_GETFL) & O_NONBLOCK));
    EQ(pirn_fd_new(NULL, fds[0], PIRN_FD_LEVEL, &f), PIRN_ENORUNTIME);
    EQ(pirn_fd_new(h, fds[0], PIRN_FD_LEVEL, &f), 0);
    EQ(pirn_fd_new(h, fds[0], PIRN_FD_LEVEL, &g), -EEXIST);
    SAYS("already");
    CHECK(g == NULL);
    EQ(pirn_fd_number(f), fds[0]);
    EQ(pirn_fd_number(NULL), -EINVAL);
    CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
    pirn_fd_free(f);
    pirn_fd_free(NULL);
    EQ(new_on(rt, fds[0], PIRN_FD_LEVEL), 0); /* once more, after free */
    EQ(new_on(rt, fds[0], PIRN_FD_NONBLOCK), 0);
    CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    EQ(new_on(rt, fds[0], 0), 0);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(new_on(rt, fds[0], 0), PIRN_ESHUTDOWN);
    SAYS("shut down");
    EQ(close(file) | close(fds[0]) | close(fds[1]), 0);
    rt_free(rt);
}

Test(fd, no_memory, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    int fds[2];

    EQ(pipe(fds), 0);
    tally.fail_at = 1;
    EQ(new_on(rt, fds[0], PIRN_FD_NONBLOCK | PIRN_FD_OWN), -ENOMEM);
    EQ(tally.failed, 1);
    CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));
    EQ(new_on(rt, fds[0], PIRN_FD_NONBLOCK | PIRN_FD_OWN), 0);
    EQ(close(fds[1]), 0);
    rt_free(rt);
}

Test(fd, owned_ones_are_closed, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    int own = eventfd(0, EFD_NONBLOCK), lent = eventfd(0, EFD_NONBLOCK);

    EQ(new_on(rt, own, PIRN_FD_OWN), 0);
    EQ(new_on(rt, lent, 0), 0);
    CHECK(!is_open(own)); /* at once, though the memory stays until the next turn */
    CHECK(is_open(lent));
    EQ(close(lent), 0);
    rt_free(rt);
}

/* ---- edges ---------------------------------------------------------------------------------------------- */

static void told_once_per_edge(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w, h, 0);

    w.join = spawn_watching(h, &w);
    add_to(fd, 1);
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_READABLE);
    /* It was taken, though nobody has read. (The first may have come before or after its first poll.) */
    w.pending = 0;
    w.join = spawn_watching(h, &w);
    run_until(h, &w.pending, 1);
    CHECK(!pirn_join_is_finished(w.join));
    add_to(fd, 1); /* something new */
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_READABLE);
    watching_end(&w);
    rt_free(rt);
}
EACH_FLAVOR(fd, told_once_per_edge)

/* What comes while nobody waits is there for the next. */
static void kept_for_the_next(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w, h, 0);

    add_to(fd, 1);
    EQ(block_on(h, ready_poll, NULL), 0);
    w.join = spawn_watching(h, &w);
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_READABLE);
    watching_end(&w);
    rt_free(rt);
}
EACH_FLAVOR(fd, kept_for_the_next)

static void directions_are_apart(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching in = {.interest = PIRN_READABLE}, out = {.interest = PIRN_WRITABLE};
    struct watching both = {.interest = PIRN_READABLE | PIRN_WRITABLE};
    int peer = watching_socket(&in, h, 0);

    out.fd = both.fd = in.fd;
    in.join = spawn_watching(h, &in);
    out.join = spawn_watching(h, &out);
    ends_done(h, out.join, 0);
    EQ(out.ready, PIRN_WRITABLE);
    CHECK(!pirn_join_is_finished(in.join));
    EQ(send(peer, "x", 1, 0), 1);
    ends_done(h, in.join, 0);
    EQ(in.ready, PIRN_READABLE);
    /* That event has told of both. */
    both.join = spawn_watching(h, &both);
    ends_done(h, both.join, 0);
    EQ(both.ready & PIRN_WRITABLE, PIRN_WRITABLE);
    EQ(close(peer), 0);
    watching_end(&in);
    rt_free(rt);
}
EACH_FLAVOR(fd, directions_are_apart)

static void the_end_is_told_at_every_poll(struct flavor flavor)
{
    const unsigned all = PIRN_READABLE | PIRN_WRITABLE | PIRN_READ_CLOSED | PIRN_WRITE_CLOSED;
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int peer = watching_socket(&w, h, 0);

    w.join = spawn_watching(h, &w);
    EQ(shutdown(peer, SHUT_WR), 0);
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_READABLE | PIRN_READ_CLOSED);
    for (int i = 0; i < 3; i++) {
        w.join = spawn_watching(h, &w);
        ends_done(h, w.join, 0);
        EQ(w.ready & ~(unsigned)PIRN_READABLE, PIRN_READ_CLOSED);
    }
    EQ(close(peer), 0);
    w.interest = PIRN_READABLE | PIRN_WRITABLE;
    do { /* until the event of that has come */
        w.join = spawn_watching(h, &w);
        ends_done(h, w.join, 0);
    } while (!(w.ready & PIRN_WRITE_CLOSED));
    EQ(w.ready & ~all, 0);
    watching_end(&w);
    rt_free(rt);
}
EACH_FLAVOR(fd, the_end_is_told_at_every_poll)

static void errors_are_told(struct flavor flavor)
{
    const struct linger hard = {1, 0};
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int fds[2];

    tcp_pair(fds);
    EQ(pirn_fd_new(h, fds[0], PIRN_FD_OWN, &w.fd), 0);
    w.join = spawn_watching(h, &w);
    EQ(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    EQ(close(fds[1]), 0); /* a reset */
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_READABLE | PIRN_READ_CLOSED | PIRN_ERROR);
    EQ(recv(fds[0], &w.ready, 1, 0), -1);
    EQ(errno, ECONNRESET);
    watching_end(&w);
    rt_free(rt);
}
EACH_FLAVOR(fd, errors_are_told)

static void priority_is_apart(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_PRIORITY};
    int fds[2];
    char c;

    tcp_pair(fds);
    EQ(pirn_fd_new(h, fds[0], PIRN_FD_OWN, &w.fd), 0);
    w.join = spawn_watching(h, &w);
    EQ(send(fds[1], "a", 1, 0), 1);
    run_until(h, &w.pending, 1);
    CHECK(!pirn_join_is_finished(w.join));
    EQ(send(fds[1], "!", 1, MSG_OOB), 1);
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_PRIORITY);
    EQ(recv(fds[0], &c, 1, MSG_OOB), 1);
    EQ(c, '!');
    EQ(close(fds[1]), 0);
    watching_end(&w);
    rt_free(rt);
}
EACH_FLAVOR(fd, priority_is_apart)

/* ---- levels -------------------------------------------------------------------------------------------- */

static void levels_are_not_taken(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int fds[2];
    char c;

    EQ(pipe(fds), 0); /* that blocks */
    EQ(pirn_fd_new(h, fds[0], PIRN_FD_LEVEL | PIRN_FD_OWN, &w.fd), 0);
    w.join = spawn_watching(h, &w);
    run_until(h, &w.pending, 1);
    EQ(write(fds[1], "ab", 2), 2);
    ends_done(h, w.join, 0);
    for (int i = 0; i < 2; i++) {
        w.join = spawn_watching(h, &w);
        ends_done(h, w.join, 0);
        EQ(w.ready, PIRN_READABLE);
        EQ(read(fds[0], &c, 1), 1);
    }
    w.pending = 0;
    w.join = spawn_watching(h, &w);
    run_until(h, &w.pending, 1); /* read empty: it waits, whatever events have told */
    EQ(write(fds[1], "c", 1), 1);
    ends_done(h, w.join, 0);
    EQ(close(fds[1]), 0);
    w.join = spawn_watching(h, &w);
    ends_done(h, w.join, 0);
    EQ(read(fds[0], &c, 1), 1);
    w.join = spawn_watching(h, &w);
    ends_done(h, w.join, 0);
    EQ(w.ready, PIRN_READABLE | PIRN_READ_CLOSED);
    watching_end(&w);
    rt_free(rt);
}
EACH_FLAVOR(fd, levels_are_not_taken)

Test(fd, a_closed_one_is_noticed_by_levels, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    struct watching w = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w, pirn_runtime_handle(rt), PIRN_FD_LEVEL);

    EQ(close(fd), 0);
    w.join = spawn_watching(pirn_runtime_handle(rt), &w);
    ends_done(pirn_runtime_handle(rt), w.join, -EBADF);
    pirn_fd_free(w.fd);
    rt_free(rt);
}

/* ---- several who wait ------------------------------------------------------------------------------------ */

enum {
    CROWD = 20 /* more than a list of wakes has room for */
};

static void all_who_wait_are_told(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w[CROWD] = {{.interest = PIRN_READABLE}};
    int fd = watching_eventfd(&w[0], h, 0);

    for (int i = 0; i < CROWD; i++) {
        w[i].interest = PIRN_READABLE;
        w[i].fd = w[0].fd;
        w[i].join = spawn_watching(h, &w[i]);
    }
    for (int i = 0; i < CROWD; i++)
        run_until(h, &w[i].pending, 1);
    add_to(fd, 1);
    for (int i = 0; i < CROWD; i++) {
        ends_done(h, w[i].join, 0);
        EQ(w[i].ready, PIRN_READABLE);
    }
    watching_end(&w[0]);
    rt_free(rt);
}
EACH_FLAVOR(fd, all_who_wait_are_told)

static void foreign_wakers_are_told_too(struct flavor flavor)
{
    const pirn_waker none = {NULL, NULL};
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct wakes wakes[CROWD] = {{0}};
    struct watching w[CROWD] = {{.interest = PIRN_READABLE}}, last = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w[0], h, 0);
    int out = -1;

    for (int i = 0; i < CROWD; i++) {
        pirn_waker k = wakes_waker(&wakes[i]);

        w[i].interest = PIRN_READABLE;
        w[i].fd = last.fd = w[0].fd;
        EQ(pirn_poll_with(&none, watching_step, &w[i], &out), PIRN_PENDING);
        EQ(pirn_poll_with(&k, watching_step, &w[i], &out), PIRN_PENDING); /* this one counts */
        pirn_waker_drop(k);
    }
    last.join = spawn_watching(h, &last);
    run_until(h, &last.pending, 1);
    add_to(fd, 1);
    ends_done(h, last.join, 0); /* told last, so that all were */
    for (int i = 0; i < CROWD; i++) {
        CHECK(comes_true(was_woken, &wakes[i]));
        EQ(pirn_poll_with(&none, watching_step, &w[i], &out), 0);
        EQ(out, 0);
        EQ(w[i].ready, PIRN_READABLE);
        EQ(wakes[i].clones, wakes[i].drops);
    }
    watching_end(&w[0]);
    rt_free(rt);
}
EACH_FLAVOR(fd, foreign_wakers_are_told_too)

/* One that is aborted is not told, the others are; its waker is not woken. */
static void who_is_dropped_leaves(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w[3] = {{.interest = PIRN_READABLE}};
    int fd = watching_eventfd(&w[0], h, 0);

    for (int i = 0; i < 3; i++) {
        w[i].interest = PIRN_READABLE;
        w[i].fd = w[0].fd;
        w[i].join = spawn_watching(h, &w[i]);
        run_until(h, &w[i].pending, 1);
    }
    pirn_join_abort(w[1].join);
    ends_as(h, w[1].join, PIRN_CANCELLED, -ECANCELED);
    add_to(fd, 1);
    ends_done(h, w[0].join, 0);
    ends_done(h, w[2].join, 0);
    watching_end(&w[0]);
    rt_free(rt);
}
EACH_FLAVOR(fd, who_is_dropped_leaves)
