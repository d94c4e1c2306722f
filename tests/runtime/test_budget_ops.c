/* SPDX-License-Identifier: MIT */
/* An operation that begins when its task's budget is used up: is it pending like any other, so that it is
 * told what happens and that its object goes, and is nothing lost? */
#include "support.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

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
    ONESHOT,
    DESCRIPTOR,
    SIGNAL,
    MESSAGE,
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
    pirn_oneshot_tx *one_tx;
    pirn_oneshot_rx *one_rx;
    pirn_fd *fd;
    pirn_datagram *from, *to;
    pirn_addr address;
} all;

struct taker {
    enum kind kind;
    pirn_op op;
    unsigned polls;
    pirn_permit permit;
    pirn_guard guard;
    pirn_mpsc_permit place;
    int value;
    unsigned ready;
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
    case ONESHOT:
        return pirn_oneshot_recv_poll(&f->op, cx, all.one_rx, &f->value);
    case DESCRIPTOR:
        return pirn_fd_ready_poll(&f->op, cx, all.fd, PIRN_READABLE, &f->ready);
    case SIGNAL:
        return pirn_signal_poll(&f->op, cx, SIGUSR2);
    case MESSAGE:
        return pirn_datagram_send_to_poll(&f->op, cx, all.from, "x", 1, &all.address.sa,
                                          all.address.len);
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

static void make_all(pirn_runtime *rt, int permits)
{
    pirn_handle *h = pirn_runtime_handle(rt);
    char name[64];
    int value = 7;

    EQ(pirn_notify_new(&all.notify), 0);
    EQ(pirn_semaphore_new((uint32_t)permits, &all.semaphore), 0);
    EQ(pirn_mutex_new(&all.mutex), 0);
    EQ(pirn_rwlock_new(4, &all.rwlock), 0);
    EQ(pirn_mpsc_new(sizeof(int), 2, NULL, &all.tx, &all.rx), 0);
    EQ(pirn_watch_new(sizeof(int), &value, NULL, NULL, &all.watch_tx, &all.watch_rx), 0);
    EQ(pirn_broadcast_new(sizeof(int), 4, NULL, NULL, &all.cast_tx, &all.cast_rx), 0);
    EQ(pirn_oneshot_new(sizeof(int), NULL, &all.one_tx, &all.one_rx), 0);
    EQ(pirn_fd_new(h, eventfd(0, EFD_NONBLOCK), PIRN_FD_OWN, &all.fd), 0);
    (void)snprintf(name, sizeof name, "unix:@pirn-budget-%d", (int)getpid());
    EQ(pirn_addr_parse(name, &all.address), 0);
    EQ(pirn_unix_datagram_bind(h, name + strlen("unix:"), &all.to), 0);
    EQ(pirn_unix_datagram_bind(h, NULL, &all.from), 0);
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
    pirn_oneshot_tx_free(all.one_tx);
    pirn_oneshot_rx_free(all.one_rx);
    pirn_fd_free(all.fd);
    pirn_datagram_unref(all.from);
    pirn_datagram_unref(all.to);
    all = (struct objects){0};
}

static void make_ready(void)
{
    int value = 9;

    pirn_notify_one(all.notify);
    EQ(pirn_mpsc_send_try(all.tx, &value), 0);
    EQ(pirn_watch_send(all.watch_tx, &value), 0);
    EQ(pirn_broadcast_send(all.cast_tx, &value, NULL), 0);
    EQ(pirn_oneshot_send(all.one_tx, &value), 0);
    all.one_tx = NULL;
    EQ(eventfd_write(pirn_fd_number(all.fd), 1), 0);
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

        make_all(rt, 2);
        make_ready();
        j = spawn_taker(rt, k);
        if (k == SIGNAL) { /* from its first poll on it kills nobody */
            EQ(pirn_runtime_turn(rt, 0, NULL), 1);
            EQ(raise(SIGUSR2), 0);
        }
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

        make_all(rt, 1);
        EQ(pirn_mutex_lock_try(all.mutex, &lock), 0);
        EQ(pirn_rwlock_read_try(all.rwlock, &read), 0);
        if (k == MPSC_SEND || k == MPSC_RESERVE)
            while (pirn_mpsc_send_try(all.tx, &value) == 0)
                continue;
        j = spawn_taker(rt, k);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        EQ(pirn_join_is_finished(j), k == MESSAGE); /* there is always room */
        if (k == SIGNAL)
            EQ(raise(SIGUSR2), 0);
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

    make_all(rt, 0);
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

        make_all(rt, 0);
        j = spawn_taker(rt, k);
        EQ(pirn_runtime_turn(rt, 0, NULL), 1);
        free_all();
        if (k == SIGNAL) /* is nobody's */
            EQ(raise(SIGUSR2), 0);
        EQ(pirn_runtime_turn(rt, PIRN_NEVER, NULL), 0);
        EQ(pirn_join_try(j, &res, NULL), 0);
        CHECK_SAYS(res.code == -ECANCELED || res.code == PIRN_ECLOSED || res.code == 0,
                   "kind %d: %d", (int)k, res.code);
        pirn_join_free(j);
    }
    rt_free(rt);
}

/* ---- what is always there --------------------------------------------------------------------------- */

enum {
    ROUNDS = 2000
};

/* Takes what is there, again and again, without waiting for anything. */
struct glutton {
    int (*take)(struct glutton *g, pirn_cx *cx);
    pirn_op op, lost;
    pirn_cancel_token *token;
    pirn_mpsc_tx *tx;
    pirn_mpsc_rx *rx;
    pirn_group *group;
    pirn_oneshot_rx *one;
    int done, value;
};

/* As PIRN_SELECT() of a token and a receive: the token's operation begins anew each time. */
static int take_beside_a_token(struct glutton *g, pirn_cx *cx)
{
    int r = pirn_cancel_token_poll(&g->lost, cx, g->token);

    EQ(r, PIRN_PENDING);
    r = pirn_mpsc_recv_poll(&g->op, cx, g->rx, &g->value);
    if (r == 0)
        pirn_op_drop(&g->lost);
    return r;
}

static int take_oneshot(struct glutton *g, pirn_cx *cx)
{
    pirn_oneshot_tx *tx;
    int r;

    if (g->one == NULL) {
        EQ(pirn_oneshot_new(sizeof(int), NULL, &tx, &g->one), 0);
        EQ(pirn_oneshot_send(tx, &g->done), 0);
    }
    r = pirn_oneshot_recv_poll(&g->op, cx, g->one, &g->value);
    if (r == 0) {
        EQ(g->value, g->done);
        pirn_oneshot_rx_free(g->one);
        g->one = NULL;
    }
    return r;
}

static int take_result(struct glutton *g, pirn_cx *cx)
{
    return pirn_group_next_poll(&g->op, cx, g->group, NULL, NULL);
}

static int glutton_poll(void *user, pirn_cx *cx, int *out)
{
    struct glutton *g = user;
    int r;

    while (g->done < ROUNDS) {
        r = g->take(g, cx);
        if (r != 0)
            return r;
        g->done++;
    }
    *out = 0;
    return 0;
}

static int beside_poll(void *user, pirn_cx *cx, int *out)
{
    *out = 0;
    if (++*(int *)user >= ROUNDS)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void lets_others_run(struct glutton *g, pirn_runtime *rt)
{
    int beside = 0;
    pirn_join *j = spawn(pirn_runtime_handle(rt), glutton_poll, g);
    pirn_join *other = spawn(pirn_runtime_handle(rt), beside_poll, &beside);

    while (!pirn_join_is_finished(j))
        CHECK(pirn_runtime_turn(rt, 0, NULL) >= 0);
    CHECK_SAYS(beside >= ROUNDS / 128 - 1, "the other was polled %d times", beside);
    rt_idle(rt);
    join_done(j, 0);
    join_done(other, 0);
}

Test(budget_ops, a_select_with_a_token_lets_others_run)
{
    pirn_runtime *rt = rt_new();
    struct glutton g = {.take = take_beside_a_token};

    EQ(pirn_cancel_token_new(NULL, &g.token), 0);
    EQ(pirn_mpsc_new(sizeof(int), PIRN_UNBOUNDED, NULL, &g.tx, &g.rx), 0);
    for (int i = 0; i < ROUNDS; i++)
        EQ(pirn_mpsc_send_try(g.tx, &i), 0);
    lets_others_run(&g, rt);
    pirn_mpsc_tx_unref(g.tx);
    pirn_mpsc_rx_free(g.rx);
    pirn_cancel_token_unref(g.token);
    rt_free(rt);
}

Test(budget_ops, oneshots_let_others_run)
{
    pirn_runtime *rt = rt_new();
    struct glutton g = {.take = take_oneshot};

    lets_others_run(&g, rt);
    rt_free(rt);
}

Test(budget_ops, results_of_a_group_let_others_run)
{
    pirn_runtime *rt = rt_new();
    struct glutton g = {.take = take_result};
    struct closure c = {ready_poll, NULL, NULL};

    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, PIRN_NEVER, 0, &g.group), 0);
    for (int i = 0; i < ROUNDS; i++)
        EQ(pirn_group_spawn(g.group, &closure_desc, &c, NULL), 0);
    rt_idle(rt);
    lets_others_run(&g, rt);
    pirn_group_free(g.group);
    rt_free(rt);
}
