/* SPDX-License-Identifier: MIT */
/* Can a foreign event loop drive a runtime with its descriptor and turns: woken for all work, and
 * for nothing else? */
#include "support.h"

#include <fcntl.h>
#include <poll.h>

static bool readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    int r = poll(&p, 1, 0);

    CHECK(r >= 0);
    return r == 1 && p.revents == POLLIN;
}

static int yield_for_ever(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    ++*(int *)user;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

Test(turn, the_descriptor)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt);

    EQ(pirn_runtime_fd(NULL), -EINVAL);
    EQ(pirn_runtime_turn(NULL, 0, NULL), -EINVAL);
    CHECK(fd >= 0);
    EQ(pirn_runtime_fd(rt), fd);
    EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(!readable(fd));
    rt_free(rt);
}

Test(turn, readable_when_and_only_when_a_turn_has_something_to_do)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {.value = 5};
    pirn_join *j = spawn_gate(h, &g), *k;
    int fd = pirn_runtime_fd(rt); /* asked for after the work came */

    CHECK(readable(fd));
    CHECK(readable(fd));
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    EQ(g.polls, 1);
    CHECK(!readable(fd));
    k = spawn(h, ready_poll, NULL);
    CHECK(readable(fd));
    EQ(pirn_runtime_turn(rt, 0, NULL), 0);
    CHECK(!readable(fd));
    join_done(k, 0);
    gate_open(&g);
    CHECK(readable(fd));
    EQ(pirn_runtime_turn(rt, 0, NULL), 0);
    CHECK(!readable(fd));
    join_done(j, 5);
    k = spawn(h, pending_poll, NULL);
    rt_idle(rt);
    pirn_join_abort(k);
    CHECK(readable(fd));
    rt_idle(rt);
    join_is(k, PIRN_CANCELLED, -ECANCELED);
    CHECK(!readable(fd));
    rt_free(rt);
}

/* The descriptor is asked for first; then it is block_on that drives, and leaves work behind. */
static int leave_work(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    *(pirn_join **)user = spawn(NULL, ready_poll, NULL);
    return 0;
}

Test(turn, work_that_block_on_leaves_behind_shows)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt);
    pirn_join *j = NULL;

    EQ(block_on(pirn_runtime_handle(rt), leave_work, &j), 0);
    CHECK(readable(fd));
    rt_idle(rt);
    join_done(j, 0);
    CHECK(!readable(fd));
    rt_free(rt);
}

/* until 0: one pass, and 1 while work is left. */
Test(turn, one_pass_at_a_time)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    int fd = pirn_runtime_fd(rt), polls[3] = {0};
    pirn_join *j[3];
    pirn_time next = 0;

    for (int i = 0; i < 3; i++)
        j[i] = spawn(h, yield_for_ever, &polls[i]);
    for (int n = 1; n <= 10; n++) {
        EQ(pirn_runtime_turn(rt, n % 2 != 0 ? 0 : 1, &next), 1);
        EQ(next, PIRN_NEVER);
        for (int i = 0; i < 3; i++)
            EQ(polls[i], n);
        CHECK(readable(fd));
    }
    for (int i = 0; i < 3; i++)
        pirn_join_abort(j[i]);
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    for (int i = 0; i < 3; i++)
        join_is(j[i], PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}

Test(turn, until_a_time)
{
    pirn_runtime *rt = rt_new();
    int polls = 0;
    pirn_time before = pirn_now();
    pirn_join *j = spawn(pirn_runtime_handle(rt), yield_for_ever, &polls);

    EQ(pirn_runtime_turn(rt, pirn_after(5 * PIRN_MS), NULL), 1);
    CHECK(pirn_now() - before >= 5 * PIRN_MS);
    CHECK(polls > 10);
    pirn_join_free(j);
    rt_free(rt);
}

static int yield_twice(void *user, pirn_cx *cx, int *out)
{
    struct {
        unsigned state;
        int yields, polls;
    } *y = user;

    y->polls++;
    *out = y->polls;
    while (y->yields < 2) {
        if (pirn_yield_poll(&y->state, cx) == PIRN_PENDING)
            return PIRN_PENDING;
        y->yields++;
    }
    return 0;
}

Test(turn, a_yield_ends_the_pass_of_its_task)
{
    pirn_runtime *rt = rt_new();
    struct {
        unsigned state;
        int yields, polls;
    } y = {0, 0, 0};
    pirn_join *j = spawn(pirn_runtime_handle(rt), yield_twice, &y);
    int fd = pirn_runtime_fd(rt);

    EQ(pirn_runtime_turn(rt, 0, NULL), 1);
    EQ(y.polls, 1);
    CHECK(readable(fd));
    EQ(pirn_runtime_turn(rt, 0, NULL), 1);
    EQ(pirn_runtime_turn(rt, 0, NULL), 0);
    join_done(j, 3);
    rt_free(rt);
}

/* ---- other threads -------------------------------------------------------------------------------------- */

struct remote {
    pirn_handle *h;
    struct gate *wakes;
    pirn_join *spawned;
};

static void *wake_and_spawn(void *user)
{
    struct remote *r = user;

    if (r->wakes != NULL)
        gate_open(r->wakes);
    else
        r->spawned = spawn(r->h, ready_poll, NULL);
    return NULL;
}

Test(turn, other_threads_make_it_readable, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct pollfd p = {pirn_runtime_fd(rt), POLLIN, 0};

    for (int n = 0; n < 300; n++) {
        struct gate g = {.value = n};
        struct remote r = {h, n % 2 != 0 ? &g : NULL, NULL};
        pirn_join *j = spawn_gate(h, &g);
        pthread_t t;

        rt_idle(rt);
        t = start_thread(wake_and_spawn, &r);
        EQ(poll(&p, 1, 10000), 1);
        rt_idle(rt);
        end_thread(t);
        rt_idle(rt);
        if (n % 2 != 0) {
            join_done(j, n);
        } else {
            join_done(r.spawned, 0);
            pirn_join_abort(j);
            rt_idle(rt);
            pirn_join_free(j);
        }
        EQ(poll(&p, 1, 0), 0);
    }
    rt_free(rt);
}

static int turn_inside(void *user, pirn_cx *cx, int *out)
{
    pirn_runtime *const *rt = user;

    (void)cx;
    *out = 0;
    EQ(pirn_runtime_turn(rt[0], 0, NULL), -EDEADLK);
    EQ(pirn_runtime_turn(rt[1], 0, NULL), -EDEADLK);
    return 0;
}

Test(turn, not_inside_a_task)
{
    pirn_runtime *rt[2] = {rt_new(), rt_new()};
    pirn_join *j = spawn(pirn_runtime_handle(rt[0]), turn_inside, rt);

    rt_idle(rt[0]);
    join_done(j, 0);
    pirn_runtime_free(rt[1]);
    rt_free(rt[0]);
}

static struct {
    sem_t polling, go_on;
} busy;

static int busy_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    post(&busy.polling);
    await(&busy.go_on);
    return 0;
}

static void *drive(void *rt)
{
    EQ(block_on(pirn_runtime_handle(rt), busy_poll, NULL), 0);
    return NULL;
}

Test(turn, not_while_another_thread_drives, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    int fd = pirn_runtime_fd(rt);
    pthread_t t;
    pirn_join *j;

    EQ(sem_init(&busy.polling, 0, 0), 0);
    EQ(sem_init(&busy.go_on, 0, 0), 0);
    t = start_thread(drive, rt);
    await(&busy.polling);
    EQ(pirn_runtime_turn(rt, 0, NULL), -EBUSY);
    j = spawn(pirn_runtime_handle(rt), ready_poll, NULL);
    post(&busy.go_on);
    end_thread(t);
    if (!pirn_join_is_finished(j))
        CHECK(readable(fd)); /* what it did not run is left for the loop */
    rt_idle(rt);
    join_done(j, 0);
    CHECK(!readable(fd));
    rt_free(rt);
}

/* ---- a loop ---------------------------------------------------------------------------------------------- */

static void *ping_from_outside(void *user)
{
    struct gate *g = user;

    for (int i = 0; i < 200; i++)
        while (g[i].polls == 0)
            sched_yield();
    for (int i = 199; i >= 0; i--)
        gate_open(&g[i]);
    return NULL;
}

/* A poll() loop that drives 200 tasks which another thread wakes: it ends, and goes round no more
 * often than there were wakes. */
Test(turn, a_poll_loop_is_not_busy, .timeout = 30)
{
    static struct gate g[200];
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct pollfd p = {pirn_runtime_fd(rt), POLLIN, 0};
    pirn_join *j[200];
    int rounds = 0;
    pthread_t t;

    for (int i = 0; i < 200; i++)
        j[i] = spawn_gate(h, &g[i]);
    t = start_thread(ping_from_outside, g);
    while (metrics_of(h).tasks_alive > 0) {
        EQ(poll(&p, 1, 10000), 1);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        rounds++;
    }
    end_thread(t);
    /* One for the spawns, and at most two for each wake: one that came too late for its turn leaves
     * the descriptor readable once. */
    CHECK_SAYS(rounds <= 1 + 2 * 200, "%d rounds", rounds);
    rt_idle(rt);
    EQ(poll(&p, 1, 0), 0);
    for (int i = 0; i < 200; i++)
        join_done(j[i], 0);
    rt_free(rt);
}

static void *shut_down(void *rt)
{
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    return NULL;
}

Test(turn, after_a_shutdown_from_outside)
{
    pirn_runtime *rt = rt_new();
    struct gate g = {0};
    pirn_join *j = spawn_gate(pirn_runtime_handle(rt), &g);

    (void)rt_idle(rt);
    end_thread(start_thread(shut_down, rt));
    EQ(g.drops, 1);
    EQ(pirn_runtime_turn(rt, 0, NULL), PIRN_ESHUTDOWN);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
}
