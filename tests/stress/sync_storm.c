/* SPDX-License-Identifier: MIT */
/* Do locks, permits, notifications, barriers and tokens keep their counts when tasks wait for them, are
 * aborted, give up and free them all at once, with plain threads among them? */
#include "stress.h"

enum {
    WORKERS = 3,
    TASKS = 40,
    THREADS = 2,
    STEPS = 60, /* of each task */
    PERMITS = 5,
    READERS = 3,
    ROUNDS = 100,
    ROUNDS_LONG = 5000,
};

static pirn_runtime *rt;

/* What is awaited by hand, half-way: given up after so many polls. */
static bool gives_up(uint64_t *random)
{
    return below(random, 12) == 0;
}

/* Aborts some of them, at some time. */
struct aborter {
    pirn_join **joins;
    uint64_t random;
};

static void *abort_some(void *arg)
{
    struct aborter *a = arg;

    for (int i = 0; i < TASKS / 4; i++) {
        pirn_join_abort(a->joins[below(&a->random, TASKS)]);
        for (unsigned n = below(&a->random, 2000); n > 0; n--)
            atomic_signal_fence(memory_order_relaxed);
    }
    return NULL;
}

/* Spawns TASKS frames, with some of them aborted if @aborts. Return: how many were. */
static int play(const pirn_task_desc *d, void *(*frame)(int i), void *(*thread)(void *),
                bool aborts, uint64_t *random)
{
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *joins[TASKS];
    struct aborter a = {joins, next_random(random)};
    pthread_t threads[THREADS + 1];
    int cancelled = 0;

    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(pirn_spawn(h, d, frame(i), &joins[i]), 0);
    for (uintptr_t i = 0; i < THREADS && thread != NULL; i++)
        threads[i] = start_thread(thread, (void *)i);
    if (aborts)
        threads[THREADS] = start_thread(abort_some, &a);
    for (int i = 0; i < TASKS; i++) {
        pirn_result res;

        CHECK_EQ(pirn_join_wait(joins[i], PIRN_NEVER, &res, NULL), 0);
        CHECK(res.outcome == PIRN_DONE ? res.code == 0 : res.outcome == PIRN_CANCELLED && aborts);
        cancelled += res.outcome == PIRN_CANCELLED;
    }
    if (aborts)
        end_thread(threads[THREADS]);
    for (int i = 0; i < THREADS && thread != NULL; i++)
        end_thread(threads[i]);
    for (int i = 0; i < TASKS; i++)
        pirn_join_free(joins[i]);
    return cancelled;
}

/* ---- semaphore --------------------------------------------------------------------------------- */

static pirn_semaphore *permits;
static _Atomic(int) out_now; /* permits that are out */

struct user {
    PIRN_FRAME;
    pirn_op op;
    uint64_t random;
    int left;
    uint32_t wants, polls;
    pirn_permit permit, part;
};

static void use(int n)
{
    CHECK(atomic_fetch_add(&out_now, n) + n <= PERMITS);
}

static void put_back(pirn_permit *p)
{
    if (p->semaphore != NULL)
        out_now -= (int)p->count;
    pirn_permit_release(p);
}

/* Gives up sometimes: 1, and the op is idle. */
static int acquire_or_not(struct user *f, pirn_cx *cx)
{
    int r = pirn_semaphore_acquire_poll(&f->op, cx, permits, f->wants, &f->permit);

    if (r == PIRN_PENDING && gives_up(&f->random)) {
        pirn_op_drop(&f->op);
        return -EAGAIN;
    }
    return r;
}

static int user_poll(void *frame, pirn_cx *cx, void *out)
{
    struct user *f = frame;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    for (f->left = STEPS; f->left > 0; f->left--) {
        f->wants = 1 + below(&f->random, 3);
        PIRN_AWAIT(f, r = acquire_or_not(f, cx));
        if (r == -EAGAIN)
            continue;
        CHECK_EQ(r, 0);
        CHECK_EQ(f->permit.count, f->wants);
        use((int)f->wants);
        if (f->wants > 1)
            CHECK_EQ(pirn_permit_split(&f->permit, 1, &f->part), 0);
        PIRN_YIELD(f, cx);
        put_back(&f->part);
        if (below(&f->random, 2))
            PIRN_YIELD(f, cx);
        put_back(&f->permit);
    }
    PIRN_END(f);
}

static void user_drop(void *frame)
{
    struct user *f = frame;

    put_back(&f->part);
    put_back(&f->permit);
}

static const pirn_task_desc user = PIRN_TASK_INIT("user", struct user, user_poll, user_drop);

static uint64_t seeds;

static void *user_frame(int i)
{
    static struct user f;

    (void)i;
    f = (struct user){.random = next_random(&seeds)};
    return &f;
}

static void *user_thread(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg + 1;

    for (int i = 0; i < STEPS; i++) {
        pirn_permit p = {0};
        int r =
            pirn_semaphore_acquire_wait(permits, 2, pirn_after(below(&random, 2) * PIRN_MS), &p);

        CHECK(r == 0 || r == -ETIMEDOUT);
        if (r == 0) {
            use(2);
            put_back(&p);
        }
    }
    return NULL;
}

static void semaphore_round(uint64_t *random)
{
    CHECK_EQ(pirn_semaphore_new(PERMITS, &permits), 0);
    (void)play(&user, user_frame, user_thread, true, random);
    CHECK_EQ(out_now, 0);
    CHECK_EQ(pirn_semaphore_available(permits), PERMITS);
    pirn_semaphore_unref(permits);
}

/* ---- mutex, rwlock ------------------------------------------------------------------------------------ */

static pirn_mutex *mutex;
static pirn_rwlock *lock;
static int64_t under_mutex;                /* guard: mutex; plain */
static int64_t under_lock, under_lock_too; /* guard: lock; equal when nobody writes; plain */
static _Atomic(int64_t) locked, written, readers;

struct locker {
    PIRN_FRAME;
    pirn_op op;
    uint64_t random;
    int left;
    pirn_guard guard;
};

static int locker_poll(void *frame, pirn_cx *cx, void *out)
{
    struct locker *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    for (f->left = STEPS; f->left > 0; f->left--) {
        if (below(&f->random, 2)) {
            PIRN_TRY(f, pirn_mutex_lock_poll(&f->op, cx, mutex, &f->guard));
            under_mutex++;
            locked++;
            if (below(&f->random, 2))
                PIRN_YIELD(f, cx);
        } else if (below(&f->random, 3)) {
            PIRN_TRY(f, pirn_rwlock_read_poll(&f->op, cx, lock, &f->guard));
            CHECK(atomic_fetch_add(&readers, 1) < READERS);
            CHECK_EQ(under_lock, under_lock_too);
            readers--;
        } else {
            PIRN_TRY(f, pirn_rwlock_write_poll(&f->op, cx, lock, &f->guard));
            under_lock++;
            written++;
            CHECK_EQ(readers, 0);
            under_lock_too++;
            if (below(&f->random, 2)) {
                pirn_rwlock_downgrade(&f->guard);
                PIRN_YIELD(f, cx);
                CHECK_EQ(under_lock, under_lock_too);
            }
        }
        pirn_guard_release(&f->guard);
    }
    PIRN_END(f);
}

static void locker_drop(void *frame)
{
    pirn_guard_release(&((struct locker *)frame)->guard);
}

static const pirn_task_desc locker =
    PIRN_TASK_INIT("locker", struct locker, locker_poll, locker_drop);

static void *locker_frame(int i)
{
    static struct locker f;

    (void)i;
    f = (struct locker){.random = next_random(&seeds)};
    return &f;
}

static void *locker_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < STEPS; i++) {
        pirn_guard g = {0};

        CHECK_EQ(pirn_mutex_lock_wait(mutex, PIRN_NEVER, &g), 0);
        under_mutex++;
        locked++;
        pirn_guard_release(&g);
        CHECK_EQ(pirn_rwlock_write_wait(lock, PIRN_NEVER, &g), 0);
        under_lock++;
        written++;
        under_lock_too++;
        pirn_guard_release(&g);
    }
    return NULL;
}

static void lock_round(uint64_t *random)
{
    pirn_guard g = {0};

    CHECK_EQ(pirn_mutex_new(&mutex), 0);
    CHECK_EQ(pirn_rwlock_new(READERS, &lock), 0);
    (void)play(&locker, locker_frame, locker_thread, true, random);
    CHECK_EQ(pirn_mutex_lock_try(mutex, &g), 0);
    CHECK_EQ(under_mutex, locked);
    pirn_guard_release(&g);
    CHECK_EQ(pirn_rwlock_write_try(lock, &g), 0);
    CHECK_EQ(under_lock, written);
    CHECK_EQ(under_lock_too, written);
    pirn_mutex_unref(mutex);
    pirn_rwlock_unref(lock);
    pirn_guard_release(&g); /* the lock's last holder */
}

/* ---- notify -------------------------------------------------------------------------------------------- */

/* As a semaphore of one permit: whoever is notified has the baton, and notifies. An abort in any place
 * must not lose it. */
static pirn_notify *baton, *bell;
static int64_t with_baton; /* guard: the baton; plain */
static _Atomic(int64_t) batons, rung;
static _Atomic(int) listening;

struct runner {
    PIRN_FRAME;
    pirn_op op, bell_op;
    uint64_t random;
    int left;
    bool has, listens;
};

static int run_or_not(struct runner *f, pirn_cx *cx)
{
    int r = pirn_notify_poll(&f->op, cx, baton);

    if (r == PIRN_PENDING && gives_up(&f->random)) {
        pirn_op_drop(&f->op);
        return -EAGAIN;
    }
    return r;
}

static void hand_on(struct runner *f)
{
    f->has = false;
    if (below(&f->random, 2))
        pirn_notify_one(baton);
    else
        pirn_notify_last(baton);
}

static int runner_poll(void *frame, pirn_cx *cx, void *out)
{
    struct runner *f = frame;
    int r;

    (void)out;
    PIRN_BEGIN(f);
    for (f->left = STEPS; f->left > 0; f->left--) {
        PIRN_AWAIT(f, r = run_or_not(f, cx));
        if (r == -EAGAIN)
            continue;
        CHECK_EQ(r, 0);
        f->has = true;
        with_baton++;
        batons++;
        if (below(&f->random, 2))
            PIRN_YIELD(f, cx);
        hand_on(f);
    }
    /* Everybody who listens is there when the bell is rung, by the thread. */
    (void)pirn_notify_arm(&f->bell_op, cx, bell);
    f->listens = true;
    listening++;
    PIRN_TRY(f, pirn_notify_poll(&f->bell_op, cx, bell));
    rung++;
    PIRN_END(f);
}

static void runner_drop(void *frame)
{
    struct runner *f = frame;

    if (f->has)
        hand_on(f);
    if (!f->listens)
        listening++;
}

static const pirn_task_desc runner =
    PIRN_TASK_INIT("runner", struct runner, runner_poll, runner_drop);

static void *runner_frame(int i)
{
    static struct runner f;

    (void)i;
    f = (struct runner){.random = next_random(&seeds)};
    return &f;
}

static void *ringer_thread(void *arg)
{
    if (arg != NULL)
        return NULL;
    while (listening != TASKS)
        sched_yield();
    pirn_notify_waiters(bell);
    return NULL;
}

static void notify_round(uint64_t *random)
{
    int cancelled;

    CHECK_EQ(pirn_notify_new(&baton), 0);
    CHECK_EQ(pirn_notify_new(&bell), 0);
    listening = 0;
    rung = 0;
    pirn_notify_one(baton);
    cancelled = play(&runner, runner_frame, ringer_thread, true, random);
    CHECK_EQ(rung, TASKS - cancelled);
    CHECK_EQ(pirn_notify_wait(baton, pirn_now()), 0);
    CHECK_EQ(pirn_notify_wait(baton, pirn_now()), -ETIMEDOUT);
    CHECK_EQ(with_baton, batons);
    pirn_notify_unref(baton);
    pirn_notify_unref(bell);
}

/* ---- barrier, once --------------------------------------------------------------------------------------- */

static pirn_barrier *barrier;
static pirn_once *once;
static _Atomic(int) leaders, arrived;
static int tries, made; /* guard: the turn, and then that it is made */

struct marcher {
    PIRN_FRAME;
    pirn_op op;
    int step;
    bool leads;
    pirn_once_turn turn;
};

static int marcher_poll(void *frame, pirn_cx *cx, void *out)
{
    struct marcher *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    for (f->step = 1; f->step <= 10; f->step++) {
        arrived++;
        PIRN_TRY(f, pirn_barrier_poll(&f->op, cx, barrier, &f->leads));
        CHECK(arrived >= f->step * TASKS && arrived <= (f->step + 1) * TASKS);
        leaders += f->leads;
    }
    PIRN_TRY(f, pirn_once_enter_poll(&f->op, cx, once, &f->turn));
    if (f->turn.once != NULL) {
        CHECK_EQ(made, 0);
        PIRN_YIELD(f, cx);
        if (++tries < 5) {
            pirn_once_failed(&f->turn);
        } else {
            made++;
            pirn_once_done(&f->turn);
        }
    }
    PIRN_TRY(f, pirn_once_poll(&f->op, cx, once));
    CHECK_EQ(made, 1);
    PIRN_END(f);
}

static const pirn_task_desc marcher = PIRN_TASK_INIT("marcher", struct marcher, marcher_poll, NULL);

static void *marcher_frame(int i)
{
    static struct marcher f;

    (void)i;
    return &f;
}

static void barrier_round(uint64_t *random)
{
    CHECK_EQ(pirn_barrier_new(TASKS, &barrier), 0);
    CHECK_EQ(pirn_once_new(&once), 0);
    leaders = arrived = 0;
    tries = made = 0;
    (void)play(&marcher, marcher_frame, NULL, false, random);
    CHECK_EQ(leaders, 10);
    CHECK_EQ(tries, 5);
    pirn_barrier_unref(barrier);
    pirn_once_unref(once);
}

/* ---- cancel token ------------------------------------------------------------------------------------------ */

/* Each makes a chain of tokens below the root, frees some of them, and waits for the last. */
static pirn_cancel_token *root;
static _Atomic(int) waiting;

struct hearer {
    PIRN_FRAME;
    pirn_op op, guard;
    uint64_t random;
    pirn_cancel_token *own;
    bool counted;
};

static void make_chain(struct hearer *f)
{
    f->own = pirn_cancel_token_ref(root);
    for (unsigned n = 1 + below(&f->random, 5); n > 0; n--) {
        pirn_cancel_token *next;

        CHECK_EQ(pirn_cancel_token_new(f->own, &next), 0);
        pirn_cancel_token_unref(f->own);
        f->own = next;
    }
}

static int hearer_poll(void *frame, pirn_cx *cx, void *out)
{
    struct hearer *f = frame;

    (void)out;
    PIRN_BEGIN(f);
    make_chain(f);
    if (below(&f->random, 4) == 0)
        pirn_cancel_token_guard(&f->guard, cx, f->own);
    f->counted = true;
    waiting++;
    PIRN_TRY(f, pirn_cancel_token_poll(&f->op, cx, f->own));
    CHECK(pirn_cancel_token_is_cancelled(f->own));
    PIRN_END(f);
}

static void hearer_drop(void *frame)
{
    struct hearer *f = frame;

    pirn_cancel_token_unref(f->own);
    if (!f->counted)
        waiting++;
}

static const pirn_task_desc hearer =
    PIRN_TASK_INIT("hearer", struct hearer, hearer_poll, hearer_drop);

static void *hearer_frame(int i)
{
    static struct hearer f;

    (void)i;
    f = (struct hearer){.random = next_random(&seeds)};
    return &f;
}

static void *canceller_thread(void *arg)
{
    if (arg != NULL) {
        CHECK_EQ(pirn_cancel_token_wait(root, PIRN_NEVER), 0);
        return NULL;
    }
    while (waiting < TASKS / 2)
        sched_yield();
    pirn_cancel_token_cancel(root);
    return NULL;
}

static void cancel_round(uint64_t *random)
{
    CHECK_EQ(pirn_cancel_token_new(NULL, &root), 0);
    waiting = 0;
    (void)play(&hearer, hearer_frame, canceller_thread, true, random);
    CHECK_EQ(waiting, TASKS);
    pirn_cancel_token_unref(root);
}

int main(int argc, char **argv)
{
    uint64_t random = seed_of(argc, argv);
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    int rounds = is_long() ? ROUNDS_LONG : ROUNDS;

    o.worker_threads = WORKERS;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    seeds = next_random(&random);
    for (int i = 0; i < rounds; i++) {
        semaphore_round(&random);
        lock_round(&random);
        notify_round(&random);
        barrier_round(&random);
        cancel_round(&random);
    }
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    return 0;
}
