/* SPDX-License-Identifier: MIT */
/* Do tasks and roots go on, on every flavour, whoever spawns, wakes and waits? (tokio: rt_common) */
#include "flavors.h"

/* ---- spawn and join -------------------------------------------------------------------------------- */

enum {
    MANY = 1000
};

static void one_task_each_way(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;

    EQ(block_on(h, ready_poll, NULL), 0);
    ends_done(h, spawn(h, add_poll, &ran), 0);
    EQ(ran, 1);
    pirn_join_free(spawn(h, add_poll, &ran)); /* detached */
    run_until(h, &ran, 2);
    rt_free(rt);
}
EACH_FLAVOR(common, one_task_each_way)

struct adder {
    int term, total, next;
    pirn_join *joins[MANY];
};

static int term_poll(void *user, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = (int)(intptr_t)user;
    return 0;
}

/* Spawns them all and adds up what they return. */
static int adder_poll(void *user, pirn_cx *cx, int *out)
{
    struct adder *a = user;

    if (a->joins[0] == NULL)
        for (int i = 0; i < MANY; i++)
            a->joins[i] = spawn(NULL, term_poll, (void *)(intptr_t)i);
    for (; a->next < MANY; a->next++) {
        if (pirn_join_poll(a->joins[a->next], cx, NULL, &a->term) == PIRN_PENDING)
            return PIRN_PENDING;
        a->total += a->term;
        pirn_join_free(a->joins[a->next]);
    }
    *out = a->total;
    return 0;
}

static void many_from_a_root(struct flavor f)
{
    static struct adder a;
    pirn_runtime *rt = rt_on(f);

    EQ(block_on(pirn_runtime_handle(rt), adder_poll, &a), MANY * (MANY - 1) / 2);
    EQ(metrics_of(pirn_runtime_handle(rt)).tasks_spawned, MANY);
    rt_free(rt);
}
EACH_FLAVOR(common, many_from_a_root)

static void many_from_a_task(struct flavor f)
{
    static struct adder a;
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);

    ends_done(h, spawn(h, adder_poll, &a), MANY * (MANY - 1) / 2);
    EQ(metrics_of(h).tasks_spawned, MANY + 1);
    rt_free(rt);
}
EACH_FLAVOR(common, many_from_a_task)

struct chain {
    int depth;
    pirn_join *next;
};

static int chain_poll(void *frame, pirn_cx *cx, void *out);

static const pirn_task_desc chain_desc = {
    .size = sizeof(pirn_task_desc),
    .name = "chain",
    .poll = chain_poll,
    .frame_size = sizeof(struct chain),
    .out_size = sizeof(int),
};

/* Each spawns the next and waits for it. */
static int chain_poll(void *frame, pirn_cx *cx, void *out)
{
    struct chain *c = frame, next = {c->depth - 1, NULL};
    int below = 0;

    if (c->depth > 0) {
        if (c->next == NULL)
            EQ(pirn_spawn(NULL, &chain_desc, &next, &c->next), 0);
        if (pirn_join_poll(c->next, cx, NULL, &below) == PIRN_PENDING)
            return PIRN_PENDING;
        pirn_join_free(c->next);
    }
    *(int *)out = below + 1;
    return 0;
}

static void a_chain_of_joins(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    struct chain c = {1000, NULL};
    pirn_join *j = NULL;

    EQ(pirn_spawn(pirn_runtime_handle(rt), &chain_desc, &c, &j), 0);
    ends_done(pirn_runtime_handle(rt), j, 1001);
    rt_free(rt);
}
EACH_FLAVOR(common, a_chain_of_joins)

/* ---- under load ------------------------------------------------------------------------------------ */

static void stop_spinner(pirn_handle *h, struct spinner *s, pirn_join *j)
{
    s->stop = true;
    ends_done(h, j, 0);
}

static void root_and_task_go_on_under_load(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct spinner s[8] = {0};
    pirn_join *j[8];
    _Atomic(int) ran = 0;

    for (int i = 0; i < 8; i++)
        j[i] = spawn(h, spinner_poll, &s[i]);
    for (int i = 0; i < 50; i++)
        ends_done(h, spawn(h, add_poll, &ran), 0);
    EQ(ran, 50);
    for (int i = 0; i < 8; i++)
        run_until(h, &s[i].polls, s[i].polls); /* each root comes to its turn */
    for (int i = 0; i < 8; i++)
        stop_spinner(h, &s[i], j[i]);
    rt_free(rt);
}
EACH_FLAVOR(common, root_and_task_go_on_under_load)

struct remote {
    pirn_handle *h;
    struct gate *gate;
    pirn_join *join;
};

static int open_gate_poll(void *gate, pirn_cx *cx, int *out)
{
    (void)cx;
    *out = 0;
    gate_open(gate);
    return 0;
}

static void *spawn_elsewhere(void *user)
{
    struct remote *r = user;

    r->join = spawn(r->h, open_gate_poll, r->gate);
    return NULL;
}

/* A task from another thread opens what the root waits for. */
static void remote_spawn(struct flavor f, int load)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct spinner s = {0};
    pirn_join *spinning = load ? spawn(h, spinner_poll, &s) : NULL;

    for (int i = 0; i < 100; i++) {
        struct gate g = {.value = i};
        struct remote r = {h, &g, NULL};
        pthread_t t = start_thread(spawn_elsewhere, &r);

        EQ(block_on(h, gate_poll, &g), i);
        end_thread(t);
        ends_done(h, r.join, 0);
        pirn_waker_cell_fini(&g.cell);
    }
    if (load)
        stop_spinner(h, &s, spinning);
    rt_free(rt);
}

static void spawned_elsewhere_while_idle(struct flavor f)
{
    remote_spawn(f, 0);
}
EACH_FLAVOR(common, spawned_elsewhere_while_idle)

static void spawned_elsewhere_under_load(struct flavor f)
{
    remote_spawn(f, 1);
}
EACH_FLAVOR(common, spawned_elsewhere_under_load)

/* ---- two tasks that wake each other for ever -------------------------------------------------------- */

static struct {
    pirn_waker waker[2];
    _Atomic(bool) set[2], stop;
    _Atomic(int) turns;
} ball;

static int player_poll(void *user, pirn_cx *cx, int *out)
{
    int me = (int)(intptr_t)user;
    bool stop = ball.stop; /* before the last wake: whom that wakes sees it as well */

    *out = 0;
    if (!ball.set[me]) {
        ball.waker[me] = pirn_cx_waker(cx);
        ball.set[me] = true;
    }
    ball.turns++;
    if (ball.set[1 - me])
        pirn_waker_wake_by_ref(&ball.waker[1 - me]);
    else
        pirn_waker_wake_by_ref(pirn_cx_borrow_waker(cx));
    return stop ? 0 : PIRN_PENDING;
}

struct yielder {
    int left;
    unsigned state;
};

static int yielder_poll(void *user, pirn_cx *cx, int *out)
{
    struct yielder *y = user;

    *out = 0;
    for (; y->left > 0; y->left--)
        if (pirn_yield_poll(&y->state, cx) == PIRN_PENDING)
            return PIRN_PENDING;
    return 0;
}

static void play(struct flavor f, uint32_t flags)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    struct yielder y = {200, 0};
    pirn_runtime *rt;
    pirn_handle *h;
    pirn_join *j[2];

    o.flags = flags;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    for (int i = 0; i < 2; i++)
        j[i] = spawn(h, player_poll, (void *)(intptr_t)i);
    run_until(h, &ball.turns, ball.turns);
    ends_done(h, spawn(h, yielder_poll, &y), 0); /* it has its 200 turns among them */
    ball.stop = true;
    for (int i = 0; i < 2; i++)
        ends_done(h, j[i], 0);
    CHECK(ball.turns >= 2);
    for (int i = 0; i < 2; i++)
        pirn_waker_drop(ball.waker[i]);
    rt_free(rt);
}

/* (tokio: ping_pong_saturation) */
static void two_that_wake_each_other_starve_nobody(struct flavor f)
{
    play(f, 0);
}
EACH_FLAVOR(common, two_that_wake_each_other_starve_nobody)

static void nor_without_the_slot(struct flavor f)
{
    play(f, PIRN_RT_NO_LIFO);
}
EACH_MT(common, nor_without_the_slot)

/* ---- budget ------------------------------------------------------------------------------------------ */

static _Atomic(bool) flag;

static int set_flag_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    (void)cx;
    *out = 0;
    flag = true;
    return 0;
}

/* Takes budget until the other has run, which on one thread can only be after it ran out. */
static int spend_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    *out = 0;
    while (!flag)
        if (pirn_consume_budget_poll(cx) == PIRN_PENDING)
            return PIRN_PENDING;
    return 0;
}

static void a_budget_ends(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = spawn(h, spend_poll, NULL);

    ends_done(h, spawn(h, set_flag_poll, NULL), 0);
    ends_done(h, j, 0);
    rt_free(rt);
}
EACH_FLAVOR(common, a_budget_ends)

struct spender {
    int units, polls;
};

static int spender_poll(void *user, pirn_cx *cx, int *out)
{
    struct spender *s = user;

    s->polls++;
    while (s->units > 0 && pirn_consume_budget_poll(cx) == 0)
        s->units--;
    *out = s->polls;
    return s->units == 0 ? 0 : PIRN_PENDING;
}

static void budgets_are_counted(struct flavor f)
{
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_task_desc d = closure_desc;
    struct spender a = {1000, 0}, b = {1000, 0}, r = {95, 0};
    struct closure c = {spender_poll, NULL, &b};
    pirn_runtime *rt;
    pirn_join *j = NULL;
    pirn_handle *h;

    o.coop_budget = 100;
    rt = rt_on_with(f, &o);
    h = pirn_runtime_handle(rt);
    d.flags = PIRN_TASK_UNCONSTRAINED;
    ends_done(h, spawn(h, spender_poll, &a), 10);
    EQ(metrics_of(h).budget_yields, 9);
    EQ(pirn_spawn(h, &d, &c, &j), 0);
    ends_done(h, j, 1);
    EQ(block_on(h, spender_poll, &r), 1);
    EQ(metrics_of(h).budget_yields, 9);
    rt_free(rt);
}
EACH_FLAVOR(common, budgets_are_counted)

/* ---- wakes from odd places --------------------------------------------------------------------------- */

static pthread_key_t key;
static struct {
    pirn_waker by_value, by_ref;
    _Atomic(int) stored, woken;
} late;

static void wake_late(void *user)
{
    (void)user;
    late.woken = 1;
    pirn_waker_wake_by_ref(&late.by_ref);
    pirn_waker_wake(late.by_value);
}

static void *end_with_a_waker(void *user)
{
    EQ(pthread_setspecific(key, user), 0);
    return NULL;
}

static int wait_for_late_poll(void *user, pirn_cx *cx, int *out)
{
    (void)user;
    *out = 0;
    if (late.woken)
        return 0;
    if (!late.stored) {
        late.by_value = pirn_cx_waker(cx);
        late.by_ref = pirn_cx_waker(cx);
        late.stored = 1;
    }
    return PIRN_PENDING;
}

/* (tokio: wake_by_ref_from_thread_local, wake_from_thread_local) */
static void woken_by_a_destructor_of_thread_data(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j = spawn(h, wait_for_late_poll, NULL);

    EQ(pthread_key_create(&key, wake_late), 0);
    run_until(h, &late.stored, 1);
    end_thread(start_thread(end_with_a_waker, &late));
    ends_done(h, j, 0);
    pirn_waker_drop(late.by_ref);
    rt_free(rt);
}
EACH_FLAVOR(common, woken_by_a_destructor_of_thread_data)

static void free_runtime(void *rt)
{
    pirn_runtime_free(rt);
}

struct owner {
    struct flavor f;
    _Atomic(int) drops;
};

static void *own_a_runtime(void *user)
{
    struct owner *o = user;
    pirn_runtime *rt = rt_on(o->f);
    pirn_handle *h = pirn_runtime_handle(rt);
    _Atomic(int) ran = 0;

    pirn_join_free(spawn_dropping(h, pending_poll, add_drop, &o->drops));
    ends_done(h, spawn(h, add_poll, &ran), 0);
    EQ(pthread_setspecific(key, rt), 0);
    return NULL;
}

/* (tokio: runtime_in_thread_local) */
static void a_runtime_that_ends_with_its_thread(struct flavor f)
{
    struct owner o = {f, 0};

    EQ(pthread_key_create(&key, free_runtime), 0);
    end_thread(start_thread(own_a_runtime, &o));
    EQ(o.drops, 1);
    EQ(tally.live, 0);
}
EACH_FLAVOR(common, a_runtime_that_ends_with_its_thread)

enum {
    GATES = 500,
    WAKERS = 3
};

static struct gate gates[GATES];

static void *open_all(void *user)
{
    int first = (int)(intptr_t)user;

    for (int i = 0; i < GATES; i++)
        gate_open(&gates[(i + first) % GATES]);
    return NULL;
}

/* Several threads wake the same tasks: none is lost, none ends twice. */
static void many_wakes_from_other_threads(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    pirn_join *j[GATES];
    pthread_t t[WAKERS];

    for (int i = 0; i < GATES; i++) {
        gates[i].value = i;
        j[i] = spawn_gate(h, &gates[i]);
    }
    for (int i = 0; i < WAKERS; i++)
        t[i] = start_thread(open_all, (void *)(intptr_t)(i * 100));
    for (int i = 0; i < WAKERS; i++)
        end_thread(t[i]);
    for (int i = 0; i < GATES; i++) {
        ends_done(h, j[i], i);
        EQ(gates[i].drops, 1);
        EQ(gates[i].drop_id, gates[i].poll_id);
    }
    EQ(metrics_of(h).tasks_alive, 0);
    rt_free(rt);
}
EACH_FLAVOR(common, many_wakes_from_other_threads)

/* ---- a ring over two runtimes ------------------------------------------------------------------------ */

enum {
    RING = 16,
    LAPS = 200
};

static struct {
    pirn_waker_cell cell[RING];
    _Atomic(int) token; /* whose turn it is, and how often it went round: RING * laps + place */
} ring;

static int ring_poll(void *user, pirn_cx *cx, int *out)
{
    int me = (int)(intptr_t)user, token;

    *out = me;
    pirn_waker_cell_set(&ring.cell[me], cx);
    token = ring.token;
    if (token % RING == me && token < RING * LAPS) {
        ring.token = ++token;
        pirn_waker_cell_wake(&ring.cell[token % RING]);
    }
    if (token / RING > LAPS - 1 && token >= RING * LAPS) {
        pirn_waker_cell_wake(&ring.cell[(me + 1) % RING]); /* the end goes round, too */
        return 0;
    }
    return PIRN_PENDING;
}

/* Every second task lives on another runtime. */
static void tasks_of_two_runtimes_wake_each_other(struct flavor f)
{
    pirn_runtime *rt[2] = {rt_on(f), rt_mt(2)};
    pirn_join *j[RING];

    for (int i = 0; i < RING; i++)
        j[i] = spawn(pirn_runtime_handle(rt[i % 2]), ring_poll, (void *)(intptr_t)i);
    for (int i = 0; i < RING; i += 2)
        ends_done(pirn_runtime_handle(rt[0]), j[i], i);
    for (int i = 1; i < RING; i += 2)
        ends_done(pirn_runtime_handle(rt[1]), j[i], i);
    EQ(ring.token, RING * LAPS);
    for (int i = 0; i < RING; i++)
        pirn_waker_cell_fini(&ring.cell[i]);
    pirn_runtime_free(rt[1]);
    rt_free(rt[0]);
}
EACH_FLAVOR(common, tasks_of_two_runtimes_wake_each_other)

/* ---- local sets on every flavour ----------------------------------------------------------------------- */

struct set_root {
    pirn_local_set *set;
    pthread_t thread;
    int same, left;
};

static int in_set_poll(void *user, pirn_cx *cx, int *out)
{
    struct set_root *r = user;

    (void)cx;
    *out = 0;
    r->same += pthread_equal(r->thread, pthread_self()) != 0;
    if (--r->left > 0)
        pirn_join_free(spawn(NULL, ready_poll, NULL)); /* on the runtime, not in the set */
    return 0;
}

static int set_root_poll(void *user, pirn_cx *cx, int *out)
{
    struct set_root *r = user;

    *out = 0;
    return pirn_local_set_poll(r->set, cx);
}

static void a_local_set_in_a_root(struct flavor f)
{
    pirn_runtime *rt = rt_on(f);
    pirn_handle *h = pirn_runtime_handle(rt);
    struct set_root r = {NULL, pthread_self(), 0, 100};
    struct closure c = {in_set_poll, NULL, &r};

    EQ(pirn_local_set_new(h, &r.set), 0);
    for (int i = 0; i < 100; i++)
        EQ(pirn_local_set_spawn(r.set, &closure_desc, &c, NULL), 0);
    EQ(block_on(h, set_root_poll, &r), 0);
    EQ(r.same, 100);
    pirn_local_set_free(r.set);
    rt_free(rt);
}
EACH_FLAVOR(common, a_local_set_in_a_root)
