/* SPDX-License-Identifier: MIT */
/* Is a join's descriptor readable when, and only when, its task has ended? */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static bool readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    int r = poll(&p, 1, 0);

    CHECK(r >= 0);
    return r == 1 && p.revents == POLLIN;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

Test(join_fd, readable_at_the_end)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {.value = 3};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);
    int fd = pirn_join_fd(j), out;

    CHECK(fd >= 0);
    EQ(pirn_join_fd(j), fd);
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    rt_idle(rt);
    CHECK(!readable(fd));
    gate_open(&g);
    CHECK(!readable(fd));
    rt_idle(rt);
    CHECK(readable(fd));
    CHECK(readable(fd)); /* level-triggered */
    EQ(pirn_join_fd(j), fd);
    EQ(pirn_join_try(j, NULL, &out), 0);
    EQ(out, 3);
    EQ(pirn_join_try(j, NULL, &out), -EINVAL);
    CHECK(is_open(fd));
    pirn_join_free(j);
    CHECK(!is_open(fd));
    rt_free(rt);
}

static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    pirn_fault(8, "text stays");
}

/* Asked for before the end, after it, and after the result was taken; for every outcome. */
Test(join_fd, every_outcome_at_every_time)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);

    for (int outcome = PIRN_DONE; outcome <= PIRN_FAULTED; outcome++)
        for (int when = 0; when < 4; when++) {
            pirn_join *j = spawn(h, outcome == PIRN_FAULTED ? fault_poll : ready_poll, NULL);
            pirn_result res = {PIRN_DONE, 0, 0};
            int fd = -1, out = 9, dropped = outputs_dropped;

            if (outcome == PIRN_CANCELLED)
                pirn_join_abort(j);
            if (when == 0)
                fd = pirn_join_fd(j);
            rt_idle(rt);
            if (when == 1)
                fd = pirn_join_fd(j);
            if (when != 3)
                EQ(pirn_join_try(j, &res, &out), 0);
            if (when >= 2)
                fd = pirn_join_fd(j);
            CHECK(fd >= 0 && readable(fd));
            EQ(pirn_join_fd(j), fd);
            if (when != 3) {
                EQ(res.outcome, outcome);
                EQ(pirn_join_try(j, &res, &out), -EINVAL);
            }
            if (outcome == PIRN_FAULTED)
                SAME_TEXT(pirn_join_fault_text(j), "text stays");
            else
                CHECK(pirn_join_fault_text(j) == NULL);
            pirn_join_free(j);
            CHECK(!is_open(fd));
            EQ(outputs_dropped - dropped, outcome == PIRN_DONE && when == 3);
        }
    rt_free(rt);
}

/* There is one waker: the descriptor keeps it and passes the wake on. */
Test(join_fd, forwards_to_a_poller_before_and_after)
{
    pirn_runtime *rt = rt_new();

    for (int order = 0; order < 4; order++) {
        struct wakes w = {0};
        pirn_waker waker = wakes_waker(&w);
        struct gate g = {.value = order};
        pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);
        int fd, out = -1;

        if (order != 1)
            EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
        fd = pirn_join_fd(j);
        if (order != 0)
            EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
        if (order == 3)
            EQ(pirn_join_wait(j, 0, NULL, NULL), -ETIMEDOUT);
        gate_open(&g);
        rt_idle(rt);
        CHECK(readable(fd));
        EQ(w.woken, order != 3); /* a waiter took the poller's place */
        EQ(join_poll_with(j, &waker, NULL, &out), 0);
        EQ(out, order);
        pirn_join_free(j);
        pirn_waker_drop(waker);
        EQ(w.clones, w.drops);
        CHECK(!is_open(fd));
    }
    rt_free(rt);
}

Test(join_fd, freed_early_it_is_closed_and_the_task_goes_on)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {0};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);
    int fd = pirn_join_fd(j);

    rt_idle(rt);
    pirn_join_free(j);
    CHECK(!is_open(fd));
    EQ(g.drops, 0);
    gate_open(&g);
    rt_idle(rt);
    EQ(g.drops, 1);
    EQ(outputs_dropped, 1);
    rt_free(rt);
}

Test(join_fd, outlives_the_runtime)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {0};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g), *k;
    int fd = pirn_join_fd(j);

    k = spawn(pirn_runtime_handle(rt), ready_poll, NULL);
    pirn_runtime_free(rt);
    CHECK(readable(fd));
    CHECK(readable(pirn_join_fd(k)));
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    CHECK(!is_open(fd));
    EQ(tally.live, 0);
}

/* ---- descriptors run out ------------------------------------------------------------------------------ */

static struct rlimit no_more_descriptors(void)
{
    struct rlimit was, none;
    int next = dup(0);

    EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = (rlim_t)next;
    EQ(close(next), 0);
    EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    return was;
}

Test(join_fd, none_left_is_an_error_that_changes_nothing)
{
    pirn_runtime *rt = rt_new();
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *second = NULL;
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);
    struct gate g = {.value = 5};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);
    pirn_join *k = spawn(pirn_runtime_handle(rt), ready_poll, NULL);
    struct rlimit was;
    int64_t live;
    int fd, out;

    rt_idle(rt);
    EQ(join_poll_with(j, &waker, NULL, NULL), PIRN_PENDING);
    was = no_more_descriptors();
    live = tally.live;
    EQ(pirn_join_fd(j), -EMFILE);
    EQ(pirn_join_fd(k), -EMFILE);
    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &tally.alloc;
    o.name = "second";
    EQ(pirn_runtime_new(&o, &second), -EMFILE);
    CHECK(second == NULL);
    EQ(tally.live, live);
    EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
    /* One descriptor, where a runtime needs two: the first is not leaked. */
    fd = dup(0);
    EQ(close(fd), 0);
    was.rlim_cur = (rlim_t)fd + 1;
    EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
    EQ(pirn_runtime_new(&o, &second), -EMFILE);
    CHECK(!is_open(fd));
    gate_open(&g);
    rt_idle(rt);
    EQ(w.woken, 1);
    CHECK(readable(pirn_join_fd(j)));
    EQ(pirn_join_try(j, NULL, &out), 0);
    EQ(out, 5);
    pirn_join_free(j);
    join_done(k, 0);
    pirn_waker_drop(waker);
    rt_free(rt);
}
