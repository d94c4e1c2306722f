/* SPDX-License-Identifier: MIT */
/* Does every combination of how a task goes, is joined, aborted and woken end as the rules say?
 *
 * All tuples of the dimensions below are run one after the other, each step by step; workers are held
 * between the steps. What must come out is computed from the rules in expect(), which know the tuple
 * and nothing of the run. (tokio: task_combinations) */
#include "flavors.h"

enum home {
    HOME_RUNTIME,
    HOME_LOCAL_SET,
    HOME_LOCAL_RUNTIME,
    HOME_ONE_WORKER,
    HOME_TWO_WORKERS
};
enum fault {
    FAULT_NONE,
    FAULT_POLL,
    FAULT_POLL_CX,
    FAULT_DROP,
    FAULT_BOTH,
    FAULT_BOTH_CX,
    FAULTS
};
/* When something is done: before the first poll, after it, when the task has ended, when its result
 * was taken, at the very end. */
enum point {
    AT_ONCE,
    AT_FIRST_POLL,
    AT_FINISH,
    AT_CONSUME,
    AT_END,
    NEVER
};

struct tuple {
    enum home home;
    enum fault fault;
    bool out_faults;    /* the output's drop does */
    bool polled_first;  /* the join is polled before the task is */
    enum point free_at; /* the join handle is freed; AT_CONSUME: after its result was taken */
    enum point abort_at;
    bool by_handle;          /* the abort goes through an abort handle */
    enum point handle_freed; /* NEVER: there is no abort handle */
    bool wakes_itself;       /* in its first poll */
    bool waker_kept;         /* a clone of its waker lives on until the end */
};

enum {
    CODE_POLL = 71,
    CODE_DROP = 72,
    CODE_OUT = 73,
    ANSWER = 4711
};

/* What has been seen, and what must be seen. */
struct seen {
    int polls, drops, out_drops, outcome, code, taken, woken, contained;
};

static struct {
    const struct tuple *t;
    struct seen seen;
    bool released;
    pirn_waker waker, kept;
} now;

/* The same as in `now.seen`, for who waits while a worker counts. */
static _Atomic(int) polls_so_far, drops_so_far;

/* ---- the task -------------------------------------------------------------------------------- */

static int task_poll(void *frame, pirn_cx *cx, void *out)
{
    const struct tuple *t = now.t;

    (void)frame;
    now.seen.polls++;
    polls_so_far++;
    if (!now.released) {
        if (now.seen.polls == 1) {
            now.waker = pirn_cx_waker(cx);
            if (t->waker_kept)
                now.kept = pirn_waker_clone(pirn_cx_borrow_waker(cx));
            if (t->wakes_itself)
                pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
        }
        return PIRN_PENDING;
    }
    if (t->fault == FAULT_POLL || t->fault == FAULT_BOTH)
        pirn_fault(CODE_POLL, "in the poll");
    if (t->fault == FAULT_POLL_CX || t->fault == FAULT_BOTH_CX)
        return pirn_cx_fault(cx, CODE_POLL, "in the poll");
    *(int *)out = ANSWER;
    return 0;
}

static void task_drop(void *frame)
{
    (void)frame;
    now.seen.drops++;
    drops_so_far++;
    if (now.t->fault >= FAULT_DROP)
        pirn_fault(CODE_DROP, "in the drop");
}

static void task_out_drop(void *out)
{
    now.seen.out_drops++;
    EQ(*(int *)out, ANSWER);
    if (now.t->out_faults)
        pirn_fault(CODE_OUT, "in the output's drop");
}

static const pirn_task_desc task_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "combination",
    .poll = task_poll,
    .drop = task_drop,
    .frame_size = 24,
    .out_size = sizeof(int),
    .out_drop = task_out_drop,
};

/* ---- the rules ------------------------------------------------------------------------------- */

static struct seen expect(const struct tuple *t)
{
    bool aborted = t->abort_at <= AT_FIRST_POLL; /* later ones find it finished */
    bool poll_faults = t->fault != FAULT_NONE && t->fault != FAULT_DROP;
    bool drop_faults = t->fault >= FAULT_DROP;
    bool answers = !aborted && !poll_faults;
    enum point before_end = t->abort_at == AT_ONCE ? AT_ONCE : AT_FIRST_POLL;
    struct seen e = {0};

    /* Polled once, again if it woke itself, and again when it was released. */
    e.polls = t->abort_at == AT_ONCE ? 0 : 1 + t->wakes_itself + !aborted;
    /* The frame is dropped once, however the task ends. */
    e.drops = 1;
    if (!aborted && poll_faults)
        e.outcome = PIRN_FAULTED,
        e.code = CODE_POLL; /* a second fault, of the drop, is contained */
    else if (drop_faults)
        e.outcome = PIRN_FAULTED, e.code = CODE_DROP; /* also when it was to be cancelled */
    else if (aborted)
        e.outcome = PIRN_CANCELLED, e.code = -ECANCELED;
    else
        e.outcome = PIRN_DONE, e.code = 0;
    /* The output goes to whoever takes the result of a DONE task, else to its drop. */
    e.taken = answers && !drop_faults && t->free_at >= AT_CONSUME ? ANSWER : 0;
    e.out_drops = answers && e.taken == 0;
    /* A joiner that waits is told, once, if it still is there. */
    e.woken = t->polled_first && t->free_at > before_end;
    /* A fault that becomes the result is not among those that were contained. */
    e.contained = (drop_faults && !aborted && poll_faults) + (t->out_faults && e.out_drops);
    return e;
}

/* Whether the tuple can be: nobody aborts through a handle that is gone. */
static bool possible(const struct tuple *t)
{
    if (t->abort_at == NEVER)
        return !t->by_handle;
    if (t->by_handle)
        return t->handle_freed != NEVER && t->abort_at <= t->handle_freed;
    return t->abort_at <= t->free_at;
}

/* ---- one run --------------------------------------------------------------------------------- */

static struct {
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_local_set *set;
    struct wakes set_wakes;
    pirn_waker set_waker;
    pirn_join *join;
    pirn_abort *abort;
} env;

static int poll_set(void *set, pirn_cx *cx, void *out)
{
    (void)out;
    return pirn_local_set_poll(set, cx);
}

/* ---- workers ---- */

static struct {
    uint32_t workers; /* 0: on the current-thread flavour */
    struct stopper stop[2];
    pirn_join *join[2];
    uint64_t used;
} held;

/* One after the other: each next one can only go to a worker that is not held. */
static void hold_workers(void)
{
    for (uint32_t i = 0; i < held.workers; i++) {
        held.join[i] = spawn(env.h, stopper_poll, &held.stop[i]);
        held.used++;
        await(&held.stop[i].entered);
    }
}

static void let_workers_go(void)
{
    for (uint32_t i = 0; i < held.workers; i++) {
        post(&held.stop[i].go);
        pirn_join_free(held.join[i]);
    }
}

/* Until they have done so much; what they do beyond shows in the end. */
static void work_until(_Atomic(int) *what, int n)
{
    pirn_time limit = pirn_now() + 10 * PIRN_SEC;

    let_workers_go();
    while (*what < n) {
        CHECK(pirn_now() < limit);
        (void)sched_yield();
    }
    hold_workers();
}

/* ---- steps ---- */

/* On workers: until @n of @what have been seen. */
static void run_until_idle(enum home home, _Atomic(int) *what, int n)
{
    int r;

    if (held.workers != 0) {
        work_until(what, n);
        return;
    }
    if (home != HOME_LOCAL_SET) {
        rt_idle(env.rt);
        return;
    }
    do {
        env.set_wakes.woken = 0;
        r = pirn_poll_with(&env.set_waker, poll_set, env.set, NULL);
        CHECK(r == 0 || r == PIRN_PENDING);
    } while (env.set_wakes.woken != 0);
}

static void start(const struct tuple *t)
{
    pirn_enter guard;

    env.join = NULL;
    switch (t->home) {
    case HOME_LOCAL_SET:
        EQ(pirn_local_set_spawn(env.set, &task_desc, NULL, &env.join), 0);
        break;
    case HOME_LOCAL_RUNTIME:
        EQ(pirn_handle_enter(env.h, &guard), 0);
        EQ(pirn_spawn_local(&task_desc, NULL, &env.join), 0);
        pirn_enter_exit(&guard);
        break;
    default:
        EQ(pirn_spawn(env.h, &task_desc, NULL, &env.join), 0);
        break;
    }
    env.abort = t->handle_freed != NEVER ? pirn_join_abort_handle(env.join) : NULL;
}

static void at(enum point p, const struct tuple *t)
{
    if (t->abort_at == p && t->by_handle)
        pirn_abort_now(env.abort);
    else if (t->abort_at == p)
        pirn_join_abort(env.join);
    if (t->free_at == p)
        pirn_join_free(env.join);
    if (t->handle_freed == p)
        pirn_abort_free(env.abort);
}

static void consume(const struct tuple *t, const pirn_waker *w)
{
    pirn_result res = {PIRN_DONE, 0, 0}, again;
    const char *text;
    int out = 0;

    if (t->polled_first)
        EQ(join_poll_with(env.join, w, &res, &out), 0);
    else
        EQ(pirn_join_try(env.join, &res, &out), 0);
    now.seen.outcome = res.outcome;
    now.seen.code = res.code;
    now.seen.taken = out;
    EQ(res.task_id, pirn_join_id(env.join));
    text = pirn_join_fault_text(env.join);
    if (res.outcome == PIRN_FAULTED)
        SAME_TEXT(text, res.code == CODE_POLL ? "in the poll" : "in the drop");
    else
        CHECK(text == NULL);
    EQ(pirn_join_try(env.join, &again, &out), -EINVAL);
}

static struct seen run(const struct tuple *t)
{
    struct wakes joiner = {0};
    pirn_waker w = wakes_waker(&joiner);
    uint64_t contained = metrics_of(env.h).contained_faults;

    memset(&now, 0, sizeof now);
    now.t = t;
    polls_so_far = drops_so_far = 0;
    start(t);
    if (t->polled_first)
        EQ(join_poll_with(env.join, &w, NULL, NULL), PIRN_PENDING);
    at(AT_ONCE, t);
    if (t->abort_at == AT_ONCE)
        run_until_idle(t->home, &drops_so_far, 1);
    else
        run_until_idle(t->home, &polls_so_far, 1 + t->wakes_itself);
    at(AT_FIRST_POLL, t);
    now.released = true;
    pirn_waker_wake(now.waker);
    run_until_idle(t->home, &drops_so_far, 1);
    if (t->free_at >= AT_FINISH)
        CHECK(pirn_join_is_finished(env.join));
    at(AT_FINISH, t);
    if (t->free_at >= AT_CONSUME)
        consume(t, &w);
    at(AT_CONSUME, t);
    if (held.workers == 0)
        run_until_idle(t->home, &drops_so_far, 1);
    at(AT_END, t);
    pirn_waker_drop(now.kept);
    pirn_waker_drop(w);
    EQ(joiner.clones, joiner.drops);
    now.seen.woken = joiner.woken;
    now.seen.contained = (int)(metrics_of(env.h).contained_faults - contained);
    return now.seen;
}

static void check(const struct tuple *t)
{
    struct seen e = expect(t), s = run(t);

    if (t->free_at < AT_CONSUME) /* nobody has looked */
        s.outcome = e.outcome, s.code = e.code;
    CHECK_SAYS(memcmp(&e, &s, sizeof e) == 0,
               "home %d fault %d out_faults %d polled_first %d free_at %d abort_at %d by_handle %d "
               "handle_freed %d wakes_itself %d waker_kept %d: polls %d/%d drops %d/%d out_drops "
               "%d/%d outcome %d/%d code %d/%d taken %d/%d woken %d/%d contained %d/%d",
               t->home, t->fault, t->out_faults, t->polled_first, t->free_at, t->abort_at,
               t->by_handle, t->handle_freed, t->wakes_itself, t->waker_kept, s.polls, e.polls,
               s.drops, e.drops, s.out_drops, e.out_drops, s.outcome, e.outcome, s.code, e.code,
               s.taken, e.taken, s.woken, e.woken, s.contained, e.contained);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* The number of the tuple, in mixed radix, to the tuple. */
static struct tuple tuple_of(unsigned n, enum home home)
{
    struct tuple t = {.home = home};

    t.fault = (enum fault)(n % FAULTS), n /= FAULTS;
    t.out_faults = n % 2, n /= 2;
    t.polled_first = n % 2, n /= 2;
    t.free_at = (enum point)(n % 4), n /= 4;
    t.abort_at = (enum point)(n % 5), n /= 5;
    if (t.abort_at == AT_END)
        t.abort_at = NEVER;
    t.by_handle = n % 2, n /= 2;
    t.handle_freed = (enum point)(n % 6), n /= 6;
    t.wakes_itself = n % 2, n /= 2;
    t.waker_kept = n % 2;
    return t;
}

enum {
    TUPLES = FAULTS * 2 * 2 * 4 * 5 * 2 * 6 * 2 * 2,
    /* Pairs of abort point and free point that an abort through the join handle can have: 10; with
     * each of the 6 lives of an abort handle. Through an abort handle, of the 5 lives that have one:
     * 5 + 4 + 3 + 2 with each of the 4 free points. Without an abort: 4 free points, 6 lives. */
    POSSIBLE = FAULTS * 2 * 2 * 2 * 2 * (10 * 6 + 14 * 4 + 4 * 6),
};

static void begin(enum home home)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flags = home == HOME_LOCAL_RUNTIME ? PIRN_RT_LOCAL : 0;
    if (home >= HOME_ONE_WORKER) {
        held.workers = home == HOME_ONE_WORKER ? 1 : 2;
        env.rt = rt_on_with((struct flavor){PIRN_MULTI_THREAD, held.workers}, &o);
    } else {
        env.rt = rt_new_with(&o);
    }
    env.h = pirn_runtime_handle(env.rt);
    for (uint32_t i = 0; i < held.workers; i++)
        stopper_init(&held.stop[i]);
    hold_workers();
    env.set_waker = wakes_waker(&env.set_wakes);
    EQ(pirn_local_set_new(env.h, &env.set), 0);
}

static void end(unsigned ran)
{
    pirn_metrics m;

    let_workers_go();
    if (held.workers != 0)
        rt_quiet(env.h);
    m = metrics_of(env.h);
    EQ(m.tasks_alive, 0);
    EQ(m.local_queue_depth, 0);
    EQ(m.inject_queue_depth, 0);
    EQ(m.tasks_spawned, ran + held.used);
    pirn_local_set_free(env.set);
    EQ(env.set_wakes.clones, env.set_wakes.drops + 1);
    rt_free(env.rt);
    printf("%u combinations\n", ran);
}

static void check_all(enum home home)
{
    unsigned ran = 0;

    begin(home);
    for (unsigned n = 0; n < TUPLES; n++) {
        struct tuple t = tuple_of(n, home);

        if (possible(&t)) {
            check(&t);
            ran++;
        }
    }
    EQ(ran, POSSIBLE);
    end(ran);
}

Test(combinations, runtime)
{
    check_all(HOME_RUNTIME);
}

Test(combinations, local_set)
{
    check_all(HOME_LOCAL_SET);
}

Test(combinations, local_runtime)
{
    check_all(HOME_LOCAL_RUNTIME);
}

Test(combinations, one_worker)
{
    check_all(HOME_ONE_WORKER);
}

Test(combinations, two_workers)
{
    check_all(HOME_TWO_WORKERS);
}
