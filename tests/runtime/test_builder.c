/* SPDX-License-Identifier: MIT */
/* Is every option checked, and the wrong one named? */
#include "support.h"

#include <limits.h>
#include <stddef.h>

static pirn_runtime_opts good(void)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flavor = PIRN_CURRENT_THREAD;
    o.alloc = &tally.alloc;
    return o;
}

static void refused(const pirn_runtime_opts *o, int code, const char *field)
{
    pirn_runtime *rt = (pirn_runtime *)&tally;

    EQ(pirn_runtime_new(o, &rt), code);
    SAYS(field);
    CHECK(rt == (pirn_runtime *)&tally); /* written by the call that succeeds only */
    EQ(tally.live, 0);
}

static void accepted(const pirn_runtime_opts *o)
{
    pirn_runtime *rt = NULL;
    int r = pirn_runtime_new(o, &rt);

    CHECK_SAYS(r == 0, "%d, %s", r, pirn_last_error_text());
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    rt_free(rt);
}

Test(builder, defaults)
{
    pirn_runtime_opts o = good();

    accepted(&o);
    EQ(pirn_runtime_new(&o, NULL), -EINVAL);
    SAYS("out");
    o = (pirn_runtime_opts)PIRN_RUNTIME_OPTS_INIT; /* the multi-thread flavour */
    accepted(&o);
}

Test(builder, every_field)
{
    pirn_runtime_opts o;

#define REFUSED(field, value, code, says) o = good(), o.field = value, refused(&o, code, says)
#define ACCEPTED(field, value)            o = good(), o.field = value, accepted(&o)
    ACCEPTED(flavor, PIRN_MULTI_THREAD);
    REFUSED(flavor, (enum pirn_flavor)2, -EINVAL, "flavor");
    REFUSED(worker_threads, 2, -EINVAL, "worker_threads");
    REFUSED(worker_threads, UINT32_MAX, -EINVAL, "worker_threads");
    ACCEPTED(worker_threads, 1);
    ACCEPTED(max_blocking_threads, 1);
    ACCEPTED(max_blocking_threads, PIRN_UNLIMITED);
    ACCEPTED(max_blocking_queue, 1);
    ACCEPTED(max_blocking_queue, PIRN_UNLIMITED);
    ACCEPTED(thread_keep_alive_ns, 1);
    ACCEPTED(thread_keep_alive_ns, PIRN_NEVER);
    REFUSED(thread_keep_alive_ns, -1, -EINVAL, "thread_keep_alive_ns");
    REFUSED(thread_keep_alive_ns, INT64_MIN, -EINVAL, "thread_keep_alive_ns");
    REFUSED(thread_stack_bytes, 1, -EINVAL, "thread_stack_bytes");
    REFUSED(thread_stack_bytes, (size_t)PTHREAD_STACK_MIN - 1, -EINVAL, "thread_stack_bytes");
    ACCEPTED(thread_stack_bytes, (size_t)PTHREAD_STACK_MIN);
    REFUSED(thread_name, "", -EINVAL, "thread_name");
    REFUSED(thread_name, " ", -EINVAL, "thread_name");
    ACCEPTED(thread_name, "x");
    ACCEPTED(thread_name, "longer than what the kernel shows");
    REFUSED(flags, 1u << 5, -EINVAL, "flags");
    REFUSED(flags, 1u << 31, -EINVAL, "flags");
    ACCEPTED(flags, PIRN_RT_LOCAL);
    REFUSED(unhandled_fault, (enum pirn_unhandled_fault)4, -EINVAL, "unhandled_fault");
    REFUSED(unhandled_fault, PIRN_UNHANDLED_CALLBACK, -EINVAL, "unhandled_fault");
    ACCEPTED(unhandled_fault, PIRN_UNHANDLED_ABORT);
    ACCEPTED(unhandled_fault, PIRN_UNHANDLED_SHUTDOWN);
    ACCEPTED(event_interval, 1);
    ACCEPTED(event_interval, UINT32_MAX);
    ACCEPTED(global_queue_interval, 1);
    ACCEPTED(global_queue_interval, UINT32_MAX);
    ACCEPTED(coop_budget, 1);
    ACCEPTED(coop_budget, PIRN_UNLIMITED);
    ACCEPTED(seed, UINT64_MAX);
#undef REFUSED
#undef ACCEPTED
}

/* (tokio: rt_common runtime names) */
Test(builder, names)
{
    pirn_runtime_opts o = good();
    char name[300];

    memset(name, 'n', sizeof name);
    o.name = name;
    name[255] = '\0';
    accepted(&o);
    name[255] = 'n';
    name[256] = '\0';
    refused(&o, -EINVAL, "name");
    o.name = "";
    refused(&o, -EINVAL, "name");
    o.name = " \t\n";
    refused(&o, -EINVAL, "name");
    o.name = " x";
    accepted(&o);
}

Test(builder, size_of_options)
{
    struct {
        pirn_runtime_opts o;
        char tail[64];
    } later = {good(), {0}};

    later.o.size = 0;
    refused(&later.o, -EINVAL, "pirn_runtime_opts.size");
    later.o.size = sizeof(pirn_runtime_opts) - 1;
    refused(&later.o, -EINVAL, "pirn_runtime_opts.size");
    later.o.size = sizeof later;
    accepted(&later.o);
    for (size_t i = sizeof(pirn_runtime_opts); i < sizeof later; i++) {
        ((char *)&later)[i] = 1;
        refused(&later.o, -E2BIG, "pirn_runtime_opts.size");
        ((char *)&later)[i] = 0;
    }
    later.o.size = SIZE_MAX;
    refused(&later.o, -E2BIG, "pirn_runtime_opts.size");
}

Test(builder, hooks)
{
    struct {
        pirn_hooks k;
        char tail[8];
    } later = {{.size = sizeof(pirn_hooks)}, {0}};
    pirn_runtime_opts o = good();

    o.hooks = &later.k;
    accepted(&o);
    later.k.size--;
    refused(&o, -EINVAL, "pirn_hooks.size");
    later.k.size = sizeof later;
    accepted(&o);
    later.tail[0] = 1;
    refused(&o, -E2BIG, "pirn_hooks.size");
}

Test(builder, allocator)
{
    struct {
        pirn_alloc a;
        char tail[8];
    } later = {tally.alloc, {0}};
    pirn_runtime_opts o = good();
    pirn_runtime *rt = NULL;

    o.alloc = &later.a;
    accepted(&o);
    later.a.alloc = NULL;
    refused(&o, -EINVAL, "pirn_alloc.alloc");
    later.a = tally.alloc;
    later.a.free = NULL;
    refused(&o, -EINVAL, "pirn_alloc.free");
    later.a = tally.alloc;
    later.a.size = 8;
    refused(&o, -EINVAL, "pirn_alloc.size");
    later.a.size = sizeof later;
    accepted(&o);
    later.tail[0] = 1;
    refused(&o, -E2BIG, "pirn_alloc.size");
    /* Copied: the struct may go once the runtime is made. */
    later.tail[0] = 0;
    EQ(pirn_runtime_new(&o, &rt), 0);
    memset(&later, 0xff, sizeof later);
    rt_free(rt);
    o.alloc = NULL;
    accepted(&o);
}

/* Options are read once: hooks and names may go, too. */
static void count_spawn(void *user, const pirn_task_info *info)
{
    (void)info;
    ++*(int *)user;
}

Test(builder, hooks_and_name_are_copied)
{
    int spawned = 0;
    char name[] = "copied";
    pirn_hooks k = {.size = sizeof k, .user = &spawned, .on_task_spawn = count_spawn};
    pirn_runtime_opts o = good();
    pirn_runtime *rt = NULL;

    o.hooks = &k;
    o.name = name;
    EQ(pirn_runtime_new(&o, &rt), 0);
    memset(&k, 0xff, sizeof k);
    memset(name, 0xff, sizeof name - 1);
    memset(&o, 0xff, sizeof o);
    pirn_join_free(spawn(pirn_runtime_handle(rt), ready_poll, NULL));
    EQ(spawned, 1);
    rt_free(rt);
}

static void see_stuck(void *user, const pirn_task_info *info, pirn_time since)
{
    (void)user;
    (void)info;
    (void)since;
}

/* Its limit alone, or its hook alone, makes a watchdog; PIRN_NEVER makes none. */
Test(builder, a_watchdogs_hook_and_limit)
{
    pirn_hooks hooks = {.size = sizeof hooks, .on_stuck_poll = see_stuck};
    pirn_runtime_opts o = good();

    o.hooks = &hooks;
    accepted(&o);
    o.stuck_poll_ns = PIRN_NEVER;
    accepted(&o);
    o.hooks = NULL;
    o.stuck_poll_ns = 1;
    accepted(&o);
    o.stuck_poll_ns = -1;
    refused(&o, -EINVAL, "stuck_poll_ns");
}
