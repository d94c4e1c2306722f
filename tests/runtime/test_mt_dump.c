/* SPDX-License-Identifier: MIT */
/* Do walks and dumps show every live task once while workers run, spawn and steal? */
#include "flavors.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- what a walk has seen ------------------------------------------------------------------------ */

enum {
    SEEN_MAX = 1 << 17
};

struct seen {
    uint64_t id[SEEN_MAX];
    size_t n;
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int note(void *user, const pirn_task_info *t)
{
    struct seen *s = user;

    CHECK(t->id != 0 && t->name != NULL && t->size == sizeof *t);
    CHECK(s->n < SEEN_MAX);
    s->id[s->n++] = t->id;
    return 0;
}

static void walk(pirn_handle *h, struct seen *s)
{
    s->n = 0;
    EQ(pirn_runtime_each_task(h, note, s), 0);
    qsort(s->id, s->n, sizeof s->id[0], by_number);
    for (size_t i = 1; i < s->n; i++)
        CHECK_SAYS(s->id[i] != s->id[i - 1], "task %llu was seen twice",
                   (unsigned long long)s->id[i]);
}

static bool was_seen(const struct seen *s, uint64_t id)
{
    return bsearch(&id, s->id, s->n, sizeof id, by_number) != NULL;
}

static void *new_seen(void)
{
    void *p = malloc(sizeof(struct seen));

    CHECK(p != NULL);
    return p;
}

/* ---- text ------------------------------------------------------------------------------------------ */

static void shows(const char *dump, uint64_t id, const char *word)
{
    char start[40], line[600] = "";
    const char *at;

    (void)snprintf(start, sizeof start, "\ntask %llu ", (unsigned long long)id);
    at = strstr(dump, start);
    CHECK_SAYS(at != NULL, "no task %llu in %s", (unsigned long long)id, dump);
    CHECK(strstr(at + 1, start) == NULL);
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    CHECK_SAYS(strstr(line, word) != NULL, "\"%s\" does not show %s", line, word);
}

/* ---- the three parts --------------------------------------------------------------------------------- */

struct looking {
    pirn_join *queued[3];
    char *dump;
};

static int look_poll(void *user, pirn_cx *cx, int *out)
{
    struct looking *l = user;

    (void)cx;
    *out = 0;
    for (int i = 0; i < 3; i++)
        l->queued[i] = spawn(NULL, ready_poll, NULL);
    l->dump = dump_of(NULL);
    return 0;
}

/* One that waits, one in its first poll, some that were never polled. */
Test(mt_dump, by_a_task_on_the_only_worker, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct looking l = {0};
    struct gate g = {0};
    pirn_join *waiting = spawn_gate(h, &g), *self;
    uint64_t id;

    run_until(h, &g.polls, 1);
    self = spawn(h, look_poll, &l);
    id = pirn_join_id(self);
    ends_done(h, self, 0);
    has(l.dump, "runtime \"\" multi_thread workers=1 tasks_alive=5");
    has(l.dump, "end: 5 tasks listed");
    shows(l.dump, pirn_join_id(waiting), "\"closure\" waiting");
    shows(l.dump, pirn_join_id(waiting), "polls=1 ");
    shows(l.dump, pirn_join_id(waiting), "worker=0");
    shows(l.dump, id, "running");
    shows(l.dump, id, "worker=0");
    for (int i = 0; i < 3; i++) {
        shows(l.dump, pirn_join_id(l.queued[i]), "ready");
        shows(l.dump, pirn_join_id(l.queued[i]), "polls=0 ");
        ends_done(h, l.queued[i], 0);
    }
    free(l.dump);
    pirn_join_free(waiting);
    rt_free(rt);
}

static struct stopper stuck;

static int stuck_poll(void *user, pirn_cx *cx, int *out)
{
    for (int i = 0; i < 7; i++)
        pirn_join_free(spawn(NULL, ready_poll, NULL));
    return stopper_poll(user, cx, out);
}

/* In its first poll, which does not end; what is behind it cannot be listed, only counted. */
Test(mt_dump, behind_a_stuck_first_poll, .timeout = LIMIT_S)
{
    pirn_runtime *rt = rt_mt(1);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time before = pirn_now();
    pirn_join *j;
    char *text;

    stopper_init(&stuck);
    j = spawn(h, stuck_poll, &stuck);
    await(&stuck.entered);
    text = dump_of(h);
    CHECK(pirn_now() - before >= 100 * PIRN_MS);
    shows(text, pirn_join_id(j), "\"closure\" running");
    shows(text, pirn_join_id(j), "polls=1 ");
    has(text, "queued than could be listed within 100 ms: about 7\n");
    has(text, "end: 1 tasks listed");
    free(text);
    post(&stuck.go);
    ends_done(h, j, 0);
    rt_quiet(h);
    text = dump_of(h);
    has(text, "end: 0 tasks listed");
    free(text);
    rt_free(rt);
}

/* ---- while workers spin -------------------------------------------------------------------------------- */

enum {
    WAITING = 400,
    SPINNERS = 6,
    FRESH = 30
};

static struct {
    struct gate gate[WAITING];
    pirn_join *waiting[WAITING];
    struct spinner spin[SPINNERS];
    pirn_join *spinning[SPINNERS], *churning;
    _Atomic(bool) enough;
} crowd;

/* Spawns and ends tasks as long as it is let, one poll after the other. */
static int churn_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    *out = 0;
    if (crowd.enough)
        return 0;
    for (int i = 0; i < 20; i++)
        pirn_join_free(spawn(NULL, ready_poll, NULL));
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

static void begin_crowd(pirn_handle *h)
{
    for (int i = 0; i < WAITING; i++)
        crowd.waiting[i] = spawn_gate(h, &crowd.gate[i]);
    for (int i = 0; i < WAITING; i++)
        run_until(h, &crowd.gate[i].polls, 1);
    for (int i = 0; i < SPINNERS; i++)
        crowd.spinning[i] = spawn(h, spinner_poll, &crowd.spin[i]);
    crowd.churning = spawn(h, churn_poll, NULL);
}

static void end_crowd(pirn_handle *h)
{
    crowd.enough = true;
    ends_done(h, crowd.churning, 0);
    for (int i = 0; i < SPINNERS; i++) {
        crowd.spin[i].stop = true;
        ends_done(h, crowd.spinning[i], 0);
    }
    rt_quiet(h);
    EQ(metrics_of(h).tasks_alive, WAITING);
    for (int i = 0; i < WAITING; i++)
        gate_open(&crowd.gate[i]);
    for (int i = 0; i < WAITING; i++)
        ends_done(h, crowd.waiting[i], 0);
    EQ(metrics_of(h).tasks_alive, 0);
    EQ(metrics_of(h).retired_cells, 0);
}

static void all_lasting(const struct seen *s)
{
    for (int i = 0; i < WAITING; i++)
        CHECK(was_seen(s, pirn_join_id(crowd.waiting[i])));
    for (int i = 0; i < SPINNERS; i++)
        CHECK(was_seen(s, pirn_join_id(crowd.spinning[i])));
    CHECK(was_seen(s, pirn_join_id(crowd.churning)));
}

/* Those that wait, those that run, and those that were spawned just before and may be anywhere: in the
 * shared queue, in a worker's, on the way between them, in their first poll. */
static void every_task_is_seen_once(struct flavor f)
{
    static struct gate fresh[FRESH];
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct seen *s = new_seen();

    begin_crowd(h);
    for (int n = 0; n < 60; n++) {
        pirn_join *j[FRESH];

        memset(fresh, 0, sizeof fresh);
        for (int i = 0; i < FRESH; i++)
            j[i] = spawn_gate(h, &fresh[i]);
        walk(h, s);
        all_lasting(s);
        for (int i = 0; i < FRESH; i++)
            CHECK_SAYS(was_seen(s, pirn_join_id(j[i])), "walk %d missed fresh task %d", n, i);
        for (int i = 0; i < FRESH; i++)
            gate_open(&fresh[i]);
        for (int i = 0; i < FRESH; i++)
            ends_done(h, j[i], 0);
    }
    end_crowd(h);
    free(s);
    rt_free(rt);
}
EACH_MT(mt_dump, every_task_is_seen_once)

struct walker {
    pirn_handle *h;
    pthread_t thread;
};

static void *walk_often(void *user)
{
    struct walker *w = user;
    struct seen *s = new_seen();

    for (int i = 0; i < 30; i++) {
        walk(w->h, s);
        all_lasting(s);
    }
    free(s);
    return NULL;
}

static void several_walkers(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    struct walker w[3];

    begin_crowd(pirn_runtime_handle(rt));
    for (int i = 0; i < 3; i++) {
        w[i].h = pirn_runtime_handle(rt);
        w[i].thread = start_thread(walk_often, &w[i]);
    }
    for (int i = 0; i < 3; i++)
        end_thread(w[i].thread);
    end_crowd(pirn_runtime_handle(rt));
    rt_free(rt);
}
EACH_MT(mt_dump, several_walkers)

static int walking_poll(void *user, pirn_cx *cx, int *out)
{
    struct seen *s = user;

    (void)cx;
    walk(NULL, s);
    all_lasting(s);
    CHECK(was_seen(s, pirn_task_id()));
    *out = 0;
    return 0;
}

/* A task walks: its own worker does not wait for itself. */
static void a_task_may_walk(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct seen *s = new_seen();

    begin_crowd(h);
    for (int i = 0; i < 20; i++)
        ends_done(h, spawn(h, walking_poll, s), 0);
    end_crowd(h);
    free(s);
    rt_free(rt);
}
EACH_MT(mt_dump, a_task_may_walk)

static void text_while_workers_spin(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    begin_crowd(h);
    for (int n = 0; n < 10; n++) {
        char *text = dump_of(h), first[80];

        (void)snprintf(first, sizeof first, "runtime \"\" multi_thread workers=%u ", f.workers);
        CHECK(strncmp(text, first, strlen(first)) == 0);
        for (int i = 0; i < WAITING; i += 40) {
            shows(text, pirn_join_id(crowd.waiting[i]), "\"closure\" waiting");
            shows(text, pirn_join_id(crowd.waiting[i]), "spawn_site=0x");
        }
        for (int i = 0; i < SPINNERS; i++)
            shows(text, pirn_join_id(crowd.spinning[i]), "state=0x");
        has(text, "\nend: ");
        free(text);
    }
    end_crowd(h);
    rt_free(rt);
}
EACH_MT(mt_dump, text_while_workers_spin)

static int yield_for_ever_poll(void *user, pirn_cx *cx, int *out)
{
    unsigned *state = user;

    *out = 0;
    while (!crowd.enough)
        if (pirn_yield_poll(state, cx) == PIRN_PENDING)
            return PIRN_PENDING;
    return 0;
}

/* A yield lets the worker look after itself, however rarely it does so otherwise. */
Test(mt_dump, yields_serve_walkers, .timeout = LIMIT_S)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    unsigned state = 0;
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_join *j;

    o.event_interval = UINT32_MAX;
    rt = rt_on_with((struct flavor){PIRN_MULTI_THREAD, 1}, &o);
    h = pirn_runtime_handle(rt);
    j = spawn(h, yield_for_ever_poll, &state);
    for (int i = 0; i < 5; i++) {
        char *text = dump_of(h);

        has(text, "end: 1 tasks listed");
        CHECK(strstr(text, "more tasks") == NULL);
        free(text);
    }
    crowd.enough = true;
    ends_done(h, j, 0);
    rt_free(rt);
}

/* Nobody is awake: the walker wakes whom it needs, and does not wait its 100 ms out. */
static void of_sleeping_workers(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g[3] = {0};
    pirn_join *j[3];
    int quick = 0;

    for (int i = 0; i < 3; i++)
        j[i] = spawn_gate(h, &g[i]);
    for (int i = 0; i < 3; i++)
        run_until(h, &g[i].polls, 1);
    for (int n = 0; n < 20; n++) {
        pirn_time before;
        char *text;

        rt_quiet(h);
        before = pirn_now();
        text = dump_of(h);
        quick += pirn_now() - before < 90 * PIRN_MS;
        has(text, "end: 3 tasks listed");
        CHECK(strstr(text, "more tasks") == NULL);
        free(text);
    }
    CHECK(quick > 10);
    for (int i = 0; i < 3; i++)
        pirn_join_free(j[i]);
    rt_free(rt);
}
EACH_MT(mt_dump, of_sleeping_workers)

/* ---- what a callback may do, and what it is told --------------------------------------------------------- */

struct acting {
    pirn_handle *h;
    pirn_join *abort, *opened;
    struct gate *open;
    int calls;
};

static int act(void *user, const pirn_task_info *t)
{
    struct acting *a = user;

    (void)t;
    if (a->calls++ == 0) { /* all of it happens while the walk is under way */
        pirn_join_abort(a->abort);
        gate_open(a->open);
        ends_done(a->h, spawn(a->h, ready_poll, NULL), 0);
        ends_as(a->h, a->abort, PIRN_CANCELLED, -ECANCELED);
        ends_done(a->h, a->opened, 3);
    }
    return 0;
}

static int count_only(void *user, const pirn_task_info *t)
{
    (void)t;
    return ++*(int *)user == 2 ? -77 : 0;
}

static void the_callback_may_do_anything(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate a = {0}, b = {.value = 3}, c = {0}, d = {0};
    struct acting user = {h, spawn_gate(h, &a), spawn_gate(h, &b), &b, 0};
    pirn_join *l = spawn_gate(h, &c), *m = spawn_gate(h, &d);
    int calls = 0;

    for (int i = 0; i < 4; i++)
        run_until(h, &(i == 0 ? &a : i == 1 ? &b : i == 2 ? &c : &d)->polls, 1);
    EQ(pirn_runtime_each_task(h, act, &user), 0);
    CHECK(user.calls >= 2);
    EQ(pirn_runtime_each_task(h, count_only, &calls), -77);
    EQ(calls, 2);
    pirn_join_free(l);
    pirn_join_free(m);
    rt_free(rt);
}
EACH_MT(mt_dump, the_callback_may_do_anything)

struct line_frame {
    uint32_t line;
    int polls;
};

static _Atomic(int) line_polls;

static int line_poll(void *frame, pirn_cx *cx, void *out)
{
    struct line_frame *f = frame;

    (void)out;
    f->line = f->polls == 0 ? 10 : 20;
    line_polls++;
    if (f->polls++ == 0)
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return pirn_pending_poll(cx);
}

static int keep_info(void *user, const pirn_task_info *t)
{
    *(pirn_task_info *)user = *t;
    return 0;
}

static void facts(struct flavor f)
{
    static const pirn_task_desc desc = {
        .size = sizeof desc,
        .name = "with a line",
        .poll = line_poll,
        .frame_size = sizeof(struct line_frame),
        .flags = PIRN_TASK_LINE,
    };
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time start = pirn_now();
    pirn_task_info t;
    pirn_join *j = NULL;

    EQ(pirn_spawn(h, &desc, NULL, &j), 0);
    run_until(h, &line_polls, 2);
    rt_quiet(h);
    EQ(pirn_runtime_each_task(h, keep_info, &t), 0);
    EQ(t.id, pirn_join_id(j));
    SAME_TEXT(t.name, "with a line");
    EQ(t.polls, 2);
    EQ(t.await_line, 20);
    CHECK(t.worker < f.workers);
    EQ(t.state & 63, 8); /* join interest alone */
    CHECK(t.spawn_site != NULL);
    CHECK(t.spawned_at >= start - 10 * PIRN_MS && t.spawned_at <= pirn_now());
    CHECK(t.last_poll_at >= t.spawned_at - 10 * PIRN_MS && t.last_poll_at <= pirn_now());
    pirn_join_free(j);
    rt_free(rt);
}
EACH_MT(mt_dump, facts)

/* Blocking tasks are listed, and belong to no worker. */
static void blocking_tasks_too(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct closure c = {stopper_poll, NULL, &stuck};
    pirn_join *j = NULL;
    pirn_task_info t;

    stopper_init(&stuck);
    EQ(pirn_spawn_blocking(h, &closure_desc, &c, &j), 0);
    await(&stuck.entered);
    EQ(pirn_runtime_each_task(h, keep_info, &t), 0);
    EQ(t.id, pirn_join_id(j));
    EQ(t.worker, PIRN_NO_WORKER);
    CHECK(t.state & 1);
    post(&stuck.go);
    ends_done(h, j, 0);
    rt_free(rt);
}
EACH_MT(mt_dump, blocking_tasks_too)

/* Of a runtime that is stopping or has stopped: at once, and empty. */
static void after_the_end(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct seen *s = new_seen();

    pirn_join_free(spawn(h, pending_poll, NULL));
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    walk(h, s);
    EQ(s->n, 0);
    free(s);
    rt_free(rt);
}
EACH_MT(mt_dump, after_the_end)
