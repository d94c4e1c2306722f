/* SPDX-License-Identifier: MIT */
/* Reading the options of a runtime: defaults, limits, and which field is wrong. */
#include "runtime/builder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "task/base/error.h"

enum {
    DEFAULT_EVENT_INTERVAL = 61,
    DEFAULT_GLOBAL_QUEUE_INTERVAL = 31,
    DEFAULT_COOP_BUDGET = 128,
    NAME_MAX_BYTES = 255,
};

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

/* @known: what this version has. Later versions may pass more, if it is zero. */
static int check_size(const char *what, const void *s, size_t size, size_t known)
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
    r = check_size("pirn_alloc", a, a->size, sizeof *a);
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
    r = check_size("pirn_hooks", k, k->size, sizeof *k);
    if (r != 0)
        return r;
    if (k->on_stuck_poll != NULL)
        return pirn__error(-ENOTSUP, "pirn_hooks.on_stuck_poll: not in this version");
    h->hooks = *k;
    if (k->on_task_terminate != NULL)
        h->sched.watch |= WATCH_TERMINATE;
    if (k->before_poll != NULL || k->after_poll != NULL)
        h->sched.watch |= WATCH_POLL;
    return 0;
}

static int read_name(const char *name, struct pirn_handle *h)
{
    size_t n;
    char *copy;

    if (name == NULL)
        return 0;
    n = strlen(name);
    if (strspn(name, " \t\r\n\v\f") == n)
        return pirn__error(-EINVAL, "pirn_runtime_opts.name: blank");
    if (n > NAME_MAX_BYTES)
        return pirn__error(-EINVAL, "pirn_runtime_opts.name: longer than %d bytes", NAME_MAX_BYTES);
    copy = h->sched.alloc.alloc(h->sched.alloc.user, n + 1, 1);
    if (copy == NULL)
        return pirn__error(-ENOMEM, "pirn_runtime_new: no memory");
    memcpy(copy, name, n + 1);
    h->name = copy;
    return 0;
}

/* Fields for threads and I/O, of which this version makes none: better refused than ignored. */
static int check_unsupported(const pirn_runtime_opts *o)
{
    const char *field = NULL;

    if (o->thread_keep_alive_ns < 0)
        return pirn__error(-EINVAL, "pirn_runtime_opts.thread_keep_alive_ns: negative");
    if (o->max_blocking_threads != 0)
        field = "max_blocking_threads";
    else if (o->thread_keep_alive_ns != 0)
        field = "thread_keep_alive_ns";
    else if (o->thread_stack_bytes != 0)
        field = "thread_stack_bytes";
    else if (o->thread_name != NULL)
        field = "thread_name";
    else if (o->io_events_per_tick != 0)
        field = "io_events_per_tick";
    if (field != NULL)
        return pirn__error(-ENOTSUP, "pirn_runtime_opts.%s: not in this version", field);
    return 0;
}

static int check_values(const pirn_runtime_opts *o)
{
    if (o->flavor == PIRN_MULTI_THREAD)
        return pirn__error(-ENOTSUP, "pirn_runtime_opts.flavor: PIRN_MULTI_THREAD is not in this "
                                     "version; ask for PIRN_CURRENT_THREAD");
    if (o->flavor != PIRN_CURRENT_THREAD)
        return pirn__error(-EINVAL, "pirn_runtime_opts.flavor: %d", (int)o->flavor);
    if (o->worker_threads > 1)
        return pirn__error(-EINVAL,
                           "pirn_runtime_opts.worker_threads: %u, a current-thread "
                           "runtime has one",
                           o->worker_threads);
    if (o->flags & ~(uint32_t)PIRN_RT_LOCAL)
        return pirn__error(-EINVAL, "pirn_runtime_opts.flags: unknown bits 0x%x",
                           o->flags & ~(uint32_t)PIRN_RT_LOCAL);
    if ((unsigned)o->unhandled_fault > PIRN_UNHANDLED_CALLBACK)
        return pirn__error(-EINVAL, "pirn_runtime_opts.unhandled_fault: %d",
                           (int)o->unhandled_fault);
    return check_unsupported(o);
}

int pirn__builder_read(const pirn_runtime_opts *o, struct pirn_handle *h)
{
    static const pirn_runtime_opts defaults = {.size = sizeof defaults};
    int r = 0;

    if (o == NULL)
        o = &defaults;
    r = check_size("pirn_runtime_opts", o, o->size, sizeof *o);
    if (r == 0)
        r = check_values(o);
    if (r == 0)
        r = read_alloc(o->alloc, h);
    if (r == 0)
        r = read_hooks(o->hooks, h);
    if (r == 0 && o->unhandled_fault == PIRN_UNHANDLED_CALLBACK && h->hooks.on_fault == NULL)
        r = pirn__error(-EINVAL, "pirn_runtime_opts.unhandled_fault: PIRN_UNHANDLED_CALLBACK "
                                 "needs hooks->on_fault");
    if (r != 0)
        return r;
    h->flags = o->flags;
    h->unhandled = o->unhandled_fault;
    h->event_interval = o->event_interval != 0 ? o->event_interval : DEFAULT_EVENT_INTERVAL;
    h->global_queue_interval =
        o->global_queue_interval != 0 ? o->global_queue_interval : DEFAULT_GLOBAL_QUEUE_INTERVAL;
    h->coop_budget = o->coop_budget != 0 ? o->coop_budget : DEFAULT_COOP_BUDGET;
    h->seed = o->seed;
    return read_name(o->name, h);
}
