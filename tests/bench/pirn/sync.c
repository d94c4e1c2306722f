/* SPDX-License-Identifier: MIT */
/* sync.c: what do tasks pay to talk to each other, over channels, notifications, permits? */
#include "tasks.h"

enum {
    SENDERS = 4,
    SENDS = 5000,
    SENDS_SUM = 49990000, /* of 0 up to SENDS - 1, from each sender */
    CAPACITY = 128,
    NOTIFY_ROUNDS = 10000,
    SEMAPHORE_TASKS = 10,
    PERMITS = 5,
    ACQUIRES = 1000
};

/* ---- channels --------------------------------------------------------------------------- */

struct sender {
    PIRN_FRAME;
    pirn_op op;
    pirn_mpsc_tx *tx;
    uint64_t n;
};

static int sender_poll(void *frame, pirn_cx *cx, void *out)
{
    struct sender *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    for (; f->n < SENDS; f->n++) {
        PIRN_TRY(f, pirn_mpsc_send_poll(&f->op, cx, f->tx, &f->n));
    }
    PIRN_END(f);
}

static void sender_drop(void *frame)
{
    pirn_mpsc_tx_unref(((struct sender *)frame)->tx);
}

static const pirn_task_desc sender =
    PIRN_TASK_INIT("sender", struct sender, sender_poll, sender_drop);

struct receiver {
    PIRN_FRAME;
    pirn_op op;
    pirn_mpsc_rx *rx;
    uint64_t sum;
};

static int receiver_poll(void *frame, pirn_cx *cx, void *out)
{
    struct receiver *f = frame;
    uint64_t n;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    for (;;) {
        PIRN_AWAIT(f, r = pirn_mpsc_recv_poll(&f->op, cx, f->rx, &n));
        if (r == PIRN_ECLOSED) {
            break;
        }
        check("pirn_mpsc_recv_poll", r);
        f->sum += n;
    }
    add_to_total(f->sum);
    PIRN_END(f);
}

static void receiver_drop(void *frame)
{
    pirn_mpsc_rx_free(((struct receiver *)frame)->rx);
}

static const pirn_task_desc receiver =
    PIRN_TASK_INIT("receiver", struct receiver, receiver_poll, receiver_drop);

/* The root blocks its thread, as it does in the peers: it is none of the workers. */
static int spawn_channel_poll(void *frame, pirn_cx *cx, void *out)
{
    struct sender s = {0};
    struct receiver r = {0};

    (void)cx;
    check("pirn_mpsc_new", pirn_mpsc_new(sizeof(uint64_t), *(size_t *)frame, NULL, &s.tx, &r.rx));
    for (size_t i = 0; i < SENDERS; i++) {
        pirn_mpsc_tx_ref(s.tx);
        spawn_detached(NULL, &sender, &s);
    }
    pirn_mpsc_tx_unref(s.tx);
    spawn_detached(NULL, &receiver, &r);
    *(uint64_t *)out = total_of(1);
    return 0;
}

static const pirn_task_desc spawn_channel =
    PIRN_TASK_OUT_INIT("spawn channel", size_t, spawn_channel_poll, NULL, uint64_t, NULL);

static void mpsc_bounded(void)
{
    block_on(&spawn_channel, &(size_t){CAPACITY}, SENDS_SUM);
}

static void mpsc_unbounded(void)
{
    block_on(&spawn_channel, &(size_t){PIRN_UNBOUNDED}, SENDS_SUM);
}

/* ---- notifications ---------------------------------------------------------------------- */

/* Each of two tasks notifies the other, and waits until it is notified. */
struct player {
    PIRN_FRAME;
    bool begins;
    pirn_op op;
    pirn_notify *own, *other;
    uint64_t hops;
};

static int player_poll(void *frame, pirn_cx *cx, void *out)
{
    struct player *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    if (f->begins) {
        pirn_notify_one(f->other);
    }
    for (;;) {
        PIRN_TRY(f, pirn_notify_poll(&f->op, cx, f->own));
        f->hops++;
        if (f->hops == NOTIFY_ROUNDS) {
            break;
        }
        pirn_notify_one(f->other);
    }
    if (!f->begins) { /* the answer to the last one */
        pirn_notify_one(f->other);
    }
    add_to_total(f->hops);
    PIRN_END(f);
}

static void player_drop(void *frame)
{
    struct player *f = frame;

    pirn_notify_unref(f->own);
    pirn_notify_unref(f->other);
}

static const pirn_task_desc player =
    PIRN_TASK_INIT("player", struct player, player_poll, player_drop);

static int spawn_players_poll(void *frame, pirn_cx *cx, void *out)
{
    pirn_notify *ping, *pong;

    (void)frame;
    (void)cx;
    check("pirn_notify_new", pirn_notify_new(&ping));
    check("pirn_notify_new", pirn_notify_new(&pong));
    spawn_detached(NULL, &player,
                   &(struct player){.own = pirn_notify_ref(ping), .other = pirn_notify_ref(pong)});
    spawn_detached(NULL, &player, &(struct player){.begins = true, .own = pong, .other = ping});
    *(uint64_t *)out = total_of(2);
    return 0;
}

static const pirn_task_desc spawn_players = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn players",
    .poll = spawn_players_poll,
    .out_size = sizeof(uint64_t),
};

static void notify_pingpong(void)
{
    block_on(&spawn_players, NULL, 2 * NOTIFY_ROUNDS);
}

/* ---- permits ---------------------------------------------------------------------------- */

struct holder {
    PIRN_FRAME;
    pirn_op op;
    pirn_semaphore *semaphore;
    pirn_permit permit;
    uint64_t acquires;
};

static int holder_poll(void *frame, pirn_cx *cx, void *out)
{
    struct holder *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    for (; f->acquires < ACQUIRES; f->acquires++) {
        PIRN_TRY(f, pirn_semaphore_acquire_poll(&f->op, cx, f->semaphore, 1, &f->permit));
        PIRN_YIELD(f, cx);
        pirn_permit_release(&f->permit);
    }
    add_to_total(f->acquires);
    PIRN_END(f);
}

static void holder_drop(void *frame)
{
    pirn_semaphore_unref(((struct holder *)frame)->semaphore);
}

static const pirn_task_desc holder =
    PIRN_TASK_INIT("holder", struct holder, holder_poll, holder_drop);

static int spawn_holders_poll(void *frame, pirn_cx *cx, void *out)
{
    struct holder h = {0};

    (void)frame;
    (void)cx;
    check("pirn_semaphore_new", pirn_semaphore_new(PERMITS, &h.semaphore));
    for (size_t i = 0; i < SEMAPHORE_TASKS; i++) {
        pirn_semaphore_ref(h.semaphore);
        spawn_detached(NULL, &holder, &h);
    }
    *(uint64_t *)out = total_of(SEMAPHORE_TASKS);
    bench_expect("its permits", pirn_semaphore_available(h.semaphore), PERMITS);
    pirn_semaphore_unref(h.semaphore);
    return 0;
}

static const pirn_task_desc spawn_holders = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn holders",
    .poll = spawn_holders_poll,
    .out_size = sizeof(uint64_t),
};

static void semaphore_contended(void)
{
    block_on(&spawn_holders, NULL, SEMAPHORE_TASKS * ACQUIRES);
}

const struct bench_row sync_rows[] = {
    {.name = "mt_mpsc_bounded", MT_ROW(SENDERS *SENDS, mpsc_bounded)},
    {.name = "mt_mpsc_unbounded", MT_ROW(SENDERS *SENDS, mpsc_unbounded)},
    {.name = "mt_notify_pingpong", MT_ROW(2 * NOTIFY_ROUNDS, notify_pingpong)},
    {.name = "mt_semaphore_contended", MT_ROW(SEMAPHORE_TASKS *ACQUIRES, semaphore_contended)},
    {0},
};
