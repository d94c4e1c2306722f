/* SPDX-License-Identifier: MIT */
/* Do plain threads wait at channels until something comes or the deadline, and tasks without being taken for
 * forgotten; and does a channel without memory leave everything as it was? */
#include "support.h"

static pirn_mpsc_tx *tx;
static pirn_mpsc_rx *rx;
static pirn_watch_tx *watch_tx;
static pirn_watch_rx *watch_rx;

static void make(size_t capacity)
{
    EQ(pirn_mpsc_new(sizeof(int), capacity, NULL, &tx, &rx), 0);
}

static void make_away(void)
{
    pirn_mpsc_tx_unref(tx);
    pirn_mpsc_rx_free(rx);
}

/* ---- threads ------------------------------------------------------------------------------------- */

static void *send_some(void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        EQ(pirn_mpsc_send_wait(tx, &i, PIRN_NEVER), 0);
    return NULL;
}

Test(channel_wait, a_thread_sends_to_a_thread, .timeout = 20)
{
    enum {
        N = 2000
    };
    int n = N, v[8], next = 0;
    pthread_t sender;

    make(3);
    sender = start_thread(send_some, &n);
    while (next < N / 2) {
        EQ(pirn_mpsc_recv_wait(rx, PIRN_NEVER, v), 0);
        EQ(v[0], next++);
    }
    while (next < N) {
        size_t got = 0;

        EQ(pirn_mpsc_recv_many_wait(rx, v, 8, PIRN_NEVER, &got), 0);
        CHECK(got > 0);
        for (size_t i = 0; i < got; i++)
            EQ(v[i], next++);
    }
    end_thread(sender);
    make_away();
}

/* After a deadline nothing of the waiter is left: the channel serves the next one. */
Test(channel_wait, deadlines, .timeout = 20)
{
    pirn_oneshot_tx *one_tx;
    pirn_oneshot_rx *one_rx;
    pirn_broadcast_tx *cast_tx;
    pirn_broadcast_rx *cast_rx;
    uint64_t missed = 5;
    size_t got = 5;
    int v = 5, w = 6;

    make(1);
    EQ(pirn_mpsc_recv_wait(rx, pirn_now(), &v), -ETIMEDOUT);
    EQ(pirn_mpsc_recv_many_wait(rx, &v, 1, pirn_now(), &got), -ETIMEDOUT);
    EQ(pirn_mpsc_send_wait(tx, &v, pirn_now()), 0);
    EQ(pirn_mpsc_send_wait(tx, &w, pirn_now()), -ETIMEDOUT);
    EQ(pirn_mpsc_recv_wait(rx, pirn_now(), &v), 0);
    EQ(v, 5);
    EQ(pirn_mpsc_tx_capacity(tx), 1);
    make_away();

    EQ(pirn_oneshot_new(sizeof(int), NULL, &one_tx, &one_rx), 0);
    EQ(pirn_oneshot_recv_wait(one_rx, pirn_now(), &v), -ETIMEDOUT);
    EQ(pirn_oneshot_send(one_tx, &w), 0);
    EQ(pirn_oneshot_recv_wait(one_rx, pirn_now(), &v), 0);
    EQ(v, 6);
    pirn_oneshot_rx_free(one_rx);

    EQ(pirn_watch_new(sizeof(int), &v, NULL, NULL, &watch_tx, &watch_rx), 0);
    EQ(pirn_watch_changed_wait(watch_rx, pirn_now()), -ETIMEDOUT);
    EQ(pirn_watch_send(watch_tx, &v), 0);
    EQ(pirn_watch_changed_wait(watch_rx, pirn_now()), 0);
    pirn_watch_tx_unref(watch_tx);
    pirn_watch_rx_free(watch_rx);

    EQ(pirn_broadcast_new(sizeof(int), 1, NULL, NULL, &cast_tx, &cast_rx), 0);
    EQ(pirn_broadcast_recv_wait(cast_rx, pirn_now(), &v, &missed), -ETIMEDOUT);
    EQ(missed, 5);
    EQ(pirn_broadcast_send(cast_tx, &v, NULL), 0);
    EQ(pirn_broadcast_send(cast_tx, &w, NULL), 0);
    EQ(pirn_broadcast_recv_wait(cast_rx, pirn_now(), &v, &missed), PIRN_ELAGGED);
    EQ(missed, 1);
    EQ(pirn_broadcast_recv_wait(cast_rx, pirn_now(), &v, &missed), 0);
    pirn_broadcast_tx_unref(cast_tx);
    EQ(pirn_broadcast_recv_wait(cast_rx, pirn_now(), &v, &missed), PIRN_ECLOSED);
    pirn_broadcast_rx_free(cast_rx);
}

static int wait_in_a_task(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    EQ(pirn_mpsc_recv_wait(rx, PIRN_NEVER, out), -EDEADLK);
    EQ(pirn_mpsc_send_wait(tx, out, PIRN_NEVER), -EDEADLK);
    *out = 0;
    return 0;
}

Test(channel_wait, never_in_a_task)
{
    pirn_runtime *rt = rt_new();

    make(1);
    EQ(block_on(pirn_runtime_handle(rt), wait_in_a_task, NULL), 0);
    EQ(pirn_mpsc_rx_len(rx), 0);
    make_away();
    rt_free(rt);
}

/* ---- tasks --------------------------------------------------------------------------------------- */

struct task_at {
    pirn_op op;
    int value;
    int result; /* of the last poll */
};

static int recv_poll(void *user, pirn_cx *cx, int *out)
{
    struct task_at *t = user;

    t->result = pirn_mpsc_recv_poll(&t->op, cx, rx, out);
    return t->result;
}

static int send_poll(void *user, pirn_cx *cx, int *out)
{
    struct task_at *t = user;

    *out = t->value;
    t->result = pirn_mpsc_send_poll(&t->op, cx, tx, &t->value);
    return t->result;
}

/* A task whose waker nobody counts is no forgotten one while a channel has it. */
Test(channel_wait, waiting_tasks_are_not_forgotten)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct task_at receiver = {0}, senders[2] = {{.value = 1}, {.value = 2}};
    pirn_join *receives, *sends[2];

    make(1);
    receives = spawn(h, recv_poll, &receiver);
    rt_idle(rt);
    EQ(receiver.result, PIRN_PENDING);
    for (int i = 0; i < 2; i++)
        sends[i] = spawn(h, send_poll, &senders[i]);
    rt_idle(rt);
    join_done(receives, 1);
    join_done(sends[0], 1);
    join_done(sends[1], 2);
    EQ(metrics_of(h).forgotten_wakes, 0);
    make_away();
    rt_free(rt);
}

/* Aborted while they wait: the channel does not touch them any more, and passes their room on. */
Test(channel_wait, aborted_tasks_leave_their_place)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct task_at receiver = {0}, senders[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    pirn_join *receives, *sends[3];
    int v = 0;

    make(1);
    receives = spawn(h, recv_poll, &receiver);
    rt_idle(rt);
    pirn_join_abort(receives);
    rt_idle(rt);
    join_is(receives, PIRN_CANCELLED, -ECANCELED);
    for (int i = 0; i < 3; i++)
        sends[i] = spawn(h, send_poll, &senders[i]);
    rt_idle(rt);
    join_done(sends[0], 1);
    EQ(senders[2].result, PIRN_PENDING);
    pirn_join_abort(sends[1]);
    EQ(pirn_mpsc_recv_try(rx, &v), 0);
    rt_idle(rt);
    join_is(sends[1], PIRN_CANCELLED, -ECANCELED);
    join_done(sends[2], 3);
    EQ(pirn_mpsc_recv_try(rx, &v), 0);
    EQ(v, 3);
    make_away();
    rt_free(rt);
}

/* The runtime goes, with a task that waits, before the channel does. */
Test(channel_wait, channels_outlive_the_runtime)
{
    pirn_runtime *rt = rt_new();
    struct task_at receiver = {0};
    pirn_join *receives;
    int v = 4;

    make(1);
    receives = spawn(pirn_runtime_handle(rt), recv_poll, &receiver);
    rt_idle(rt);
    EQ(receiver.result, PIRN_PENDING);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    join_is(receives, PIRN_CANCELLED, -ECANCELED);
    rt_free(rt);
    EQ(pirn_mpsc_send_try(tx, &v), 0);
    EQ(pirn_mpsc_recv_try(rx, &v), 0);
    make_away();
}

/* ---- the caller's code --------------------------------------------------------------------------- */

static _Atomic(int) values_dropped;

static int faulting_clone(void *to, const void *from)
{
    (void)to;
    (void)from;
    pirn_fault(9, "a clone that faults");
}

static void count_value(void *elem)
{
    (void)elem;
    values_dropped++;
}

static int copy_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    return pirn_watch_get(watch_rx, out);
}

static bool never_modified(void *elem, void *arg)
{
    (void)elem;
    (void)arg;
    CHECK(false);
    return false;
}

static int modify_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    (void)out;
    return pirn_watch_send_modify(watch_tx, never_modified, NULL);
}

/* A clone that faults ends the task that copies, and leaves nothing held. */
Test(channel_wait, a_fault_in_a_clone_is_its_tasks)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *copies, *modifies;
    int v = 1;

    EQ(pirn_watch_new(sizeof v, &v, faulting_clone, count_value, &watch_tx, &watch_rx), 0);
    copies = spawn(h, copy_poll, NULL);
    modifies = spawn(h, modify_poll, NULL);
    rt_idle(rt);
    join_is(copies, PIRN_FAULTED, 9);
    join_is(modifies, PIRN_FAULTED, 9);
    EQ(values_dropped, 0);
    pirn_watch_tx_unref(watch_tx);
    pirn_watch_rx_free(watch_rx);
    EQ(values_dropped, 1);
    rt_free(rt);
}

/* ---- memory -------------------------------------------------------------------------------------- */

static _Atomic(int) fail_in; /* that many calls from now, one fails; 0: none */

static bool fails_now(void)
{
    return fail_in > 0 && --fail_in == 0;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fails_now() ? NULL : __real_aligned_alloc(align, n);
}

/* Fails each allocation of @call in turn: it makes @times. */
#define EACH_FAILS(times, call)                                                                    \
    do {                                                                                           \
        int made_ = 0, r_;                                                                         \
        for (;;) {                                                                                 \
            fail_in = made_ + 1;                                                                   \
            r_ = (call);                                                                           \
            if (fail_in != 0)                                                                      \
                break;                                                                             \
            made_++;                                                                               \
            CHECK_SAYS(r_ == -ENOMEM, "allocation %d of %s: %d", made_, #call, r_);                \
        }                                                                                          \
        fail_in = 0;                                                                               \
        CHECK_SAYS(r_ == 0 && made_ == (times), "%s: %d, after %d allocations", #call, r_, made_); \
    } while (0)

static int clone_int(void *to, const void *from)
{
    *(int *)to = *(const int *)from;
    return 0;
}

Test(channel_wait, each_allocation_fails)
{
    pirn_oneshot_tx *one_tx;
    pirn_oneshot_rx *one_rx;
    pirn_watch_rx *watch_more;
    pirn_broadcast_tx *cast_tx;
    pirn_broadcast_rx *cast_rx, *cast_more;
    int v = 1;

    EACH_FAILS(1, pirn_oneshot_new(sizeof(int), NULL, &one_tx, &one_rx));
    pirn_oneshot_tx_free(one_tx);
    pirn_oneshot_rx_free(one_rx);

    EACH_FAILS(3, pirn_watch_new(sizeof(int), &v, NULL, NULL, &watch_tx, &watch_rx));
    EACH_FAILS(1, pirn_watch_subscribe(watch_tx, &watch_more));
    EQ(pirn_watch_tx_receivers(watch_tx), 2);
    EACH_FAILS(1, pirn_watch_send(watch_tx, &v));
    EQ(pirn_watch_has_changed(watch_rx), 1);
    pirn_watch_rx_free(watch_rx);
    pirn_watch_rx_free(watch_more);
    pirn_watch_tx_unref(watch_tx);

    EACH_FAILS(2, pirn_broadcast_new(sizeof(int), 2, clone_int, NULL, &cast_tx, &cast_rx));
    EACH_FAILS(1, pirn_broadcast_subscribe(cast_tx, &cast_more));
    EACH_FAILS(1, pirn_broadcast_send(cast_tx, &v, NULL));
    EQ(pirn_broadcast_rx_len(cast_rx), 1);
    pirn_broadcast_rx_free(cast_rx);
    pirn_broadcast_rx_free(cast_more);
    pirn_broadcast_tx_unref(cast_tx);
}

Test(channel_wait, an_mpsc_without_memory)
{
    int v = 0, out;

    EACH_FAILS(2, pirn_mpsc_new(sizeof(int), 4, NULL, &tx, &rx));
    make_away();
    make(PIRN_UNBOUNDED);
    /* Some send needs the next ring, and fails once without it. */
    for (int failed = 0; failed < 2; v++) {
        int r;

        fail_in = 1;
        r = pirn_mpsc_send_try(tx, &v);
        if (r != 0) {
            EQ(r, -ENOMEM);
            EQ(pirn_mpsc_rx_len(rx), v);
            fail_in = 0;
            EQ(pirn_mpsc_send_try(tx, &v), 0);
            failed++;
        }
    }
    fail_in = 0;
    for (int i = 0; i < v; i++) {
        EQ(pirn_mpsc_recv_try(rx, &out), 0);
        EQ(out, i);
    }
    make_away();
}
