/* SPDX-License-Identifier: MIT */
/* oneshot.c: what does it cost two tasks to send each other one message each, over pirn's oneshots? */
#include "tasks.h"

struct pong {
    pirn_op op;
    pirn_oneshot_rx *from_ping;
    pirn_oneshot_tx *to_ping;
};

static int pong_poll(void *frame, pirn_cx *cx, void *out)
{
    struct pong *p = frame;
    uint64_t value;
    int status = pirn_oneshot_recv_poll(&p->op, cx, p->from_ping, &value);

    (void)out;
    if (status == PIRN_PENDING) {
        return PIRN_PENDING;
    }
    check("pirn_oneshot_recv_poll", status);
    pirn_oneshot_rx_free(p->from_ping);
    value++;
    check("pirn_oneshot_send", pirn_oneshot_send(p->to_ping, &value));
    return 0;
}

static const pirn_task_desc pong = {
    .size = sizeof(pirn_task_desc),
    .name = "pong",
    .poll = pong_poll,
    .frame_size = sizeof(struct pong),
};

struct ping {
    pirn_op op;
    uint64_t n;
    pirn_oneshot_rx *from_pong; /* NULL: not begun */
};

static void ping_begin(struct ping *p)
{
    struct pong partner = {0};
    pirn_oneshot_tx *to_pong;

    check("pirn_oneshot_new",
          pirn_oneshot_new(sizeof(uint64_t), NULL, &to_pong, &partner.from_ping));
    check("pirn_oneshot_new",
          pirn_oneshot_new(sizeof(uint64_t), NULL, &partner.to_ping, &p->from_pong));
    spawn_detached(NULL, &pong, &partner);
    check("pirn_oneshot_send", pirn_oneshot_send(to_pong, &p->n));
}

static int ping_poll(void *frame, pirn_cx *cx, void *out)
{
    struct ping *p = frame;
    uint64_t answer = 0;
    int status;

    (void)out;
    if (!p->from_pong) {
        ping_begin(p);
    }
    status = pirn_oneshot_recv_poll(&p->op, cx, p->from_pong, &answer);
    if (status == PIRN_PENDING) {
        return PIRN_PENDING;
    }
    check("pirn_oneshot_recv_poll", status);
    pirn_oneshot_rx_free(p->from_pong);
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

static void ping_pong_oneshot(void)
{
    ping_pong_with(spawn_ping);
}

const struct bench_row oneshot_rows[] = {
    {.name = "mt_ping_pong_oneshot", MT_ROW(PINGS, ping_pong_oneshot)},
    {0},
};
