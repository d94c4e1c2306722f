/* SPDX-License-Identifier: MIT */
/* Reading the options of a runtime: defaults, limits, and which field is wrong. */
#include "runtime/builder.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/os/cpus.h"
#include "runtime/scheduler/current_thread.h"
#include "runtime/scheduler/multi_thread.h"
#include "task/base/error.h"

enum {
    DEFAULT_EVENT_INTERVAL = 61,
    EVENT_INTERVAL_MAX = 65536,
    DEFAULT_GLOBAL_QUEUE_INTERVAL = 31,
    DEFAULT_COOP_BUDGET = 128,
    DEFAULT_IO_EVENTS = 1024,
    IO_EVENTS_MAX = 65536,
    DEFAULT_MAX_BLOCKING_THREADS = 512,
    WORKERS_MAX = 65535,
    NAME_MAX_BYTES = 255,
};
#define DEFAULT_KEEP_ALIVE (10 * PIRN_SEC)
#define DEFAULT_STUCK_POLL (100 * PIRN_MS)
#define STACK_BYTES_MAX    ((size_t)1 << 40)

static void *malloc_aligned(void *user, size_t n, size_t align)
{
    void *p = NULL;

    (void)user;
    if (align <= _Alignof(max_align_t))
        return malloc(n);
    return posix_memalign(&p, align, n) == 0 ? p : NULL;
}

static void free_aligned(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static const pirn_alloc default_alloc = {
    .size = sizeof(pirn_alloc),
    .alloc = malloc_aligned,
    .free = free_aligned,
};

int pirn__options_check(const char *what, const void *s, size_t size, size_t known)
{
    const unsigned char *p = s;

    if (size < known)
        return pirn__error(-EINVAL, "%s.size: %zu, must be %zu or more", what, size, known);
    if (size > 65536)
        return pirn__error(-E2BIG, "%s.size: %zu", what, size);
    for (size_t i = known; i < size; i++)
        if (p[i] != 0)
            return pirn__error(-E2BIG, "%s.size: %zu, fields beyond %zu are unknown", what, size,
                               known);
    return 0;
}

static int read_alloc(const pirn_alloc *a, struct pirn_handle *h)
{
    int r;

    if (a == NULL) {
        h->sched.alloc = default_alloc;
        return 0;
    }
    r = pirn__options_check("pirn_alloc", a, a->size, sizeof *a);
    if (r != 0)
        return r;
    if (a->alloc == NULL || a->free == NULL)
        return pirn__error(-EINVAL, "pirn_alloc.%s: NULL", a->alloc == NULL ? "alloc" : "free");
    h->sched.alloc = *a;
    h->sched.alloc.size = sizeof *a;
    return 0;
}

static int read_hooks(const pirn_hooks *k, struct pirn_handle *h)
{
    int r;

    if (k == NULL)
        return 0;
    r = pirn__options_check("pirn_hooks", k, k->size, sizeof *k);
    if (r != 0)
        return r;
    h->hooks = *k;
    if (k->on_task_terminate != NULL)
        h->sched.watch |= WATCH_TERMINATE;
    if (k->before_poll != NULL || k->after_poll != NULL)
        h->sched.watch |= WATCH_POLL;
    return 0;
}

/* A copy of a text option. @field: its name */
static int read_text(const char *field, const char *text, const pirn_alloc *a, const char **out)
{
    size_t n;
    char *copy;

    if (text == NULL)
        return 0;
    n = strlen(text);
    if (strspn(text, " \t\r\n\v\f") == n)
        return pirn__error(-EINVAL, "pirn_runtime_opts.%s: blank", field);
    if (n > NAME_MAX_BYTES)
        return pirn__error(-EINVAL, "pirn_runtime_opts.%s: longer than %d bytes", field,
                           NAME_MAX_BYTES);
    copy = a->alloc(a->user, n + 1, 1);
    if (copy == NULL)
        return pirn__error(-ENOMEM, "pirn_runtime_new: no memory");
    memcpy(copy, text, n + 1);
    *out = copy;
    return 0;
}

/* PIRN_WORKER_THREADS in the environment. Return: 0 and *@n, 0 if it is not set; -EINVAL. */
static int read_environment(uint32_t *n)
{
    const char *text = getenv("PIRN_WORKER_THREADS");
    char *end;
    unsigned long value;

    *n = 0;
    if (text == NULL || *text == '\0')
        return 0;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value == 0 ||
        value > WORKERS_MAX)
        return pirn__error(-EINVAL, "PIRN_WORKER_THREADS: \"%.32s\", must be 1 to %d", text,
                           WORKERS_MAX);
    *n = (uint32_t)value;
    return 0;
}

static int read_workers(const pirn_runtime_opts *o, uint32_t *n)
{
    int r = 0;

    *n = o->worker_threads;
    if (o->flavor == PIRN_CURRENT_THREAD)
        *n = 1;
    else if (*n == 0)
        r = read_environment(n);
    if (r == 0 && *n == 0)
        *n = pirn__cpus_usable();
    if (*n > WORKERS_MAX)
        *n = WORKERS_MAX;
    return r;
}

static int check_values(const pirn_runtime_opts *o)
{
    const uint32_t local = PIRN_RT_LOCAL | PIRN_RT_PAUSED, known = local | PIRN_RT_NO_LIFO |
                                                                   PIRN_RT_POLL_HISTOGRAM |
                                                                   PIRN_RT_LATENCY_HISTOGRAM;

    if (o->flavor != PIRN_CURRENT_THREAD && o->flavor != PIRN_MULTI_THREAD)
        return pirn__error(-EINVAL, "pirn_runtime_opts.flavor: %d", (int)o->flavor);
    if (o->flavor == PIRN_CURRENT_THREAD && o->worker_threads > 1)
        return pirn__error(-EINVAL,
                           "pirn_runtime_opts.worker_threads: %u, a current-thread "
                           "runtime has one",
                           o->worker_threads);
    if (o->worker_threads > WORKERS_MAX)
        return pirn__error(-EINVAL, "pirn_runtime_opts.worker_threads: %u, at most %d",
                           o->worker_threads, WORKERS_MAX);
    if (o->flags & ~known)
        return pirn__error(-EINVAL, "pirn_runtime_opts.flags: unknown bits 0x%x",
                           o->flags & ~known);
    if ((o->flags & local) && o->flavor != PIRN_CURRENT_THREAD)
        return pirn__error(-EINVAL,
                           "pirn_runtime_opts.flags: %s is for the current-thread "
                           "flavour",
                           o->flags & PIRN_RT_LOCAL ? "PIRN_RT_LOCAL" : "PIRN_RT_PAUSED");
    if ((unsigned)o->unhandled_fault > PIRN_UNHANDLED_CALLBACK)
        return pirn__error(-EINVAL, "pirn_runtime_opts.unhandled_fault: %d",
                           (int)o->unhandled_fault);
    if (o->thread_keep_alive_ns < 0)
        return pirn__error(-EINVAL, "pirn_runtime_opts.thread_keep_alive_ns: negative");
    if (o->stuck_poll_ns < 0)
        return pirn__error(-EINVAL, "pirn_runtime_opts.stuck_poll_ns: negative");
    if (o->thread_stack_bytes != 0 && (o->thread_stack_bytes < (size_t)PTHREAD_STACK_MIN ||
                                       o->thread_stack_bytes > STACK_BYTES_MAX))
        return pirn__error(-EINVAL, "pirn_runtime_opts.thread_stack_bytes: %zu, must be %zu to %zu",
                           o->thread_stack_bytes, (size_t)PTHREAD_STACK_MIN, STACK_BYTES_MAX);
    return 0;
}

static int64_t or_default(int64_t given, int64_t otherwise)
{
    return given != 0 ? given : otherwise;
}

/* Everything that can be copied without failing. */
static void read_values(const pirn_runtime_opts *o, struct pirn_handle *h)
{
    h->flags = o->flags;
    h->unhandled = o->unhandled_fault;
    h->event_interval = (uint32_t)or_default(o->event_interval, DEFAULT_EVENT_INTERVAL);
    if (h->event_interval > EVENT_INTERVAL_MAX) /* it is also how soon a stop is seen */
        h->event_interval = EVENT_INTERVAL_MAX;
    h->global_queue_interval = o->global_queue_interval;
    if (o->flavor == PIRN_CURRENT_THREAD && h->global_queue_interval == 0)
        h->global_queue_interval = DEFAULT_GLOBAL_QUEUE_INTERVAL;
    h->coop_budget = (uint32_t)or_default(o->coop_budget, DEFAULT_COOP_BUDGET);
    h->io_events = (uint32_t)or_default(o->io_events_per_tick, DEFAULT_IO_EVENTS);
    if (h->io_events > IO_EVENTS_MAX)
        h->io_events = IO_EVENTS_MAX;
    h->max_blocking_threads =
        (uint32_t)or_default(o->max_blocking_threads, DEFAULT_MAX_BLOCKING_THREADS);
    h->max_blocking_queue = (uint32_t)or_default(o->max_blocking_queue, PIRN_UNLIMITED);
    h->keep_alive = or_default(o->thread_keep_alive_ns, DEFAULT_KEEP_ALIVE);
    h->stack_bytes = o->thread_stack_bytes;
    h->stuck_poll = or_default(o->stuck_poll_ns,
                               h->hooks.on_stuck_poll != NULL ? DEFAULT_STUCK_POLL : PIRN_NEVER);
    h->seed = o->seed;
    h->flavor = o->flavor == PIRN_CURRENT_THREAD ? &pirn__ct_flavor : &pirn__mt_flavor;
}

int pirn__builder_read(const pirn_runtime_opts *o, struct pirn_handle *h)
{
    static const pirn_runtime_opts defaults = {.size = sizeof defaults};
    int r = 0;

    if (o == NULL)
        o = &defaults;
    r = pirn__options_check("pirn_runtime_opts", o, o->size, sizeof *o);
    if (r == 0)
        r = check_values(o);
    if (r == 0)
        r = read_alloc(o->alloc, h);
    if (r == 0)
        r = read_hooks(o->hooks, h);
    if (r == 0 && o->unhandled_fault == PIRN_UNHANDLED_CALLBACK && h->hooks.on_fault == NULL)
        r = pirn__error(-EINVAL, "pirn_runtime_opts.unhandled_fault: PIRN_UNHANDLED_CALLBACK "
                                 "needs hooks->on_fault");
    if (r == 0)
        r = read_workers(o, &h->workers);
    if (r != 0)
        return r;
    read_values(o, h);
    r = read_text("name", o->name, &h->sched.alloc, &h->name);
    if (r == 0)
        r = read_text("thread_name", o->thread_name, &h->sched.alloc, &h->thread_name);
    if (r != 0)
        pirn__handle_free_texts(h);
    return r;
}
