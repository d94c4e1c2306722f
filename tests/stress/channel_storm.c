/* SPDX-License-Identifier: MIT */
/* Do channels lose or double nothing when tasks send, receive, are aborted and close all at once?
 *
 * Every element is made once, and ends in exactly one of three ways: received, dropped by its channel, or
 * still with whoever could not send it. */
#include "stress.h"

enum {
    WORKERS = 3,
    SENDERS = 6,
    THREADS = 2, /* plain ones, that send too */
    PER_SENDER = 300,
    ROUNDS = 60,
    ROUNDS_LONG = 3000,
};

static _Atomic(int64_t) made, sent, received, dropped, kept;

static void count_drop(void *elem)
{
    CHECK(*(uint64_t *)elem != 0);
    *(uint64_t *)elem = 0;
    dropped++;
}

/* ---- mpsc ---------------------------------------------------------------------------------------- */

struct sender {
    pirn_mpsc_tx *tx;
    uint64_t random, elem; /* elem 0: none is held */
    unsigned left;
    unsigned way; /* of the element held: see send_one */
    pirn_op op;
    pirn_mpsc_permit permit;
};

enum {
    WAY_SEND,
    WAY_RESERVE,
    WAY_TRY,
    WAYS
};

/* 0: the element is gone, one way or the other; PIRN_ECLOSED: there will be no more. */
static int send_one(struct sender *s, pirn_cx *cx)
{
    int r;

    switch (s->way) {
    case WAY_SEND:
        r = pirn_mpsc_send_poll(&s->op, cx, s->tx, &s->elem);
        break;
    case WAY_RESERVE:
        r = s->permit._tx != NULL ? 0 : pirn_mpsc_reserve_poll(&s->op, cx, s->tx, &s->permit);
        if (r == 0 && below(&s->random, 8) == 0) {
            pirn_mpsc_permit_release(&s->permit);
            kept++;
            s->elem = 0;
            return 0;
        }
        if (r == 0)
            r = pirn_mpsc_permit_send(&s->permit, &s->elem);
        break;
    default:
        r = pirn_mpsc_send_try(s->tx, &s->elem);
        if (r == -EAGAIN) {
            kept++;
            s->elem = 0;
            return 0;
        }
        break;
    }
    if (r == 0) {
        sent++;
        s->elem = 0;
    }
    return r;
}

static int sender_poll(void *frame, pirn_cx *cx, void *out)
{
    struct sender *s = frame;
    int r;

    (void)out;
    while (s->elem != 0 || s->left > 0) {
        if (s->elem == 0) {
            s->left--;
            s->elem = (uint64_t)++made;
            s->way = below(&s->random, WAYS);
            if (s->way == WAY_RESERVE && pirn_mpsc_tx_max_capacity(s->tx) == PIRN_UNBOUNDED)
                s->way = WAY_SEND;
        }
        r = send_one(s, cx);
        if (r == PIRN_PENDING)
            return r;
        if (r == PIRN_ECLOSED)
            return 0;
        CHECK_EQ(r, 0);
    }
    return 0;
}

static void sender_drop(void *frame)
{
    struct sender *s = frame;

    kept += s->elem != 0;
    pirn_mpsc_permit_release(&s->permit);
    pirn_mpsc_tx_unref(s->tx);
}

static const pirn_task_desc sender_desc = {
    .size = sizeof sender_desc,
    .name = "sender",
    .poll = sender_poll,
    .drop = sender_drop,
    .frame_size = sizeof(struct sender),
};

struct receiver {
    pirn_mpsc_rx *rx;
    pirn_op op;
    uint64_t random;
    unsigned quit_after, close_after; /* elements; 0: not */
    unsigned got;
    bool closed;
};

static void count_received(struct receiver *r, const uint64_t *elems, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK(elems[i] != 0);
    received += (int64_t)n;
    r->got += (unsigned)n;
}

static int receiver_poll(void *frame, pirn_cx *cx, void *out)
{
    struct receiver *r = frame;
    uint64_t elems[16];
    size_t n = 1;
    int result;

    (void)out;
    for (;;) {
        /* A pending operation goes on as it began. */
        if (r->random & 1)
            result = pirn_mpsc_recv_many_poll(&r->op, cx, r->rx, elems, 16, &n);
        else
            result = pirn_mpsc_recv_poll(&r->op, cx, r->rx, elems);
        if (result == PIRN_PENDING)
            return result;
        if (result == PIRN_ECLOSED)
            return 0;
        CHECK_EQ(result, 0);
        count_received(r, elems, n);
        n = 1;
        (void)next_random(&r->random);
        if (r->quit_after != 0 && r->got >= r->quit_after)
            return 0;
        if (r->close_after != 0 && r->got >= r->close_after && !r->closed) {
            r->closed = true;
            pirn_mpsc_rx_close(r->rx);
        }
    }
}

static void receiver_drop(void *frame)
{
    pirn_mpsc_rx_free(((struct receiver *)frame)->rx);
}

static const pirn_task_desc receiver_desc = {
    .size = sizeof receiver_desc,
    .name = "receiver",
    .poll = receiver_poll,
    .drop = receiver_drop,
    .frame_size = sizeof(struct receiver),
};

/* A plain thread that sends until the channel is closed, or it has had its share. */
static void *send_from_outside(void *tx)
{
    for (unsigned i = 0; i < PER_SENDER; i++) {
        uint64_t elem = (uint64_t)++made;
        int r = pirn_mpsc_send_wait(tx, &elem, i % 3 == 0 ? pirn_after(20 * PIRN_US) : PIRN_NEVER);

        sent += r == 0;
        kept += r != 0;
        if (r == PIRN_ECLOSED)
            break;
        CHECK(r == 0 || r == -ETIMEDOUT);
    }
    pirn_mpsc_tx_unref(tx);
    return NULL;
}

static void wait_and_free(pirn_join *j)
{
    pirn_result res;

    CHECK_EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    CHECK(res.outcome != PIRN_FAULTED);
    pirn_join_free(j);
}

static void expect_all_accounted(void)
{
    CHECK_EQ(made, received + dropped + kept);
    CHECK_EQ(sent, received + dropped);
}

static void mpsc_round(pirn_handle *h, uint64_t *seed)
{
    static const size_t capacities[] = {1, 2, 7, 128, PIRN_UNBOUNDED};
    struct receiver r = {.random = next_random(seed)};
    pirn_join *joins[SENDERS + 1];
    pthread_t threads[THREADS];
    pirn_mpsc_tx *tx;

    CHECK_EQ(pirn_mpsc_new(sizeof(uint64_t), capacities[below(seed, 5)], count_drop, &tx, &r.rx),
             0);
    if (below(seed, 2))
        r.quit_after = 1 + below(seed, SENDERS * PER_SENDER);
    if (below(seed, 2))
        r.close_after = 1 + below(seed, SENDERS * PER_SENDER);
    for (int i = 0; i < SENDERS; i++) {
        struct sender s = {pirn_mpsc_tx_ref(tx), next_random(seed), 0, PER_SENDER, 0, {0}, {0}};

        CHECK_EQ(pirn_spawn(h, &sender_desc, &s, &joins[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(send_from_outside, pirn_mpsc_tx_ref(tx));
    pirn_mpsc_tx_unref(tx);
    CHECK_EQ(pirn_spawn(h, &receiver_desc, &r, &joins[SENDERS]), 0);
    for (int i = 0; i < SENDERS; i++)
        if (below(seed, 4) == 0)
            pirn_join_abort(joins[i]);
    if (below(seed, 8) == 0)
        pirn_join_abort(joins[SENDERS]);
    for (int i = 0; i < SENDERS + 1; i++)
        wait_and_free(joins[i]);
    for (int i = 0; i < THREADS; i++)
        end_thread(threads[i]);
    expect_all_accounted();
}

/* ---- oneshot ------------------------------------------------------------------------------------- */

struct oneshot_rx {
    pirn_oneshot_rx *rx;
    pirn_op op;
    unsigned close;
};

static int oneshot_rx_poll(void *frame, pirn_cx *cx, void *out)
{
    struct oneshot_rx *f = frame;
    uint64_t elem;
    int r;

    (void)out;
    if (f->close)
        pirn_oneshot_rx_close(f->rx);
    r = pirn_oneshot_recv_poll(&f->op, cx, f->rx, &elem);
    if (r == PIRN_PENDING)
        return r;
    CHECK(r == 0 || r == PIRN_ECLOSED);
    if (r == 0) {
        CHECK(elem != 0);
        received++;
    }
    return 0;
}

static void oneshot_rx_drop(void *frame)
{
    pirn_oneshot_rx_free(((struct oneshot_rx *)frame)->rx);
}

static const pirn_task_desc oneshot_rx_desc = {
    .size = sizeof oneshot_rx_desc,
    .poll = oneshot_rx_poll,
    .drop = oneshot_rx_drop,
    .frame_size = sizeof(struct oneshot_rx),
};

struct oneshot_tx {
    pirn_oneshot_tx *tx;
    pirn_op op;
    unsigned way; /* 0: waits until the receiver has gone; 1: gives up; else sends */
};

static int oneshot_tx_poll(void *frame, pirn_cx *cx, void *out)
{
    struct oneshot_tx *f = frame;
    uint64_t elem;
    int r;

    (void)out;
    if (f->way == 0) {
        r = pirn_oneshot_tx_closed_poll(&f->op, cx, f->tx);
        if (r == PIRN_PENDING)
            return r;
        CHECK_EQ(r, 0);
    } else if (f->way > 1) {
        elem = (uint64_t)++made;
        r = pirn_oneshot_send(f->tx, &elem);
        f->tx = NULL;
        CHECK(r == 0 || r == PIRN_ECLOSED);
        sent += r == 0;
        kept += r != 0;
    }
    return 0;
}

static void oneshot_tx_drop(void *frame)
{
    pirn_oneshot_tx_free(((struct oneshot_tx *)frame)->tx);
}

static const pirn_task_desc oneshot_tx_desc = {
    .size = sizeof oneshot_tx_desc,
    .poll = oneshot_tx_poll,
    .drop = oneshot_tx_drop,
    .frame_size = sizeof(struct oneshot_tx),
};

static void oneshot_round(pirn_handle *h, uint64_t *seed)
{
    enum {
        PAIRS = 100
    };
    pirn_join *joins[PAIRS][2];

    for (int i = 0; i < PAIRS; i++) {
        struct oneshot_rx rx = {.close = below(seed, 8) == 0};
        struct oneshot_tx tx = {.way = below(seed, 6)};

        CHECK_EQ(pirn_oneshot_new(sizeof(uint64_t), count_drop, &tx.tx, &rx.rx), 0);
        CHECK_EQ(pirn_spawn(h, &oneshot_rx_desc, &rx, &joins[i][0]), 0);
        CHECK_EQ(pirn_spawn(h, &oneshot_tx_desc, &tx, &joins[i][1]), 0);
        /* A sender that waits for the receiver's end needs one. */
        if (tx.way == 0)
            pirn_join_abort(joins[i][below(seed, 2)]);
        else if (below(seed, 3) == 0)
            pirn_join_abort(joins[i][below(seed, 2)]);
    }
    for (int i = 0; i < PAIRS; i++) {
        wait_and_free(joins[i][0]);
        wait_and_free(joins[i][1]);
    }
    expect_all_accounted();
}

int main(int argc, char **argv)
{
    uint64_t seed = seed_of(argc, argv);
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;

    o.worker_threads = WORKERS;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    for (int i = 0; i < (is_long() ? ROUNDS_LONG : ROUNDS); i++) {
        mpsc_round(pirn_runtime_handle(rt), &seed);
        oneshot_round(pirn_runtime_handle(rt), &seed);
    }
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    CHECK(received > 0 && dropped > 0 && kept > 0);
    return 0;
}
