/* SPDX-License-Identifier: MIT */
/* Do the histograms count every poll once, in the bucket it belongs to? (tokio: poll_time_histogram,
 * schedule_latency_histogram) */
#include "flavors.h"

static const uint32_t both = PIRN_RT_POLL_HISTOGRAM | PIRN_RT_LATENCY_HISTOGRAM;

static pirn_runtime *rt_measured(struct flavor f, uint32_t flags)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;

    o.flags = flags;
    return rt_on_with(f, &o);
}

static pirn_histogram histogram_of(pirn_handle *h, enum pirn_histogram_kind kind, uint32_t worker)
{
    pirn_histogram g = {.size = sizeof g};
    uint64_t sum = 0;

    EQ(pirn_runtime_histogram(h, kind, worker, &g), 0);
    EQ(g.size, sizeof g);
    for (int i = 0; i < PIRN_HISTOGRAM_BUCKETS; i++)
        sum += g.buckets[i];
    EQ(g.count, sum);
    return g;
}

/* How many are in buckets that end after @ns. */
static uint64_t longer_than(const pirn_histogram *g, int64_t ns)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < PIRN_HISTOGRAM_BUCKETS; i++)
        if (pirn_histogram_begin(i + 1) > ns)
            n += g->buckets[i];
    return n;
}

Test(histogram, borders)
{
    EQ(pirn_histogram_begin(0), 0);
    EQ(pirn_histogram_begin(1), 40);
    EQ(pirn_histogram_begin(2), 48);
    EQ(pirn_histogram_begin(3), 56);
    EQ(pirn_histogram_begin(4), 64);
    EQ(pirn_histogram_begin(5), 80);
    EQ(pirn_histogram_begin(8), 128);
    for (uint32_t i = 1; i < PIRN_HISTOGRAM_BUCKETS - 1; i++) {
        int64_t begin = pirn_histogram_begin(i), end = pirn_histogram_begin(i + 1);

        CHECK(end > begin);
        CHECK(end - begin <= begin / 4); /* wider by a quarter at most */
    }
    CHECK(pirn_histogram_begin(PIRN_HISTOGRAM_BUCKETS - 1) > 60 * PIRN_SEC);
    EQ(pirn_histogram_begin(PIRN_HISTOGRAM_BUCKETS), INT64_MAX);
    EQ(pirn_histogram_begin(UINT32_MAX), INT64_MAX);
}

static void off_and_misuse(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_histogram g = {.size = sizeof g};

    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_POLL_TIME, 0, &g), -ENODATA);
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_SCHEDULE_LATENCY, PIRN_NO_WORKER, &g), -ENODATA);
    rt_free(rt);
    rt = rt_measured(f, PIRN_RT_POLL_HISTOGRAM);
    h = pirn_runtime_handle(rt);
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_POLL_TIME, 0, &g), 0);
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_SCHEDULE_LATENCY, 0, &g), -ENODATA);
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_POLL_TIME, f.workers, &g), -EINVAL);
    EQ(pirn_runtime_histogram(h, (enum pirn_histogram_kind)2, 0, &g), -EINVAL);
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_POLL_TIME, 0, NULL), -EINVAL);
    EQ(pirn_runtime_histogram(NULL, PIRN_HISTOGRAM_POLL_TIME, 0, &g), PIRN_ENORUNTIME);
    g.size = 8;
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_POLL_TIME, 0, &g), -EINVAL);
    rt_free(rt);
    rt = rt_measured(f, PIRN_RT_LATENCY_HISTOGRAM);
    h = pirn_runtime_handle(rt);
    g.size = sizeof g;
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_POLL_TIME, 0, &g), -ENODATA);
    EQ(pirn_runtime_histogram(h, PIRN_HISTOGRAM_SCHEDULE_LATENCY, 0, &g), 0);
    EQ(g.count, 0);
    rt_free(rt);
}
EACH_FLAVOR(histogram, off_and_misuse)

enum {
    GATES = 300
};

static struct gate gates[GATES];

/* Spawns, wakes from here and from tasks, yields: one entry a poll in each. */
static void one_entry_for_each_poll(struct flavor f)
{
    pirn_runtime *rt = rt_measured(f, both);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_histogram polls, latencies, sum = {0};
    pirn_join *j[GATES];
    struct spinner s = {0};
    pirn_join *spinning;

    for (int i = 0; i < GATES; i++)
        j[i] = spawn_gate(h, &gates[i]);
    for (int i = 0; i < GATES; i++)
        run_until(h, &gates[i].polls, 1);
    for (int i = 0; i < GATES; i++)
        gate_open(&gates[i]);
    for (int i = 0; i < GATES; i++)
        ends_done(h, j[i], 0);
    spinning = spawn(h, spinner_poll, &s);
    run_until(h, &s.polls, 500);
    s.stop = true;
    ends_done(h, spinning, 0);
    if (f.flavor == PIRN_MULTI_THREAD)
        rt_quiet(h);
    polls = histogram_of(h, PIRN_HISTOGRAM_POLL_TIME, PIRN_NO_WORKER);
    latencies = histogram_of(h, PIRN_HISTOGRAM_SCHEDULE_LATENCY, PIRN_NO_WORKER);
    EQ(polls.count, metrics_of(h).polls);
    EQ(polls.count, 2 * GATES + (uint64_t)s.polls);
    EQ(latencies.count, polls.count);
    for (uint32_t i = 0; i < f.workers; i++) {
        pirn_histogram one = histogram_of(h, PIRN_HISTOGRAM_POLL_TIME, i);

        EQ(one.count, worker_metrics_of(h, i).polls);
        for (int k = 0; k < PIRN_HISTOGRAM_BUCKETS; k++)
            sum.buckets[k] += one.buckets[k];
    }
    EQ(memcmp(sum.buckets, polls.buckets, sizeof sum.buckets), 0);
    rt_free(rt);
}
EACH_FLAVOR(histogram, one_entry_for_each_poll)

static int nap_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    if (user != NULL)
        pirn_join_free(spawn(NULL, ready_poll, NULL)); /* has to wait behind this poll */
    nap(20 * PIRN_MS);
    return 0;
}

static void long_polls_are_in_long_buckets(struct flavor f)
{
    pirn_runtime *rt = rt_measured(f, both);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_histogram g;

    for (int i = 0; i < 3; i++)
        ends_done(h, spawn(h, nap_poll, NULL), 0);
    if (f.flavor == PIRN_MULTI_THREAD)
        rt_quiet(h); /* a joiner is woken before the poll is entered */
    g = histogram_of(h, PIRN_HISTOGRAM_POLL_TIME, PIRN_NO_WORKER);
    EQ(g.count, 3);
    EQ(longer_than(&g, 20 * PIRN_MS), 3);
    EQ(longer_than(&g, 10 * PIRN_SEC), 0);
    rt_free(rt);
}
EACH_FLAVOR(histogram, long_polls_are_in_long_buckets)

/* With one worker, what a poll spawns waits until it ends. */
static void what_waits_is_late(struct flavor f)
{
    pirn_runtime *rt = rt_measured(f, both);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_histogram g;

    for (int i = 0; i < 3; i++)
        ends_done(h, spawn(h, nap_poll, h), 0);
    ends_done(h, spawn(h, ready_poll, NULL), 0);
    g = histogram_of(h, PIRN_HISTOGRAM_SCHEDULE_LATENCY, 0);
    EQ(g.count, 7);
    CHECK(longer_than(&g, 20 * PIRN_MS) >= 3);
    EQ(longer_than(&g, 10 * PIRN_SEC), 0);
    rt_free(rt);
}
ON(histogram, what_waits_is_late, ct, PIRN_CURRENT_THREAD, 1)
ON(histogram, what_waits_is_late, mt1, PIRN_MULTI_THREAD, 1)
