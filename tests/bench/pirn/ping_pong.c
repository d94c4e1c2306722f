/* SPDX-License-Identifier: MIT */
/* ping_pong.c: what does it cost two tasks to send each other one message each? */
#include <stdatomic.h>
#include <stdlib.h>

#include "tasks.h"

/* ---- a oneshot -------------------------------------------------------------------------- */

/* One by hand, to show what pirn's own costs beside the tasks (oneshot.c): a value, sent once, received
 * once, by a task that stays the same. It comes from malloc, as the peers' do, and the receiver frees it.
 * Neither side may be cancelled while it is in use, which no task of this file is.
 *
 * The waker is left before the state says WAITING, so a sender that reads WAITING finds it, and one
 * that came before is found by the receiver's failing exchange: no wake is lost. The sender's last
 * access is the one that says SENT, and the receiver frees nothing before it has read that. */
struct oneshot {
    atomic_uint state;
    uint64_t value;
    pirn_waker waker;
};

enum {
    EMPTY,
    WAITING,
    SENT
};

static struct oneshot *oneshot_new(void)
{
    struct oneshot *o = malloc(sizeof *o);

    if (!o) {
        bench_fail("oneshot", "out of memory");
    }
    atomic_init(&o->state, EMPTY);
    return o;
}

static void oneshot_send(struct oneshot *o, uint64_t value)
{
    unsigned state = EMPTY;
    pirn_waker waker;

    o->value = value;
    /* mo: release hands the value over; acquire on failure takes the waker over. Both pair with
     * oneshot_recv_poll(). */
    if (!atomic_compare_exchange_strong_explicit(&o->state, &state, SENT, memory_order_release,
                                                 memory_order_acquire)) {
        waker = o->waker;
        /* mo: release hands the value, and the oneshot itself, over to the receiver. */
        atomic_store_explicit(&o->state, SENT, memory_order_release);
        pirn_waker_wake(waker);
    }
}

static int oneshot_recv_poll(struct oneshot *o, pirn_cx *cx, uint64_t *value)
{
    /* mo: acquire pairs with oneshot_send(): the value is there if SENT is. */
    unsigned state = atomic_load_explicit(&o->state, memory_order_acquire);

    if (state == EMPTY) {
        o->waker = pirn_cx_waker(cx);
        /* mo: release hands the waker over; acquire on failure takes the value over. */
        if (!atomic_compare_exchange_strong_explicit(&o->state, &state, WAITING,
                                                     memory_order_release, memory_order_acquire)) {
            pirn_waker_drop(o->waker);
        }
    }
    if (state != SENT) {
        return PIRN_PENDING;
    }
    *value = o->value;
    free(o);
    return 0;
}

/* ---- tasks ------------------------------------------------------------------------------ */

struct pong {
    struct oneshot *from_ping, *to_ping;
};

static int pong_poll(void *frame, pirn_cx *cx, void *out)
{
    struct pong *p = frame;
    uint64_t value;

    (void)out;
    if (oneshot_recv_poll(p->from_ping, cx, &value) == PIRN_PENDING) {
        return PIRN_PENDING;
    }
    oneshot_send(p->to_ping, value + 1);
    return 0;
}

static const pirn_task_desc pong = {
    .size = sizeof(pirn_task_desc),
    .name = "pong",
    .poll = pong_poll,
    .frame_size = sizeof(struct pong),
};

struct ping {
    uint64_t n;
    struct oneshot *from_pong; /* NULL: not begun */
};

static void ping_begin(struct ping *p)
{
    struct oneshot *to_pong = oneshot_new();

    p->from_pong = oneshot_new();
    spawn_detached(NULL, &pong, &(struct pong){.from_ping = to_pong, .to_ping = p->from_pong});
    oneshot_send(to_pong, p->n);
}

static int ping_poll(void *frame, pirn_cx *cx, void *out)
{
    struct ping *p = frame;
    uint64_t answer = 0;

    (void)out;
    if (!p->from_pong) {
        ping_begin(p);
    }
    if (oneshot_recv_poll(p->from_pong, cx, &answer) == PIRN_PENDING) {
        return PIRN_PENDING;
    }
    bench_expect("pong", answer, p->n + 1);
    ping_pong_ended();
    return 0;
}

static const pirn_task_desc ping = {
    .size = sizeof(pirn_task_desc),
    .name = "ping",
    .poll = ping_poll,
    .frame_size = sizeof(struct ping),
};

static void spawn_ping(uint64_t n)
{
    spawn_detached(NULL, &ping, &(struct ping){.n = n});
}

/* ---- all of them, whatever they send over ------------------------------------------------ */

/* mo: relaxed throughout. A count; the semaphore that the last one posts orders the rest. */
static atomic_size_t remaining;

void ping_pong_ended(void)
{
    if (atomic_fetch_sub_explicit(&remaining, 1, memory_order_relaxed) == 1) {
        post_done();
    }
}

struct spawn_pings {
    void (*spawn)(uint64_t n);
};

static int spawn_pings_poll(void *frame, pirn_cx *cx, void *out)
{
    struct spawn_pings *s = frame;

    (void)cx;
    (void)out;
    for (uint64_t n = 0; n < PINGS; n++) {
        s->spawn(n);
    }
    return 0;
}

static const pirn_task_desc spawn_pings = {
    .size = sizeof(pirn_task_desc),
    .name = "spawn pings",
    .poll = spawn_pings_poll,
    .frame_size = sizeof(struct spawn_pings),
};

static int root_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)cx;
    atomic_store_explicit(&remaining, PINGS, memory_order_relaxed);
    spawn_detached(NULL, &spawn_pings, frame);
    wait_done();
    *(uint64_t *)out = atomic_load_explicit(&remaining, memory_order_relaxed);
    return 0;
}

static const pirn_task_desc root = {
    .size = sizeof(pirn_task_desc),
    .name = "ping pong",
    .poll = root_poll,
    .frame_size = sizeof(struct spawn_pings),
    .out_size = sizeof(uint64_t),
};

void ping_pong_with(void (*spawn)(uint64_t n))
{
    block_on(&root, &(struct spawn_pings){.spawn = spawn}, 0);
}

static void ping_pong(void)
{
    ping_pong_with(spawn_ping);
}

const struct bench_row ping_pong_rows[] = {
    {.name = "mt_ping_pong", MT_ROW(PINGS, ping_pong)},
    {0},
};
