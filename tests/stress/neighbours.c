/* SPDX-License-Identifier: MIT */
/* Do two runtimes live in one process, whose tasks join and wake each other, and does a fork of that
 * process end without harm to it? */
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

enum {
    ROUNDS = 3000
};

static struct side {
    pirn_runtime *rt;
    struct side *other;
    _Atomic(int) turn; /* whether the ball is here */
    pirn_waker_cell cell;
    int hits;
    _Atomic(int) drops;
} sides[2];

/* Plays with the task of the other runtime: waits for the ball, gives it back. */
static int play_poll(void *frame, pirn_cx *cx, void *out)
{
    struct side *s = *(struct side **)frame;

    CHECK(pirn_handle_current() == pirn_runtime_handle(s->rt));
    while (s->hits < ROUNDS) {
        pirn_waker_cell_set(&s->cell, cx);
        if (!s->turn)
            return PIRN_PENDING;
        s->turn = 0;
        s->hits++;
        s->other->turn = 1;
        pirn_waker_cell_wake(&s->other->cell);
    }
    *(int *)out = s->hits;
    return 0;
}

static void play_drop(void *frame)
{
    struct side *s = *(struct side **)frame;

    CHECK(pirn_handle_current() == pirn_runtime_handle(s->rt));
    s->drops++; /* the cell stays: the other side may still be waking it */
}

static const pirn_task_desc play = {
    .size = sizeof play,
    .name = "play",
    .poll = play_poll,
    .drop = play_drop,
    .frame_size = sizeof(struct side *),
    .out_size = sizeof(int),
};

struct joining {
    struct side *from;
    pirn_join *join;
};

/* A root of one runtime that joins a task of the other. */
static int join_poll(void *frame, pirn_cx *cx, void *out)
{
    struct joining *f = frame;

    if (f->join == NULL) {
        struct side *s = f->from->other;

        CHECK_EQ(pirn_spawn(pirn_runtime_handle(s->rt), &play, &s, &f->join), 0);
    }
    return pirn_join_poll(f->join, cx, NULL, out);
}

static const pirn_task_desc join_desc = {
    .size = sizeof join_desc,
    .name = "join",
    .poll = join_poll,
    .frame_size = sizeof(struct joining),
    .out_size = sizeof(int),
};

static void *drive(void *side)
{
    struct joining f = {side, NULL};
    int hits = 0;

    CHECK_EQ(pirn_block_on(pirn_runtime_handle(f.from->rt), &join_desc, &f, NULL, &hits), 0);
    CHECK_EQ(hits, ROUNDS);
    pirn_join_free(f.join);
    /* The other one's task may still wait for this thread to drive. */
    while (sides[0].drops + sides[1].drops < 2)
        CHECK(pirn_runtime_turn(f.from->rt, PIRN_NEVER, NULL) >= 0);
    return NULL;
}

/* The child of a process in which everything runs may only abandon it. */
static void fork_and_end(void)
{
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (child == 0) /* past ThreadSanitizer's _exit, which looks for the parent's threads here */
        (void)syscall(SYS_exit_group, 42);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

int main(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        sides[i].rt = runtime_with(NULL);
        sides[i].other = &sides[1 - i];
    }
    sides[0].turn = 1;
    for (int i = 0; i < 2; i++)
        threads[i] = start_thread(drive, &sides[i]);
    for (int i = 0; i < 20; i++)
        fork_and_end();
    for (int i = 0; i < 2; i++)
        end_thread(threads[i]);
    for (int i = 0; i < 2; i++)
        pirn_waker_cell_fini(&sides[i].cell);
    CHECK_EQ(sides[0].hits, ROUNDS);
    CHECK_EQ(sides[1].hits, ROUNDS);
    pirn_runtime_free(sides[0].rt);
    fork_and_end();
    pirn_runtime_free(sides[1].rt);
    CHECK_EQ(memory.live, 0);
    return 0;
}
