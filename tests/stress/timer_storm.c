/* SPDX-License-Identifier: MIT */
/* timer_storm [SEED]: tasks that sleep, limit each other, change their minds and are aborted, on
 * both flavours and from plain threads. No timer is early, each ends once, nothing is left.
 * PIRN_TEST_LONG=1: for longer, and with a million timers that never fire. */
#include "stress.h"

enum {
    TASKS = 64,
    ROUNDS = 60,
    ROUNDS_LONG = 3000,
    THREADS = 2,
    PENDING = 50000,
    PENDING_LONG = 1000000,
};
#define LATE_MAX (20 * PIRN_SEC) /* on any machine */

static struct {
    _Atomic(uint64_t) ends, timeouts, in_time, ticks, aborted, dropped, waits;
    _Atomic(int64_t) late; /* the latest */
} counts;

static int rounds;

/* ---- what time it was -------------------------------------------------------------------------
 * */

static void note_end(pirn_time due)
{
    struct timespec ts;
    pirn_time now;
    int64_t late = counts.late;

    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    now = (pirn_time)ts.tv_sec * PIRN_SEC + ts.tv_nsec;
    CHECK(now >= due);
    CHECK(now - due < LATE_MAX);
    while (now - due > late && !atomic_compare_exchange_weak(&counts.late, &late, now - due))
        ;
    counts.ends++;
}

/* ---- one task of many kinds --------------------------------------------------------------------
 * */

enum what {
    SLEEP,
    SLEEP_LENGTH,
    SLEEP_RESET,
    LIMIT_LATE,    /* a longer sleep within a limit */
    LIMIT_IN_TIME, /* a shorter one */
    LIMIT_YIELD,   /* which never waits */
    TICKS,
    CHILD,    /* is aborted, in its sleep or after it */
    IN_PLACE, /* passes its worker on, with its timers */
    WHATS
};

struct player {
    uint64_t random;
    int round, ticks;
    bool begun;
    enum what what;
    pirn_time due;
    int64_t length;
    unsigned yields;
    pirn_op op, limit;
    pirn_interval interval;
    pirn_join *child;
};

static int sleeping_child_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)out;
    return pirn_sleep_poll(frame, cx, pirn_after(PIRN_MS / 2));
}

static void sleeping_child_drop(void *frame)
{
    CHECK(!pirn_op_is_pending(frame)); /* it was dropped before */
    counts.dropped++;
}

static const pirn_task_desc sleeping_child = {
    .size = sizeof(pirn_task_desc),
    .name = "child",
    .poll = sleeping_child_poll,
    .drop = sleeping_child_drop,
    .frame_size = sizeof(pirn_op),
};

static int spin_a_little(void *arg)
{
    pirn_time end = pirn_now() + 200 * PIRN_US;

    (void)arg;
    while (pirn_now() < end)
        ;
    return 0;
}

static void begin(struct player *p)
{
    p->begun = true;
    p->what = (enum what)below(&p->random, WHATS);
    p->length = below(&p->random, 3000000);
    p->due = pirn_after(p->length);
    p->yields = 0;
    p->ticks = 3;
    if (p->what == TICKS)
        pirn_interval_init(&p->interval, p->due, 100000 + below(&p->random, 400000),
                           (enum pirn_missed)below(&p->random, 3));
    if (p->what == CHILD)
        CHECK_EQ(pirn_spawn(NULL, &sleeping_child, NULL, &p->child), 0);
}

static int limited(struct player *p, pirn_cx *cx)
{
    pirn_time inner = p->what == LIMIT_LATE ? p->due + PIRN_SEC * 3600 : p->due - p->length / 2;
    bool late = p->what == LIMIT_LATE;
    int r = pirn_timeout_poll(&p->limit, cx, late ? p->due : p->due + PIRN_SEC * 3600, &p->op,
                              pirn_sleep_poll(&p->op, cx, inner));

    if (r == PIRN_PENDING)
        return r;
    CHECK_EQ(r, late ? -ETIMEDOUT : 0);
    note_end(late ? p->due : inner);
    *(late ? &counts.timeouts : &counts.in_time) += 1;
    return 0;
}

static int limited_yields(struct player *p, pirn_cx *cx)
{
    int r = PIRN_PENDING;

    if (p->yields++ < 100)
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    else
        r = 0;
    r = pirn_timeout_after_poll(&p->limit, cx, 3600 * PIRN_SEC, NULL, r);
    counts.in_time += r == 0;
    return r;
}

static int ticking(struct player *p, pirn_cx *cx)
{
    for (; p->ticks > 0; p->ticks--) {
        pirn_time due = p->interval.next;
        int r = pirn_interval_poll(&p->interval, cx, NULL);

        if (r != 0)
            return r;
        note_end(due);
        counts.ticks++;
    }
    return 0;
}

static int resetting(struct player *p, pirn_cx *cx)
{
    int r;

    if (p->yields++ == 0) {
        pirn_time to = p->due + (int64_t)below(&p->random, 2000000) - 1000000;

        r = pirn_sleep_poll(&p->op, cx, p->due);
        if (r == PIRN_PENDING) {
            pirn_sleep_reset(&p->op, to);
            p->due = to;
            return r;
        }
    } else {
        r = pirn_sleep_poll(&p->op, cx, PIRN_NEVER);
    }
    if (r == 0)
        note_end(p->due);
    return r;
}

static int abort_child(struct player *p, pirn_cx *cx)
{
    pirn_result res;
    int r;

    if (p->yields++ == 0)
        CHECK_EQ(pirn_sleep_poll(&p->limit, cx, pirn_after(1 + below(&p->random, 1000000))),
                 PIRN_PENDING);
    if (pirn_op_is_pending(&p->limit)) {
        r = pirn_sleep_poll(&p->limit, cx, 0);
        if (r != 0)
            return r;
        pirn_join_abort(p->child);
    }
    r = pirn_join_poll(p->child, cx, &res, NULL);
    if (r != 0)
        return r;
    pirn_join_free(p->child);
    counts.aborted += res.outcome == PIRN_CANCELLED;
    return 0;
}

static int play(struct player *p, pirn_cx *cx)
{
    int r;

    switch (p->what) {
    case SLEEP_RESET:
        return resetting(p, cx);
    case LIMIT_LATE:
    case LIMIT_IN_TIME:
        return limited(p, cx);
    case LIMIT_YIELD:
        return limited_yields(p, cx);
    case TICKS:
        return ticking(p, cx);
    case CHILD:
        return abort_child(p, cx);
    case IN_PLACE:
        if (p->yields++ == 1) /* with a timer in its worker's wheel */
            (void)pirn_block_in_place(spin_a_little, NULL);
        break;
    default:
        break;
    }
    r = p->what == SLEEP_LENGTH ? pirn_sleep_after_poll(&p->op, cx, p->length)
                                : pirn_sleep_poll(&p->op, cx, p->due);
    if (r == 0)
        note_end(p->due);
    return r;
}

static int player_poll(void *frame, pirn_cx *cx, void *out)
{
    struct player *p = frame;

    (void)out;
    for (; p->round < rounds; p->round++) {
        int r;

        if (!p->begun)
            begin(p);
        r = play(p, cx);
        if (r != 0)
            return r;
        CHECK(!pirn_op_is_pending(&p->op) && !pirn_op_is_pending(&p->limit));
        p->begun = false;
    }
    return 0;
}

static const pirn_task_desc player = {
    .size = sizeof(pirn_task_desc),
    .name = "player",
    .poll = player_poll,
    .frame_size = sizeof(struct player),
};

/* ---- plain threads -----------------------------------------------------------------------------
 * */

struct outside {
    pirn_handle *h;
    uint64_t random;
};

struct outer_sleep {
    pirn_op op;
    pirn_time due;
};

static int outer_sleep_poll(void *frame, pirn_cx *cx, void *out)
{
    struct outer_sleep *s = frame;

    (void)out;
    return pirn_sleep_poll(&s->op, cx, s->due);
}

/* Into the wheel of a worker that may sleep for longer: it is told. */
static void *outside(void *arg)
{
    struct outside *o = arg;
    pirn_enter guard;

    CHECK_EQ(pirn_handle_enter(o->h, &guard), 0);
    for (int i = 0; i < rounds; i++) {
        struct outer_sleep s = {.due = pirn_after(below(&o->random, 2000000))};
        bool late = below(&o->random, 4) == 0;
        int r = pirn_poll_wait(outer_sleep_poll, &s, late ? s.due - 500000 : PIRN_NEVER, NULL);

        if (r == 0)
            note_end(s.due);
        else
            CHECK_EQ(r, -ETIMEDOUT);
        pirn_op_drop(&s.op);
        counts.waits++;
    }
    pirn_enter_exit(&guard);
    return NULL;
}

/* ---- one storm ----------------------------------------------------------------------------------
 * */

struct all {
    uint64_t random;
    pirn_join *joins[TASKS];
    int spawned, joined;
};

static int all_poll(void *frame, pirn_cx *cx, void *out)
{
    struct all *a = frame;

    (void)out;
    for (; a->spawned < TASKS; a->spawned++) {
        struct player p = {.random = next_random(&a->random)};

        CHECK_EQ(pirn_spawn(NULL, &player, &p, &a->joins[a->spawned]), 0);
    }
    for (; a->joined < TASKS; a->joined++) {
        pirn_result res;
        int r = pirn_join_poll(a->joins[a->joined], cx, &res, NULL);

        if (r != 0)
            return r;
        CHECK_EQ(pirn_result_status(&res), 0);
        pirn_join_free(a->joins[a->joined]);
    }
    return 0;
}

static const pirn_task_desc all_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "all",
    .poll = all_poll,
    .frame_size = sizeof(struct all),
};

static pirn_runtime *runtime_on(enum pirn_flavor flavor, uint32_t workers)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;

    o.flavor = flavor;
    o.worker_threads = workers;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    return rt;
}

static void storm(enum pirn_flavor flavor, uint32_t workers, uint64_t *random)
{
    pirn_runtime *rt = runtime_on(flavor, workers);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct all a = {.random = next_random(random)};
    struct outside o[THREADS];
    pthread_t t[THREADS];
    /* Nobody drives a current-thread runtime once its root is done. */
    int threads = flavor == PIRN_MULTI_THREAD ? THREADS : 0;
    pirn_metrics m;

    memset(&counts, 0, sizeof counts);
    for (int i = 0; i < threads; i++) {
        o[i] = (struct outside){h, next_random(random)};
        t[i] = start_thread(outside, &o[i]);
    }
    CHECK_EQ(pirn_block_on(h, &all_desc, &a, NULL, NULL), 0);
    for (int i = 0; i < threads; i++)
        end_thread(t[i]);
    CHECK_EQ(counts.waits, threads * rounds);
    m = metrics_of(h);
    CHECK_EQ(m.tasks_alive, 0);
    CHECK_EQ(m.tasks_spawned, TASKS + counts.dropped);
    CHECK_EQ(m.forgotten_wakes, 0);
    printf("%s %u: %llu ends, %llu in time, %llu late, %llu ticks, %llu aborts; latest %lld us\n",
           flavor == PIRN_MULTI_THREAD ? "mt" : "ct", workers, (unsigned long long)counts.ends,
           (unsigned long long)counts.in_time, (unsigned long long)counts.timeouts,
           (unsigned long long)counts.ticks, (unsigned long long)counts.aborted,
           (long long)counts.late / 1000);
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
}

/* ---- many that never fire
 * ------------------------------------------------------------------------- */

static _Atomic(int64_t) asleep, ended;

struct long_sleep {
    bool counted;
    pirn_op op;
};

static int long_sleep_poll(void *frame, pirn_cx *cx, void *out)
{
    struct long_sleep *s = frame;

    (void)out;
    if (!s->counted)
        asleep++;
    s->counted = true;
    return pirn_sleep_after_poll(&s->op, cx, 3600 * PIRN_SEC + asleep * 1000);
}

static void long_sleep_drop(void *frame)
{
    (void)frame;
    ended++;
}

static const pirn_task_desc long_sleep = {
    .size = sizeof(pirn_task_desc),
    .name = "long sleep",
    .poll = long_sleep_poll,
    .drop = long_sleep_drop,
    .frame_size = sizeof(struct long_sleep),
};

struct crowd {
    int64_t spawned, n;
    pirn_op op;
};

static int crowd_poll(void *frame, pirn_cx *cx, void *out)
{
    struct crowd *c = frame;

    (void)out;
    for (; c->spawned < c->n; c->spawned++)
        CHECK_EQ(pirn_spawn(NULL, &long_sleep, NULL, NULL), 0);
    return pirn_sleep_after_poll(&c->op, cx, 20 * PIRN_MS);
}

static const pirn_task_desc crowd = {
    .size = sizeof(pirn_task_desc),
    .name = "crowd",
    .poll = crowd_poll,
    .frame_size = sizeof(struct crowd),
};

static void many(enum pirn_flavor flavor, uint32_t workers)
{
    pirn_runtime *rt = runtime_on(flavor, workers);
    struct crowd c = {.n = is_long() ? PENDING_LONG : PENDING};

    asleep = ended = 0;
    CHECK_EQ(pirn_block_on(pirn_runtime_handle(rt), &crowd, &c, NULL, NULL), 0);
    CHECK_EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, c.n);
    pirn_runtime_free(rt);
    CHECK_EQ(ended, c.n);
    CHECK_EQ(memory.live, 0);
}

int main(int argc, char **argv)
{
    uint64_t random = seed_of(argc, argv);

    rounds = is_long() ? ROUNDS_LONG : ROUNDS;
    storm(PIRN_CURRENT_THREAD, 1, &random);
    storm(PIRN_MULTI_THREAD, 1, &random);
    storm(PIRN_MULTI_THREAD, 2, &random);
    storm(PIRN_MULTI_THREAD, 4, &random);
    many(PIRN_CURRENT_THREAD, 1);
    many(PIRN_MULTI_THREAD, 2);
    return 0;
}
