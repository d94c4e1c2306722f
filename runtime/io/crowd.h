/* SPDX-License-Identifier: MIT */
/* Any number of operations that wait on one registration: a list under a short lock.
 *
 * All that wait for what an event brings are told of it, in the order in which they came. */
#ifndef PIRN_RUNTIME_IO_CROWD_H
#define PIRN_RUNTIME_IO_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/io/registration.h"
#include "task/base/spin.h"
#include "task/wake.h"

struct crowd;

/* The state of an operation; zeroed: it does not wait. guard: its task, but for what is said. */
struct onlooker {
    struct op_waker waker; /* guard: the crowd's lock, as the next two, from joining to leaving */
    struct onlooker *next, **link; /* NULL link: not in the list */
    uint32_t told;                 /* the word it was told; 0: it was not. guard: the same lock */
    uint32_t mask;                 /* READY_* that it waits for; immutable while it waits */
    struct registration *at;       /* where it waits or has been told; NULL: nowhere */
};

struct crowd {
    struct spin lock;
    _Atomic(uint32_t) count; /* guard, of writing: lock, as of the next two */
    struct onlooker *first, **last;
};

void pirn__crowd_init(struct crowd *c);

/* It waits, with the waker of this poll, unless it was told something that it has not heard yet; then it looks at readiness once more, with a
 * sequentially consistent load. The registration stays until it leaves. */
void pirn__crowd_join(struct crowd *c, struct registration *r, struct onlooker *o, pirn_cx *cx);

/* What it was told since it joined, or was told this; 0: nothing. Told, it has to join again to hear of more. */
uint32_t pirn__crowd_told(struct crowd *c, struct onlooker *o);

/* Afterwards nothing refers to @o. By one that has joined. */
void pirn__crowd_leave(struct crowd *c, struct onlooker *o);

/* After the readiness word was changed to @word by a sequentially consistent operation. Holding no lock.
 * Return: how many were told. */
uint32_t pirn__crowd_tell(struct crowd *c, uint32_t word, struct wake_list *wakes);

#endif
