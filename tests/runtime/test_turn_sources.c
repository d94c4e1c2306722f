/* SPDX-License-Identifier: MIT */
/* A foreign loop that drives a runtime: is it told of timers and of descriptors, by either of the two
 * ways there are? */
#include "support.h"

#include <poll.h>
#include <unistd.h>

enum {
    SOON_MS = 5,
    PATIENCE_MS = 20000,
};

struct sleeper {
    pirn_op op;
    pirn_time at;
};

static int sleeper_poll(void *frame, pirn_cx *cx, void *out)
{
    struct sleeper *f = frame;

    (void)out;
    return pirn_sleep_poll(&f->op, cx, f->at);
}

static const pirn_task_desc sleeper = {
    .size = sizeof sleeper,
    .name = "sleeper",
    .poll = sleeper_poll,
    .frame_size = sizeof(struct sleeper),
};

static pirn_join *spawn_sleeper(pirn_runtime *rt, pirn_time at)
{
    struct sleeper f = {.at = at};
    pirn_join *j = NULL;

    EQ(pirn_spawn(pirn_runtime_handle(rt), &sleeper, &f, &j), 0);
    return j;
}

static void finish(pirn_join *j)
{
    pirn_result res;

    EQ(pirn_join_try(j, &res, NULL), 0);
    EQ(pirn_result_status(&res), 0);
    pirn_join_free(j);
}

static int wait_readable(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};

    return poll(&p, 1, ms);
}

Test(turn_sources, the_descriptor_tells_of_timers)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt);
    pirn_time at = pirn_after(SOON_MS * PIRN_MS);
    pirn_join *j = spawn_sleeper(rt, at), *late = spawn_sleeper(rt, pirn_after(PIRN_SEC * 3600));

    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    EQ(wait_readable(fd, PATIENCE_MS), 1);
    while (!pirn_join_is_finished(j)) { /* it may be told a little early, to look closer */
        EQ(wait_readable(fd, PATIENCE_MS), 1);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    }
    CHECK(pirn_now() >= at);
    finish(j);
    EQ(wait_readable(fd, 0), 0);
    CHECK(!pirn_join_is_finished(late));
    pirn_join_free(late);
    rt_free(rt);
}

Test(turn_sources, or_the_turn_does)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt);
    pirn_time at = pirn_after(SOON_MS * PIRN_MS), next = 0;
    pirn_join *j = spawn_sleeper(rt, at);

    EQ(pirn_runtime_turn(rt, PIRN_NEVER, &next), 0);
    while (!pirn_join_is_finished(j)) {
        CHECK(next != PIRN_NEVER);
        EQ(wait_readable(fd, 2 * SOON_MS), 0); /* the deadline is the caller's to wait for */
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, &next), 0);
    }
    EQ(next, PIRN_NEVER);
    CHECK(pirn_now() >= at);
    finish(j);
    rt_free(rt);
}

struct reader {
    pirn_op op;
    pirn_fd *fd;
    int pipe;
};

static int reader_poll(void *frame, pirn_cx *cx, void *out)
{
    struct reader *f = frame;
    unsigned ready;
    char byte;
    int r = 0;

    (void)out;
    if (f->fd == NULL)
        r = pirn_fd_new(NULL, f->pipe, PIRN_FD_NONBLOCK, &f->fd);
    while (r == 0 && read(f->pipe, &byte, 1) != 1)
        r = pirn_fd_ready_poll(&f->op, cx, f->fd, PIRN_READABLE, &ready);
    return r;
}

static void reader_drop(void *frame)
{
    pirn_fd_free(((struct reader *)frame)->fd);
}

static const pirn_task_desc reader = {
    .size = sizeof reader,
    .name = "reader",
    .poll = reader_poll,
    .drop = reader_drop,
    .frame_size = sizeof(struct reader),
};

Test(turn_sources, the_descriptor_tells_of_descriptors)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt), pipe_fds[2];
    struct reader f = {0};
    pirn_join *j = NULL;

    EQ(pipe(pipe_fds), 0);
    f.pipe = pipe_fds[0];
    EQ(pirn_spawn(pirn_runtime_handle(rt), &reader, &f, &j), 0);
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    EQ(wait_readable(fd, 0), 0);
    EQ(write(pipe_fds[1], "x", 1), 1);
    EQ(wait_readable(fd, 0), 1);
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    finish(j);
    EQ(wait_readable(fd, 0), 0);
    rt_free(rt);
    EQ(close(pipe_fds[0]), 0);
    EQ(close(pipe_fds[1]), 0);
}

static int spawn_sleeper_root(void *frame, pirn_cx *cx, void *out)
{
    struct sleeper f = {.at = pirn_after(SOON_MS * PIRN_MS)};

    (void)cx;
    (void)out;
    return pirn_spawn(NULL, &sleeper, &f, frame);
}

static int yield_once(void *frame, pirn_cx *cx, void *out)
{
    static unsigned yield;
    static bool spawned;
    int r;

    if (!spawned) {
        r = spawn_sleeper_root(frame, cx, out);
        if (r != 0)
            return r;
        spawned = true;
    }
    return pirn_yield_poll(&yield, cx); /* the sleeper has been polled when we come back */
}

static const pirn_task_desc spawner = {
    .size = sizeof spawner,
    .name = "spawner",
    .poll = yield_once,
    .frame_size = sizeof(pirn_join *),
};

Test(turn_sources, a_timer_that_came_between_two_turns_is_told)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt);
    pirn_join *late = spawn_sleeper(rt, pirn_after(PIRN_SEC * 3600)), *j = NULL;
    pirn_time next = 0, first;
    pirn_result res;

    EQ(pirn_runtime_turn(rt, PIRN_NEVER, &next), 0);
    first = next;
    CHECK(first != PIRN_NEVER);
    EQ(wait_readable(fd, 0), 0);
    EQ(pirn_block_on(pirn_runtime_handle(rt), &spawner, &j, &res, NULL), 0);
    EQ(pirn_result_status(&res), 0);
    EQ(wait_readable(fd, 0), 1);
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, &next), 0);
    CHECK(next < first);
    while (!pirn_join_is_finished(j)) {
        (void)wait_readable(fd, SOON_MS);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, &next), 0);
    }
    finish(j);
    pirn_join_free(late);
    rt_free(rt);
}
