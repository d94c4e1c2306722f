/* SPDX-License-Identifier: MIT */
/* net_storm [SEED]: does every byte arrive once and in order when clients come and go over TCP and Unix sockets,
 * change their minds about reads, are aborted in the middle, reset their connections, and the runtime ends at a
 * random moment? On both flavours, with signals that interrupt. Every frame is dropped once, and no memory and no
 * descriptor is left. PIRN_TEST_LONG=1: for longer. */
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <pirn/async.h>

#include "stress.h"

enum {
    CLIENTS = 400,
    CLIENTS_LONG = 10000,
    AT_ONCE = 40,
    CHUNK = 20000,
};

static struct {
    _Atomic(uint64_t) clients, whole, broken, echoes, echoed, sent, received, refused;
} counts;

/* guard: storm.over ends whoever reads the rest */
static struct {
    pirn_handle *h;
    pirn_listener *tcp, *local;
    pirn_addr at;
    char name[64];
    _Atomic(bool) shut; /* the runtime is ending: errors are expected */
    _Atomic(int) running;
    pthread_t main;
    _Atomic(bool) over;
} storm;

static bool is_end(int r)
{
    return r == -ECONNRESET || r == -EPIPE || r == PIRN_ESHUTDOWN || r == -ECONNREFUSED ||
           r == -ENOTCONN || r == -ECANCELED;
}

/* ---- the server ------------------------------------------------------------------------------------ */

struct echo {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    size_t n;
    unsigned char buf[4096];
};

static int echo_run(void *frame, pirn_cx *cx, void *out)
{
    struct echo *e = frame;
    int r;

    (void)out;
    PIRN_BEGIN(e);
    for (;;) {
        PIRN_AWAIT(e, r = pirn_stream_read_poll(&e->op, cx, e->s, e->buf, sizeof e->buf, &e->n));
        if (r != 0) {
            CHECK(is_end(r));
            return r;
        }
        if (e->n == 0)
            return pirn_stream_shutdown(e->s) < 0 ? -ENOTCONN : 0;
        PIRN_AWAIT(e, r = pirn_stream_write_all_poll(&e->op, cx, e->s, e->buf, e->n, NULL));
        if (r != 0) {
            CHECK(is_end(r));
            return r;
        }
        counts.echoed += e->n;
    }
    PIRN_END(e);
}

static void echo_drop(void *frame)
{
    pirn_stream_unref(((struct echo *)frame)->s);
    storm.running--;
}

static const pirn_task_desc echo_task = PIRN_TASK_INIT("echo", struct echo, echo_run, echo_drop);

struct door {
    PIRN_FRAME;
    pirn_op op;
    pirn_listener *l;
    pirn_stream *s;
};

static int door_run(void *frame, pirn_cx *cx, void *out)
{
    struct door *d = frame;
    struct echo e = {.s = NULL};
    int r;

    (void)out;
    PIRN_BEGIN(d);
    for (;;) {
        PIRN_AWAIT(d, r = pirn_listener_accept_poll(&d->op, cx, d->l, &d->s));
        if (r != 0) {
            CHECK(r == -ECANCELED || r == PIRN_ESHUTDOWN);
            return r;
        }
        e = (struct echo){.s = d->s};
        storm.running++;
        counts.echoes++;
        CHECK_EQ(pirn_spawn(NULL, &echo_task, &e, NULL), 0);
    }
    PIRN_END(d);
}

static void door_drop(void *frame)
{
    (void)frame;
    storm.running--;
}

static const pirn_task_desc door_task = PIRN_TASK_INIT("door", struct door, door_run, door_drop);

/* ---- the writing half of a client, a task of its own ------------------------------------------------ */

static unsigned char byte_at(uint64_t key, size_t i)
{
    return (unsigned char)((key ^ i) * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

struct writer {
    PIRN_FRAME;
    pirn_op op;
    pirn_stream *s;
    uint64_t key;
    size_t done, total, n;
    unsigned char buf[CHUNK];
};

static int writer_run(void *frame, pirn_cx *cx, void *out)
{
    struct writer *w = frame;
    int r;

    (void)out;
    PIRN_BEGIN(w);
    while (w->done < w->total) {
        w->n = w->total - w->done < CHUNK ? w->total - w->done : 1 + w->key % CHUNK;
        for (size_t i = 0; i < w->n; i++)
            w->buf[i] = byte_at(w->key, w->done + i);
        PIRN_AWAIT(w, r = pirn_stream_write_all_poll(&w->op, cx, w->s, w->buf, w->n, NULL));
        if (r != 0) {
            CHECK(is_end(r));
            return r;
        }
        w->done += w->n;
    }
    r = pirn_stream_shutdown(w->s);
    CHECK(r == 0 || is_end(r));
    counts.sent += w->total;
    PIRN_END(w);
}

static void writer_drop(void *frame)
{
    pirn_stream_unref(((struct writer *)frame)->s);
    storm.running--;
}

static const pirn_task_desc writer_task =
    PIRN_TASK_INIT("writer", struct writer, writer_run, writer_drop);

/* ---- a client ----------------------------------------------------------------------------------------- */

struct client {
    PIRN_FRAME;
    pirn_op op, tick;
    pirn_stream *s;
    uint64_t random, key;
    size_t done, total, n;
    unsigned char buf[CHUNK];
};

static int client_connect(struct client *c, pirn_cx *cx)
{
    if (c->key & 1)
        return pirn_unix_connect_poll(&c->op, cx, storm.name, &c->s);
    return pirn_tcp_connect_poll(&c->op, cx, &storm.at.sa, storm.at.len, &c->s);
}

static void client_begin(struct client *c)
{
    struct writer *w;
    void *frame = NULL;

    c->total = below(&c->random, 4) == 0 ? below(&c->random, 2000000) : below(&c->random, 5000);
    CHECK_EQ(pirn_spawn_begin(NULL, &writer_task, &frame), 0);
    w = frame;
    w->s = pirn_stream_ref(c->s);
    w->key = c->key;
    w->total = c->total;
    storm.running++;
    CHECK_EQ(pirn_spawn_commit(w, NULL), 0);
}

/* What was read is what was sent. */
static void client_check(struct client *c)
{
    for (size_t i = 0; i < c->n; i++)
        CHECK(c->buf[i] == byte_at(c->key, c->done + i));
    c->done += c->n;
    counts.received += c->n;
}

static int client_run(void *frame, pirn_cx *cx, void *out)
{
    struct client *c = frame;
    int r;

    (void)out;
    PIRN_BEGIN(c);
    PIRN_AWAIT(c, r = client_connect(c, cx));
    if (r != 0) {
        CHECK(is_end(r));
        counts.refused++;
        return r;
    }
    client_begin(c);
    do {
        if (below(&c->random, 4) == 0) {
            /* Changes its mind: the read is dropped, and nothing is lost by that. */
            r = pirn_stream_read_poll(&c->op, cx, c->s, c->buf, CHUNK, &c->n);
            if (r == PIRN_PENDING) {
                PIRN_AWAIT(c, r = pirn_sleep_poll(&c->tick, cx, pirn_after(50 * PIRN_US)));
                pirn_op_drop(&c->op);
                continue;
            }
        } else {
            PIRN_AWAIT(c, r = pirn_stream_read_poll(&c->op, cx, c->s, c->buf,
                                                    1 + (size_t)below(&c->random, CHUNK), &c->n));
        }
        if (r != 0) {
            CHECK(is_end(r));
            counts.broken++;
            return r;
        }
        if (c->n == 0 && c->done < c->total) {
            CHECK(storm.shut);
            return -ECONNABORTED;
        }
        client_check(c);
    } while (c->n > 0 || c->done < c->total);
    CHECK_EQ(c->done, c->total);
    counts.whole++;
    PIRN_END(c);
}

static void client_drop(void *frame)
{
    struct client *c = frame;

    if (c->s != NULL && c->done < c->total) {
        if (below(&c->random, 2) == 0)
            (void)!pirn_stream_set_reset_on_close(c->s, true);
        /* Its writer may wait for an echo that waits for nobody. */
        (void)shutdown(pirn_stream_fd(c->s), SHUT_RDWR);
    }
    pirn_stream_unref(c->s);
    storm.running--;
}

static const pirn_task_desc client_task =
    PIRN_TASK_INIT("client", struct client, client_run, client_drop);

/* ---- the storm ----------------------------------------------------------------------------------------- */

struct director {
    PIRN_FRAME;
    pirn_op op;
    uint64_t random;
    int left;
    pirn_join *held[8]; /* to be aborted one day */
    unsigned next;
};

static void direct_one(struct director *d)
{
    struct client *c;
    void *frame = NULL;
    pirn_join *j = NULL;

    CHECK_EQ(pirn_spawn_begin(NULL, &client_task, &frame), 0);
    c = frame;
    c->random = next_random(&d->random);
    c->key = next_random(&d->random);
    c->n = 1;
    storm.running++;
    counts.clients++;
    CHECK_EQ(pirn_spawn_commit(c, &j), 0);
    if (below(&d->random, 5) != 0) {
        pirn_join_free(j);
        return;
    }
    pirn_join_abort(d->held[d->next]);
    pirn_join_free(d->held[d->next]);
    d->held[d->next] = j;
    d->next = (d->next + 1) % 8;
}

static int director_run(void *frame, pirn_cx *cx, void *out)
{
    struct director *d = frame;
    int r;

    (void)out;
    PIRN_BEGIN(d);
    for (; d->left > 0; d->left--) {
        while (storm.running >= AT_ONCE)
            PIRN_AWAIT(d, r = pirn_sleep_poll(&d->op, cx, pirn_after(100 * PIRN_US)));
        direct_one(d);
        if (below(&d->random, 4) == 0)
            PIRN_AWAIT(d, r = pirn_sleep_poll(&d->op, cx, pirn_after(200 * PIRN_US)));
    }
    /* Until only the doors are left. */
    while (storm.running > 2)
        PIRN_AWAIT(d, r = pirn_sleep_poll(&d->op, cx, pirn_after(PIRN_MS)));
    PIRN_END(d);
}

static void director_drop(void *frame)
{
    struct director *d = frame;

    for (unsigned i = 0; i < 8; i++)
        pirn_join_free(d->held[i]);
}

static const pirn_task_desc director_task =
    PIRN_TASK_INIT("director", struct director, director_run, director_drop);

static void on_signal(int signo)
{
    (void)signo;
}

/* Interrupts the thread that drives, or waits. */
static void *interrupt(void *arg)
{
    const struct timespec pause = {0, 200000};

    (void)arg;
    while (!storm.over) {
        CHECK_EQ(pthread_kill(storm.main, SIGUSR1), 0);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *shut_down(void *arg)
{
    const struct timespec pause = {0, 30000000};

    (void)nanosleep(&pause, NULL);
    storm.shut = true;
    CHECK_EQ(pirn_runtime_shutdown(arg, PIRN_NEVER), 0);
    return NULL;
}

static int count_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;

    CHECK(d != NULL);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

static void open_doors(pirn_handle *h)
{
    pirn_addr any;
    struct door d;

    CHECK_EQ(pirn_addr_parse("127.0.0.1:0", &any), 0);
    CHECK_EQ(pirn_tcp_listen(h, &any.sa, any.len, NULL, &storm.tcp), 0);
    CHECK_EQ(pirn_listener_addr(storm.tcp, &storm.at), 0);
    (void)snprintf(storm.name, sizeof storm.name, "@pirn-storm-%d", (int)getpid());
    CHECK_EQ(pirn_unix_listen(h, storm.name, 5, &storm.local), 0);
    for (int i = 0; i < 2; i++) {
        d = (struct door){.l = i == 0 ? storm.tcp : storm.local};
        storm.running++;
        CHECK_EQ(pirn_spawn(h, &door_task, &d, NULL), 0);
    }
}

static void blow(enum pirn_flavor flavor, uint32_t workers, int clients, bool shut, uint64_t seed)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct director d = {.random = seed, .left = clients};
    pirn_runtime *rt = NULL;
    pthread_t signaller, ender = 0;
    pirn_result res;
    int fds = count_fds(), r;

    memset(&counts, 0, sizeof counts);
    storm.over = storm.shut = false;
    storm.running = 0;
    storm.main = pthread_self();
    o.flavor = flavor;
    o.worker_threads = workers;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    storm.h = pirn_runtime_handle(rt);
    open_doors(storm.h);
    signaller = start_thread(interrupt, NULL);
    if (shut)
        ender = start_thread(shut_down, rt);
    r = pirn_block_on(storm.h, &director_task, &d, &res, NULL);
    CHECK(r == 0 || (shut && r == PIRN_ESHUTDOWN));
    if (r == 0)
        CHECK_EQ(res.outcome, PIRN_DONE);
    storm.over = true;
    end_thread(signaller);
    if (shut)
        end_thread(ender);
    pirn_listener_free(storm.tcp);
    pirn_runtime_free(rt);
    pirn_listener_free(storm.local);
    printf("flavor %d, %u workers%s: %llu clients, %llu whole, %llu broken, %llu MB\n", (int)flavor,
           (unsigned)workers, shut ? ", shut down" : "", (unsigned long long)counts.clients,
           (unsigned long long)counts.whole, (unsigned long long)counts.broken,
           (unsigned long long)counts.received >> 20);
    fflush(stdout);
    CHECK_EQ(storm.running, 0);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.bytes, 0);
    CHECK_EQ(count_fds(), fds);
    CHECK(counts.received <= counts.echoed);
    if (!shut) {
        CHECK_EQ(counts.clients, clients);
        CHECK_EQ(counts.refused, 0);
        CHECK(counts.whole >= counts.clients / 2);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    uint64_t seed = seed_of(argc, argv);
    int clients = is_long() ? CLIENTS_LONG : CLIENTS;

    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < 2; i++) {
        blow(PIRN_CURRENT_THREAD, 1, clients, i == 1, next_random(&seed));
        blow(PIRN_MULTI_THREAD, 1, clients, i == 1, next_random(&seed));
        blow(PIRN_MULTI_THREAD, 2, clients, i == 1, next_random(&seed));
        blow(PIRN_MULTI_THREAD, 4, clients, i == 1, next_random(&seed));
    }
    return 0;
}
