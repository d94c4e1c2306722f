/* SPDX-License-Identifier: MIT */
/* One poll that goes on and on: do the timers and the descriptors of everybody else go on as well?
 *
 * A hog is woken in one of several ways, so that the worker it lands on is the one that has just left
 * the driver, and spins in its poll until the others have made the progress that is wanted of them.
 * They are tickers, which sleep, and readers of a pipe each, which a plain thread writes to. If nobody
 * looked after the driver or after the timers of the hog's worker, the hog would never end. Many of them
 * keep the other workers awake; when there is a single one, all others sleep. */
#include <fcntl.h>
#include <unistd.h>

#include "stress.h"

enum {
    TICKERS = 16,
    READERS = 4,
    PROGRESS = 20, /* of each, while the hog spins */
};
#define PATIENCE (20 * PIRN_SEC)

enum way {
    WAY_TIMER, /* the hog's worker leaves the driver with a timer of its own */
    WAY_PIPE,  /* or with an event */
    WAY_SPAWN, /* or is woken for it */
    WAYS
};

static int tickers, readers; /* in this round */
static atomic_int ticks[TICKERS], reads[READERS];
static atomic_bool hog_spins, over;
static int pipes[READERS + 1][2]; /* the last is the hog's */

static bool is_past(pirn_time at)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (pirn_time)ts.tv_sec * PIRN_SEC + ts.tv_nsec > at;
}

/* ---- those that are to go on ----------------------------------------------------------------------- */

struct ticker {
    int index;
    pirn_op op;
};

static int ticker_poll(void *frame, pirn_cx *cx, void *out)
{
    struct ticker *f = frame;

    (void)out;
    for (;;) {
        int r = pirn_sleep_poll(&f->op, cx, pirn_after(PIRN_MS));

        if (r != 0)
            return r;
        if (hog_spins)
            ticks[f->index]++;
        if (over)
            return 0;
    }
}

static const pirn_task_desc ticker = {
    .size = sizeof ticker,
    .name = "ticker",
    .poll = ticker_poll,
    .frame_size = sizeof(struct ticker),
};

struct reader {
    int index;
    pirn_fd *fd;
    pirn_op op;
};

/* Until nothing is left. Return: whether there was anything. */
static bool drain(int fd)
{
    char bytes[64];
    bool any = false;

    while (read(fd, bytes, sizeof bytes) > 0)
        any = true;
    return any;
}

static int reader_poll(void *frame, pirn_cx *cx, void *out)
{
    struct reader *f = frame;

    (void)out;
    for (;;) {
        unsigned ready;
        int r;

        if (f->fd == NULL)
            CHECK_EQ(pirn_fd_new(NULL, pipes[f->index][0], 0, &f->fd), 0);
        r = pirn_fd_ready_poll(&f->op, cx, f->fd, PIRN_READABLE, &ready);
        if (r != 0)
            return r;
        if (drain(pipes[f->index][0]) && hog_spins)
            reads[f->index]++;
        if (over)
            return 0;
    }
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

/* ---- the hog ---------------------------------------------------------------------------------------- */

struct hog {
    enum way way;
    pirn_fd *fd;
    pirn_op op;
};

static bool all_have_gone_on(void)
{
    for (int i = 0; i < tickers; i++)
        if (ticks[i] < PROGRESS)
            return false;
    for (int i = 0; i < readers; i++)
        if (reads[i] < PROGRESS)
            return false;
    return true;
}

static void spin(void)
{
    pirn_time patience = pirn_now() + PATIENCE;

    hog_spins = true;
    while (!all_have_gone_on())
        CHECK(!is_past(patience));
    hog_spins = false;
}

static int hog_poll(void *frame, pirn_cx *cx, void *out)
{
    struct hog *f = frame;
    unsigned ready;
    int r = 0;

    (void)out;
    if (f->way == WAY_TIMER)
        r = pirn_sleep_poll(&f->op, cx, pirn_after(5 * PIRN_MS));
    if (f->way == WAY_PIPE) {
        if (f->fd == NULL)
            CHECK_EQ(pirn_fd_new(NULL, pipes[READERS][0], 0, &f->fd), 0);
        do
            r = pirn_fd_ready_poll(&f->op, cx, f->fd, PIRN_READABLE, &ready);
        while (r == 0 && !drain(pipes[READERS][0]));
    }
    if (r != 0)
        return r;
    spin();
    return 0;
}

static void hog_drop(void *frame)
{
    pirn_fd_free(((struct hog *)frame)->fd);
}

static const pirn_task_desc hog = {
    .size = sizeof hog,
    .name = "hog",
    .poll = hog_poll,
    .drop = hog_drop,
    .frame_size = sizeof(struct hog),
};

/* ---- a round ------------------------------------------------------------------------------------------ */

static void *write_all_the_time(void *arg)
{
    const struct timespec pause = {0, 500000};

    (void)arg;
    while (!over) {
        for (int i = 0; i <= READERS; i++)
            if (i < readers || (i == READERS && !hog_spins))
                CHECK(write(pipes[i][1], "x", 1) == 1 || errno == EAGAIN);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static void begin(void)
{
    over = hog_spins = false;
    for (int i = 0; i < TICKERS; i++)
        ticks[i] = 0;
    for (int i = 0; i <= READERS; i++) {
        if (i < READERS)
            reads[i] = 0;
        CHECK_EQ(pipe2(pipes[i], O_NONBLOCK | O_CLOEXEC), 0);
    }
}

static void join(pirn_join *j)
{
    pirn_result res;

    CHECK_EQ(pirn_join_wait(j, pirn_now() + 2 * PATIENCE, &res, NULL), 0);
    CHECK_EQ(pirn_result_status(&res), 0);
    pirn_join_free(j);
}

static void play(enum way way, uint32_t workers, int ticker_count, int reader_count)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_join *joins[TICKERS + READERS], *last;
    struct hog the_hog = {.way = way};
    pthread_t writer;
    pirn_runtime *rt;
    pirn_handle *h;
    int n = 0;

    tickers = ticker_count;
    readers = reader_count;
    begin();
    o.worker_threads = workers;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    h = pirn_runtime_handle(rt);
    for (int i = 0; i < tickers; i++)
        CHECK_EQ(pirn_spawn(h, &ticker, &(struct ticker){.index = i}, &joins[n++]), 0);
    for (int i = 0; i < readers; i++)
        CHECK_EQ(pirn_spawn(h, &reader, &(struct reader){.index = i}, &joins[n++]), 0);
    CHECK_EQ(pthread_create(&writer, NULL, write_all_the_time, NULL), 0);
    CHECK_EQ(pirn_spawn(h, &hog, &the_hog, &last), 0);
    join(last);
    over = true;
    CHECK_EQ(pthread_join(writer, NULL), 0);
    for (int i = 0; i < READERS; i++)
        CHECK(write(pipes[i][1], "x", 1) == 1 || errno == EAGAIN);
    for (int i = 0; i < n; i++)
        join(joins[i]);
    pirn_runtime_free(rt);
    for (int i = 0; i <= READERS; i++)
        CHECK(close(pipes[i][0]) == 0 && close(pipes[i][1]) == 0);
    CHECK_EQ(memory.live, 0);
}

int main(void)
{
    int rounds = getenv("PIRN_TEST_LONG") != NULL ? 100 : 3;

    for (int i = 0; i < rounds; i++)
        for (enum way way = WAY_TIMER; way < WAYS; way++)
            for (uint32_t workers = 2; workers <= 4; workers++) {
                play(way, workers, TICKERS, READERS);
                play(way, workers, 1, 0);
                play(way, workers, 0, 1);
            }
    return 0;
}
