/* SPDX-License-Identifier: MIT */
/* An operation that begins in a poll of the caller's own executor, and is polled by a task later: does
 * the event wake the task, is the executor's waker given up, and may the task end before the event
 * comes? */
#include "watching.h"

/* Of each kind: how it is polled, and what lets it end. Output: what the poll returned. */
struct handed {
    pirn_op op;
    int (*poll)(struct handed *h, pirn_cx *cx);
    void (*event)(struct handed *h);
    void (*end)(struct handed *h);
    pirn_notify *notify;
    pirn_semaphore *semaphore;
    pirn_permit permit;
    pirn_mpsc_tx *mpsc_tx;
    pirn_mpsc_rx *mpsc_rx;
    pirn_oneshot_tx *oneshot_tx;
    pirn_oneshot_rx *oneshot_rx;
    pirn_watch_tx *watch_tx;
    pirn_watch_rx *watch_rx;
    pirn_broadcast_tx *broadcast_tx;
    pirn_broadcast_rx *broadcast_rx;
    pirn_cancel_token *token;
    struct watching fd;
    int descriptor;
    int elem;
    pirn_runtime *rt;
};

/* ---- the kinds ---------------------------------------------------------------------------------- */

static int poll_notify(struct handed *h, pirn_cx *cx)
{
    return pirn_notify_poll(&h->op, cx, h->notify);
}

static void notify(struct handed *h)
{
    pirn_notify_one(h->notify);
}

static void end_notify(struct handed *h)
{
    pirn_notify_unref(h->notify);
}

static void begin_notify(struct handed *h)
{
    EQ(pirn_notify_new(&h->notify), 0);
    h->poll = poll_notify;
    h->event = notify;
    h->end = end_notify;
}

static int poll_semaphore(struct handed *h, pirn_cx *cx)
{
    return pirn_semaphore_acquire_poll(&h->op, cx, h->semaphore, 1, &h->permit);
}

static void release(struct handed *h)
{
    EQ(pirn_semaphore_add(h->semaphore, 1), 0);
}

static void end_semaphore(struct handed *h)
{
    pirn_permit_release(&h->permit);
    pirn_semaphore_unref(h->semaphore);
}

static void begin_semaphore(struct handed *h)
{
    EQ(pirn_semaphore_new(0, &h->semaphore), 0);
    h->poll = poll_semaphore;
    h->event = release;
    h->end = end_semaphore;
}

static int poll_recv(struct handed *h, pirn_cx *cx)
{
    return pirn_mpsc_recv_poll(&h->op, cx, h->mpsc_rx, &h->elem);
}

static void send_mpsc(struct handed *h)
{
    EQ(pirn_mpsc_send_try(h->mpsc_tx, &(int){1}), 0);
}

static int poll_send(struct handed *h, pirn_cx *cx)
{
    return pirn_mpsc_send_poll(&h->op, cx, h->mpsc_tx, &h->elem);
}

static void receive(struct handed *h)
{
    int n;

    EQ(pirn_mpsc_recv_try(h->mpsc_rx, &n), 0);
}

static int poll_closed(struct handed *h, pirn_cx *cx)
{
    return pirn_mpsc_tx_closed_poll(&h->op, cx, h->mpsc_tx);
}

static void close_mpsc(struct handed *h)
{
    pirn_mpsc_rx_close(h->mpsc_rx);
}

static void end_mpsc(struct handed *h)
{
    pirn_mpsc_tx_unref(h->mpsc_tx);
    pirn_mpsc_rx_free(h->mpsc_rx);
}

static void new_mpsc(struct handed *h)
{
    EQ(pirn_mpsc_new(sizeof(int), 1, NULL, &h->mpsc_tx, &h->mpsc_rx), 0);
    h->end = end_mpsc;
}

static void begin_recv(struct handed *h)
{
    new_mpsc(h);
    h->poll = poll_recv;
    h->event = send_mpsc;
}

static void begin_send(struct handed *h)
{
    new_mpsc(h);
    send_mpsc(h);
    h->poll = poll_send;
    h->event = receive;
}

static void begin_closed(struct handed *h)
{
    new_mpsc(h);
    h->poll = poll_closed;
    h->event = close_mpsc;
}

static int poll_oneshot(struct handed *h, pirn_cx *cx)
{
    return pirn_oneshot_recv_poll(&h->op, cx, h->oneshot_rx, &h->elem);
}

static void send_oneshot(struct handed *h)
{
    EQ(pirn_oneshot_send(h->oneshot_tx, &(int){1}), 0);
}

static void end_oneshot(struct handed *h)
{
    pirn_oneshot_rx_free(h->oneshot_rx);
}

static void begin_oneshot(struct handed *h)
{
    EQ(pirn_oneshot_new(sizeof(int), NULL, &h->oneshot_tx, &h->oneshot_rx), 0);
    h->poll = poll_oneshot;
    h->event = send_oneshot;
    h->end = end_oneshot;
}

static int poll_watch(struct handed *h, pirn_cx *cx)
{
    return pirn_watch_changed_poll(&h->op, cx, h->watch_rx);
}

static void send_watch(struct handed *h)
{
    EQ(pirn_watch_send(h->watch_tx, &(int){1}), 0);
}

static void end_watch(struct handed *h)
{
    pirn_watch_rx_free(h->watch_rx);
    pirn_watch_tx_unref(h->watch_tx);
}

static void begin_watch(struct handed *h)
{
    EQ(pirn_watch_new(sizeof(int), &(int){0}, NULL, NULL, &h->watch_tx, &h->watch_rx), 0);
    h->poll = poll_watch;
    h->event = send_watch;
    h->end = end_watch;
}

static int poll_broadcast(struct handed *h, pirn_cx *cx)
{
    uint64_t lag;

    return pirn_broadcast_recv_poll(&h->op, cx, h->broadcast_rx, &h->elem, &lag);
}

static void send_broadcast(struct handed *h)
{
    EQ(pirn_broadcast_send(h->broadcast_tx, &(int){1}, NULL), 0);
}

static void end_broadcast(struct handed *h)
{
    pirn_broadcast_rx_free(h->broadcast_rx);
    pirn_broadcast_tx_unref(h->broadcast_tx);
}

static void begin_broadcast(struct handed *h)
{
    EQ(pirn_broadcast_new(sizeof(int), 2, NULL, NULL, &h->broadcast_tx, &h->broadcast_rx), 0);
    h->poll = poll_broadcast;
    h->event = send_broadcast;
    h->end = end_broadcast;
}

static int poll_token(struct handed *h, pirn_cx *cx)
{
    return pirn_cancel_token_poll(&h->op, cx, h->token);
}

static void cancel(struct handed *h)
{
    pirn_cancel_token_cancel(h->token);
}

static void end_token(struct handed *h)
{
    pirn_cancel_token_unref(h->token);
}

static void begin_token(struct handed *h)
{
    EQ(pirn_cancel_token_new(NULL, &h->token), 0);
    h->poll = poll_token;
    h->event = cancel;
    h->end = end_token;
}

static int poll_sleep(struct handed *h, pirn_cx *cx)
{
    return pirn_sleep_after_poll(&h->op, cx, 100 * PIRN_MS);
}

static void let_time_pass(struct handed *h)
{
    (void)h;
    nap(110 * PIRN_MS);
}

static void end_nothing(struct handed *h)
{
    (void)h;
}

static void begin_sleep(struct handed *h)
{
    h->poll = poll_sleep;
    h->event = let_time_pass;
    h->end = end_nothing;
}

static int poll_fd(struct handed *h, pirn_cx *cx)
{
    return pirn_fd_ready_poll(&h->op, cx, h->fd.fd, PIRN_READABLE, &h->fd.ready);
}

static void make_readable(struct handed *h)
{
    add_to(h->descriptor, 1);
}

static void end_fd(struct handed *h)
{
    watching_end(&h->fd);
}

static void begin_fd(struct handed *h)
{
    h->descriptor = watching_eventfd(&h->fd, pirn_runtime_handle(h->rt), 0);
    h->poll = poll_fd;
    h->event = make_readable;
    h->end = end_fd;
}

static int outside_poll(void *frame, pirn_cx *cx, void *out)
{
    struct handed *h = frame;

    (void)out;
    return h->poll(h, cx);
}

/* Begun by the task, then polled under a waker of its own, then by the task again. */
static int there_and_back_poll(void *user, pirn_cx *cx, int *out)
{
    struct handed *h = user;
    struct wakes wakes = {0};
    pirn_waker w = wakes_waker(&wakes);
    int r;

    *out = 0;
    if (!pirn_op_is_pending(&h->op)) {
        EQ(h->poll(h, cx), PIRN_PENDING);
        EQ(pirn_poll_with(&w, outside_poll, h, NULL), PIRN_PENDING);
    }
    r = h->poll(h, cx);
    pirn_waker_drop(w);
    EQ(wakes.clones - wakes.drops, 0);
    return r;
}

static void goes_there_and_back(void (*begin)(struct handed *))
{
    struct handed h = {.rt = rt_new()};
    pirn_join *j;

    begin(&h);
    j = spawn(pirn_runtime_handle(h.rt), there_and_back_poll, &h);
    rt_idle(h.rt);
    CHECK(!pirn_join_is_finished(j));
    h.event(&h);
    rt_idle(h.rt);
    join_done(j, 0);
    pirn_op_drop(&h.op);
    h.end(&h);
    rt_idle(h.rt);
    rt_free(h.rt);
}

/* ---- handing over --------------------------------------------------------------------------------- */

static int inside_poll(void *user, pirn_cx *cx, int *out)
{
    struct handed *h = user;
    int r = h->poll(h, cx);

    *out = 0;
    return r;
}

/* Begun under the executor's waker, then polled by a task. Return: the task. */
static pirn_join *hand_over(struct handed *h, void (*begin)(struct handed *), struct wakes *wakes)
{
    pirn_waker w = wakes_waker(wakes);
    pirn_enter guard;
    pirn_join *j;

    *h = (struct handed){.rt = rt_new()};
    begin(h);
    EQ(pirn_handle_enter(pirn_runtime_handle(h->rt), &guard), 0);
    EQ(pirn_poll_with(&w, outside_poll, h, NULL), PIRN_PENDING);
    pirn_enter_exit(&guard);
    pirn_waker_drop(w);
    EQ(wakes->clones - wakes->drops, 1);
    j = spawn(pirn_runtime_handle(h->rt), inside_poll, h);
    rt_idle(h->rt);
    CHECK(!pirn_join_is_finished(j));
    EQ(wakes->clones - wakes->drops, 0);
    return j;
}

static void finish(struct handed *h, struct wakes *wakes)
{
    pirn_op_drop(&h->op);
    h->end(h);
    rt_idle(h->rt);
    rt_free(h->rt);
    EQ(wakes->woken, 0);
    EQ(wakes->clones - wakes->drops, 0);
}

static void wakes_the_task(void (*begin)(struct handed *))
{
    struct wakes wakes = {0};
    struct handed h;
    pirn_join *j = hand_over(&h, begin, &wakes);

    h.event(&h);
    rt_idle(h.rt);
    join_done(j, 0);
    finish(&h, &wakes);
}

/* It is the task's from the task's first poll of it on. */
static void dies_with_the_task(void (*begin)(struct handed *))
{
    struct wakes wakes = {0};
    struct handed h;
    pirn_join *j = hand_over(&h, begin, &wakes);

    CHECK(pirn_op_is_pending(&h.op));
    pirn_join_abort(j);
    rt_idle(h.rt);
    join_is(j, PIRN_CANCELLED, -ECANCELED);
    CHECK(!pirn_op_is_pending(&h.op));
    h.event(&h);
    rt_idle(h.rt);
    finish(&h, &wakes);
}

#define KIND(kind)                                                                                 \
    Test(handed_over, kind##_wakes_the_task, .timeout = LIMIT_S)                                   \
    {                                                                                              \
        wakes_the_task(begin_##kind);                                                              \
    }                                                                                              \
    Test(handed_over, kind##_dies_with_the_task, .timeout = LIMIT_S)                               \
    {                                                                                              \
        dies_with_the_task(begin_##kind);                                                          \
    }                                                                                              \
    Test(handed_over, kind##_goes_there_and_back, .timeout = LIMIT_S)                              \
    {                                                                                              \
        goes_there_and_back(begin_##kind);                                                         \
    }

KIND(notify)
KIND(semaphore)
KIND(recv)
KIND(send)
KIND(closed)
KIND(oneshot)
KIND(watch)
KIND(broadcast)
KIND(token)
KIND(sleep)
KIND(fd)

/* ---- without a task ---------------------------------------------------------------------------------- */

/* An executor's own sleep without an end: it is told that the runtime stops, and whoever comes later too. */
static int sleep_for_ever(void *op, pirn_cx *cx, void *out)
{
    (void)out;
    return pirn_sleep_poll(op, cx, PIRN_NEVER);
}

Test(handed_over, never_ends_with_the_runtime)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct wakes wakes = {0};
    pirn_waker w = wakes_waker(&wakes);
    pirn_enter guard;
    pirn_op op = {0}, late = {0};

    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(pirn_poll_with(&w, sleep_for_ever, &op, NULL), PIRN_PENDING);
    pirn_enter_exit(&guard);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(wakes.woken, 1);
    EQ(pirn_handle_enter(h, &guard), 0);
    EQ(pirn_poll_with(&w, sleep_for_ever, &op, NULL), PIRN_ESHUTDOWN);
    EQ(pirn_poll_with(&w, sleep_for_ever, &late, NULL), PIRN_ESHUTDOWN);
    pirn_enter_exit(&guard);
    pirn_waker_drop(w);
    EQ(wakes.clones - wakes.drops, 0);
    rt_free(rt);
}
