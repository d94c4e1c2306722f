/* SPDX-License-Identifier: MIT */
/* An operation that begins when its task's budget is used up: is it pending like any other, so that it is
 * told what happens and that its object goes, and is nothing lost? */
#include "support.h"

enum kind {
    NOTIFY,
    SEMAPHORE,
    MUTEX,
    RWLOCK,
    MPSC_RECV,
    MPSC_SEND,
    MPSC_RESERVE,
    WATCH,
    BROADCAST,
    KINDS
};

/* One object of each kind, ready to be had, unless `wanting`. */
static struct objects {
    pirn_notify *notify;
    pirn_semaphore *semaphore;
    pirn_mutex *mutex;
    pirn_rwlock *rwlock;
    pirn_mpsc_tx *tx;
    pirn_mpsc_rx *rx;
    pirn_watch_tx *watch_tx;
    pirn_watch_rx *watch_rx;
    pirn_broadcast_tx *cast_tx;
    pirn_broadcast_rx *cast_rx;
} all;

struct taker {
    enum kind kind;
    pirn_op op;
    unsigned polls;
    pirn_permit permit;
    pirn_guard guard;
    pirn_mpsc_permit place;
    int value;
};

static int take(struct taker *f, pirn_cx *cx)
{
    switch (f->kind) {
    case NOTIFY:
        return pirn_notify_poll(&f->op, cx, all.notify);
    case SEMAPHORE:
        return pirn_semaphore_acquire_poll(&f->op, cx, all.semaphore, 2, &f->permit);
    case MUTEX:
        return pirn_mutex_lock_poll(&f->op, cx, all.mutex, &f->guard);
    case RWLOCK:
        return pirn_rwlock_write_poll(&f->op, cx, all.rwlock, &f->guard);
    case MPSC_RECV:
        return pirn_mpsc_recv_poll(&f->op, cx, all.rx, &f->value);
    case MPSC_SEND:
        return pirn_mpsc_send_poll(&f->op, cx, all.tx, &f->value);
    case MPSC_RESERVE:
        return pirn_mpsc_reserve_poll(&f->op, cx, all.tx, &f->place);
    case WATCH:
        return pirn_watch_changed_poll(&f->op, cx, all.watch_rx);
    case BROADCAST:
        return pirn_broadcast_recv_poll(&f->op, cx, all.cast_rx, &f->value, NULL);
    case KINDS:
        break;
    }
    return -EINVAL;
}

static void put_back(struct taker *f)
{
    pirn_permit_release(&f->permit);
    pirn_guard_release(&f->guard);
    pirn_mpsc_permit_release(&f->place);
}

/* In its first poll with nothing left. */
static int taker_poll(void *frame, pirn_cx *cx, void *out)
{
    struct taker *f = frame;
    int r;

    (void)out;
    if (f->polls++ == 0)
        while (pirn_consume_budget_poll(cx) == 0)
            continue;
    r = take(f, cx);
    if (f->polls == 1) {
        EQ(r, PIRN_PENDING);
        CHECK(pirn_op_is_pending(&f->op));
    }
    return r;
}

static void taker_drop(void *frame)
{
    put_back(frame);
}

static const pirn_task_desc taker = {
    .size = sizeof taker,
    .name = "taker",
    .poll = taker_poll,
    .drop = taker_drop,
    .frame_size = sizeof(struct taker),
};

static void make_all(int permits)
{
    int value = 7;

    EQ(pirn_notify_new(&all.notify), 0);
    EQ(pirn_semaphore_new((uint32_t)permits, &all.semaphore), 0);
    EQ(pirn_mutex_new(&all.mutex), 0);
    EQ(pirn_rwlock_new(4, &all.rwlock), 0);
    EQ(pirn_mpsc_new(sizeof(int), 2, NULL, &all.tx, &all.rx), 0);
    EQ(pirn_watch_new(sizeof(int), &value, NULL, NULL, &all.watch_tx, &all.watch_rx), 0);
    EQ(pirn_broadcast_new(sizeof(int), 4, NULL, NULL, &all.cast_tx, &all.cast_rx), 0);
}

static void free_all(void)
{
    pirn_notify_unref(all.notify);
    pirn_semaphore_unref(all.semaphore);
    pirn_mutex_unref(all.mutex);
    pirn_rwlock_unref(all.rwlock);
    pirn_mpsc_tx_unref(all.tx);
    pirn_mpsc_rx_free(all.rx);
    pirn_watch_tx_unref(all.watch_tx);
    pirn_watch_rx_free(all.watch_rx);
    pirn_broadcast_tx_unref(all.cast_tx);
    pirn_broadcast_rx_free(all.cast_rx);
    all = (struct objects){0};
}

static void make_ready(void)
{
    int value = 9;

    pirn_notify_one(all.notify);
    EQ(pirn_mpsc_send_try(all.tx, &value), 0);
    EQ(pirn_watch_send(all.watch_tx, &value), 0);
    EQ(pirn_broadcast_send(all.cast_tx, &value, NULL), 0);
}

static pirn_join *spawn_taker(pirn_runtime *rt, enum kind kind)
{
    struct taker f = {.kind = kind};
    pirn_join *j = NULL;

    EQ(pirn_spawn(pirn_runtime_handle(rt), &taker, &f, &j), 0);
    return j;
}

static void ended_with(pirn_join *j, int code)
{
    pirn_result res;

    EQ(pirn_join_try(j, &res, NULL), 0);
    EQ(pirn_result_status(&res), code);
    pirn_join_free(j);
}

Test(budget_ops, what_is_there_is_had_at_the_next_poll)
{
    pirn_runtime *rt = rt_new();

    for (enum kind k = 0; k < KINDS; k++) {
        pirn_join *j;

        make_all(2);
        make_ready();
        j = spawn_taker(rt, k);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        ended_with(j, 0);
        free_all();
    }
    rt_free(rt);
}

Test(budget_ops, what_comes_later_is_told)
{
    pirn_runtime *rt = rt_new();

    for (enum kind k = 0; k < KINDS; k++) {
        pirn_guard lock = {0}, read = {0};
        int value = 1;
        pirn_join *j;

        make_all(1);
        EQ(pirn_mutex_lock_try(all.mutex, &lock), 0);
        EQ(pirn_rwlock_read_try(all.rwlock, &read), 0);
        if (k == MPSC_SEND || k == MPSC_RESERVE)
            while (pirn_mpsc_send_try(all.tx, &value) == 0)
                continue;
        j = spawn_taker(rt, k);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        CHECK(!pirn_join_is_finished(j));
        if (k == MPSC_SEND || k == MPSC_RESERVE)
            EQ(pirn_mpsc_recv_try(all.rx, &value), 0);
        else
            make_ready();
        EQ(pirn_semaphore_add(all.semaphore, 1), 0);
        pirn_guard_release(&lock);
        pirn_guard_release(&read);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        ended_with(j, 0);
        free_all();
    }
    rt_free(rt);
}

Test(budget_ops, notify_waiters_reaches_who_has_no_budget)
{
    pirn_runtime *rt = rt_new();
    pirn_join *j;

    make_all(0);
    j = spawn_taker(rt, NOTIFY);
    EQ(pirn_runtime_turn(rt, 0, NULL), 1); /* one pass: it is to be polled again */
    pirn_notify_waiters(all.notify);
    EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
    ended_with(j, 0);
    free_all();
    rt_free(rt);
}

/* The objects go while the operation is between its two polls. */
Test(budget_ops, its_object_may_go)
{
    pirn_runtime *rt = rt_new();

    for (enum kind k = 0; k < KINDS; k++) {
        pirn_join *j;
        pirn_result res;

        make_all(0);
        j = spawn_taker(rt, k);
        EQ(pirn_runtime_turn(rt, 0, NULL), 1);
        free_all();
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        EQ(pirn_join_try(j, &res, NULL), 0);
        CHECK_SAYS(res.code == -ECANCELED || res.code == PIRN_ECLOSED || res.code == 0,
                   "kind %d: %d", (int)k, res.code);
        pirn_join_free(j);
    }
    rt_free(rt);
}
