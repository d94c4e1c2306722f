/* SPDX-License-Identifier: MIT */
/* Plain threads that wait at a channel: each _wait is its _poll under pirn_poll_wait(). */
#include <pirn/channel.h>

/* One call's arguments. */
struct channel_call {
    pirn_op op;
    union {
        pirn_mpsc_tx *mpsc_tx;
        pirn_mpsc_rx *mpsc_rx;
        pirn_oneshot_rx *oneshot_rx;
        pirn_watch_rx *watch_rx;
        pirn_broadcast_rx *broadcast_rx;
    } at;
    const void *from;
    void *to;
    size_t max, *n;
    uint64_t *missed;
};

static int wait_for_channel(int (*poll)(void *frame, pirn_cx *cx, void *out),
                            struct channel_call *call, pirn_time deadline)
{
    int r = pirn_poll_wait(poll, call, deadline, NULL);

    pirn_op_drop(&call->op);
    return r;
}

static int poll_mpsc_send(void *frame, pirn_cx *cx, void *out)
{
    struct channel_call *call = frame;

    (void)out;
    return pirn_mpsc_send_poll(&call->op, cx, call->at.mpsc_tx, call->from);
}

int pirn_mpsc_send_wait(pirn_mpsc_tx *tx, const void *elem, pirn_time deadline)
{
    struct channel_call call = {.at.mpsc_tx = tx, .from = elem};

    return wait_for_channel(poll_mpsc_send, &call, deadline);
}

static int poll_mpsc_recv(void *frame, pirn_cx *cx, void *out)
{
    struct channel_call *call = frame;

    (void)out;
    return pirn_mpsc_recv_poll(&call->op, cx, call->at.mpsc_rx, call->to);
}

int pirn_mpsc_recv_wait(pirn_mpsc_rx *rx, pirn_time deadline, void *elem)
{
    struct channel_call call = {.at.mpsc_rx = rx, .to = elem};

    return wait_for_channel(poll_mpsc_recv, &call, deadline);
}

static int poll_mpsc_recv_many(void *frame, pirn_cx *cx, void *out)
{
    struct channel_call *call = frame;

    (void)out;
    return pirn_mpsc_recv_many_poll(&call->op, cx, call->at.mpsc_rx, call->to, call->max, call->n);
}

int pirn_mpsc_recv_many_wait(pirn_mpsc_rx *rx, void *elems, size_t max, pirn_time deadline,
                             size_t *n)
{
    struct channel_call call = {.at.mpsc_rx = rx, .to = elems, .max = max, .n = n};

    return wait_for_channel(poll_mpsc_recv_many, &call, deadline);
}

static int poll_oneshot_recv(void *frame, pirn_cx *cx, void *out)
{
    struct channel_call *call = frame;

    (void)out;
    return pirn_oneshot_recv_poll(&call->op, cx, call->at.oneshot_rx, call->to);
}

int pirn_oneshot_recv_wait(pirn_oneshot_rx *rx, pirn_time deadline, void *elem)
{
    struct channel_call call = {.at.oneshot_rx = rx, .to = elem};

    return wait_for_channel(poll_oneshot_recv, &call, deadline);
}

static int poll_watch_changed(void *frame, pirn_cx *cx, void *out)
{
    struct channel_call *call = frame;

    (void)out;
    return pirn_watch_changed_poll(&call->op, cx, call->at.watch_rx);
}

int pirn_watch_changed_wait(pirn_watch_rx *rx, pirn_time deadline)
{
    struct channel_call call = {.at.watch_rx = rx};

    return wait_for_channel(poll_watch_changed, &call, deadline);
}

static int poll_broadcast_recv(void *frame, pirn_cx *cx, void *out)
{
    struct channel_call *call = frame;

    (void)out;
    return pirn_broadcast_recv_poll(&call->op, cx, call->at.broadcast_rx, call->to, call->missed);
}

int pirn_broadcast_recv_wait(pirn_broadcast_rx *rx, pirn_time deadline, void *elem,
                             uint64_t *missed)
{
    struct channel_call call = {.at.broadcast_rx = rx, .to = elem, .missed = missed};

    return wait_for_channel(poll_broadcast_recv, &call, deadline);
}
