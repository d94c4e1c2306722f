/* SPDX-License-Identifier: MIT */
/* A value that several receivers look at: never changed once it is shared, dropped by its last holder.
 *
 * So copying one out, which may be the caller's code, needs no lock: who holds it keeps it. */
#ifndef PIRN_TASK_SYNC_CHAN_VALUE_H
#define PIRN_TASK_SYNC_CHAN_VALUE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "task/base/compiler.h"
#include "task/base/ref.h"

/* What a channel knows of its elements. Immutable. */
struct elem_type {
    size_t size;
    int (*clone)(void *to, const void *from); /* NULL: bytes */
    void (*drop)(void *elem);                 /* NULL: nothing to do */
};

struct chan_value {
    ref_count refs;
    struct chan_value *next; /* in a list of those to be dropped. guard: whoever holds the last */
    _Alignas(max_align_t) unsigned char elem[];
};

/* With room for an element, which is not there yet, and one reference. NULL: no memory. */
struct chan_value *pirn__value_new(const struct elem_type *t);

/* Only the memory: the element is somebody else's. */
void pirn__value_free(struct chan_value *v);

/* Gives a reference up; NULL is fine. May call the caller's drop: holding no lock. */
void pirn__value_unref(const struct elem_type *t, struct chan_value *v);

/* A second element like it. 0 or the clone's error; a fault in the clone comes back as
 * CHAN_CLONE_FAULTED: tidy up, then pirn__value_result(). Holding no lock. */
int pirn__value_clone(const struct elem_type *t, void *to, const void *from);

/* As a clone, and gives the reference up: the last holder's element is moved out. */
int pirn__value_take(const struct elem_type *t, struct chan_value *v, void *to);

/* What a clone gave, to be returned; goes on with its fault. */
int pirn__value_result(int r);

#define CHAN_CLONE_FAULTED INT_MIN

#endif
