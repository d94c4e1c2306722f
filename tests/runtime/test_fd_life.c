/* SPDX-License-Identifier: MIT */
/* Ends: of descriptors that are waited for, of operations, of runtimes, in any order. Nothing stays. */
#include "flavors.h"
#include "watching.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- freed while somebody waits ------------------------------------------------------------------------ */

static void waits_end_when_it_is_freed(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w[3];

    for (int level = 0; level < 2; level++) {
        struct watching owner = {.fd = NULL};
        int fd = watching_eventfd(&owner, h, level ? PIRN_FD_LEVEL : 0);

        for (int i = 0; i < 3; i++) {
            w[i] = (struct watching){.fd = owner.fd, .interest = PIRN_READABLE};
            w[i].join = spawn_watching(h, &w[i]);
            run_until(h, &w[i].pending, 1);
        }
        watching_end(&owner);
        for (int i = 0; i < 3; i++)
            ends_done(h, w[i].join, -ECANCELED);
        CHECK(!is_open(fd)); /* the last of them has closed it */
    }
    rt_free(rt);
}
EACH_FLAVOR(fd_life, waits_end_when_it_is_freed)

/* No thread but this one, and no runtime that runs: the op's memory alone decides. */
Test(fd_life, an_op_outlives_its_fd, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct wakes wakes = {0};
    pirn_waker k = wakes_waker(&wakes);
    struct watching polled = {.interest = PIRN_READABLE}, dropped = {.interest = PIRN_WRITABLE};
    int fd = watching_socket(&polled, h, 0), mine = pirn_fd_number(polled.fd), out = 0;

    (void)fd;
    dropped.fd = polled.fd;
    dropped.interest = PIRN_PRIORITY;
    EQ(pirn_poll_with(&k, watching_step, &polled, &out), PIRN_PENDING);
    EQ(pirn_poll_with(&k, watching_step, &dropped, &out), PIRN_PENDING);
    pirn_fd_free(polled.fd);
    EQ(wakes.woken, 2);
    CHECK(is_open(mine)); /* the number is not to be somebody else's while they may use it */
    EQ(pirn_poll_with(&k, watching_step, &polled, &out), 0);
    EQ(out, -ECANCELED);
    SAYS("freed");
    CHECK(is_open(mine));
    pirn_op_drop(&dropped.op);
    CHECK(!is_open(mine));
    pirn_waker_drop(k);
    EQ(wakes.clones, wakes.drops);
    EQ(close(fd), 0);
    rt_free(rt);
}

/* ---- the runtime's end ------------------------------------------------------------------------------------ */

static void the_runtime_ends_first(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching task = {.interest = PIRN_READABLE}, alien = {.interest = PIRN_READABLE};
    struct watching late = {.interest = PIRN_WRITABLE};
    struct wakes wakes = {0};
    pirn_waker k = wakes_waker(&wakes);
    int peer = watching_socket(&task, h, 0), out = 0;

    alien.fd = late.fd = task.fd;
    task.join = spawn_watching(h, &task);
    run_until(h, &task.pending, 1);
    EQ(pirn_poll_with(&k, watching_step, &alien, &out), PIRN_PENDING);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    join_is(task.join, PIRN_CANCELLED, -ECANCELED);
    EQ(wakes.woken, 1);
    EQ(pirn_poll_with(&k, watching_step, &alien, &out), 0);
    EQ(out, PIRN_ESHUTDOWN);
    SAYS("shut down");
    EQ(pirn_poll_with(&k, watching_step, &late, &out), 0);
    EQ(out, PIRN_ESHUTDOWN);
    EQ(pirn_poll_with(&k, watching_step, &late, &out), 0); /* for good */
    EQ(out, PIRN_ESHUTDOWN);
    pirn_waker_drop(k);
    EQ(wakes.clones, wakes.drops);
    pirn_runtime_free(rt);
    CHECK(tally.live > 0); /* the fd keeps what it needs */
    EQ(pirn_poll_with(NULL, watching_step, &late, &out), 0);
    EQ(out, PIRN_ESHUTDOWN);
    watching_end(&task);
    EQ(close(peer), 0);
    EQ(tally.live, 0);
}
EACH_FLAVOR(fd_life, the_runtime_ends_first)

/* A wait that is pending when runtime and fd are gone, and is dropped last of all. */
static void the_op_ends_last(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    struct watching w[2] = {{.interest = PIRN_READABLE}, {.interest = PIRN_READABLE}};
    int peer = watching_socket(&w[0], pirn_runtime_handle(rt), PIRN_FD_LEVEL), out = 0;

    w[1].fd = w[0].fd;
    EQ(pirn_poll_with(NULL, watching_step, &w[0], &out), PIRN_PENDING);
    EQ(pirn_poll_with(NULL, watching_step, &w[1], &out), PIRN_PENDING);
    pirn_runtime_free(rt);
    pirn_fd_free(w[0].fd);
    CHECK(tally.live > 0);
    EQ(pirn_poll_with(NULL, watching_step, &w[0], &out), 0);
    EQ(out, -ECANCELED);
    pirn_op_drop(&w[1].op);
    EQ(tally.live, 0);
    EQ(close(peer), 0);
}
EACH_FLAVOR(fd_life, the_op_ends_last)

static void *wait_on_thread(void *watching)
{
    int out = -1;

    EQ(pirn_poll_wait(watching_step, watching, PIRN_NEVER, &out), 0);
    return (void *)(intptr_t)out;
}

static bool has_begun(void *watching)
{
    return ((struct watching *)watching)->pending > 0;
}

/* A thread that waits, and a runtime that is shut down: told by the shutdown, not by luck. */
static void threads_are_told_of_the_end(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    struct watching w = {.interest = PIRN_READABLE};
    int peer = watching_socket(&w, pirn_runtime_handle(rt), 0);
    pthread_t t = start_thread(wait_on_thread, &w);
    void *r;

    CHECK(comes_true(has_begun, &w));
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(pthread_join(t, &r), 0);
    EQ((intptr_t)r, PIRN_ESHUTDOWN);
    watching_end(&w);
    EQ(close(peer), 0);
    rt_free(rt);
}
EACH_FLAVOR(fd_life, threads_are_told_of_the_end)

/* ---- freed by a drop ----------------------------------------------------------------------------------------- */

static void free_in_drop(void *watching)
{
    watching_end(watching);
}

static void tasks_free_their_own(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w[3] = {{.interest = PIRN_READABLE}};
    int fds[3];

    for (int i = 0; i < 3; i++) {
        w[i].interest = PIRN_READABLE;
        fds[i] = watching_eventfd(&w[i], h, 0);
        w[i].join = spawn_dropping(h, watching_poll, free_in_drop, &w[i]);
        run_until(h, &w[i].pending, 1);
    }
    add_to(fds[0], 1);
    ends_done(h, w[0].join, 0);
    pirn_join_abort(w[1].join);
    ends_as(h, w[1].join, PIRN_CANCELLED, -ECANCELED);
    CHECK(!is_open(fds[0]) && !is_open(fds[1]) && is_open(fds[2]));
    pirn_runtime_free(rt); /* the third while the runtime ends */
    CHECK(!is_open(fds[2]));
    pirn_join_free(w[2].join);
    EQ(tally.live, 0);
}
EACH_FLAVOR(fd_life, tasks_free_their_own)

/* ---- closed too early ------------------------------------------------------------------------------------------ */

/* It lives on under another number, and its events with it: they find memory that is there still. */
static void closed_under_the_registration(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE}, other = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w, h, 0), copy = dup(fd), reused,
        beside = watching_eventfd(&other, h, 0);

    CHECK(copy >= 0);
    EQ(close(fd), 0);
    w.join = spawn_watching(h, &w);
    add_to(copy, 1);
    ends_done(h, w.join, 0);          /* epoll goes by the file */
    reused = eventfd(0, EFD_CLOEXEC); /* another one of that number */
    EQ(reused, fd);
    watching_end(&w);
    CHECK(is_open(reused)); /* it is not closed for somebody else's */
    for (int i = 0; i < 20; i++) {
        add_to(copy, 1); /* events for what was freed */
        other.join = spawn_watching(h, &other);
        add_to(beside, 1);
        ends_done(h, other.join, 0);
    }
    watching_end(&other);
    EQ(close(copy) | close(reused), 0);
    rt_free(rt);
}
EACH_FLAVOR(fd_life, closed_under_the_registration)

/* ---- many -------------------------------------------------------------------------------------------------------- */

enum {
    MANY = 300 /* more than one turn takes in */
};

static bool are_back(void *bytes)
{
    return tally.bytes < *(int64_t *)bytes;
}

/* More are ready than a turn takes in. Then all are freed while a multi-thread runtime sleeps: it is woken
 * to give their memory back. */
static void more_than_a_turn_takes(struct flavor flavor)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct watching w[MANY];
    pirn_runtime *rt;
    pirn_handle *h;
    int fds[MANY];
    int64_t each, limit;

    o.io_events_per_tick = 16;
    rt = rt_on_with(flavor, &o);
    h = pirn_runtime_handle(rt);
    each = tally.bytes;
    for (int i = 0; i < MANY; i++) {
        w[i] = (struct watching){.interest = PIRN_READABLE};
        fds[i] = watching_eventfd(&w[i], h, 0);
    }
    each = (tally.bytes - each) / MANY;
    for (int i = 0; i < MANY; i++)
        w[i].join = spawn_watching(h, &w[i]);
    for (int i = 0; i < MANY; i++)
        add_to(fds[i], 1);
    for (int i = 0; i < MANY; i++) {
        ends_done(h, w[i].join, 0);
        EQ(w[i].ready, PIRN_READABLE);
    }
    if (flavor.flavor == PIRN_MULTI_THREAD)
        rt_quiet(h);
    limit = tally.bytes - each * (MANY - 2 * 16);
    for (int i = 0; i < MANY; i++)
        watching_end(&w[i]);
    if (flavor.flavor == PIRN_MULTI_THREAD)
        CHECK(comes_true(are_back, &limit));
    rt_free(rt);
}
EACH_FLAVOR(fd_life, more_than_a_turn_takes)

/* ---- budget -------------------------------------------------------------------------------------------------------- */

struct greedy {
    struct watching w;
    _Atomic(int) rounds;
    _Atomic(bool) stop;
};

static int greedy_poll(void *greedy, pirn_cx *cx, int *out)
{
    struct greedy *g = greedy;

    while (!g->stop) {
        int r = pirn_fd_ready_poll(&g->w.op, cx, g->w.fd, PIRN_READABLE, &g->w.ready);

        if (r == PIRN_PENDING)
            return r;
        g->rounds++;
    }
    *out = 0;
    return 0;
}

/* One that is always ready does not keep the thread: the other task has its turns. */
static void the_budget_ends(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct greedy g = {.stop = false};
    int fd = watching_eventfd(&g.w, h, PIRN_FD_LEVEL);
    pirn_join *j;

    add_to(fd, 1);
    j = spawn(h, greedy_poll, &g);
    run_until(h, &g.rounds, 500);
    CHECK(g.rounds < 1000000);
    g.stop = true;
    ends_done(h, j, 0);
    CHECK(metrics_of(h).budget_yields > 0);
    watching_end(&g.w);
    rt_free(rt);
}
EACH_FLAVOR(fd_life, the_budget_ends)

/* ---- figures -------------------------------------------------------------------------------------------- */

static void they_are_counted(struct flavor flavor)
{
    pirn_runtime *rt = rt_on(flavor);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w, h, 0);

    EQ(metrics_of(h).fds_registered, 1);
    EQ(metrics_of(h).fds_deregistered, 0);
    for (uint64_t i = 0; i < 5; i++) {
        w.join = spawn_watching(h, &w);
        add_to(fd, 1);
        ends_done(h, w.join, 0);
        CHECK(metrics_of(h).io_events >= i + 1);
    }
    /* One of what it can do as it is made, perhaps, and one of each addition. */
    CHECK(metrics_of(h).io_events <= 6);
    watching_end(&w);
    EQ(metrics_of(h).fds_registered, 1);
    EQ(metrics_of(h).fds_deregistered, 1);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(metrics_of(h).fds_deregistered, 1);
    rt_free(rt);
}
EACH_FLAVOR(fd_life, they_are_counted)

/* ---- in a foreign loop ----------------------------------------------------------------------------------- */

static int readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, 0);
}

/* The runtime's descriptor tells of a descriptor that is registered, and no more once a turn has taken it in. */
Test(fd_life, in_a_foreign_loop, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct watching w = {.interest = PIRN_READABLE};
    int fd = watching_eventfd(&w, h, 0), loop = pirn_runtime_fd(rt);

    for (int i = 0; i < 3; i++) {
        w.join = spawn_watching(h, &w);
        EQ(pirn_runtime_turn(rt, 0, NULL), 0);
        CHECK(!pirn_join_is_finished(w.join));
        EQ(readable(loop), 0);
        add_to(fd, 1);
        EQ(readable(loop), 1);
        for (int turns = 0; !pirn_join_is_finished(w.join); turns++) {
            CHECK(turns < 3);
            CHECK(pirn_runtime_turn(rt, 0, NULL) >= 0);
        }
        join_done(w.join, 0);
        while (pirn_runtime_turn(rt, 0, NULL) > 0)
            ;
        EQ(readable(loop), 0);
    }
    watching_end(&w);
    rt_free(rt);
}

/* ---- misuse ----------------------------------------------------------------------------------------------------------- */

Test(fd_life, wrong_arguments_of_a_wait, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_new();
    struct watching w = {.interest = 0};
    int peer = watching_socket(&w, pirn_runtime_handle(rt), 0), out = 0;

    EQ(pirn_poll_with(NULL, watching_step, &w, &out), 0);
    EQ(out, -EINVAL);
    SAYS("interest");
    w.interest = PIRN_READABLE | PIRN_READ_CLOSED;
    EQ(pirn_poll_with(NULL, watching_step, &w, &out), 0);
    EQ(out, -EINVAL);
    EQ(pirn_poll_with(NULL, watching_step, &(struct watching){.interest = 1}, &out), 0);
    EQ(out, -EINVAL);
    SAYS("NULL");
    CHECK(!pirn_op_is_pending(&w.op));
    watching_end(&w);
    EQ(close(peer), 0);
    rt_free(rt);
}
