/* SPDX-License-Identifier: MIT */
/* Scenarios on every flavour: see flavors.h. */
#include "flavors.h"

#include <dirent.h>
#include <time.h>

/* ---- runtimes ------------------------------------------------------------------------------------ */

pirn_runtime *rt_on_with(struct flavor f, pirn_runtime_opts *o)
{
    pirn_runtime *rt = NULL;
    int r;

    o->flavor = f.flavor;
    o->worker_threads = f.workers;
    o->alloc = &tally.alloc;
    r = pirn_runtime_new(o, &rt);
    CHECK_SAYS(r == 0 && rt != NULL, "pirn_runtime_new: %d, %s", r, pirn_last_error_text());
    return rt;
}

pirn_runtime *rt_on(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    return rt_on_with(f, &o);
}

pirn_runtime_opts mt_options(uint32_t workers)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.worker_threads = workers;
    o.alloc = &tally.alloc;
    return o;
}

pirn_runtime *rt_mt(uint32_t workers)
{
    return rt_on((struct flavor){PIRN_MULTI_THREAD, workers});
}

pirn_worker_metrics worker_metrics_of(pirn_handle *h, uint32_t worker)
{
    pirn_worker_metrics m = {.size = sizeof m};

    EQ(pirn_runtime_worker_metrics(h, worker, &m), 0);
    return m;
}

static bool all_sleep(void *h)
{
    uint32_t n = metrics_of(h).workers;

    for (uint32_t i = 0; i < n; i++)
        if (worker_metrics_of(h, i).parks_unparks % 2 == 0)
            return false;
    return true;
}

void rt_quiet(pirn_handle *h)
{
    CHECK(comes_true(all_sleep, h));
}

/* ---- ends of tasks ------------------------------------------------------------------------------- */

void ends_done(pirn_handle *h, pirn_join *j, int output)
{
    struct joining f = {.join = j};
    uint64_t id = pirn_join_id(j);

    EQ(block_on(h, joining_poll, &f), output);
    EQ(f.res.outcome, PIRN_DONE);
    EQ(f.res.code, 0);
    EQ(f.res.task_id, id);
}

void ends_as(pirn_handle *h, pirn_join *j, enum pirn_outcome outcome, int code)
{
    struct joining f = {.join = j};

    (void)block_on(h, joining_poll, &f);
    EQ(f.res.outcome, outcome);
    EQ(f.res.code, code);
}

struct until {
    _Atomic(int) *what;
    int n;
    unsigned yield;
};

static int until_poll(void *user, pirn_cx *cx, int *out)
{
    struct until *u = user;

    *out = 0;
    while (*u->what < u->n)
        if (pirn_yield_poll(&u->yield, cx) == PIRN_PENDING)
            return PIRN_PENDING;
    return 0;
}

void run_until(pirn_handle *h, _Atomic(int) *what, int n)
{
    struct until u = {what, n, 0};

    (void)block_on(h, until_poll, &u);
}

/* ---- tasks ----------------------------------------------------------------------------------------- */

int spinner_poll(void *spinner, pirn_cx *cx, int *out)
{
    struct spinner *s = spinner;

    *out = 0;
    s->polls++;
    if (s->stop)
        return 0;
    pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return PIRN_PENDING;
}

void stopper_init(struct stopper *s)
{
    EQ(sem_init(&s->entered, 0, 0), 0);
    EQ(sem_init(&s->go, 0, 0), 0);
    s->worker = -2;
    s->done = false;
}

void stopper_stop(struct stopper *s)
{
    s->worker = pirn_worker_index();
    post(&s->entered);
    await(&s->go);
    s->done = true;
}

int stopper_poll(void *stopper, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    stopper_stop(stopper);
    return 0;
}

int add_poll(void *counter, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    ++*(_Atomic(int) *)counter;
    return 0;
}

void add_drop(void *counter)
{
    ++*(_Atomic(int) *)counter;
}

/* ---- the process ------------------------------------------------------------------------------------ */

void each_thread(void (*see)(void *user, const char *folder), void *user)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *e;

    CHECK(dir != NULL);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            see(user, e->d_name);
    (void)closedir(dir);
}

static void add_one(void *user, const char *folder)
{
    (void)folder;
    ++*(int *)user;
}

int count_threads(void)
{
    int n = 0;

    each_thread(add_one, &n);
    return n;
}

static bool are_so_many(void *n)
{
    return count_threads() == *(int *)n;
}

void threads_are(int n)
{
    CHECK_SAYS(comes_true(are_so_many, &n), "%d threads, not %d", count_threads(), n);
}

void thread_line(const char *folder, const char *file, const char *key, char *line, size_t n)
{
    char path[300], text[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/self/task/%.200s/%s", folder, file);
    *line = '\0';
    f = fopen(path, "r");
    if (f == NULL)
        return; /* gone meanwhile */
    while (fgets(text, sizeof text, f) != NULL)
        if (strncmp(text, key, strlen(key)) == 0) {
            (void)snprintf(line, n, "%s", text + strlen(key));
            line[strcspn(line, "\n")] = '\0';
            break;
        }
    (void)fclose(f);
}

/* Waits for what nobody posts. */
void nap(int64_t ns)
{
    struct timespec until;
    int64_t end;
    sem_t never;

    EQ(clock_gettime(CLOCK_MONOTONIC, &until), 0); /* inside a poll pirn_now() stands still */
    end = until.tv_sec * PIRN_SEC + until.tv_nsec + ns;
    until = (struct timespec){end / PIRN_SEC, end % PIRN_SEC};
    EQ(sem_init(&never, 0, 0), 0);
    while (sem_clockwait(&never, CLOCK_MONOTONIC, &until) != 0 && errno != ETIMEDOUT)
        EQ(errno, EINTR);
}

bool comes_true(bool (*says)(void *user), void *user)
{
    pirn_time until = pirn_now() + 10 * PIRN_SEC;

    while (!says(user)) {
        if (pirn_now() > until)
            return false;
        nap(100 * PIRN_US);
    }
    return true;
}
