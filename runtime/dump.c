/* SPDX-License-Identifier: MIT */
/* The live tasks of a runtime: for a callback, and as text. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <pirn/runtime.h>

#include "runtime/os/clock.h"
#include "runtime/runtime.h"
#include "runtime/scheduler/walk.h"
#include "task/base/error.h"

/* ---- pirn_runtime_each_task ------------------------------------------------------------------------ */

struct each {
    struct pirn_handle *h;
    int (*see)(void *user, const pirn_task_info *t);
    void *user;
};

static int see_each(void *user, const struct task_facts *f)
{
    struct each *e = user;
    pirn_task_info info;

    pirn__handle_info(e->h, f, &info);
    return e->see(e->user, &info);
}

int pirn_runtime_each_task(pirn_handle *h, int (*see)(void *user, const pirn_task_info *t),
                           void *user)
{
    struct each e = {h, see, user};
    bool complete;
    int r;

    if (see == NULL)
        return pirn__error(-EINVAL, "pirn_runtime_each_task: see is NULL");
    e.h = h = pirn__runtime_resolve(h, "pirn_runtime_each_task");
    if (h == NULL)
        return PIRN_ENORUNTIME;
    r = pirn__walk(h, see_each, &e, &complete);
    return r == -ENOMEM ? pirn__error(r, "pirn_runtime_each_task: no memory") : r;
}

/* ---- pirn_runtime_dump ----------------------------------------------------------------------------- */

struct dump {
    struct pirn_handle *h;
    int fd;
    pirn_time now;
    uint64_t lines;
    size_t used;
    char buffer[16384];
};

static int flush(struct dump *d)
{
    size_t done = 0;

    while (done < d->used) {
        ssize_t n = write(d->fd, d->buffer + done, d->used - done);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    d->used = 0;
    return 0;
}

static int print(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line, of at most 1,023 bytes. */
static int print(struct dump *d, const char *fmt, ...)
{
    va_list args;
    int n, r = 0;

    if (sizeof d->buffer - d->used < 1024)
        r = flush(d);
    va_start(args, fmt);
    n = vsnprintf(d->buffer + d->used, 1024, fmt, args);
    va_end(args);
    d->used += n < 1024 ? (size_t)n : 1023;
    return r;
}

static const char *word_for(uint64_t state)
{
    if (state & STATE_SETTLING)
        return "settling";
    if (state & STATE_RUNNING)
        return "running";
    if (state & STATE_COMPLETE)
        return "complete";
    return state & STATE_NOTIFIED ? "ready" : "waiting";
}

static double seconds(const struct dump *d, pirn_time since)
{
    return since > 0 && d->now > since ? (double)(d->now - since) / (double)PIRN_SEC : 0;
}

static int see_line(void *user, const struct task_facts *f)
{
    struct dump *d = user;
    pirn_task_info t;

    pirn__handle_info(d->h, f, &t);
    d->lines++;
    return print(d,
                 "task %" PRIu64 " \"%.200s\" %s state=0x%" PRIx64 " polls=%u age=%.3fs "
                 "last_poll=%.3fs await_line=%u spawn_site=%p worker=%u\n",
                 t.id, t.name, word_for(t.state), t.state, t.polls, seconds(d, t.spawned_at),
                 seconds(d, t.last_poll_at), t.await_line, t.spawn_site, t.worker);
}

int pirn_runtime_dump(pirn_handle *h, int fd)
{
    struct dump *d;
    pirn_metrics m = {.size = sizeof m};
    const pirn_alloc *a;
    bool complete = true;
    int r;

    h = pirn__runtime_resolve(h, "pirn_runtime_dump");
    if (h == NULL)
        return PIRN_ENORUNTIME;
    r = pirn_runtime_metrics(h, &m);
    if (r != 0)
        return r;
    a = &h->sched.alloc;
    d = a->alloc(a->user, sizeof *d, _Alignof(struct dump));
    if (d == NULL)
        return pirn__error(-ENOMEM, "pirn_runtime_dump: no memory");
    d->h = h;
    d->fd = fd;
    d->now = pirn__clock_now();
    d->lines = d->used = 0;
    r = print(d,
              "runtime \"%s\" %s workers=%u tasks_alive=%" PRIu64 " spawned=%" PRIu64
              " polls=%" PRIu64 " blocking_threads=%u\n",
              h->name != NULL ? h->name : "", h->flavor->name, m.workers, m.tasks_alive,
              m.tasks_spawned, m.polls, m.blocking_threads);
    if (r == 0)
        r = pirn__walk(h, see_line, d, &complete);
    if (r == 0 && !complete)
        r = print(d,
                  "more tasks are queued than could be listed within 100 ms: about %" PRIu64 "\n",
                  m.tasks_alive > d->lines ? m.tasks_alive - d->lines : 0);
    if (r == 0)
        r = print(d, "end: %" PRIu64 " tasks listed\n", d->lines);
    if (r == 0)
        r = flush(d);
    a->free(a->user, d, sizeof *d);
    return r == 0 ? 0 : pirn__error(r, "pirn_runtime_dump: %s", pirn_strerror(r));
}
