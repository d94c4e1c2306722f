/* SPDX-License-Identifier: MIT */
/* Do waits go on when signals interrupt them: block_on's sleep, joins, any poll, a shutdown, a dump? */
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "stress.h"

static _Atomic(int) caught, done, finished;
static _Atomic(uintptr_t) targets[3]; /* threads to be interrupted */

static void on_signal(int signo)
{
    (void)signo;
    caught++;
}

static void *interrupt(void *arg)
{
    struct timespec pause = {0, 20000};

    (void)arg;
    while (!done) {
        for (int i = 0; i < 3; i++) {
            uintptr_t t = targets[i];

            if (t != 0)
                CHECK_EQ(pthread_kill((pthread_t)t, SIGUSR1), 0);
        }
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

struct gate {
    _Atomic(int) open;
    int polls;
    pirn_waker_cell cell;
};

static int gate_poll(void *frame, pirn_cx *cx, void *out)
{
    struct gate *g = *(struct gate **)frame;

    (void)out;
    g->polls++;
    pirn_waker_cell_set(&g->cell, cx);
    return g->open ? 0 : PIRN_PENDING;
}

static void gate_open(struct gate *g)
{
    g->open = 1;
    pirn_waker_cell_wake(&g->cell);
}

static const pirn_task_desc gate_desc = {
    .size = sizeof gate_desc,
    .name = "gate",
    .poll = gate_poll,
    .frame_size = sizeof(struct gate *),
};

static struct gate root;

static void *drive(void *h)
{
    struct gate *g = &root;

    targets[1] = (uintptr_t)pthread_self();
    CHECK_EQ(pirn_block_on(h, &gate_desc, &g, NULL, NULL), 0);
    finished = 1;
    while (!done) /* lives as long as it may be interrupted */
        sched_yield();
    return NULL;
}

static void wait_for_caught(int more)
{
    int before = caught;

    while (caught < before + more)
        ;
}

static void *open_later(void *gate)
{
    wait_for_caught(20);
    gate_open(gate);
    return NULL;
}

int main(void)
{
    struct sigaction sa = {.sa_handler = on_signal}; /* no SA_RESTART */
    pirn_runtime *rt = runtime_with(NULL);
    pirn_handle *h = pirn_runtime_handle(rt);
    pthread_t interrupter, driver, opener;
    pirn_time before;

    CHECK_EQ(sigaction(SIGUSR1, &sa, NULL), 0);
    targets[0] = (uintptr_t)pthread_self();
    interrupter = start_thread(interrupt, NULL);
    driver = start_thread(drive, h);
    for (int i = 0; i < 20; i++) {
        struct gate g = {0}, *frame = &g, lone = {0}, *lone_frame = &lone;
        pirn_join *j = NULL;

        CHECK_EQ(pirn_spawn(h, &gate_desc, &frame, &j), 0);
        before = pirn_now();
        CHECK_EQ(pirn_join_wait(j, pirn_after(2 * PIRN_MS), NULL, NULL), -ETIMEDOUT);
        CHECK(pirn_now() - before >= 2 * PIRN_MS);
        before = pirn_now();
        CHECK_EQ(pirn_poll_wait(gate_poll, &lone_frame, pirn_after(2 * PIRN_MS), NULL), -ETIMEDOUT);
        CHECK(pirn_now() - before >= 2 * PIRN_MS);
        opener = start_thread(open_later, &g);
        CHECK_EQ(pirn_join_wait(j, PIRN_NEVER, NULL, NULL), 0);
        end_thread(opener);
        opener = start_thread(open_later, &lone);
        CHECK_EQ(pirn_poll_wait(gate_poll, &lone_frame, PIRN_NEVER, NULL), 0);
        end_thread(opener);
        pirn_join_free(j);
        pirn_waker_cell_fini(&g.cell);
        pirn_waker_cell_fini(&lone.cell);
    }
    CHECK_EQ(root.polls, 1); /* a signal is no wake */
    CHECK_EQ(finished, 0);
    gate_open(&root);
    while (!finished)
        ;
    done = 1;
    end_thread(driver);
    end_thread(interrupter);
    pirn_waker_cell_fini(&root.cell);
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    printf("%d signals\n", caught);
    return 0;
}
