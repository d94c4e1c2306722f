/* SPDX-License-Identifier: MIT */
/* Are the options of a multi-thread runtime, and what stands for them in the environment, checked and
 * obeyed? */
#include "flavors.h"

static void refused(const pirn_runtime_opts *o, const char *field)
{
    pirn_runtime *rt = (pirn_runtime *)&tally;

    EQ(pirn_runtime_new(o, &rt), -EINVAL);
    SAYS(field);
    CHECK(rt == (pirn_runtime *)&tally);
    EQ(tally.live, 0);
}

Test(mt_options, fields_out_of_range_are_named, .timeout = LIMIT_S)
{
    pirn_runtime_opts o;

#define REFUSED(field, value) o = mt_options(2), o.field = value, refused(&o, #field)
    REFUSED(worker_threads, 65536);
    REFUSED(worker_threads, UINT32_MAX);
    REFUSED(thread_keep_alive_ns, -1);
    REFUSED(thread_keep_alive_ns, INT64_MIN);
    REFUSED(stuck_poll_ns, -1);
    REFUSED(stuck_poll_ns, INT64_MIN);
    REFUSED(flags, 1u << 4);
    REFUSED(flags, 1u << 31);
    REFUSED(flags, PIRN_RT_LOCAL);
    REFUSED(name, " \t");
    REFUSED(name, "");
    REFUSED(thread_name, " ");
    REFUSED(thread_name, "");
    REFUSED(flavor, (enum pirn_flavor)2);
    REFUSED(unhandled_fault, (enum pirn_unhandled_fault)4);
    REFUSED(thread_stack_bytes, 1);
#undef REFUSED
}

/* What passes the checks gets as far as the first allocation. */
static void passes(uint32_t workers)
{
    pirn_runtime_opts o = mt_options(workers);
    pirn_runtime *rt = NULL;

    tally.fail_at = 1;
    EQ(pirn_runtime_new(&o, &rt), -ENOMEM);
    EQ(tally.fail_at, 0);
    CHECK(rt == NULL);
}

Test(mt_options, the_largest_number_of_workers, .timeout = LIMIT_S)
{
    passes(65535);
    passes(1);
}

static void environment(const char *value, bool good)
{
    pirn_runtime_opts o = mt_options(0);

    EQ(setenv("PIRN_WORKER_THREADS", value, 1), 0);
    if (good)
        passes(0);
    else
        refused(&o, "PIRN_WORKER_THREADS");
}

Test(mt_options, rubbish_in_the_environment, .timeout = LIMIT_S)
{
    static const char *const bad[] = {
        "0", "65536", "-1", "+2", "two", "2 ", " 2", "2x", "0x2", "1.5", "99999999999999999999",
        "\n"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        environment(bad[i], false);
    environment("65535", true);
    environment("1", true);
    environment("", true); /* as if it were not set */
    environment("007", true);
}

static uint32_t workers_of(const pirn_runtime_opts *o)
{
    pirn_runtime *rt = NULL;
    uint32_t n;
    int r = pirn_runtime_new(o, &rt);

    CHECK_SAYS(r == 0, "%d, %s", r, pirn_last_error_text());
    n = metrics_of(pirn_runtime_handle(rt)).workers;
    EQ(block_on(pirn_runtime_handle(rt), ready_poll, NULL), 0);
    rt_free(rt);
    return n;
}

Test(mt_options, how_many_workers, .timeout = LIMIT_S)
{
    pirn_runtime_opts o = mt_options(0), ct = mt_options(0);
    pirn_runtime *rt = NULL;
    cpu_set_t all, one;

    ct.flavor = PIRN_CURRENT_THREAD;
    EQ(unsetenv("PIRN_WORKER_THREADS"), 0);
    EQ(sched_getaffinity(0, sizeof all, &all), 0);
    CHECK(workers_of(&o) >= 1 && workers_of(&o) <= (uint32_t)CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EQ(workers_of(&o), 1);
    EQ(setenv("PIRN_WORKER_THREADS", "3", 1), 0);
    EQ(workers_of(&o), 3); /* more than the CPUs */
    EQ(workers_of(&ct), 1);
    EQ(pirn_runtime_new(NULL, &rt), 0); /* all defaults */
    EQ(metrics_of(pirn_runtime_handle(rt)).workers, 3);
    pirn_runtime_free(rt);
    o.worker_threads = 2;
    EQ(workers_of(&o), 2); /* what is asked for wins */
}

static int answer_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = *(int *)user;
    return 0;
}

Test(mt_options, run_is_new_block_on_free, .timeout = LIMIT_S)
{
    pirn_runtime_opts o = mt_options(2);
    int answer = 42, out = 0;
    struct closure c = {answer_poll, NULL, &answer};
    pirn_result res;

    EQ(pirn_run(&o, &closure_desc, &c, &res, &out), 0);
    EQ(res.outcome, PIRN_DONE);
    EQ(out, 42);
    EQ(tally.live, 0);
}
