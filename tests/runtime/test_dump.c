/* SPDX-License-Identifier: MIT */
/* Do dump and each_task show every live task once, while everything keeps running? */
#include "support.h"

#include <fcntl.h>
#include <unistd.h>

/* The line of the task; NULL: none; more than one fails. */
static char *line_of(char *dump, uint64_t id)
{
    char start[40], *line, *end;

    (void)snprintf(start, sizeof start, "task %llu ", (unsigned long long)id);
    line = strstr(dump, start);
    if (line == NULL)
        return NULL;
    CHECK_SAYS(strstr(line + 1, start) == NULL, "task %llu stands twice in %s",
               (unsigned long long)id, dump);
    end = strchr(line, '\n');
    return strndup(line, (size_t)(end - line));
}

static void shows(char *dump, pirn_join *j, const char *word)
{
    char *line = line_of(dump, pirn_join_id(j));

    CHECK_SAYS(line != NULL && strstr(line, word) != NULL, "\"%s\" does not show %s in %s",
               line != NULL ? line : "", word, dump);
    free(line);
}

/* ---- the three parts ------------------------------------------------------------------------------ */

struct looking {
    pirn_join *self, *queued, *waiting, *seen_running;
    char *dump;
};

static int look_poll(void *user, pirn_cx *cx, int *out)
{
    struct looking *l = user;

    (void)cx;
    l->queued = spawn(NULL, ready_poll, NULL);
    l->dump = dump_of(NULL);
    *out = 0;
    return 0;
}

/* (tokio: task dumps; rt_common) */
Test(dump, linked_running_in_its_first_poll_and_never_polled)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct looking l = {0};
    struct gate g = {0};
    pirn_runtime *rt;
    pirn_handle *h;

    o.name = "shown";
    rt = rt_new_with(&o);
    h = pirn_runtime_handle(rt);
    l.waiting = spawn_gate(h, &g);
    rt_idle(rt);
    l.self = spawn(h, look_poll, &l);
    rt_idle(rt);
    has(l.dump, "runtime \"shown\"");
    has(l.dump, "tasks_alive=3");
    shows(l.dump, l.waiting, "waiting");
    shows(l.dump, l.self, "running");
    shows(l.dump, l.queued, "ready");
    has(l.dump, "end: 3 tasks listed");
    has(l.dump, "\"closure\"");
    free(l.dump);
    l.dump = dump_of(h);
    has(l.dump, "end: 1 tasks listed");
    free(l.dump);
    pirn_join_free(l.self);
    pirn_join_free(l.queued);
    pirn_join_free(l.waiting);
    rt_free(rt);
}

Test(dump, of_nothing_and_of_what_has_no_name)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_task_desc d = closure_desc;
    struct closure c = {pending_poll, NULL, NULL};
    char *text = dump_of(h);
    pirn_join *j = NULL;

    has(text, "end: 0 tasks listed");
    free(text);
    d.name = NULL;
    EQ(pirn_spawn(h, &d, &c, &j), 0);
    text = dump_of(h); /* nobody drives: this thread lists what is queued */
    shows(text, j, "\"task\" ready");
    free(text);
    rt_idle(rt);
    text = dump_of(h);
    shows(text, j, "\"task\" waiting");
    shows(text, j, "polls=1 ");
    free(text);
    EQ(pirn_runtime_dump(h, -1), -EBADF);
    EQ(pirn_runtime_dump(NULL, 1), PIRN_ENORUNTIME);
    EQ(pirn_runtime_each_task(h, NULL, NULL), -EINVAL);
    pirn_join_free(j);
    rt_free(rt);
}

/* ---- from another thread, while the driver is in a long poll ---------------------------------------- */

static struct {
    sem_t polling, go_on;
    pirn_join *behind;
} stuck;

static int stuck_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    stuck.behind = spawn(NULL, ready_poll, NULL);
    post(&stuck.polling);
    await(&stuck.go_on);
    return 0;
}

static void *drive_stuck(void *rt)
{
    rt_idle(rt);
    return NULL;
}

Test(dump, what_is_queued_behind_a_long_poll_is_counted, .timeout = 20)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate g = {0};
    pirn_join *waiting = spawn_gate(h, &g), *j;
    pirn_time before;
    pthread_t t;
    char *text;

    EQ(sem_init(&stuck.polling, 0, 0), 0);
    EQ(sem_init(&stuck.go_on, 0, 0), 0);
    rt_idle(rt);
    j = spawn(h, stuck_poll, NULL);
    t = start_thread(drive_stuck, rt);
    await(&stuck.polling);
    before = pirn_now();
    text = dump_of(h);
    CHECK(pirn_now() - before >= 100 * PIRN_MS);
    shows(text, waiting, "waiting");
    shows(text, j, "running");
    has(text, "queued than could be listed within 100 ms: about 1");
    CHECK(line_of(text, pirn_join_id(stuck.behind)) == NULL);
    has(text, "end: 2 tasks listed");
    free(text);
    post(&stuck.go_on);
    end_thread(t);
    join_done(j, 0);
    join_done(stuck.behind, 0);
    pirn_join_free(waiting);
    rt_free(rt);
}

/* ---- each_task --------------------------------------------------------------------------------------- */

enum {
    LASTING = 3000,
    WALKS = 40
};

static struct {
    struct gate gates[LASTING];
    pirn_join *joins[LASTING];
    uint8_t seen[1 << 22]; /* by id */
    _Atomic(bool) enough;
    int spawned;
} crowd;

static int see(void *user, const pirn_task_info *t)
{
    EQ(t->size, sizeof *t);
    CHECK(t->id != 0 && t->id < sizeof crowd.seen);
    CHECK_SAYS(crowd.seen[t->id]++ == 0, "task %llu was seen twice", (unsigned long long)t->id);
    ++*(int *)user;
    return 0;
}

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

static void *drive_churn(void *rt)
{
    EQ(block_on(pirn_runtime_handle(rt), churn_poll, NULL), 0);
    return NULL;
}

Test(dump, every_task_that_lives_throughout_is_seen_once, .timeout = 60)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pthread_t t;

    for (int i = 0; i < LASTING; i++)
        crowd.joins[i] = spawn_gate(h, &crowd.gates[i]);
    t = start_thread(drive_churn, rt);
    for (int n = 0; n < WALKS; n++) {
        int seen = 0;

        memset(crowd.seen, 0, sizeof crowd.seen);
        EQ(pirn_runtime_each_task(h, see, &seen), 0);
        for (int i = 0; i < LASTING; i++)
            EQ(crowd.seen[pirn_join_id(crowd.joins[i])], 1);
        CHECK(seen >= LASTING);
    }
    crowd.enough = true;
    end_thread(t);
    EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
    EQ(metrics_of(h).retired_cells, 0);
    EQ(metrics_of(h).tasks_alive, 0);
    for (int i = 0; i < LASTING; i++)
        pirn_join_free(crowd.joins[i]);
    rt_free(rt);
}

/* The callback holds nothing: it may spawn, wake, abort, and stop the walk. */
struct acting {
    pirn_handle *h;
    pirn_join *abort, *spawned;
    struct gate *open;
    int calls;
};

static int act(void *user, const pirn_task_info *t)
{
    struct acting *a = user;

    (void)t;
    if (a->calls++ == 0) {
        a->spawned = spawn(a->h, ready_poll, NULL);
        pirn_join_abort(a->abort);
        gate_open(a->open);
        rt_idle((pirn_runtime *)a->h);
    }
    return a->calls == 2 ? -77 : 0;
}

Test(dump, the_callback_may_do_anything)
{
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    struct gate a = {0}, b = {.value = 3}, c = {0};
    struct acting user = {h, spawn_gate(h, &a), NULL, &b, 0};
    pirn_join *k = spawn_gate(h, &b), *l = spawn_gate(h, &c);

    rt_idle(rt);
    EQ(pirn_runtime_each_task(h, act, &user), -77);
    EQ(user.calls, 2);
    join_is(user.abort, PIRN_CANCELLED, -ECANCELED);
    join_done(k, 3);
    join_done(user.spawned, 0);
    pirn_join_free(l);
    rt_free(rt);
}

static int count_and_fault(void *user, const pirn_task_info *t)
{
    (void)t;
    ++*(int *)user;
    pirn_fault(21, "in the walk");
}

static int walk_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    (void)out;
    return pirn_runtime_each_task(NULL, count_and_fault, user);
}

/* A fault of the callback is that of the task which walks; nothing is left behind. */
Test(dump, a_fault_in_the_callback_is_its_callers)
{
    pirn_runtime *rt = rt_new();
    int calls = 0;
    pirn_join *j = spawn(pirn_runtime_handle(rt), walk_poll, &calls);

    rt_idle(rt);
    EQ(calls, 1);
    join_is(j, PIRN_FAULTED, 21);
    EQ(pirn_runtime_each_task(pirn_runtime_handle(rt), see, &calls), 0);
    EQ(calls, 1);
    rt_free(rt);
}

/* What facts say: polls, times, the line, the site. */
struct line_frame {
    uint32_t line;
    int polls;
};

static int line_poll(void *frame, pirn_cx *cx, void *out)
{
    struct line_frame *f = frame;

    (void)out;
    f->line = f->polls == 0 ? 10 : 20;
    if (f->polls++ == 0)
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return pirn_pending_poll(cx);
}

static int keep_info(void *user, const pirn_task_info *t)
{
    *(pirn_task_info *)user = *t;
    return 0;
}

Test(dump, facts)
{
    static const pirn_task_desc desc = {
        .size = sizeof desc,
        .name = "with a line",
        .poll = line_poll,
        .frame_size = sizeof(struct line_frame),
        .flags = PIRN_TASK_LINE,
    };
    pirn_runtime *rt = rt_new();
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_time start = pirn_now();
    pirn_task_info t;
    pirn_join *j = NULL;

    EQ(pirn_spawn(h, &desc, NULL, &j), 0);
    EQ(pirn_runtime_each_task(h, keep_info, &t), 0);
    EQ(t.polls, 0);
    EQ(t.last_poll_at, 0);
    EQ(t.await_line, 0);
    EQ(t.state & 63, 4 | 8); /* notified, join interest */
    rt_idle(rt);
    EQ(pirn_runtime_each_task(h, keep_info, &t), 0);
    EQ(t.id, pirn_join_id(j));
    SAME_TEXT(t.name, "with a line");
    EQ(t.polls, 2);
    EQ(t.await_line, 20);
    EQ(t.worker, 0);
    EQ(t.state & 63, 8);
    CHECK(t.spawn_site != NULL);
    CHECK(t.spawned_at >= start - 3 * PIRN_MS && t.spawned_at <= pirn_now());
    CHECK(t.last_poll_at >= t.spawned_at - 3 * PIRN_MS && t.last_poll_at <= pirn_now());
    pirn_join_free(j);
    EQ(pirn_runtime_each_task(h, keep_info, &t), 0);
    EQ(t.state & 63, 0);
    rt_free(rt);
}
