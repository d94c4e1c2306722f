/* SPDX-License-Identifier: MIT */
/* Do plain threads wait for the objects of pirn/sync.h as tasks do: until it is so, until a deadline, and
 * not at all where tasks run? */
#include "support.h"

static pirn_notify *notify;
static pirn_barrier *barrier;
static pirn_once *once;
static pirn_semaphore *semaphore;
static pirn_mutex *mutex;
static pirn_rwlock *lock;
static pirn_cancel_token *token;

static bool leads;
static pirn_once_turn turn;
static pirn_permit permit;
static pirn_guard guard;

static void make(void)
{
    EQ(pirn_notify_new(&notify), 0);
    EQ(pirn_barrier_new(2, &barrier), 0);
    EQ(pirn_once_new(&once), 0);
    EQ(pirn_semaphore_new(0, &semaphore), 0);
    EQ(pirn_mutex_new(&mutex), 0);
    EQ(pirn_rwlock_new(2, &lock), 0);
    EQ(pirn_cancel_token_new(NULL, &token), 0);
}

static void unmake(void)
{
    pirn_notify_unref(notify);
    pirn_barrier_unref(barrier);
    pirn_once_unref(once);
    pirn_semaphore_unref(semaphore);
    pirn_mutex_unref(mutex);
    pirn_rwlock_unref(lock);
    pirn_cancel_token_unref(token);
}

TestSuite(sync_wait, .init = make, .fini = unmake, .timeout = 60);

static int on_notify(pirn_time deadline)
{
    return pirn_notify_wait(notify, deadline);
}

static int on_barrier(pirn_time deadline)
{
    return pirn_barrier_wait(barrier, deadline, &leads);
}

static int on_turn(pirn_time deadline)
{
    return pirn_once_enter_wait(once, deadline, &turn);
}

static int on_once(pirn_time deadline)
{
    return pirn_once_wait(once, deadline);
}

static int on_semaphore(pirn_time deadline)
{
    return pirn_semaphore_acquire_wait(semaphore, 3, deadline, &permit);
}

static int on_mutex(pirn_time deadline)
{
    return pirn_mutex_lock_wait(mutex, deadline, &guard);
}

static int on_read(pirn_time deadline)
{
    return pirn_rwlock_read_wait(lock, deadline, &guard);
}

static int on_write(pirn_time deadline)
{
    return pirn_rwlock_write_wait(lock, deadline, &guard);
}

static int on_token(pirn_time deadline)
{
    return pirn_cancel_token_wait(token, deadline);
}

/* How each is made to wait first, and then to end. */
static pirn_once_turn other_turn;
static pirn_guard other_guard;

static void nothing(void)
{
}

static void take_turn(void)
{
    EQ(pirn_once_enter_try(once, &other_turn), 0);
}

static void do_it(void)
{
    pirn_once_done(&other_turn);
}

static void lock_mutex(void)
{
    EQ(pirn_mutex_lock_try(mutex, &other_guard), 0);
}

static void lock_read(void)
{
    EQ(pirn_rwlock_read_try(lock, &other_guard), 0);
}

static void lock_write(void)
{
    EQ(pirn_rwlock_write_try(lock, &other_guard), 0);
}

static void unlock(void)
{
    pirn_guard_release(&other_guard);
}

static void tell(void)
{
    pirn_notify_one(notify);
}

static void *come(void *arg)
{
    EQ(pirn_barrier_wait(barrier, PIRN_NEVER, NULL), 0);
    return arg;
}

static pthread_t comer;

static void somebody_comes(void)
{
    comer = start_thread(come, NULL);
}

static void add_permits(void)
{
    EQ(pirn_semaphore_add(semaphore, 3), 0);
}

static void cancel(void)
{
    pirn_cancel_token_cancel(token);
}

static const struct way {
    const char *name;
    int (*wait)(pirn_time deadline);
    void (*before)(void), (*open)(void);
} ways[] = {
    {"notify", on_notify, nothing, tell},    {"barrier", on_barrier, nothing, somebody_comes},
    {"once", on_once, take_turn, do_it},     {"semaphore", on_semaphore, nothing, add_permits},
    {"mutex", on_mutex, lock_mutex, unlock}, {"read", on_read, lock_write, unlock},
    {"write", on_write, lock_read, unlock},  {"cancel token", on_token, nothing, cancel},
};

enum {
    WAYS = sizeof ways / sizeof *ways
};

static void let_go(void)
{
    pirn_permit_release(&permit);
    pirn_guard_release(&guard);
}

static void *open_later(void *way)
{
    sched_yield();
    ((const struct way *)way)->open();
    return NULL;
}

Test(sync_wait, until_it_is_so)
{
    for (int i = 0; i < WAYS; i++) {
        pthread_t t;

        ways[i].before();
        CHECK_SAYS(ways[i].wait(pirn_after(PIRN_MS)) == -ETIMEDOUT, "%s", ways[i].name);
        t = start_thread(open_later, (void *)(uintptr_t)&ways[i]);
        CHECK_SAYS(ways[i].wait(PIRN_NEVER) == 0, "%s", ways[i].name);
        end_thread(t);
        let_go();
    }
    end_thread(comer);
    EQ(pirn_semaphore_available(semaphore), 3);
    CHECK(pirn_once_is_done(once));
}

static void *fail_later(void *arg)
{
    sched_yield();
    pirn_once_failed(&other_turn);
    return arg;
}

Test(sync_wait, until_there_is_a_turn)
{
    pthread_t t;

    take_turn();
    EQ(on_turn(pirn_after(PIRN_MS)), -ETIMEDOUT);
    t = start_thread(fail_later, NULL);
    EQ(on_turn(PIRN_NEVER), 0);
    CHECK(turn.once == once);
    end_thread(t);
    pirn_once_done(&turn);
}

Test(sync_wait, at_once_however_late)
{
    pirn_once_turn t;

    pirn_notify_one(notify);
    EQ(on_notify(INT64_MIN), 0);
    EQ(on_turn(0), 0);
    CHECK(turn.once == once);
    pirn_once_done(&turn);
    EQ(pirn_once_enter_wait(once, 0, &t), 0);
    CHECK(t.once == NULL);
    EQ(on_once(0), 0);
    EQ(on_mutex(0), 0);
    let_go();
    EQ(on_write(0), 0);
    let_go();
    EQ(on_read(0), 0);
    let_go();
    add_permits();
    EQ(on_semaphore(0), 0);
    let_go();
    cancel();
    EQ(on_token(0), 0);
}

/* After a deadline nothing of the waiter is left behind. */
Test(sync_wait, a_deadline_leaves_nothing)
{
    EQ(on_barrier(pirn_now()), -ETIMEDOUT);
    EQ(on_barrier(pirn_now()), -ETIMEDOUT);
    EQ(on_semaphore(pirn_now()), -ETIMEDOUT);
    add_permits();
    EQ(pirn_semaphore_available(semaphore), 3);
    EQ(on_notify(pirn_now()), -ETIMEDOUT);
    pirn_notify_one(notify);
    EQ(on_notify(pirn_now()), 0);
    lock_mutex();
    EQ(on_mutex(pirn_now()), -ETIMEDOUT);
    unlock();
    EQ(pirn_mutex_lock_try(mutex, &guard), 0);
    let_go();
}

static int wait_all_ways(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    for (int i = 0; i < WAYS; i++)
        CHECK_SAYS(ways[i].wait(pirn_after(PIRN_SEC)) == -EDEADLK, "%s", ways[i].name);
    *out = *(int *)user;
    return 0;
}

Test(sync_wait, not_where_tasks_run)
{
    pirn_runtime *rt = rt_new();

    EQ(block_on(pirn_runtime_handle(rt), wait_all_ways, &(int){5}), 5);
    rt_free(rt);
}

Test(sync_wait, null)
{
    EQ(pirn_notify_wait(NULL, 0), -EINVAL);
    EQ(pirn_barrier_wait(NULL, 0, NULL), -EINVAL);
    EQ(pirn_once_enter_wait(NULL, 0, &turn), -EINVAL);
    EQ(pirn_once_wait(NULL, 0), -EINVAL);
    EQ(pirn_semaphore_acquire_wait(NULL, 1, 0, &permit), -EINVAL);
    EQ(pirn_mutex_lock_wait(NULL, 0, &guard), -EINVAL);
    EQ(pirn_rwlock_read_wait(NULL, 0, &guard), -EINVAL);
    EQ(pirn_rwlock_write_wait(NULL, 0, &guard), -EINVAL);
    EQ(pirn_cancel_token_wait(NULL, 0), -EINVAL);
}

/* Who waits for three has taken the one there is. */
static void *free_later(void *arg)
{
    while (pirn_semaphore_available(semaphore) != 0)
        sched_yield();
    pirn_semaphore_unref(semaphore);
    return arg;
}

Test(sync_wait, freed_it_ends_who_waits)
{
    pthread_t t;

    EQ(pirn_semaphore_add(semaphore, 1), 0);
    t = start_thread(free_later, NULL);
    EQ(on_semaphore(PIRN_NEVER), -ECANCELED);
    end_thread(t);
    semaphore = NULL;
}
