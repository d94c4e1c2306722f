/* SPDX-License-Identifier: MIT */
/* Is a poll that takes too long told once, does what waits behind it go on elsewhere, and does the
 * watchdog leave everybody else alone? */
#include "flavors.h"

#include <unistd.h>

#define STUCK (20 * PIRN_MS)

/* ---- what was told ---------------------------------------------------------------------------------- */

static struct {
    _Atomic(int) count, of_that; /* polls; of the task with this id: */
    _Atomic(uint64_t) that;
    uint64_t id;
    char name[32];
    uint32_t worker;
    pirn_time since;
    pthread_t thread;
    sem_t told;
} report;

static void on_stuck(void *user, const pirn_task_info *t, pirn_time since)
{
    EQ(t->size, sizeof *t);
    CHECK(user == &report);
    report.id = t->id;
    (void)snprintf(report.name, sizeof report.name, "%s", t->name);
    report.worker = t->worker;
    report.since = since;
    report.thread = pthread_self();
    CHECK(t->state & 1);
    report.of_that += t->id == report.that;
    report.count++;
    post(&report.told);
}

static pirn_runtime *rt_watched(struct flavor f, int64_t stuck_ns)
{
    static const pirn_hooks k = {.size = sizeof k, .user = &report, .on_stuck_poll = on_stuck};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    EQ(sem_init(&report.told, 0, 0), 0);
    o.hooks = &k;
    o.stuck_poll_ns = stuck_ns;
    return rt_on_with(f, &o);
}

/* ---- told ------------------------------------------------------------------------------------------------ */

static struct stopper stuck;
static pirn_time began;

static int stuck_poll(void *user, pirn_cx *cx, int *out)
{
    began = pirn_now();
    return stopper_poll(user, cx, out);
}

struct drive {
    pirn_handle *h;
    pirn_join *join;
};

static void *drive_it(void *user)
{
    struct drive *d = user;

    ends_done(d->h, d->join, 0);
    return NULL;
}

/* Runs a task that stays in its poll until that is told: the @n-th. */
static void one_is_told(struct flavor f, pirn_runtime *rt, int n)
{
    struct drive d = {pirn_runtime_handle(rt), NULL};
    uint64_t id;
    pthread_t t;

    stopper_init(&stuck);
    d.join = spawn(d.h, stuck_poll, &stuck);
    id = pirn_join_id(d.join);
    t = start_thread(drive_it, &d);
    await(&stuck.entered);
    await(&report.told);
    EQ(report.count, n);
    EQ(report.id, id);
    SAME_TEXT(report.name, "closure");
    EQ(report.worker, (uint32_t)stuck.worker);
    CHECK(report.worker < f.workers);
    CHECK(report.since >= began && report.since < pirn_now());
    CHECK(pirn_now() - began >= STUCK);
    EQ(metrics_of(d.h).stuck_polls, (uint64_t)n);
    nap(3 * STUCK);
    EQ(report.count, n); /* once a poll */
    post(&stuck.go);
    end_thread(t);
}

static void a_stuck_poll_is_told_once(struct flavor f)
{
    pirn_runtime *rt = rt_watched(f, STUCK);

    one_is_told(f, rt, 1);
    one_is_told(f, rt, 2);
    if (f.flavor == PIRN_MULTI_THREAD)
        rt_quiet(pirn_runtime_handle(rt)); /* the watchdog sleeps, and is called */
    nap(2 * STUCK);
    one_is_told(f, rt, 3);
    EQ(report.count, 3);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, a_stuck_poll_is_told_once)

struct again {
    struct stopper s[2];
    int polls;
};

static int again_poll(void *user, pirn_cx *cx, int *out)
{
    struct again *a = user;

    *out = 0;
    if (a->polls == 2)
        return 0;
    stopper_stop(&a->s[a->polls++]);
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

/* The same task, stuck in two polls. */
static void every_poll_of_a_task(struct flavor f)
{
    pirn_runtime *rt = rt_watched(f, STUCK);
    struct again a = {.polls = 0};
    struct drive d = {pirn_runtime_handle(rt), NULL};
    pthread_t t;

    for (int i = 0; i < 2; i++)
        stopper_init(&a.s[i]);
    d.join = spawn(d.h, again_poll, &a);
    t = start_thread(drive_it, &d);
    for (int i = 0; i < 2; i++) {
        await(&a.s[i].entered);
        await(&report.told);
        EQ(report.count, i + 1);
        post(&a.s[i].go);
    }
    end_thread(t);
    EQ(metrics_of(d.h).stuck_polls, 2);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, every_poll_of_a_task)

static void faulting_hook(void *user, const pirn_task_info *t, pirn_time since)
{
    (void)user;
    (void)t;
    (void)since;
    post(&report.told);
    pirn_fault(9, "in the hook");
}

static bool one_contained(void *h)
{
    return metrics_of(h).contained_faults == 1;
}

static void a_fault_in_the_hook_is_contained(struct flavor f)
{
    static const pirn_hooks k = {.size = sizeof k, .on_stuck_poll = faulting_hook};
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct drive d;
    pirn_runtime *rt;
    pthread_t t;

    EQ(sem_init(&report.told, 0, 0), 0);
    o.hooks = &k;
    o.stuck_poll_ns = STUCK;
    rt = rt_on_with(f, &o);
    d.h = pirn_runtime_handle(rt);
    stopper_init(&stuck);
    d.join = spawn(d.h, stuck_poll, &stuck);
    t = start_thread(drive_it, &d);
    await(&report.told);
    CHECK(comes_true(one_contained, d.h));
    post(&stuck.go);
    end_thread(t);
    EQ(metrics_of(d.h).faults, 0);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, a_fault_in_the_hook_is_contained)

/* Without a hook polls are counted, and relieved, all the same. */
static bool one_counted(void *h)
{
    return metrics_of(h).stuck_polls == 1;
}

static void counted_without_a_hook(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct drive d;
    pirn_runtime *rt;
    pthread_t t;

    o.stuck_poll_ns = STUCK;
    rt = rt_on_with(f, &o);
    d.h = pirn_runtime_handle(rt);
    stopper_init(&stuck);
    d.join = spawn(d.h, stuck_poll, &stuck);
    t = start_thread(drive_it, &d);
    CHECK(comes_true(one_counted, d.h));
    post(&stuck.go);
    end_thread(t);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, counted_without_a_hook)

/* ---- not told ----------------------------------------------------------------------------------------------- */

static int short_poll(void *user, pirn_cx *cx, int *out)
{
    int *left = user;

    *out = 0;
    nap(STUCK / 20);
    if (--*left == 0)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

/* One task that is polled again and again for far longer than the limit; only the sum is long. */
static void quick_polls_are_not(struct flavor f)
{
    pirn_runtime *rt = rt_watched(f, 10 * STUCK);
    pirn_handle *h = pirn_runtime_handle(rt);
    int left = 300;

    ends_done(h, spawn(h, short_poll, &left), 0);
    EQ(report.count, 0);
    EQ(metrics_of(h).stuck_polls, 0);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, quick_polls_are_not)

static int long_nap_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    nap(4 * STUCK);
    return 0;
}

static int nap_in_place(void *arg)
{
    (void)arg;
    nap(4 * STUCK);
    return 0;
}

static int in_place_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = pirn_block_in_place(nap_in_place, NULL);
    return 0;
}

/* Another task keeps somebody awake, so that the watchdog looks. That one may be told: a machine that is
 * busy lets it wait in the middle of a poll. */
static void blocking_tasks_are_not(struct flavor f)
{
    pirn_runtime *rt = rt_watched(f, STUCK);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {long_nap_poll, NULL, NULL};
    struct spinner s = {0};
    pirn_join *j = NULL, *spinning = spawn(h, spinner_poll, &s);

    EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j), 0);
    report.that = pirn_join_id(j);
    ends_done(h, j, 0);
    s.stop = true;
    ends_done(h, spinning, 0);
    rt_free(rt);
    EQ(report.of_that, 0);
}
EACH_FLAVOR(watchdog, blocking_tasks_are_not)

static void calls_in_place_are_not(struct flavor f)
{
    pirn_runtime *rt = rt_watched(f, STUCK);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct spinner s = {0};
    pirn_join *spinning = spawn(h, spinner_poll, &s), *j = spawn(h, in_place_poll, NULL);

    report.that = pirn_join_id(j);
    ends_done(h, j, 0);
    s.stop = true;
    ends_done(h, spinning, 0);
    rt_free(rt);
    EQ(report.of_that, 0);
}
EACH_MT(watchdog, calls_in_place_are_not)

static void roots_are_not(struct flavor f)
{
    pirn_runtime *rt = rt_watched(f, STUCK);

    EQ(block_on(pirn_runtime_handle(rt), long_nap_poll, NULL), 0);
    EQ(report.count, 0);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, roots_are_not)

static void none_if_it_is_switched_off(struct flavor f)
{
    int threads = count_threads();
    pirn_runtime *rt = rt_watched(f, PIRN_NEVER);
    pirn_handle *h = pirn_runtime_handle(rt);

    threads_are(threads + (f.flavor == PIRN_MULTI_THREAD ? (int)f.workers : 0));
    ends_done(h, spawn(h, long_nap_poll, NULL), 0);
    EQ(report.count, 0);
    rt_free(rt);
}
EACH_FLAVOR(watchdog, none_if_it_is_switched_off)

/* ---- relief: what is behind goes on elsewhere ------------------------------------------------------------------ */

enum {
    BEHIND = 300
};

static struct {
    struct stopper s;
    struct gate gate; /* in the slot */
    bool wakes;
    int spawns;
    _Atomic(int) ran;
    _Atomic(int) same; /* ran on the stuck worker */
} jam;

static int behind_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    jam.same += pirn_worker_index() == jam.s.worker;
    jam.ran++;
    return 0;
}

static int behind_gate_poll(void *user, pirn_cx *cx, int *out)
{
    if (gate_poll(&jam.gate, cx, out) == PIRN_PENDING)
        return PIRN_PENDING;
    return behind_poll(user, cx, out);
}

static int jam_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    for (int i = 0; i < jam.spawns; i++)
        pirn_join_free(spawn(NULL, behind_poll, NULL));
    if (jam.wakes)
        gate_open(&jam.gate);
    return stopper_poll(&jam.s, cx, out);
}

static bool all_ran(void *n)
{
    return jam.ran == *(int *)n;
}

/* Everything queued behind the stuck poll is run while it is stuck. */
static void jammed(struct flavor f, int spawns, bool wakes)
{
    pirn_runtime *rt = rt_watched(f, STUCK);
    pirn_handle *h = pirn_runtime_handle(rt);
    int all = spawns + wakes;
    pirn_join *j, *k = NULL;

    stopper_init(&jam.s);
    jam.spawns = spawns;
    jam.wakes = wakes;
    if (wakes) {
        k = spawn(h, behind_gate_poll, NULL);
        run_until(h, &jam.gate.polls, 1);
    }
    j = spawn(h, jam_poll, NULL);
    await(&jam.s.entered);
    CHECK_SAYS(comes_true(all_ran, &all), "%d of %d ran", jam.ran, all);
    EQ(jam.same, 0);
    EQ(jam.s.done, false);
    post(&jam.s.go);
    ends_done(h, j, 0);
    if (wakes)
        ends_done(h, k, 0);
    pirn_waker_cell_fini(&jam.gate.cell);
    rt_free(rt);
}

#define JAM(name, spawns, wakes)                                                                   \
    static void name(struct flavor f)                                                              \
    {                                                                                              \
        jammed(f, spawns, wakes);                                                                  \
    }                                                                                              \
    ON(watchdog, name, mt2, PIRN_MULTI_THREAD, 2)                                                  \
    ON(watchdog, name, mt4, PIRN_MULTI_THREAD, 4)
JAM(a_single_task_behind, 1, false)
JAM(a_task_in_the_slot, 0, true)
JAM(one_in_each, 1, true)
JAM(many_behind, BEHIND, true)

/* With a single CPU nobody searches for long. */
static void on_one_cpu(int spawns, bool wakes)
{
    cpu_set_t all, one;

    EQ(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    EQ(sched_setaffinity(0, sizeof one, &one), 0);
    jammed((struct flavor){PIRN_MULTI_THREAD, 2}, spawns, wakes);
}

Test(watchdog, a_single_task_behind_on_one_cpu, .timeout = LIMIT_S)
{
    on_one_cpu(1, false);
}

Test(watchdog, a_task_in_the_slot_on_one_cpu, .timeout = LIMIT_S)
{
    on_one_cpu(0, true);
}

Test(watchdog, many_behind_on_one_cpu, .timeout = LIMIT_S)
{
    on_one_cpu(BEHIND, true);
}

/* All workers but one are stuck: what is behind any of them still is run. */
Test(watchdog, three_of_four_are_stuck, .timeout = LIMIT_S)
{
    static struct stopper s[3];
    pirn_runtime *rt = rt_watched((struct flavor){PIRN_MULTI_THREAD, 4}, STUCK);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j[3], *k;
    int one = BEHIND + 1;

    for (int i = 0; i < 3; i++) {
        stopper_init(&s[i]);
        j[i] = i < 2 ? spawn(h, stopper_poll, &s[i]) : NULL;
    }
    for (int i = 0; i < 2; i++)
        await(&s[i].entered);
    stopper_init(&jam.s);
    jam.spawns = BEHIND;
    jam.wakes = true;
    k = spawn(h, behind_gate_poll, NULL);
    run_until(h, &jam.gate.polls, 1);
    j[2] = spawn(h, jam_poll, NULL);
    await(&jam.s.entered);
    CHECK(comes_true(all_ran, &one));
    for (int i = 0; i < 3; i++)
        await(&report.told);
    for (int i = 0; i < 2; i++)
        post(&s[i].go);
    post(&jam.s.go);
    for (int i = 0; i < 3; i++)
        ends_done(h, j[i], 0);
    ends_done(h, k, 0);
    CHECK(report.count >= 3);
    pirn_waker_cell_fini(&jam.gate.cell);
    rt_free(rt);
}

/* ---- nobody is disturbed ------------------------------------------------------------------------------------------ */

struct switches {
    long all;
    pid_t but;
};

static void add_switches(void *user, const char *folder)
{
    struct switches *s = user;
    char line[64];

    if (atoi(folder) == s->but)
        return;
    thread_line(folder, "status", "voluntary_ctxt_switches:", line, sizeof line);
    s->all += atol(line);
    thread_line(folder, "status", "nonvoluntary_ctxt_switches:", line, sizeof line);
    s->all += atol(line);
}

/* Of all threads but this one. */
static long count_switches(void)
{
    struct switches s = {0, gettid()};

    each_thread(add_switches, &s);
    return s.all;
}

static void idle_means_asleep(struct flavor f, bool watched)
{
    pirn_runtime *rt = watched ? rt_watched(f, STUCK) : rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;
    long before;

    for (int i = 0; i < 1000; i++)
        pirn_join_free(spawn(h, add_poll, &ran));
    run_until(h, &ran, 1000);
    rt_quiet(h);
    nap(4 * STUCK); /* the watchdog's last look */
    before = count_switches();
    nap(300 * PIRN_MS);
    EQ(count_switches() - before, 0);
    ends_done(h, spawn(h, add_poll, &ran), 0);
    rt_free(rt);
}

static void nobody_wakes_in_an_idle_runtime(struct flavor f)
{
    idle_means_asleep(f, false);
}
EACH_MT(watchdog, nobody_wakes_in_an_idle_runtime)

static void nor_does_the_watchdog(struct flavor f)
{
    idle_means_asleep(f, true);
}
EACH_MT(watchdog, nor_does_the_watchdog)

/* On the current-thread flavour: the driver waits for something. */
static struct gate idle_gate;

static void *wait_for_gate(void *h)
{
    EQ(block_on(h, gate_poll, &idle_gate), 0);
    return NULL;
}

static bool gate_polled(void *user)
{
    (void)user;
    return idle_gate.polls == 1;
}

Test(watchdog, nobody_wakes_while_the_driver_waits, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_watched((struct flavor){PIRN_CURRENT_THREAD, 1}, STUCK);
    pthread_t t = start_thread(wait_for_gate, pirn_runtime_handle(rt));
    long before;

    CHECK(comes_true(gate_polled, NULL));
    nap(4 * STUCK);
    before = count_switches();
    nap(300 * PIRN_MS);
    EQ(count_switches() - before, 0);
    gate_open(&idle_gate);
    end_thread(t);
    pirn_waker_cell_fini(&idle_gate.cell);
    rt_free(rt);
}
