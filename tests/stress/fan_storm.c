/* SPDX-License-Identifier: MIT */
/* Do watch and broadcast show every receiver what they should, while receivers come and go, are aborted,
 * and senders race each other?
 *
 * broadcast: what a receiver got and what it missed are together all that was sent since it came, in order.
 * watch: the values a receiver sees never go back, and the last one it sees is the last one sent. */
#include "stress.h"

enum {
    WORKERS = 3,
    SENDERS = 2,
    RECEIVERS = 5,
    PER_SENDER = 400,
    ROUNDS = 60,
    ROUNDS_LONG = 3000,
};

static void wait_and_free(pirn_join *j)
{
    pirn_result res;

    CHECK_EQ(pirn_join_wait(j, PIRN_NEVER, &res, NULL), 0);
    CHECK(res.outcome != PIRN_FAULTED);
    pirn_join_free(j);
}

/* Elements that own memory: each is dropped once. */
static _Atomic(int64_t) live;

struct owned_elem {
    uint64_t *number;
};

static struct owned_elem owned_new(uint64_t n)
{
    struct owned_elem e = {malloc(sizeof n)};

    CHECK(e.number != NULL);
    *e.number = n;
    live++;
    return e;
}

static int owned_clone(void *to, const void *from)
{
    *(struct owned_elem *)to = owned_new(*((const struct owned_elem *)from)->number);
    return 0;
}

static void owned_drop(void *elem)
{
    free(((struct owned_elem *)elem)->number);
    live--;
}

/* ---- broadcast ----------------------------------------------------------------------------------- */

struct caster {
    pirn_broadcast_tx *tx;
    uint64_t sender; /* its number, in the upper half of what it sends */
    uint64_t sent;
    bool owned;
    pirn_op op;
};

static int caster_poll(void *frame, pirn_cx *cx, void *out)
{
    struct caster *c = frame;
    int r;

    (void)out;
    while (c->sent < PER_SENDER) {
        uint64_t n = c->sender << 32 | c->sent;

        if (pirn_consume_budget_poll(cx) == PIRN_PENDING)
            return PIRN_PENDING;
        if (c->owned) {
            struct owned_elem e = owned_new(n);

            r = pirn_broadcast_send(c->tx, &e, NULL);
            if (r != 0)
                owned_drop(&e);
        } else {
            r = pirn_broadcast_send(c->tx, &n, NULL);
        }
        CHECK(r == 0 || r == PIRN_ECLOSED);
        c->sent++;
    }
    return 0;
}

static void caster_drop(void *frame)
{
    pirn_broadcast_tx_unref(((struct caster *)frame)->tx);
}

static const pirn_task_desc caster_desc = {
    .size = sizeof caster_desc,
    .poll = caster_poll,
    .drop = caster_drop,
    .frame_size = sizeof(struct caster),
};

struct listener {
    pirn_broadcast_rx *rx;
    uint64_t next[SENDERS]; /* at least this comes next from each */
    uint64_t got, missed, quit_after;
    bool owned, *complete;
    pirn_op op;
};

static int listen_once(struct listener *l, pirn_cx *cx, uint64_t *n)
{
    struct owned_elem e;
    uint64_t missed = 0;
    int r;

    if (l->owned) {
        r = pirn_broadcast_recv_poll(&l->op, cx, l->rx, &e, &missed);
        if (r == 0) {
            *n = *e.number;
            owned_drop(&e);
        }
    } else {
        r = pirn_broadcast_recv_poll(&l->op, cx, l->rx, n, &missed);
    }
    if (r == PIRN_ELAGGED) {
        CHECK(missed != 0);
        l->missed += missed;
    }
    return r;
}

static int listener_poll(void *frame, pirn_cx *cx, void *out)
{
    struct listener *l = frame;
    uint64_t n;
    int r;

    (void)out;
    while (l->got < l->quit_after) {
        r = listen_once(l, cx, &n);
        if (r == PIRN_PENDING)
            return r;
        if (r == PIRN_ECLOSED) {
            CHECK_EQ(l->got + l->missed, SENDERS * PER_SENDER);
            *l->complete = true;
            return 0;
        }
        if (r == PIRN_ELAGGED)
            continue;
        CHECK_EQ(r, 0);
        l->got++;
        CHECK(n >> 32 < SENDERS && (uint32_t)n >= l->next[n >> 32]);
        l->next[n >> 32] = (uint32_t)n + 1;
    }
    return 0;
}

static void listener_drop(void *frame)
{
    pirn_broadcast_rx_free(((struct listener *)frame)->rx);
}

static const pirn_task_desc listener_desc = {
    .size = sizeof listener_desc,
    .poll = listener_poll,
    .drop = listener_drop,
    .frame_size = sizeof(struct listener),
};

static void broadcast_round(pirn_handle *h, uint64_t *seed)
{
    size_t capacity = 1 + below(seed, 2) * below(seed, 300);
    bool owned = below(seed, 2), complete[RECEIVERS] = {false};
    struct listener l = {.owned = owned};
    struct caster c = {.owned = owned};
    pirn_join *joins[RECEIVERS + SENDERS];
    bool may_end[RECEIVERS];

    CHECK_EQ(pirn_broadcast_new(owned ? sizeof(struct owned_elem) : sizeof(uint64_t), capacity,
                                owned ? owned_clone : NULL, owned ? owned_drop : NULL, &c.tx,
                                &l.rx),
             0);
    for (int i = 0; i < RECEIVERS; i++) {
        may_end[i] = below(seed, 3) == 0;
        l.quit_after = may_end[i] && below(seed, 2) ? below(seed, PER_SENDER) : UINT64_MAX;
        l.complete = &complete[i];
        CHECK_EQ(pirn_spawn(h, &listener_desc, &l, &joins[i]), 0);
        if (i + 1 < RECEIVERS)
            CHECK_EQ(pirn_broadcast_subscribe(c.tx, &l.rx), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        c.sender = (uint64_t)i;
        (void)pirn_broadcast_tx_ref(c.tx);
        CHECK_EQ(pirn_spawn(h, &caster_desc, &c, &joins[RECEIVERS + i]), 0);
    }
    pirn_broadcast_tx_unref(c.tx);
    for (int i = 0; i < RECEIVERS; i++)
        if (may_end[i] && below(seed, 2))
            pirn_join_abort(joins[i]);
    for (int i = 0; i < RECEIVERS + SENDERS; i++)
        wait_and_free(joins[i]);
    for (int i = 0; i < RECEIVERS; i++)
        CHECK(complete[i] || may_end[i]);
    CHECK_EQ(live, 0);
}

/* ---- watch --------------------------------------------------------------------------------------- */

static bool add_one(void *elem, void *arg)
{
    (void)arg;
    ++*((struct owned_elem *)elem)->number;
    return true;
}

struct setter {
    pirn_watch_tx *tx;
    unsigned left;
};

static int setter_poll(void *frame, pirn_cx *cx, void *out)
{
    struct setter *s = frame;

    (void)out;
    for (; s->left > 0; s->left--) {
        if (pirn_consume_budget_poll(cx) == PIRN_PENDING)
            return PIRN_PENDING;
        CHECK_EQ(pirn_watch_send_modify(s->tx, add_one, NULL), 1);
    }
    return 0;
}

static void setter_drop(void *frame)
{
    pirn_watch_tx_unref(((struct setter *)frame)->tx);
}

static const pirn_task_desc setter_desc = {
    .size = sizeof setter_desc,
    .poll = setter_poll,
    .drop = setter_drop,
    .frame_size = sizeof(struct setter),
};

struct watcher {
    pirn_watch_rx *rx;
    uint64_t last;
    bool borrows;
    pirn_op op;
};

static uint64_t look(struct watcher *w)
{
    struct owned_elem e;
    pirn_watch_ref ref = {0};
    uint64_t n;

    if (w->borrows) {
        CHECK_EQ(pirn_watch_borrow(w->rx, &ref), 0);
        n = *((const struct owned_elem *)ref.elem)->number;
        pirn_watch_ref_release(&ref);
    } else {
        CHECK_EQ(pirn_watch_get(w->rx, &e), 0);
        n = *e.number;
        owned_drop(&e);
    }
    return n;
}

static int watcher_poll(void *frame, pirn_cx *cx, void *out)
{
    struct watcher *w = frame;
    int r;

    (void)out;
    for (;;) {
        uint64_t n;

        r = pirn_watch_changed_poll(&w->op, cx, w->rx);
        if (r == PIRN_PENDING)
            return r;
        if (r == PIRN_ECLOSED) {
            CHECK_EQ(w->last, SENDERS * PER_SENDER);
            return 0;
        }
        CHECK_EQ(r, 0);
        n = look(w);
        CHECK(n >= w->last);
        w->last = n;
    }
}

static void watcher_drop(void *frame)
{
    pirn_watch_rx_free(((struct watcher *)frame)->rx);
}

static const pirn_task_desc watcher_desc = {
    .size = sizeof watcher_desc,
    .poll = watcher_poll,
    .drop = watcher_drop,
    .frame_size = sizeof(struct watcher),
};

static void watch_round(pirn_handle *h, uint64_t *seed)
{
    struct owned_elem first = owned_new(0);
    struct setter s = {.left = PER_SENDER};
    struct watcher w = {0};
    pirn_join *joins[RECEIVERS + SENDERS];

    CHECK_EQ(pirn_watch_new(sizeof first, &first, owned_clone, owned_drop, &s.tx, &w.rx), 0);
    for (int i = 0; i < RECEIVERS; i++) {
        w.borrows = below(seed, 2);
        CHECK_EQ(pirn_spawn(h, &watcher_desc, &w, &joins[i]), 0);
        if (i + 1 < RECEIVERS)
            CHECK_EQ(pirn_watch_subscribe(s.tx, &w.rx), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        (void)pirn_watch_tx_ref(s.tx);
        CHECK_EQ(pirn_spawn(h, &setter_desc, &s, &joins[RECEIVERS + i]), 0);
    }
    pirn_watch_tx_unref(s.tx);
    if (below(seed, 2))
        pirn_join_abort(joins[below(seed, RECEIVERS)]);
    for (int i = 0; i < RECEIVERS + SENDERS; i++)
        wait_and_free(joins[i]);
    CHECK_EQ(live, 0);
}

int main(int argc, char **argv)
{
    uint64_t seed = seed_of(argc, argv);
    pirn_runtime_opts o = PIRN_RUNTIME_OPTS_INIT;
    pirn_runtime *rt = NULL;

    o.worker_threads = WORKERS;
    o.alloc = &counting;
    CHECK_EQ(pirn_runtime_new(&o, &rt), 0);
    for (int i = 0; i < (is_long() ? ROUNDS_LONG : ROUNDS); i++) {
        broadcast_round(pirn_runtime_handle(rt), &seed);
        watch_round(pirn_runtime_handle(rt), &seed);
    }
    pirn_runtime_free(rt);
    CHECK_EQ(memory.live, 0);
    return 0;
}
