/* SPDX-License-Identifier: MIT */
/* Do tasks settle one through the other, however deep, across schedulers and on their own thread, while
 * their worker goes on? */
#include "settle_use.h"

/* ---- owners of owners --------------------------------------------------------------------------------- */

enum {
    DEEP = 3000
};

/* The child of the one above, whose frame it points into, and the owner of the next. */
struct level {
    struct level *above;
    int depth, alive;
    pirn_group *group;
    struct tower *tower;
};

struct tower {
    _Atomic(int) up, down, wrong;
    struct gate top;
    int height;
    bool blocking_last; /* the lowest is a blocking task */
};

static int level_poll(void *frame, pirn_cx *cx, void *out);
static int last_poll(void *frame, pirn_cx *cx, void *out);
static void level_drop(void *frame);

static const pirn_task_desc level_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "level",
    .poll = level_poll,
    .drop = level_drop,
    .frame_size = sizeof(struct level),
};

static const pirn_task_desc last_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "last level",
    .poll = last_poll,
    .drop = level_drop,
    .frame_size = sizeof(struct level),
    .flags = PIRN_TASK_BLOCKING,
};

static int last_poll(void *frame, pirn_cx *cx, void *out)
{
    struct level *l = frame;

    (void)out;
    l->alive = ALIVE;
    l->tower->up++;
    while (!pirn_cx_cancelled(cx))
        nap(100 * PIRN_US);
    nap(2 * PIRN_MS);
    return 0;
}

static int level_poll(void *frame, pirn_cx *cx, void *out)
{
    struct level *l = frame;
    struct tower *t = l->tower;
    int ignored;

    (void)out;
    if (l->group == NULL) {
        struct level below = {.above = l, .depth = l->depth + 1, .tower = t};

        l->alive = ALIVE;
        t->up++;
        EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &l->group), 0);
        if (below.depth < t->height)
            EQ(pirn_group_spawn(l->group,
                                t->blocking_last && below.depth == t->height - 1 ? &last_desc
                                                                                 : &level_desc,
                                &below, NULL),
               0);
    }
    return l->depth == 0 ? gate_poll(&t->top, cx, &ignored) : pirn_pending_poll(cx);
}

static void level_drop(void *frame)
{
    struct level *l = frame;

    l->tower->wrong += l->above != NULL && l->above->alive != ALIVE;
    l->tower->wrong += l->tower->down++ != l->tower->height - 1 - l->depth; /* the lowest first */
    l->alive = GONE;
    pirn_group_free(l->group);
    if (l->depth == 0)
        gate_drop(&l->tower->top);
}

enum fall {
    FALL_DONE,
    FALL_ABORT,
    FALL_SHUTDOWN,
    FALLS
};

static void towers(struct flavor f)
{
    for (int variant = 0; variant < 2 * FALLS; variant++) {
        static struct tower t;
        enum fall fall = variant % FALLS;
        struct level top = {.tower = &t};
        pirn_runtime *rt = rt_on(f);
        pirn_handle *h = pirn_runtime_handle(rt);
        pirn_join *j;

        memset(&t, 0, sizeof t);
        t.height = DEEP;
        t.blocking_last = variant >= FALLS;
        EQ(pirn_spawn(h, &level_desc, &top, &j), 0);
        run_until(h, &t.up, DEEP);
        if (fall == FALL_ABORT)
            pirn_join_abort(j);
        else if (fall == FALL_DONE)
            gate_open(&t.top);
        if (fall == FALL_SHUTDOWN) {
            EQ(pirn_runtime_shutdown(rt, PIRN_NEVER), 0);
            join_is(j, PIRN_CANCELLED, -ECANCELED);
        } else {
            struct joining joining = {.join = j};

            (void)block_on(h, joining_poll, &joining); /* a level has no output */
            EQ(joining.res.outcome, fall == FALL_DONE ? PIRN_DONE : PIRN_CANCELLED);
        }
        EQ(t.wrong, 0);
        EQ(t.down, DEEP);
        rt_free(rt);
    }
}
EACH_FLAVOR(settle_nest, towers)

/* ---- a worker goes on ------------------------------------------------------------------------------------ */

struct slow_child {
    sem_t entered, go;
};

static int slow_poll(void *user, pirn_cx *cx, int *out)
{
    struct slow_child *s = user;

    (void)cx;
    post(&s->entered);
    await(&s->go);
    *out = 0;
    return 0;
}

struct slow_owner {
    struct slow_child *child;
    pirn_group *group;
    _Atomic(int) *started, *dropped;
};

static int slow_owner_poll(void *user, pirn_cx *cx, int *out)
{
    struct slow_owner *o = user;
    static pirn_task_desc d;
    struct closure c = {slow_poll, NULL, o->child};

    (void)out;
    if (o->group == NULL) {
        d = closure_desc;
        d.flags = PIRN_TASK_BLOCKING;
        EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &o->group), 0);
        EQ(pirn_group_spawn(o->group, &d, &c, NULL), 0);
        ++*o->started;
    }
    return pirn_pending_poll(cx);
}

static void slow_owner_drop(void *user)
{
    struct slow_owner *o = user;

    pirn_group_free(o->group);
    ++*o->dropped;
}

/* A blocking child is waited for until its run ends; nobody else is kept by that. */
static void the_worker_goes_on(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct slow_child child;
    _Atomic(int) started = 0, dropped = 0;
    struct slow_owner owner = {&child, NULL, &started, &dropped};
    pirn_join *j = spawn_dropping(h, slow_owner_poll, slow_owner_drop, &owner);
    char *dump;

    EQ(sem_init(&child.entered, 0, 0), 0);
    EQ(sem_init(&child.go, 0, 0), 0);
    run_until(h, &started, 1);
    await(&child.entered);
    pirn_join_abort(j);
    for (int i = 0; i < 20; i++)
        EQ(block_on(h, ready_poll, NULL), 0);
    for (int i = 0; i < 20; i++)
        ends_done(h, spawn(h, ready_poll, NULL), 0);
    EQ(dropped, 0);
    CHECK(!pirn_join_is_finished(j));
    pirn_join_abort(j); /* once more: it changes nothing */
    dump = dump_of(h);
    has(dump, "\"closure\" settling");
    free(dump);
    post(&child.go);
    ends_as(h, j, PIRN_CANCELLED, -ECANCELED);
    EQ(dropped, 1);
    rt_free(rt);
}
EACH_FLAVOR(settle_nest, the_worker_goes_on)

/* ---- other schedulers ------------------------------------------------------------------------------------- */

/* The children run on another runtime than their owner. */
static void children_elsewhere(struct flavor f)
{
    pirn_runtime *rt = rt_on(f), *other = NULL;
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    static struct notes n;
    pirn_result res;
    unsigned char out[OUT];
    pirn_join *j;

    o.worker_threads = 2;
    o.alloc = &tally.alloc;
    EQ(pirn_runtime_new(&o, &other), 0);
    notes_reset(&n, HOW_DONE);
    n.elsewhere = pirn_runtime_handle(other);
    n.slow = true;
    j = owner_start(pirn_runtime_handle(rt), &n);
    gate_open(&n.gates[0]);
    res = join_owner(pirn_runtime_handle(rt), j, out);
    check_result(HOW_DONE, &res, out);
    is_over(&n);
    pirn_runtime_free(other);
    rt_free(rt);
}
EACH_FLAVOR(settle_nest, children_elsewhere)

/* A blocking task that owns groups, and ends in the middle of it. */
static int blocking_owner_poll(void *frame, pirn_cx *cx, void *out)
{
    struct owner *o = frame;

    if (o->groups[0] != NULL || owner_desc.poll(frame, cx, out) != PIRN_PENDING)
        return -EINVAL;
    pirn_op_drop(&o->op);
    return owner_desc.poll(frame, cx, out);
}

static void of_a_blocking_task(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_task_desc d = owner_desc;

    d.poll = blocking_owner_poll;
    for (int how = 0; how < HOW_PEND; how++) {
        static struct notes n;
        struct owner o = {.notes = &n};
        unsigned char out[OUT] = {0};
        pirn_result res;
        pirn_join *j;

        notes_reset(&n, how);
        n.slow = true;
        EQ(pirn_spawn_blocking(h, &d, &o, &j), 0);
        res = join_owner(h, j, out);
        check_result(how, &res, out);
        is_over(&n);
    }
    rt_free(rt);
}
EACH_FLAVOR(settle_nest, of_a_blocking_task)

struct pinned {
    struct notes n;
    pirn_local_set *set;
    pirn_join *join;
    pthread_t thread;
    bool freed_early;
    _Atomic(int) ends;
};
static struct pinned pinned;

static void pinned_drop(void *frame)
{
    /* Unless its set was freed under it. */
    CHECK(pinned.freed_early || pthread_equal(pthread_self(), pinned.thread));
    owner_desc.drop(frame);
    pinned.ends++;
}

static pirn_task_desc pinned_desc;

/* A root polls a local set, of one owner whose children run on the runtime. */
static int pinned_poll(void *user, pirn_cx *cx, int *out)
{
    struct pinned *p = user;
    struct owner o = {.notes = &p->n};
    int r;

    if (p->set == NULL) {
        pinned_desc = owner_desc;
        pinned_desc.drop = pinned_drop;
        p->thread = pthread_self();
        EQ(pirn_local_set_new(NULL, &p->set), 0);
        EQ(pirn_local_set_spawn(p->set, &pinned_desc, &o, &p->join), 0);
    }
    r = pirn_local_set_poll(p->set, cx);
    if (p->n.started != 0 && p->freed_early) {
        pirn_local_set_free(p->set);
        *out = 0;
        return 0;
    }
    if (p->n.started != 0)
        gate_open(&p->n.gates[0]);
    if (r == PIRN_PENDING)
        return r;
    EQ(p->ends, 1);
    pirn_local_set_free(p->set);
    *out = 0;
    return r;
}

static void of_a_local_task(struct flavor f)
{
    for (int early = 0; early < 2; early++) {
        pirn_runtime *rt = rt_on(f);
        pirn_handle *h = pirn_runtime_handle(rt);
        unsigned char out[OUT];
        pirn_result res;

        memset(&pinned, 0, sizeof pinned);
        notes_reset(&pinned.n, HOW_DONE);
        pinned.n.slow = true;
        pinned.freed_early = early;
        EQ(block_on(h, pinned_poll, &pinned), 0);
        res = join_owner(h, pinned.join, out);
        EQ(res.outcome, early ? PIRN_CANCELLED : PIRN_DONE);
        is_over(&pinned.n);
        rt_free(rt);
    }
}
EACH_FLAVOR(settle_nest, of_a_local_task)

/* In pirn_block_in_place() too the group is its task's. */
struct in_place {
    pirn_group *group;
    struct gate gate;
    _Atomic(int) drops;
};

static int make_group(void *user)
{
    struct in_place *p = user;
    struct closure c = {gate_poll, gate_drop, &p->gate};

    EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &p->group), 0);
    EQ(pirn_group_spawn(p->group, &closure_desc, &c, NULL), 0);
    return 0;
}

static int in_place_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    EQ(pirn_block_in_place(make_group, user), 0);
    *out = 4;
    return 0;
}

static void in_place_drop(void *user)
{
    struct in_place *p = user;

    EQ(p->gate.drops, 1);
    pirn_group_free(p->group);
    p->drops++;
}

static void made_in_place(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    static struct in_place p;

    memset(&p, 0, sizeof p);
    ends_done(pirn_runtime_handle(rt),
              spawn_dropping(pirn_runtime_handle(rt), in_place_poll, in_place_drop, &p), 4);
    EQ(p.drops, 1);
    rt_free(rt);
}
EACH_MT(settle_nest, made_in_place)

/* ---- nobody's groups -------------------------------------------------------------------------------------- */

struct stray {
    struct gate gate;
    pirn_group *given; /* made elsewhere, freed in the drop */
    _Atomic(int) drops;
};

static void stray_drop(void *user)
{
    struct stray *s = user;
    pirn_group *g;
    struct closure c = {gate_poll, gate_drop, &s->gate};

    EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &g), 0);
    EQ(pirn_group_spawn(g, &closure_desc, &c, NULL), 0);
    pirn_group_free(g); /* returns at once; the group goes with its child */
    pirn_group_free(s->given);
    s->drops++;
}

static void freed_in_a_drop(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    static struct stray s;
    static struct gate gate;
    struct closure c = {gate_poll, gate_drop, &gate};

    memset(&s, 0, sizeof s);
    memset(&gate, 0, sizeof gate);
    EQ(pirn_group_new(h, NULL, PIRN_NEVER, 0, &s.given), 0);
    EQ(pirn_group_spawn(s.given, &closure_desc, &c, NULL), 0);
    ends_done(h, spawn_dropping(h, ready_poll, stray_drop, &s), 0);
    run_until(h, &s.gate.drops, 1);
    run_until(h, &gate.drops, 1);
    EQ(s.drops, 1);
    rt_free(rt);
}
EACH_FLAVOR(settle_nest, freed_in_a_drop)

/* A group lives on after its runtime. */
static void after_the_runtime(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    static struct gate gates[2];
    struct closure c[2] = {{gate_poll, gate_drop, &gates[0]}, {gate_poll, gate_drop, &gates[1]}};
    pirn_result res;
    pirn_group *g;

    memset(gates, 0, sizeof gates);
    EQ(pirn_group_new(pirn_runtime_handle(rt), NULL, pirn_after(1000 * PIRN_SEC), 0, &g), 0);
    EQ(pirn_group_spawn(g, &closure_desc, &c[0], NULL), 0);
    pirn_runtime_free(rt);
    EQ(pirn_group_spawn(g, &closure_desc, &c[1], NULL), 0);
    EQ(pirn_group_len(g), 2);
    for (int i = 0; i < 2; i++) {
        EQ(gates[i].drops, 1);
        EQ(pirn_group_next_try(g, &res, NULL), 0);
        EQ(res.outcome, PIRN_CANCELLED);
    }
    EQ(pirn_group_next_try(g, &res, NULL), PIRN_EOF);
    pirn_group_free(g);
    EQ(tally.live, 0);
}
EACH_FLAVOR(settle_nest, after_the_runtime)

/* One group after the other, each freed with a child alive: they do not pile up. */
struct serial {
    struct gate gates[200];
    int made;
    int64_t most;
    unsigned yielded;
};

static int serial_poll(void *user, pirn_cx *cx, int *out)
{
    struct serial *s = user;

    while (s->made < 200) {
        struct closure c = {gate_poll, gate_drop, &s->gates[s->made]};
        pirn_group *g;

        EQ(pirn_group_new(NULL, NULL, PIRN_NEVER, 0, &g), 0);
        EQ(pirn_group_spawn(g, &closure_desc, &c, NULL), 0);
        pirn_group_free(g);
        if (s->made > 0 && s->gates[s->made - 1].drops == 1 && tally.live > s->most)
            s->most = tally.live;
        s->made++;
        if (pirn_yield_poll(&s->yielded, cx) == PIRN_PENDING)
            return PIRN_PENDING;
    }
    *out = 0;
    return 0;
}

Test(settle_nest, freed_groups_do_not_pile_up)
{
    pirn_runtime *rt = rt_new();
    static struct serial s;
    int64_t before = tally.live;

    ends_done(pirn_runtime_handle(rt), spawn(pirn_runtime_handle(rt), serial_poll, &s), 0);
    CHECK_SAYS(s.most < before + 40, "%lld blocks, %lld at first", (long long)s.most,
               (long long)before);
    rt_free(rt);
}
