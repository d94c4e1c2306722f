/* SPDX-License-Identifier: MIT */
/* Waiting for signals: what a runtime keeps of them.
 *
 * Each runtime that was asked for one watches the process's descriptor of signals, and keeps for every
 * signal who waits, and whether one came while nobody did. The driver alone compares counts. */
#include <errno.h>
#include <stddef.h>

#include <pirn/io.h>

#include "runtime/io/crowd.h"
#include "runtime/io/io.h"
#include "runtime/os/signal.h"
#include "runtime/runtime.h"
#include "task/base/error.h"
#include "task/cx.h"
#include "task/op.h"

struct signal_state {
    struct crowd crowd;
    /* One came and nobody waited. Exchanged by who waits after it has joined, set by the driver before it
     * looks who has. */
    _Atomic(uint32_t) kept; /* 0: none did; else it changes with each that did */
    _Atomic(bool) used;     /* asked for on this runtime; set once, with the handle's signal_lock */
    uint32_t seen;          /* guard: before `used` its setter's, then the driver's */
};

struct signals {
    struct registration reg; /* first */
    struct signal_state of[SIGNAL_MAX];
};

_Static_assert(sizeof(struct onlooker) <= PIRN_OP_STATE, "an operation's state fits");

static struct signals *signals_of(struct registration *r)
{
    return container_of(r, struct signals, reg);
}

/* To all who wait, or to the next who will. */
static void deliver(struct signal_state *s, struct wake_list *wakes)
{
    /* mo: seq_cst pairs with [crowd]: who waits joins, then looks here; we set it, then look who has. */
    uint32_t ours = atomic_fetch_add_explicit(&s->kept, 1, memory_order_seq_cst) + 1;

    if (pirn__crowd_tell(&s->crowd, READY_READ, wakes))
        /* mo: relaxed. Who joined meanwhile and has seen it has got this one too. If another was kept since,
         * for one who was told has gone, it stays. */
        (void)atomic_compare_exchange_strong_explicit(&s->kept, &ours, 0, memory_order_relaxed,
                                                      memory_order_relaxed);
}

static void on_channel(struct registration *r, uint32_t word, struct wake_list *wakes)
{
    struct signals *all = signals_of(r);

    for (int i = 0; i < SIGNAL_MAX; i++) {
        struct signal_state *s = &all->of[i];
        uint32_t count;

        /* mo: acquire pairs with [used]: `seen` is set. */
        if (!atomic_load_explicit(&s->used, memory_order_acquire))
            continue;
        if (word & READY_OVER) {
            (void)pirn__crowd_tell(&s->crowd, word, wakes);
            continue;
        }
        count = pirn__signal_count(i + 1);
        if (count != s->seen) {
            s->seen = count;
            deliver(s, wakes);
        }
    }
}

static void release_signals(struct registration *r)
{
    io_free(r->io, signals_of(r), sizeof(struct signals));
}

static const struct registration_kind signals_kind = {release_signals, on_channel};

/* ---- the first call -------------------------------------------------------------------------------- */

/* Not registered yet. NULL: no memory. */
static struct signals *signals_new(struct io *io)
{
    struct signals *all = io_alloc(io, sizeof *all, _Alignof(struct signals));

    if (all == NULL)
        return NULL;
    for (int i = 0; i < SIGNAL_MAX; i++) {
        struct signal_state *s = &all->of[i];

        pirn__crowd_init(&s->crowd);
        /* mo: relaxed, both: not shared yet. */
        atomic_store_explicit(&s->kept, 0, memory_order_relaxed);
        atomic_store_explicit(&s->used, false, memory_order_relaxed);
    }
    return all;
}

/* With the handle's signal_lock. @fresh: what to register if nothing is; NULL if that is. Return: 0, and
 * the runtime's are there; an error. */
static int watch_channel(struct pirn_handle *h, int channel, struct signals **fresh)
{
    int r;

    if (h->signals_closed)
        return PIRN_ESHUTDOWN;
    if (h->signals != NULL)
        return 0;
    r = pirn__registration_add(&(*fresh)->reg, h->io, channel, IO_WATCH_READ, 0, &signals_kind);
    if (r == 0) {
        h->signals = &(*fresh)->reg;
        *fresh = NULL;
    }
    return r;
}

/* With the lock: counted on this runtime from now on. @before: the count before there was a handler. */
static void use_signal(struct signal_state *s, uint32_t before, int channel)
{
    /* mo: relaxed. Written with the lock. */
    if (atomic_load_explicit(&s->used, memory_order_relaxed))
        return;
    s->seen = before;
    /* mo: release pairs with [used] in on_channel. */
    atomic_store_explicit(&s->used, true, memory_order_release);
    pirn__signal_poke(channel); /* one that came meanwhile may have been passed over */
}

/* Return: 0 and *@out, pinned; an error. */
static int begin(struct pirn_handle *h, int signo, struct signals **out)
{
    struct signals *fresh = NULL;
    uint32_t before = pirn__signal_count(signo);
    int channel, r = pirn__signal_install(signo, &channel);

    if (r != 0)
        return r;
    lock_take(&h->signal_lock);
    if (h->signals == NULL && !h->signals_closed) {
        lock_give(&h->signal_lock);
        fresh = signals_new(h->io);
        if (fresh == NULL)
            return -ENOMEM;
        lock_take(&h->signal_lock);
    }
    r = watch_channel(h, channel, &fresh);
    if (r == 0) {
        *out = signals_of(h->signals);
        ref_add(&(*out)->reg.pins, 1);
        use_signal(&(*out)->of[signo - 1], before, channel);
    }
    lock_give(&h->signal_lock);
    if (fresh != NULL)
        io_free(h->io, fresh, sizeof *fresh);
    return r;
}

/* ---- waiting ------------------------------------------------------------------------------------------ */

/* @o has joined. Its signal stands in the mask, above what events may have. */
static struct signal_state *signal_of(const struct onlooker *o)
{
    return &signals_of(o->at)->of[o->mask / READY_TICK - 1];
}

static void join(struct onlooker *o, struct registration *r, pirn_cx *cx)
{
    pirn__crowd_join(&signals_of(r)->of[o->mask / READY_TICK - 1].crowd, r, o, cx);
}

static void drop_signal(void *state)
{
    struct onlooker *o = state;
    struct signal_state *s;
    struct wake_list wakes;
    uint32_t told;

    if (o->at == NULL)
        return;
    s = signal_of(o);
    told = pirn__crowd_told(&s->crowd, o);
    if (told != 0 && !(told & READY_OVER)) { /* for somebody else then */
        wake_list_init(&wakes);
        deliver(s, &wakes);
        pirn__wake_flush(&wakes);
    }
    pirn__crowd_leave(&s->crowd, o);
}

static const pirn_op_kind signal_kind = {
    .size = sizeof(pirn_op_kind),
    .name = "pirn_signal",
    .drop = drop_signal,
};

/* Return: 0: joined; an error. */
static int first_call(struct onlooker *o, int signo, pirn_cx *cx)
{
    struct pirn_handle *h = pirn__runtime_resolve(NULL, "pirn_signal_poll");
    struct signals *all;
    int r;

    if (h == NULL)
        return PIRN_ENORUNTIME;
    r = begin(h, signo, &all);
    if (r != 0)
        return pirn__error(r, "pirn_signal_poll: signal %d: %s", signo, pirn_strerror(r));
    o->mask = READY_READ | (uint32_t)signo * READY_TICK;
    join(o, &all->reg, cx);
    pirn__registration_unpin(&all->reg); /* it has a pin of its own now */
    return 0;
}

/* Return: 0: it came; PIRN_ESHUTDOWN; PIRN_PENDING. */
static int look_for_signal(struct onlooker *o)
{
    struct signal_state *s = signal_of(o);
    uint32_t told = pirn__crowd_told(&s->crowd, o);

    if (told != 0)
        return told & READY_OVER ? PIRN_ESHUTDOWN : 0;
    /* mo: seq_cst pairs with [crowd]: see deliver(). */
    return atomic_exchange_explicit(&s->kept, 0, memory_order_seq_cst) != 0 ? 0 : PIRN_PENDING;
}

int pirn_signal_poll(pirn_op *op, pirn_cx *cx, int signo)
{
    struct onlooker *o;
    int r = 0;

    if (!pirn_op_is_pending(op) && (signo < 1 || signo > SIGNAL_MAX))
        return pirn__error(-EINVAL, "pirn_signal_poll: there is no signal %d", signo);
    o = pirn_op_state(op, cx, &signal_kind);
    if (!pirn__cx_take_unit(cx)) {
        if (o->at != NULL)
            return PIRN_PENDING;
        r = first_call(o, signo, cx); /* from here on the signal is no default's */
        if (r == 0)
            return PIRN_PENDING;
    } else if (o->at == NULL) {
        r = first_call(o, signo, cx);
        if (r == 0)
            r = look_for_signal(o);
    } else {
        r = look_for_signal(o);
        if (r == PIRN_PENDING) { /* with the waker of this poll */
            join(o, o->at, cx);
            r = look_for_signal(o);
        }
    }
    if (r == PIRN_PENDING) {
        cx_return_unit(cx);
        return r;
    }
    if (o->at != NULL)
        pirn__crowd_leave(&signal_of(o)->crowd, o);
    pirn_op_done(op);
    return r == PIRN_ESHUTDOWN ? pirn__error(r, "pirn_signal_poll: the runtime has shut down") : r;
}
