/* SPDX-License-Identifier: MIT */
/* What watch and broadcast have in common: senders that never wait, receivers each with a place of their
 * own, and operations that wait for what is sent next, or for the last receiver's end.
 *
 * `version` counts what was sent. It is written under the lock; a receiver that compares it with its own
 * place, without the lock, needs the lock only if there is nothing for it.
 *
 * Memory: the hub is freed with its last holder: the senders together, weak handles, receivers, operations that
 * wait or have been woken and not been polled since. A receiver's struct is freed by its handle or by its
 * operation, whichever is over last: so either may go first, from any thread. */
#ifndef PIRN_TASK_SYNC_HUB_H
#define PIRN_TASK_SYNC_HUB_H

#include <stdatomic.h>
#include <stddef.h>

#include "task/base/ref.h"
#include "task/base/spin.h"
#include "task/sync/chan_wait.h"

struct hub {
    struct spin lock;
    _Alignas(uint32_t) bool tx_gone; /* guard: lock. No sender is left */
    uint32_t holders;                /* guard: lock */
    size_t receivers;                /* guard: lock. Handles */
    _Atomic(uint64_t) version;       /* written under the lock */
    struct chan_list waiting;  /* guard: lock. For the next version; `want`: the one they know */
    struct chan_list watching; /* guard: lock. For the end of the last receiver */
    ref_count senders;         /* handles; once 0 it stays */
    void (*destroy)(struct hub *h); /* immutable. Nobody knows it any more; holding no lock */
};

struct hub_rx {
    struct hub *hub; /* immutable */
    uint64_t place;  /* guard: the receiver, and the lock while an operation is pending */
    struct chan_waiter *waiter; /* guard: lock. Pending, woken or not */
    uint32_t refs;              /* guard: lock. The handle's, and the waiter's */
};

/* One sender, no receiver yet. */
void pirn__hub_init(struct hub *h, void (*destroy)(struct hub *h));

/* Gives the lock back, wakes, and destroys the hub if @last. */
void pirn__hub_leave(struct hub *h, struct wake_list *wakes, bool last);

/* guard: lock. */
static inline bool hub_let_go(struct hub *h)
{
    return --h->holders == 0;
}

static inline uint64_t hub_version(const struct hub *h)
{
    /* mo: acquire pairs with [hub-version] in publish: what was sent is there. */
    return atomic_load_explicit(&h->version, memory_order_acquire);
}

/* guard: lock, which it may give back and take again, when all is published. One more version. */
void pirn__hub_publish(struct hub *h, struct wake_list *wakes);

/* ---- handles ---- */

void pirn__hub_tx_unref(struct hub *h);
void pirn__hub_hold(struct hub *h); /* for a weak handle */
void pirn__hub_let_go(struct hub *h);
bool pirn__hub_upgrade(struct hub *h); /* one more sender, if there is one */
size_t pirn__hub_receivers(struct hub *h);

/* A receiver at the newest version, or at @like's place. NULL: no memory. */
struct hub_rx *pirn__hub_subscribe(struct hub *h, const struct hub_rx *like);

/* The handle's end, in two parts: from the first on the receiver gets nothing more. Return: the version at
 * that moment. */
uint64_t pirn__hub_rx_begin_free(struct hub_rx *rx);
void pirn__hub_rx_end_free(struct hub_rx *rx);

/* ---- operations ---- */

/* guard: lock. What there is for the receiver: a result, or PIRN_PENDING. */
typedef int hub_look(struct hub_rx *rx, void *arg);

/* The `drop` of a receiver's kind. */
void pirn__hub_drop_wait(void *state);

/* Of an operation that begins when its task's budget is used up: it waits, and looks when it is polled again. */
hub_look pirn__hub_late;

/* Looks, and waits until there is something. The receiver's result; -ECANCELED, -EBUSY. */
int pirn__hub_wait(pirn_op *op, pirn_cx *cx, struct hub_rx *rx, const pirn_op_kind *kind,
                   hub_look *look, void *arg);

/* Until there is no receiver. 0; -ECANCELED. */
int pirn__hub_closed_poll(pirn_op *op, pirn_cx *cx, struct hub *h);

#endif
