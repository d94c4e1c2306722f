/* SPDX-License-Identifier: MIT */
/* Does every public call survive every allocation of its own failing: an error, nothing changed,
 * nothing lost? */
#include "support.h"

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

/* ---- malloc itself, for the default allocator and for waits without a runtime ------------------------ */

void *__real_malloc(size_t n);
int __real_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_malloc(size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);

static int malloc_fails_at, malloc_failed; /* the n-th call from now; 0: none */

static bool fails_now(void)
{
    if (malloc_fails_at == 0 || --malloc_fails_at != 0)
        return false;
    malloc_failed++;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails_now() ? NULL : __real_malloc(n);
}

int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
    return fails_now() ? ENOMEM : __real_posix_memalign(p, align, n);
}

/* ---- one call after the other, each allocation failing in turn ------------------------------------------ */

struct env {
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_local_set *set;
    pirn_join *join;
    struct gate gate;
    int drops;
    int seen;
};

/* Makes the call; returns what it returned, and undoes a success. */
typedef int call_fn(struct env *e);

static int call_runtime_new(struct env *e)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;
    int r;

    (void)e;
    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &tally.alloc;
    o.name = "short of memory";
    r = pirn_runtime_new(&o, &rt);
    CHECK((r == 0) == (rt != NULL));
    pirn_runtime_free(rt);
    return r;
}

static int call_run(struct env *e)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct closure c = {ready_poll, count_drop, &e->drops};
    int drops = e->drops, r;

    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &tally.alloc;
    r = pirn_run(&o, &closure_desc, &c, NULL, NULL);
    EQ(e->drops - drops, r == 0);
    return r;
}

static int finish(struct env *e, int r, pirn_join *j, int drops)
{
    EQ(e->drops, drops); /* not taken, not dropped */
    CHECK((r == 0) == (j != NULL));
    if (r == 0) {
        rt_idle(e->rt);
        EQ(e->drops, drops + 1);
        join_done(j, 0);
    }
    return r;
}

static int call_spawn(struct env *e)
{
    struct closure c = {ready_poll, count_drop, &e->drops};
    pirn_join *j = NULL;
    int drops = e->drops, r = pirn_spawn(e->h, &closure_desc, &c, &j);

    return finish(e, r, j, drops);
}

/* From a task: out of the driving thread's own cache. */
static int spawning_poll(void *user, pirn_cx *cx, int *out)
{
    struct env *e = user;
    struct closure c = {ready_poll, count_drop, &e->drops};

    (void)cx;
    *out = pirn_spawn(NULL, &closure_desc, &c, &e->join);
    return 0;
}

static int call_spawn_inside(struct env *e)
{
    struct closure root = {spawning_poll, NULL, e};
    int drops = e->drops, result = 0, r;

    pirn_join_free(e->join);
    e->join = NULL;
    r = pirn_block_on(e->h, &closure_desc, &root, NULL, &result);
    if (r != 0)
        return r;
    r = finish(e, result, e->join, drops);
    e->join = NULL;
    return r;
}

static int call_spawn_large(struct env *e)
{
    pirn_task_desc d = closure_desc;
    struct {
        struct closure c;
        char more[20000];
    } frame = {{ready_poll, count_drop, &e->drops}, {0}};
    pirn_join *j = NULL;
    int drops = e->drops, r;

    d.frame_size = sizeof frame;
    r = pirn_spawn(e->h, &d, &frame, &j);
    return finish(e, r, j, drops);
}

static int call_spawn_begin(struct env *e)
{
    void *frame = NULL;
    pirn_join *j = NULL;
    int drops = e->drops, r = pirn_spawn_begin(e->h, &closure_desc, &frame);

    CHECK((r == 0) == (frame != NULL));
    if (r == 0) {
        *(struct closure *)frame = (struct closure){ready_poll, count_drop, &e->drops};
        EQ(pirn_spawn_commit(frame, &j), 0); /* cannot fail */
    }
    return finish(e, r, j, drops);
}

static int plain(void *arg)
{
    (void)arg;
    return 0;
}

static int call_spawn_fn(struct env *e)
{
    pirn_join *j = NULL;
    int drops = e->drops, r = pirn_spawn_fn(e->h, 0, plain, &e->drops, count_drop, &j);

    EQ(e->drops, drops);
    if (r == 0) {
        rt_idle(e->rt);
        EQ(e->drops, drops + 1);
        join_is(j, PIRN_DONE, 0);
    }
    return r;
}

static int call_spawn_local(struct env *e)
{
    struct closure c = {ready_poll, count_drop, &e->drops};
    pirn_join *j = NULL;
    int drops = e->drops, r;
    pirn_enter guard;

    EQ(pirn_handle_enter(e->h, &guard), 0);
    r = pirn_spawn_local(&closure_desc, &c, &j);
    pirn_enter_exit(&guard);
    return finish(e, r, j, drops);
}

static int call_local_set_new(struct env *e)
{
    pirn_local_set *s = NULL;
    int r = pirn_local_set_new(e->h, &s);

    CHECK((r == 0) == (s != NULL));
    pirn_local_set_free(s);
    return r;
}

static int call_local_set_spawn(struct env *e)
{
    struct closure c = {ready_poll, count_drop, &e->drops};
    pirn_join *j = NULL;
    int drops = e->drops, r = pirn_local_set_spawn(e->set, &closure_desc, &c, &j);

    EQ(e->drops, drops);
    CHECK((r == 0) == (j != NULL));
    pirn_join_free(j); /* the set is freed with the task in it */
    return r;
}

static int call_block_on(struct env *e)
{
    struct closure c = {ready_poll, count_drop, &e->drops};
    pirn_result res = {PIRN_FAULTED, 7, 7};
    int drops = e->drops, r = pirn_block_on(e->h, &closure_desc, &c, &res, NULL);

    EQ(e->drops - drops, r == 0);
    EQ(res.outcome, r == 0 ? PIRN_DONE : PIRN_FAULTED);
    return r;
}

static int call_join_fd(struct env *e)
{
    int r = pirn_join_fd(e->join);

    if (r >= 0) {
        gate_open(&e->gate);
        rt_idle(e->rt);
        join_done(e->join, 0);
        memset(&e->gate, 0, sizeof e->gate);
        e->join = spawn_gate(e->h, &e->gate);
        rt_idle(e->rt);
        return 0;
    }
    return r;
}

static int call_join_fd_finished(struct env *e)
{
    int r = pirn_join_fd(e->join);

    CHECK(pirn_join_is_finished(e->join));
    return r < 0 ? r : 0;
}

static int count_task(void *user, const pirn_task_info *t)
{
    (void)t;
    ++*(int *)user;
    return 0;
}

static int call_each_task(struct env *e)
{
    int r;

    e->seen = 0;
    r = pirn_runtime_each_task(e->h, count_task, &e->seen);
    EQ(e->seen, r == 0 ? 1 : 0);
    return r;
}

static int call_dump(struct env *e)
{
    int fd = open("/dev/null", O_WRONLY), r = pirn_runtime_dump(e->h, fd);

    EQ(close(fd), 0);
    return r;
}

/* What never allocates goes on working however many allocations fail. */
static int call_the_rest(struct env *e)
{
    pirn_abort *a = pirn_join_abort_handle(e->join);
    struct wakes w = {0};
    pirn_waker waker = wakes_waker(&w);

    EQ(join_poll_with(e->join, &waker, NULL, NULL), PIRN_PENDING);
    EQ(pirn_join_wait(e->join, 0, NULL, NULL), -ETIMEDOUT);
    EQ(join_poll_with(e->join, &waker, NULL, NULL), PIRN_PENDING);
    pirn_waker_cell_wake(&e->gate.cell);
    rt_idle(e->rt);
    pirn_abort_now(a);
    pirn_abort_free(a);
    rt_idle(e->rt);
    EQ(w.woken, 1);
    join_is(e->join, PIRN_CANCELLED, -ECANCELED);
    pirn_waker_drop(waker);
    EQ(w.clones, w.drops);
    e->join = NULL;
    return 0;
}

enum before {
    WAITING,  /* there is a task that waits */
    BARE,     /* there is none whose slab would have room */
    FINISHED, /* it has ended */
};

static void set_up(struct env *e, enum before before)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    *e = (struct env){0};
    o.flags = PIRN_RT_LOCAL;
    e->rt = rt_new_with(&o);
    e->h = pirn_runtime_handle(e->rt);
    e->gate.open = before == FINISHED;
    if (before != BARE)
        e->join = spawn_gate(e->h, &e->gate);
    rt_idle(e->rt);
    EQ(pirn_local_set_new(e->h, &e->set), 0);
}

static void tear_down(struct env *e)
{
    pirn_join_free(e->join);
    pirn_local_set_free(e->set);
    rt_free(e->rt);
}

static uint64_t live_tasks(struct env *e)
{
    return metrics_of(e->h).tasks_alive;
}

/* Return: how many of its allocations were failed. */
static int fail_each(const char *name, call_fn *call, enum before before)
{
    int n = 0;

    for (;;) {
        struct env e;
        int64_t live, bytes, failed;
        uint64_t tasks;
        int r;

        set_up(&e, before);
        live = tally.live, bytes = tally.bytes, failed = tally.failed, tasks = live_tasks(&e);
        tally.fail_at = n + 1;
        r = call(&e);
        tally.fail_at = 0;
        if (tally.failed == failed) {
            EQ(r, 0);
            tear_down(&e);
            return n;
        }
        n++;
        CHECK_SAYS(r == -ENOMEM, "%s, allocation %d: %d", name, n, r);
        CHECK_SAYS(tally.live == live && tally.bytes == bytes, "%s, allocation %d: leaks", name, n);
        EQ(live_tasks(&e), tasks);
        EQ(call(&e), 0); /* and the next one succeeds */
        tear_down(&e);
    }
}

Test(alloc_fail, every_allocation_of_every_call)
{
    static const struct {
        const char *name;
        call_fn *call;
        int allocations; /* at least */
        enum before before;
    } calls[] = {
        {"pirn_spawn", call_spawn, 1, BARE},
        {"pirn_spawn_begin", call_spawn_begin, 1, BARE},
        {"pirn_spawn_fn", call_spawn_fn, 1, BARE},
        {"pirn_spawn_local", call_spawn_local, 1, BARE},
        {"pirn_runtime_new", call_runtime_new, 2, WAITING},
        {"pirn_run", call_run, 2, WAITING},
        {"pirn_spawn inside", call_spawn_inside, 1, WAITING},
        {"pirn_spawn, large", call_spawn_large, 1, WAITING},
        {"pirn_local_set_new", call_local_set_new, 1, WAITING},
        {"pirn_local_set_spawn", call_local_set_spawn, 1, WAITING},
        {"pirn_block_on", call_block_on, 2, WAITING},
        {"pirn_join_fd", call_join_fd, 1, WAITING},
        {"pirn_join_fd, finished", call_join_fd_finished, 1, FINISHED},
        {"pirn_runtime_each_task", call_each_task, 1, WAITING},
        {"pirn_runtime_dump", call_dump, 2, WAITING},
        {"what cannot fail", call_the_rest, 0, WAITING},
    };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int n = fail_each(calls[i].name, calls[i].call, calls[i].before);

        CHECK_SAYS(n >= calls[i].allocations && (n > 0) == (calls[i].allocations > 0),
                   "%s: %d allocations", calls[i].name, n);
    }
}

/* A fault ends its task with or without memory for the text. */
static int fault_poll(void *user, pirn_cx *cx, int *out)
{
    (void)out;
    if (user != NULL)
        return pirn_cx_fault(cx, 17, "no room for this");
    pirn_fault(17, "no room for this");
}

Test(alloc_fail, a_fault_loses_its_text_and_nothing_else)
{
    for (int n = 0; n < 8; n++) {
        pirn_runtime *rt = rt_new();
        bool fails = n & 1, by_cx = n & 2, with_fd = n & 4;
        pirn_join *j = spawn(pirn_runtime_handle(rt), fault_poll, by_cx ? rt : NULL);

        tally.fail_at = fails;
        rt_idle(rt);
        EQ(tally.fail_at, 0);
        if (with_fd)
            CHECK(pirn_join_fd(j) >= 0);
        SAME_TEXT(pirn_join_fault_text(j), fails ? "" : "no room for this");
        join_is(j, PIRN_FAULTED, 17);
        rt_free(rt);
    }
}

/* ---- the default allocator, and waits without a runtime ------------------------------------------------- */

static int ready(void *frame, pirn_cx *cx, void *out)
{
    (void)cx;
    (void)out;
    ++*(int *)frame;
    return 0;
}

Test(alloc_fail, poll_wait_needs_memory_and_says_so)
{
    int polls = 0;

    malloc_fails_at = 1;
    EQ(pirn_poll_wait(ready, &polls, PIRN_NEVER, NULL), -ENOMEM);
    EQ(malloc_failed, 1);
    EQ(polls, 0);
    SAYS("pirn_poll_wait");
    EQ(pirn_poll_wait(ready, &polls, PIRN_NEVER, NULL), 0);
    EQ(polls, 1);
}

Test(alloc_fail, default_allocator)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct closure c = {ready_poll, NULL, NULL};
    pirn_runtime *rt = NULL;
    pirn_join *j = NULL;
    int failures = 0, r;

    o.flavor = PIRN_CURRENT_THREAD;
    o.name = "from malloc";
    do {
        malloc_fails_at = ++failures;
        r = pirn_runtime_new(&o, &rt);
        malloc_fails_at = 0;
        CHECK(r == 0 || (r == -ENOMEM && rt == NULL));
    } while (r != 0);
    CHECK(failures >= 3);
    malloc_fails_at = 1;
    EQ(pirn_spawn(pirn_runtime_handle(rt), &closure_desc, &c, &j), -ENOMEM);
    CHECK(j == NULL);
    EQ(pirn_spawn(pirn_runtime_handle(rt), &closure_desc, &c, &j), 0);
    rt_idle(rt);
    join_done(j, 0);
    malloc_fails_at = 1;
    EQ(pirn_block_on(pirn_runtime_handle(rt), &closure_desc, &c, NULL, NULL), -ENOMEM);
    EQ(malloc_failed, failures + 1);
    pirn_runtime_free(rt);
}
