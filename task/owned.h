/* SPDX-License-Identifier: MIT */
/* The list of live tasks: linked at their first wait, walked without a lock, closed and drained.
 *
 *                link  unlink  pop  close  walk      X: excluded by the list's gate, inside
 *   link           X     X      X     X      -       -: run at once
 *   unlink               X      X     X      -
 *   pop                         X     X      -
 *   close                             X      -
 *   walk                                     -
 */
#ifndef PIRN_TASK_OWNED_H
#define PIRN_TASK_OWNED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/base/compiler.h"
#include "task/cell.h"
#include "task/handle.h"

/* One list. The gate word: bit 0 locked, bit 1 closed, from bit 2 on the number of walkers. */
struct owned {
    _Alignas(CACHE_LINE) atomic_size_t gate;
    struct owned_node head; /* guard: gate; head.next also atomic, for walkers */
    uint64_t seq;           /* guard: gate. Of the newest */
    struct header *limbo;   /* guard: gate. Dead cells that a walker may stand on, by queue_next */
    _Atomic(uint64_t) limbo_count; /* written under the gate; read for metrics */
};

void pirn__owned_init(struct owned *o);

/* The list's reference goes in. Holding RUNNING, or the Notified of a task never polled; once in a
 * task's life. False: closed, nothing happened. */
bool pirn__owned_link(struct owned *o, struct header *h);

/* True: it comes out. False: it was not in, or a closer took it. */
bool pirn__owned_unlink(struct owned *o, struct header *h);

/* From now on every link fails. */
void pirn__owned_close(struct owned *o);

/* Takes any task out, its reference with it. False: the list is empty. */
bool pirn__owned_pop(struct owned *o, struct task *t);

/* The last reference is gone. True: reuse the memory at once. False: it waits until no walker can
 * stand on it; whoever ends that wait passes it to the walk's `reuse`. */
bool pirn__owned_retire(struct owned *o, struct header *h);

/* A walk: zeroed but for the first three. */
struct owned_walk {
    struct owned *list;
    void (*reuse)(void *user, struct header *h);
    void *user;
    bool begun, ended;
    struct header *cursor; /* where to go on, pinned by a reference; NULL: from the newest */
    uint64_t below;        /* and only what was linked before this */
};

enum {
    WALK_CHUNK = 1024
};

/* Copies the facts of up to @max tasks that were not copied yet; holds nothing when it returns. The
 * thread must be in pirn__rcu_enter_thread(). Return: how many; 0 at the end. */
size_t pirn__owned_walk(struct owned_walk *w, struct task_facts *rows, size_t max);

/* Ends a walk, also one that did not get to its end. */
void pirn__owned_walk_end(struct owned_walk *w);

#endif
