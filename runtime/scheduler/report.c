/* SPDX-License-Identifier: MIT */
/* Telling the user: hooks, each contained, with the facts copied from a cell. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/os/clock.h"
#include "runtime/scheduler/rt_handle.h"
#include "task/base/scope.h"
#include "task/cell.h"
#include "task/fault.h"

static pirn_time tick_to_time(const struct pirn_handle *h, uint64_t tick)
{
    return h->started_at + (pirn_time)(tick << CELL_TICK_SHIFT);
}

void pirn__handle_info(const struct pirn_handle *h, const struct task_facts *f,
                       pirn_task_info *info)
{
    *info = (pirn_task_info){
        .size = sizeof *info,
        .id = f->id,
        .name = f->desc->name != NULL ? f->desc->name : "task",
        .state = f->state,
        .spawn_site = f->spawn_site,
        .await_line = f->await_line,
        .polls = f->polls,
        .spawned_at = tick_to_time(h, f->spawned_tick),
        .last_poll_at = f->polls != 0 ? tick_to_time(h, f->last_poll_tick) : 0,
        .worker = f->worker == CELL_NO_WORKER ? PIRN_NO_WORKER : f->worker,
    };
}

void pirn__report_contained(struct pirn_handle *h)
{
    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&h->stray.contained, 1, memory_order_relaxed);
}

/* One call of one hook. */
struct hook_call {
    const pirn_hooks *hooks;
    void (*task_hook)(void *user, const pirn_task_info *info);
    void (*thread_hook)(void *user, uint32_t worker);
    pirn_task_info info;
    uint32_t worker;
    int code;
    const char *text;
    pirn_time since;
};

/* In the runtime it is about, whatever thread this is: hooks may spawn. */
static void call(struct pirn_handle *h, void (*fn)(void *arg), struct hook_call *c)
{
    void *runtime = pirn__scope.runtime;

    c->hooks = &h->hooks;
    pirn__scope.runtime = h;
    if (!pirn__contain_busy(fn, c))
        pirn__report_contained(h);
    pirn__scope.runtime = runtime;
}

static void call_task_hook(void *arg)
{
    struct hook_call *c = arg;

    c->task_hook(c->hooks->user, &c->info);
}

static void call_thread_hook(void *arg)
{
    struct hook_call *c = arg;

    c->thread_hook(c->hooks->user, c->worker);
}

static void call_stuck_hook(void *arg)
{
    struct hook_call *c = arg;

    c->hooks->on_stuck_poll(c->hooks->user, &c->info, c->since);
}

static void call_fault_hook(void *arg)
{
    struct hook_call *c = arg;

    c->hooks->on_fault(c->hooks->user, &c->info, c->code, c->text);
}

void pirn__report_task(struct pirn_handle *h, enum report_hook which, const struct task_facts *f)
{
    struct hook_call c = {.hooks = &h->hooks};

    switch (which) {
    case REPORT_SPAWN:
        c.task_hook = h->hooks.on_task_spawn;
        break;
    case REPORT_TERMINATE:
        c.task_hook = h->hooks.on_task_terminate;
        break;
    case REPORT_BEFORE_POLL:
        c.task_hook = h->hooks.before_poll;
        break;
    case REPORT_AFTER_POLL:
        c.task_hook = h->hooks.after_poll;
        break;
    }
    if (c.task_hook == NULL)
        return;
    pirn__handle_info(h, f, &c.info);
    call(h, call_task_hook, &c);
}

void pirn__report_thread(struct pirn_handle *h, enum report_thread_hook which, uint32_t worker)
{
    struct hook_call c;

    void (*const hooks[])(void *, uint32_t) = {
        [REPORT_START] = h->hooks.on_thread_start,
        [REPORT_STOP] = h->hooks.on_thread_stop,
        [REPORT_PARK] = h->hooks.on_thread_park,
        [REPORT_UNPARK] = h->hooks.on_thread_unpark,
    };

    c.thread_hook = hooks[which];
    c.worker = worker;
    if (c.thread_hook != NULL)
        call(h, call_thread_hook, &c);
}

void pirn__report_fault(struct pirn_handle *h, const struct task_facts *f, int code,
                        const char *text)
{
    struct hook_call c;
    /* The hook may fault itself, and the scope's text is what it would overwrite. */
    char copy[SCOPE_TEXT_BYTES];

    (void)snprintf(copy, sizeof copy, "%s", text);
    pirn__handle_info(h, f, &c.info);
    if (h->hooks.on_fault != NULL) {
        c.code = code;
        c.text = copy;
        call(h, call_fault_hook, &c);
    }
    if (h->unhandled == PIRN_UNHANDLED_ABORT) {
        fprintf(stderr, "pirn: task %llu \"%s\" faulted with %d: %s\n", (unsigned long long)f->id,
                c.info.name, code, copy);
        abort();
    }
}

void pirn__report_forgotten(struct pirn_handle *h, const struct task_facts *f)
{
    struct hook_call c;
    pirn_time now;
    int64_t last;

    /* mo: relaxed, a statistic. */
    (void)atomic_fetch_add_explicit(&h->stray.forgotten, 1, memory_order_relaxed);
    c.task_hook = h->hooks.on_forgotten_wake;
    if (c.task_hook == NULL)
        return;
    now = pirn__clock_now();
    /* mo: relaxed, both: the exchange lets one caller a second through; it publishes nothing. */
    last = atomic_load_explicit(&h->forgotten_told_at, memory_order_relaxed);
    if (now - last < PIRN_SEC ||
        !atomic_compare_exchange_strong_explicit(&h->forgotten_told_at, &last, now,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    pirn__handle_info(h, f, &c.info);
    call(h, call_task_hook, &c);
}

void pirn__report_stuck(struct pirn_handle *h, const struct task_facts *f, pirn_time since)
{
    struct hook_call c;

    if (h->hooks.on_stuck_poll == NULL)
        return;
    pirn__handle_info(h, f, &c.info);
    c.since = since;
    call(h, call_stuck_hook, &c);
}
