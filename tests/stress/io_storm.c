/* SPDX-License-Identifier: MIT */
/* io_storm [SEED]: bytes through socket pairs by edges and by levels, while descriptors are made, waited for,
 * made ready, aborted and freed under their waiters, by tasks and by plain threads, on both flavours.
 * Every byte arrives once, every wait ends as it may, no memory and no descriptor is left. */
#include "stress.h"

#include <dirent.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PAIRS = 16,
    CHURNERS = 16,
    THREADS = 2,
    ROUNDS = 400,
    ROUNDS_LONG = 6000,
    BYTES = 1000000,
    BYTES_LONG = 20000000,
    CHUNK = 6000,
};

static struct {
    _Atomic(uint64_t) sent, received, ends, told, cancelled, aborted, freed, thread_waits, signals;
} counts;

static int rounds;
static uint64_t bytes;

static int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    CHECK(d != NULL);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

/* ---- bytes ------------------------------------------------------------------------------------------ */

struct end {
    pirn_fd *fd;
    uint64_t random, left;
    bool writes, level, wait;
    pirn_op op;
};

static unsigned char value_at(uint64_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

/* Return: as a system call; EAGAIN may also be play: as if there were nothing, once it was told. */
static ssize_t move(struct end *e)
{
    unsigned char buffer[CHUNK];
    size_t n = 1 + below(&e->random, CHUNK);
    uint64_t at = bytes - e->left;
    ssize_t done;

    if (e->writes) {
        if (n > e->left)
            n = e->left;
        for (size_t i = 0; i < n; i++)
            buffer[i] = value_at(at + i);
        done = send(pirn_fd_number(e->fd), buffer, n, MSG_NOSIGNAL);
        counts.sent += done > 0 ? (uint64_t)done : 0;
    } else {
        done = recv(pirn_fd_number(e->fd), buffer, n, 0);
        for (ssize_t i = 0; i < done; i++)
            CHECK_EQ(buffer[i], value_at(at + (uint64_t)i));
        counts.received += done > 0 ? (uint64_t)done : 0;
    }
    return done;
}

static int end_poll(void *frame, pirn_cx *cx, void *out)
{
    struct end *e = frame;
    unsigned ready, wanted = e->writes ? PIRN_WRITABLE : PIRN_READABLE;
    ssize_t n;
    int r;

    (void)out;
    for (;;) {
        if (e->wait) {
            r = pirn_fd_ready_poll(&e->op, cx, e->fd, wanted, &ready);
            if (r != 0)
                return r;
            CHECK(ready & wanted);
            e->wait = false;
        }
        n = e->left > 0 || !e->writes ? move(e) : 0;
        if (n < 0) {
            CHECK(errno == EAGAIN);
            e->wait = true;
            continue;
        }
        e->left -= (uint64_t)n;
        if (n == 0)
            return 0;
        e->wait = e->level; /* once per readiness; by edges until EAGAIN */
        if (below(&e->random, 8) == 0 && (r = pirn_consume_budget_poll(cx)) != 0)
            return r;
    }
}

static void end_drop(void *frame)
{
    struct end *e = frame;

    CHECK_EQ(e->left, 0);
    pirn_fd_free(e->fd); /* the writer's is the end of the stream */
    counts.ends++;
}

static const pirn_task_desc end_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "end",
    .poll = end_poll,
    .drop = end_drop,
    .frame_size = sizeof(struct end),
};

static void start_pair(pirn_handle *h, uint64_t *random)
{
    int fds[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        struct end e = {.random = next_random(random),
                        .left = bytes,
                        .writes = i == 0,
                        .level = below(random, 2),
                        .wait = below(random, 2)};

        CHECK_EQ(pirn_fd_new(h, fds[i], PIRN_FD_OWN | (e.level ? PIRN_FD_LEVEL : 0), &e.fd), 0);
        CHECK_EQ(pirn_spawn(h, &end_desc, &e, NULL), 0);
    }
}

/* ---- coming and going --------------------------------------------------------------------------------- */

enum {
    CHILDREN = 3
};

enum phase {
    BEGIN,
    GATHER, /* until all wait: a descriptor that is freed is no argument of a first call */
    JOIN
};

static struct churner {
    uint64_t random;
    int round, joined;
    enum phase phase;
    unsigned yield;
    _Atomic(int) waiting;
    pirn_fd *fd;
    pirn_join *children[CHILDREN];
} churners[CHURNERS];

struct child {
    struct churner *of;
    pirn_fd *fd;
    bool counted;
    pirn_op op;
};

static int child_poll(void *frame, pirn_cx *cx, void *out)
{
    struct child *c = frame;
    unsigned ready = 0;
    int r = pirn_fd_ready_poll(&c->op, cx, c->fd, PIRN_READABLE, &ready);

    (void)out;
    CHECK(r == PIRN_PENDING || r == -ECANCELED || (r == 0 && ready == PIRN_READABLE));
    if (!c->counted) {
        c->counted = true;
        c->of->waiting++;
    }
    return r;
}

static const pirn_task_desc child_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "child",
    .poll = child_poll,
    .frame_size = sizeof(struct child),
};

static void begin_round(struct churner *c)
{
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint32_t level = below(&c->random, 2) ? PIRN_FD_LEVEL : 0;

    CHECK(event >= 0);
    CHECK_EQ(pirn_fd_new(NULL, event, PIRN_FD_OWN | level, &c->fd), 0);
    c->waiting = c->joined = 0;
    for (int i = 0; i < CHILDREN; i++) {
        struct child child = {.of = c, .fd = c->fd};

        CHECK_EQ(pirn_spawn(NULL, &child_desc, &child, &c->children[i]), 0);
    }
}

enum what {
    TELL,
    ABORT,
    FREE,
    TELL_AND_FREE,
    ABORT_AND_FREE,
    WHATS
};

/* What ends the children, all of them. */
static void act(struct churner *c)
{
    const uint64_t one = 1;
    enum what what = below(&c->random, WHATS);

    if (what == TELL || what == TELL_AND_FREE)
        CHECK_EQ(write(pirn_fd_number(c->fd), &one, sizeof one), sizeof one);
    for (int i = 0; i < CHILDREN; i++)
        if (what == ABORT || (what == ABORT_AND_FREE && below(&c->random, 2)))
            pirn_join_abort(c->children[i]);
    if (what == FREE || what == TELL_AND_FREE || what == ABORT_AND_FREE) {
        pirn_fd_free(c->fd);
        c->fd = NULL;
        counts.freed++;
    }
}

static int join_children(struct churner *c, pirn_cx *cx)
{
    pirn_result res;
    int r;

    while (c->joined < CHILDREN) {
        r = pirn_join_poll(c->children[c->joined], cx, &res, NULL);
        if (r != 0)
            return r;
        if (res.outcome == PIRN_CANCELLED)
            counts.aborted++;
        else if (res.code == -ECANCELED)
            counts.cancelled++;
        else
            counts.told += res.code == 0;
        pirn_join_free(c->children[c->joined]);
        c->children[c->joined++] = NULL;
    }
    return 0;
}

static int churner_poll(void *frame, pirn_cx *cx, void *out)
{
    struct churner *c = *(struct churner **)frame;
    int r;

    (void)out;
    while (c->round < rounds) {
        switch (c->phase) {
        case BEGIN:
            begin_round(c);
            c->phase = GATHER;
            break;
        case GATHER:
            if (c->waiting < CHILDREN) {
                if (pirn_yield_poll(&c->yield, cx) == PIRN_PENDING)
                    return PIRN_PENDING;
                break;
            }
            act(c);
            c->phase = JOIN;
            break;
        case JOIN:
            r = join_children(c, cx);
            if (r != 0)
                return r;
            pirn_fd_free(c->fd);
            c->fd = NULL;
            c->phase = BEGIN;
            c->round++;
        }
    }
    return 0;
}

static void churner_drop(void *frame)
{
    struct churner *c = *(struct churner **)frame;

    for (int i = 0; i < CHILDREN; i++)
        pirn_join_free(c->children[i]);
    pirn_fd_free(c->fd);
    counts.ends++;
}

static const pirn_task_desc churner_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "churner",
    .poll = churner_poll,
    .drop = churner_drop,
    .frame_size = sizeof(struct churner *),
};

/* ---- plain threads, signals -------------------------------------------------------------------------------- */

static pirn_fd *shared; /* an eventfd that threads wait on, a few at a time */
static _Atomic(bool) stop;

struct thread_wait {
    pirn_op op;
    unsigned ready;
};

static int thread_wait_poll(void *frame, pirn_cx *cx, void *out)
{
    struct thread_wait *w = frame;

    (void)out;
    return pirn_fd_ready_poll(&w->op, cx, shared, PIRN_READABLE, &w->ready);
}

static void *waiting_thread(void *seed)
{
    uint64_t random = *(uint64_t *)seed;
    const uint64_t one = 1;

    while (!stop) {
        struct thread_wait w = {.ready = 0};
        int r;

        if (below(&random, 2))
            CHECK_EQ(write(pirn_fd_number(shared), &one, sizeof one), sizeof one);
        r = pirn_poll_wait(thread_wait_poll, &w, pirn_after((int64_t)below(&random, 300) * PIRN_US),
                           NULL);
        CHECK(r == 0 || r == -ETIMEDOUT);
        pirn_op_drop(&w.op);
        counts.thread_waits++;
    }
    return NULL;
}

/* Until the runtime ends it. */
static int signals_poll(void *frame, pirn_cx *cx, void *out)
{
    int r;

    (void)out;
    while ((r = pirn_signal_poll(frame, cx, SIGUSR1)) == 0)
        counts.signals++;
    return r;
}

static const pirn_task_desc signals_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "signals",
    .poll = signals_poll,
    .frame_size = sizeof(pirn_op),
};

/* Until all but the one for signals have ended. */
static int all_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)out;
    if (counts.ends == 2 * PAIRS + CHURNERS)
        return 0;
    if (pirn_yield_poll(frame, cx) == 0)
        CHECK_EQ(raise(SIGUSR1), 0);
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static const pirn_task_desc all_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "all",
    .poll = all_poll,
    .frame_size = sizeof(unsigned),
};

/* ---- the storm ------------------------------------------------------------------------------------------------ */

static void storm(enum pirn_flavor flavor, uint64_t *random)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    pirn_runtime *rt;
    pirn_handle *h;
    int fds = count_fds();
    unsigned yield = 0;

    o.flavor = flavor;
    o.worker_threads = flavor == PIRN_MULTI_THREAD ? 4 : 1;
    o.io_events_per_tick = 8;
    o.alloc = &counting;
    memset(&counts, 0, sizeof counts);
    memset(churners, 0, sizeof churners);
    stop = false;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    h = pirn_runtime_handle(rt);
    CHECK_EQ(pirn_fd_new(h, eventfd(0, EFD_NONBLOCK), PIRN_FD_OWN, &shared), 0);
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = next_random(random);
        threads[i] = start_thread(waiting_thread, &seeds[i]);
    }
    CHECK_EQ(pirn_spawn(h, &signals_desc, NULL, NULL), 0);
    for (int i = 0; i < PAIRS; i++)
        start_pair(h, random);
    for (int i = 0; i < CHURNERS; i++) {
        struct churner *c = &churners[i];

        c->random = next_random(random);
        CHECK_EQ(pirn_spawn(h, &churner_desc, &c, NULL), 0);
    }
    CHECK_EQ(pirn_block_on(h, &all_desc, &yield, NULL, NULL), 0);
    stop = true;
    for (int i = 0; i < THREADS; i++)
        end_thread(threads[i]);
    pirn_runtime_free(rt);
    pirn_fd_free(shared); /* after its runtime */
    CHECK_EQ(counts.sent, PAIRS * bytes);
    CHECK_EQ(counts.received, PAIRS * bytes);
    CHECK_EQ(counts.told + counts.cancelled + counts.aborted,
             (uint64_t)CHURNERS * CHILDREN * (uint64_t)rounds);
    CHECK(counts.told > 0 && counts.cancelled > 0 && counts.aborted > 0 && counts.signals > 0);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.bytes, 0);
    CHECK_EQ(count_fds(), fds);
    printf("%s: %llu bytes, %llu told, %llu cancelled, %llu aborted, %llu waits of threads, %llu "
           "signals\n",
           flavor == PIRN_MULTI_THREAD ? "multi_thread" : "current_thread",
           (unsigned long long)counts.received, (unsigned long long)counts.told,
           (unsigned long long)counts.cancelled, (unsigned long long)counts.aborted,
           (unsigned long long)counts.thread_waits, (unsigned long long)counts.signals);
}

/* ---- registrations that fail while the runtime ends ------------------------------------------------ */

enum {
    FAILING_ROUNDS = 60
};

static void *failing_thread(void *handle)
{
    int file = memfd_create("io_storm", MFD_CLOEXEC); /* what cannot be waited for */
    pirn_fd *f;
    int r;

    CHECK(file >= 0);
    do
        r = pirn_fd_new(handle, file, PIRN_FD_NONBLOCK, &f);
    while (r == -EPERM);
    CHECK_EQ(r, PIRN_ESHUTDOWN);
    (void)close(file);
    pirn_handle_unref(handle);
    return NULL;
}

static void fail_while_it_ends(enum pirn_flavor flavor)
{
    for (int i = 0; i < FAILING_ROUNDS; i++) {
        pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
        pirn_runtime *rt;
        pthread_t threads[2];

        o.flavor = flavor;
        o.worker_threads = flavor == PIRN_MULTI_THREAD ? 1 : 0;
        CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
        for (int t = 0; t < 2; t++)
            threads[t] = start_thread(failing_thread, pirn_handle_ref(pirn_runtime_handle(rt)));
        (void)usleep((useconds_t)(i * 10));
        pirn_runtime_free(rt);
        for (int t = 0; t < 2; t++)
            end_thread(threads[t]);
    }
}

/* The descriptor of signals stays with the process. */
static int first_signal(void *frame, pirn_cx *cx, void *out)
{
    (void)out;
    (void)pirn_signal_poll(frame, cx, SIGUSR1);
    pirn_op_drop(frame);
    return 0;
}

static const pirn_task_desc first_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "first",
    .poll = first_signal,
    .frame_size = sizeof(pirn_op),
};

int main(int argc, char **argv)
{
    uint64_t random = seed_of(argc, argv);
    pirn_op op = {.kind = NULL};

    rounds = is_long() ? ROUNDS_LONG : ROUNDS;
    bytes = is_long() ? BYTES_LONG : BYTES;
    CHECK_EQ(pirn_run(NULL, &first_desc, &op, NULL, NULL), 0);
    storm(PIRN_CURRENT_THREAD, &random);
    storm(PIRN_MULTI_THREAD, &random);
    fail_while_it_ends(PIRN_CURRENT_THREAD);
    fail_while_it_ends(PIRN_MULTI_THREAD);
    return 0;
}
