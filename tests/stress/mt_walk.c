/* SPDX-License-Identifier: MIT */
/* Does a walk see every live task exactly once, and no dead one, while the workers spawn, finish and
 * abort others?
 *
 * Many tasks stay; others are spawned by the workers, end by themselves or are aborted. A table says of
 * each id when it was born and when it ended, counted in walks. One walks by each_task and by dump,
 * again and again. Printed: what the workers do meanwhile, and without a walk.
 * usage: mt_walk [SEED] */
#include <sched.h>

#include "stress.h"

enum {
    SPAWNERS = 2,      /* tasks that spawn and abort the others */
    HELD = 512,        /* joins that each of them has */
    ROUND_SPAWNS = 32, /* until it lets others go first */
    IDS = 1 << 25,     /* as many as the table holds */
    WORKERS = 3,
    RETIRED_MAX = 1000, /* while the walker stands nowhere: its steps' memory is given back */
    WORK = 200,         /* steps of a poll, some hundred ns: else ids run out */
    COMPLETE_MS = 100,  /* a walk that is over sooner left nothing out */
};

/* Walks are counted from 1 on; 0 is never. */
struct entry {
    const char *_Atomic name;
    _Atomic(uint32_t) born;   /* the walk before which it was spawned: 1 is the first */
    _Atomic(uint32_t) waited; /* before which it had come to its wait without end */
    _Atomic(uint32_t) ending; /* before or in which its frame was dropped, while it was listed */
    _Atomic(uint32_t) ended;  /* before or in which it ended */
    uint32_t seen;            /* the last that saw it; the walker's alone */
};

static struct {
    pirn_handle *h;
    struct entry *entries;
    _Atomic(uint32_t) walk; /* the one that goes on, or comes next */
    _Atomic(uint64_t) last_id;
    _Atomic(int) over;
    _Atomic(int64_t) spawned, waiting, dropped, ended;
    _Atomic(uint64_t) most_retired;
    int complete; /* walks that left nothing out */
} table;

static uint32_t this_walk(void)
{
    return table.walk;
}

static struct entry *entry_of(uint64_t id)
{
    CHECK(id != 0 && id < IDS);
    return &table.entries[id];
}

static void on_spawn(void *user, const pirn_task_info *t)
{
    uint64_t last = table.last_id;

    (void)user;
    entry_of(t->id)->name = t->name;
    while (t->id > last && !atomic_compare_exchange_weak(&table.last_id, &last, t->id))
        ;
}

static void on_terminate(void *user, const pirn_task_info *t)
{
    struct entry *e = entry_of(t->id);

    (void)user;
    CHECK_EQ(e->ended, 0);
    e->ended = this_walk();
    table.ended++;
}

static const pirn_hooks hooks = {
    .size = sizeof hooks,
    .on_task_spawn = on_spawn,
    .on_task_terminate = on_terminate,
};

/* ---- tasks ------------------------------------------------------------------------------------ */

static int stay_poll(void *frame, pirn_cx *cx, void *out)
{
    (void)frame;
    (void)out;
    entry_of(pirn_task_id())->waited = this_walk() + 1;
    table.waiting++;
    return pirn_pending_poll(cx);
}

static void drop(void *frame)
{
    (void)frame;
    entry_of(pirn_task_id())->ending = this_walk();
    table.dropped++;
}

static const pirn_task_desc stay = {
    .size = sizeof stay, .name = "stay", .poll = stay_poll, .drop = drop};

struct come {
    unsigned polls; /* until it ends; 0: it waits for its abort */
    unsigned state;
    uint64_t sum;
};

static int come_poll(void *frame, pirn_cx *cx, void *out)
{
    struct come *c = frame;

    (void)out;
    for (int i = 0; i < WORK; i++)
        (void)next_random(&c->sum);
    if (c->polls == 0)
        return pirn_pending_poll(cx);
    if (c->state == 0 && --c->polls == 0)
        return 0;
    while (pirn_yield_poll(&c->state, cx) == 0)
        if (--c->polls == 0)
            return 0;
    return PIRN_PENDING;
}

static const pirn_task_desc come = {.size = sizeof come,
                                    .name = "come and go",
                                    .poll = come_poll,
                                    .drop = drop,
                                    .frame_size = sizeof(struct come)};

static void start(const pirn_task_desc *d, const void *frame, pirn_join **j)
{
    table.spawned++;
    CHECK_EQ(pirn_spawn(table.h, d, frame, j), 0);
    entry_of(pirn_join_id(*j))->born = this_walk() + 1;
}

struct spawner {
    uint64_t random;
    unsigned state;
    pirn_join **held;
};

static int spawner_poll(void *frame, pirn_cx *cx, void *out)
{
    struct spawner *s = frame;

    (void)out;
    do {
        for (unsigned i = 0; s->state == 0 && i < ROUND_SPAWNS; i++) {
            pirn_join **j = &s->held[below(&s->random, HELD)];
            struct come c = {.polls = below(&s->random, 5)};

            pirn_join_abort(*j);
            pirn_join_free(*j);
            *j = NULL;
            start(&come, &c, j);
        }
        if (table.over || table.last_id > IDS / 2)
            return 0;
    } while (pirn_yield_poll(&s->state, cx) == 0);
    return PIRN_PENDING;
}

static void spawner_drop(void *frame)
{
    struct spawner *s = frame;

    for (unsigned i = 0; i < HELD; i++) {
        pirn_join_abort(s->held[i]);
        pirn_join_free(s->held[i]);
    }
    free(s->held);
    drop(frame);
}

static const pirn_task_desc spawner = {.size = sizeof spawner,
                                       .name = "spawner",
                                       .poll = spawner_poll,
                                       .drop = spawner_drop,
                                       .frame_size = sizeof(struct spawner)};

/* ---- walks ------------------------------------------------------------------------------------ */

static void see_id(uint64_t id, const char *name)
{
    struct entry *e = entry_of(id);
    const char *known = e->name;
    uint32_t walk = this_walk(), ended = e->ended;

    CHECK(known != NULL && strcmp(known, name) == 0);
    CHECK(e->seen != walk); /* once */
    if (ended != 0 && ended < walk) {
        fprintf(stderr, "task %llu \"%s\" is seen in walk %u: it ended in %u\n",
                (unsigned long long)id, name, walk, ended);
        abort();
    }
    e->seen = walk;
}

static int see(void *user, const pirn_task_info *t)
{
    see_id(t->id, t->name);
    if (++*(int64_t *)user % 1024 == 0)
        CHECK(metrics_of(table.h).retired_cells < RETIRED_MAX);
    return 0;
}

static int64_t walk_each(void)
{
    int64_t n = 0;

    CHECK_EQ(pirn_runtime_each_task(table.h, see, &n), 0);
    return n;
}

/* A dump says whether it left something out. */
static int64_t walk_dump(bool *complete)
{
    FILE *f = tmpfile();
    char line[1024], name[64];
    unsigned long long id;
    int64_t n = 0;

    CHECK(f != NULL);
    CHECK_EQ(pirn_runtime_dump(table.h, fileno(f)), 0);
    rewind(f);
    *complete = true;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "more tasks", 10) == 0)
            *complete = false;
        if (sscanf(line, "task %llu \"%63[^\"]\"", &id, name) == 2) {
            see_id(id, name);
            n++;
        }
    }
    CHECK_EQ(fclose(f), 0);
    return n;
}

/* Whatever lived throughout was seen. Return: how many those were. */
static int64_t check_seen(uint32_t walk, bool complete)
{
    uint64_t last = table.last_id;
    int64_t n = 0;

    for (uint64_t id = 1; id <= last; id++) {
        struct entry *e = &table.entries[id];
        uint32_t since = complete ? e->born : e->waited;

        if (since == 0 || since > walk || e->ending != 0)
            continue;
        if (e->seen != walk) {
            fprintf(stderr, "task %llu \"%s\" is not seen in walk %u: spawned before %u\n",
                    (unsigned long long)id, e->name, walk, e->born);
            abort();
        }
        n++;
    }
    return n;
}

static void walk(bool by_dump, int64_t stayers)
{
    uint32_t nr = this_walk();
    pirn_time begin = pirn_now();
    int64_t seen, throughout;
    bool complete;

    /* What is in the table as ended in this walk ended after it began. */
    if (by_dump) {
        seen = walk_dump(&complete);
    } else {
        seen = walk_each();
        complete = pirn_now() - begin < COMPLETE_MS * PIRN_MS;
    }
    table.complete += complete;
    throughout = check_seen(nr, complete);
    CHECK(seen >= stayers);
    CHECK(throughout >= stayers);
    table.walk++;
}

/* ---- one run ------------------------------------------------------------------------------------- */

static void *watch_retired(void *arg)
{
    struct timespec t = {0, 100000};

    (void)arg;
    while (!table.over) {
        uint64_t now = metrics_of(table.h).retired_cells;

        if (now > table.most_retired)
            table.most_retired = now;
        (void)nanosleep(&t, NULL);
    }
    return NULL;
}

static int64_t rate(int64_t ended, pirn_time begin)
{
    return (int64_t)((double)ended * (double)PIRN_SEC / (double)(pirn_now() - begin + 1));
}

static void measure(int ms)
{
    pirn_time begin = pirn_now();
    int64_t before = table.ended;
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
    printf("no walk: %lld tasks/s\n", (long long)rate(table.ended - before, begin));
}

static void walk_often(int walks, int64_t stayers)
{
    pirn_time begin = pirn_now();
    int64_t before = table.ended;

    table.walk++; /* what was spawned up to here lives throughout the first one */
    for (int i = 0; i < walks; i++)
        walk(i % 2 != 0, stayers);
    printf("walks:   %lld tasks/s, %lld walks/s, %d of %d complete, at most %llu retired\n",
           (long long)rate(table.ended - before, begin), (long long)rate(walks, begin),
           table.complete, walks, (unsigned long long)table.most_retired);
}

static pirn_join **start_stayers(int64_t n)
{
    pirn_join **joins = calloc((size_t)n, sizeof *joins);

    CHECK(joins != NULL);
    for (int64_t i = 0; i < n; i++)
        start(&stay, NULL, &joins[i]);
    return joins;
}

static void start_spawners(uint64_t *random, pirn_join **out)
{
    for (int i = 0; i < SPAWNERS; i++) {
        struct spawner s = {next_random(random), 0, calloc(HELD, sizeof *s.held)};

        CHECK(s.held != NULL);
        start(&spawner, &s, &out[i]);
    }
}

int main(int argc, char **argv)
{
    uint64_t random = seed_of(argc, argv);
    int64_t n = is_long() ? 1000000 : 100000;
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_join **stayers, *spawners[SPAWNERS];
    pirn_runtime *rt;
    pirn_metrics m;
    pthread_t watcher;

    table.entries = calloc(IDS, sizeof *table.entries);
    CHECK(table.entries != NULL);
    table.walk = 1;
    o.worker_threads = WORKERS;
    o.alloc = &counting;
    o.hooks = &hooks;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    table.h = pirn_handle_ref(pirn_runtime_handle(rt));
    stayers = start_stayers(n);
    while (table.waiting != n)
        (void)sched_yield();
    start_spawners(&random, spawners);
    watcher = start_thread(watch_retired, NULL);
    measure(300);
    walk_often(is_long() ? 40 : 8, n);
    table.over = 1;
    end_thread(watcher);
    for (int i = 0; i < SPAWNERS; i++) {
        CHECK_EQ(pirn_join_wait(spawners[i], PIRN_NEVER, NULL, NULL), 0);
        pirn_join_free(spawners[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        CHECK(!pirn_join_is_finished(stayers[i]));
        pirn_join_free(stayers[i]);
    }
    free(stayers);
    pirn_runtime_free(rt);
    m = metrics_of(table.h);
    CHECK_EQ(m.tasks_alive, 0);
    CHECK_EQ(m.retired_cells, 0);
    CHECK_EQ(m.tasks_spawned, table.spawned);
    CHECK_EQ(table.ended, table.spawned);
    CHECK_EQ(table.dropped, table.spawned);
    pirn_handle_unref(table.h);
    CHECK_EQ(memory.live, 0);
    free(table.entries);
    return 0;
}
