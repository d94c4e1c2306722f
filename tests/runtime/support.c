/* SPDX-License-Identifier: MIT */
/* What the tests of runtime/ share: see support.h. */
#include "support.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- memory ------------------------------------------------------------------------------------ */

static void *tally_alloc(void *user, size_t n, size_t align)
{
    struct tally *t = user;
    void *p = NULL;

    t->calls++;
    if (t->fail_at != 0 && --t->fail_at == 0) {
        t->failed++;
        return NULL;
    }
    if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, n) != 0)
        return NULL;
    memset(p, 0xa5, n);
    t->live++;
    t->bytes += (int64_t)n;
    return p;
}

static void tally_free(void *user, void *p, size_t n)
{
    struct tally *t = user;

    CHECK(p != NULL);
    t->live--;
    t->bytes -= (int64_t)n;
    free(p);
}

struct tally tally = {{sizeof(pirn_alloc), tally_alloc, tally_free, &tally}, 0, 0, 0, 0, 0};

/* ---- futures ----------------------------------------------------------------------------------- */

_Atomic(int) outputs_dropped;

static int closure_poll(void *frame, pirn_cx *cx, void *out)
{
    struct closure *c = frame;

    return c->poll(c->user, cx, out);
}

static void closure_drop(void *frame)
{
    struct closure *c = frame;

    if (c->drop != NULL)
        c->drop(c->user);
}

static void closure_out_drop(void *out)
{
    (void)out;
    outputs_dropped++;
}

const pirn_task_desc closure_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "closure",
    .poll = closure_poll,
    .drop = closure_drop,
    .frame_size = sizeof(struct closure),
    .out_size = sizeof(int),
    .out_drop = closure_out_drop,
};

int gate_poll(void *gate, pirn_cx *cx, int *out)
{
    struct gate *g = gate;

    g->polls++;
    g->poll_id = pirn_task_id();
    pirn_waker_cell_set(&g->cell, cx);
    if (!g->open)
        return PIRN_PENDING;
    *out = g->value;
    return 0;
}

void gate_drop(void *gate)
{
    struct gate *g = gate;

    g->drops++;
    g->drop_id = pirn_task_id();
    pirn_waker_cell_fini(&g->cell);
}

void gate_open(struct gate *g)
{
    g->open = true;
    pirn_waker_cell_wake(&g->cell);
}

int joining_poll(void *joining, pirn_cx *cx, int *out)
{
    struct joining *f = joining;
    int r = pirn_join_poll(f->join, cx, &f->res, out);

    if (r != 0)
        return r;
    pirn_join_free(f->join);
    return 0;
}

int ready_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    return 0;
}

int pending_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)out;
    return pirn_pending_poll(cx);
}

void count_drop(void *counter)
{
    ++*(int *)counter;
}

static void *wakes_clone(void *data)
{
    struct wakes *w = data;

    w->clones++;
    return w;
}

static void wakes_wake_by_ref(void *data)
{
    struct wakes *w = data;

    w->woken++;
}

static void wakes_drop(void *data)
{
    struct wakes *w = data;

    w->drops++;
}

static void wakes_wake(void *data)
{
    wakes_wake_by_ref(data);
    wakes_drop(data);
}

pirn_waker wakes_waker(struct wakes *w)
{
    static const pirn_waker_vt vt = {
        sizeof vt, wakes_clone, wakes_wake, wakes_wake_by_ref, wakes_drop,
    };

    w->clones++;
    return (pirn_waker){&vt, w};
}

/* ---- short forms ------------------------------------------------------------------------------- */

pirn_runtime *rt_new_with(pirn_runtime_opts *o)
{
    pirn_runtime *rt = NULL;
    int r;

    o->flavor = PIRN_CURRENT_THREAD;
    o->alloc = &tally.alloc;
    r = pirn_runtime_new(o, &rt);
    CHECK_SAYS(r == 0 && rt != NULL, "pirn_runtime_new: %d, %s", r, pirn_last_error_text());
    return rt;
}

pirn_runtime *rt_new(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    return rt_new_with(&o);
}

void rt_free(pirn_runtime *rt)
{
    pirn_runtime_free(rt);
    EQ(tally.live, 0);
    EQ(tally.bytes, 0);
}

void rt_idle(pirn_runtime *rt)
{
    int r;

    do {
        r = pirn_runtime_turn(rt, PIRN_NEVER, NULL);
        CHECK_SAYS(r == 0 || r == 1, "pirn_runtime_turn: %d", r);
    } while (r == 1);
}

pirn_join *spawn_dropping(pirn_handle *h, step_fn *fn, void (*drop)(void *), void *user)
{
    struct closure c = {fn, drop, user};
    pirn_join *j = NULL;

    EQ(pirn_spawn(h, &closure_desc, &c, &j), 0);
    CHECK(j != NULL);
    return j;
}

pirn_join *spawn(pirn_handle *h, step_fn *fn, void *user)
{
    return spawn_dropping(h, fn, NULL, user);
}

pirn_join *spawn_gate(pirn_handle *h, struct gate *g)
{
    return spawn_dropping(h, gate_poll, gate_drop, g);
}

int block_on(pirn_handle *h, step_fn *fn, void *user)
{
    struct closure c = {fn, NULL, user};
    pirn_result res = {PIRN_FAULTED, 1, 1};
    int out = -1;
    int r = pirn_block_on(h, &closure_desc, &c, &res, &out);

    CHECK_SAYS(r == 0, "pirn_block_on: %d, %s", r, pirn_last_error_text());
    CHECK_SAYS(res.outcome == PIRN_DONE && res.code == 0, "the root: outcome %d, code %d, %s",
               (int)res.outcome, res.code, pirn_last_error_text());
    return out;
}

pirn_metrics metrics_of(pirn_handle *h)
{
    pirn_metrics m = {.size = sizeof m};

    EQ(pirn_runtime_metrics(h, &m), 0);
    return m;
}

void join_is(pirn_join *j, enum pirn_outcome outcome, int code)
{
    pirn_result res;
    int out = -1;

    CHECK(pirn_join_is_finished(j));
    EQ(pirn_join_try(j, &res, &out), 0);
    EQ(res.outcome, outcome);
    EQ(res.code, code);
    EQ(res.task_id, pirn_join_id(j));
    pirn_join_free(j);
}

void join_done(pirn_join *j, int output)
{
    pirn_result res;
    int out = -1;

    CHECK(pirn_join_is_finished(j));
    EQ(pirn_join_try(j, &res, &out), 0);
    EQ(res.outcome, PIRN_DONE);
    EQ(res.code, 0);
    EQ(out, output);
    pirn_join_free(j);
}

struct join_call {
    pirn_join *join;
    pirn_result *res;
};

static int join_call(void *frame, pirn_cx *cx, void *out)
{
    struct join_call *c = frame;

    return pirn_join_poll(c->join, cx, c->res, out);
}

int join_poll_with(pirn_join *j, const pirn_waker *w, pirn_result *res, int *out)
{
    struct join_call c = {j, res};

    return pirn_poll_with(w, join_call, &c, out);
}

pthread_t start_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;

    EQ(pthread_create(&t, NULL, fn, arg), 0);
    return t;
}

void end_thread(pthread_t t)
{
    EQ(pthread_join(t, NULL), 0);
}

void post(sem_t *s)
{
    EQ(sem_post(s), 0);
}

void await(sem_t *s)
{
    while (sem_wait(s) != 0)
        EQ(errno, EINTR);
}

/* ---- aborts ------------------------------------------------------------------------------------ */

void expect_abort(void (*fn)(void), const char *says)
{
    char text[4096];
    size_t used = 0;
    int fds[2], status;
    ssize_t n;
    pid_t child;

    EQ(pipe(fds), 0);
    fflush(NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};

        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(fds[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    (void)close(fds[1]);
    while (used < sizeof text - 1 && (n = read(fds[0], text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    (void)close(fds[0]);
    EQ(waitpid(child, &status, 0), child);
    CHECK_SAYS(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status 0x%x, said \"%s\"",
               (unsigned)status, text);
    CHECK_SAYS(strstr(text, says) != NULL, "\"%s\" does not name %s", text, says);
}

/* ---- dumps ----------------------------------------------------------------------------------------- */

char *dump_of(pirn_handle *h)
{
    FILE *f = tmpfile();
    char *text;
    long n;

    CHECK(f != NULL);
    EQ(pirn_runtime_dump(h, fileno(f)), 0);
    n = lseek(fileno(f), 0, SEEK_END);
    text = calloc(1, (size_t)n + 1);
    EQ(pread(fileno(f), text, (size_t)n, 0), n);
    (void)fclose(f);
    return text;
}

void has(const char *dump, const char *text)
{
    CHECK_SAYS(strstr(dump, text) != NULL, "no \"%s\" in %s", text, dump);
}
