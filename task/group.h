/* SPDX-License-Identifier: MIT */
/* A group from inside: tasks that cannot outlive it, their results, and who waits for them.
 *
 * A child is a task whose join handle the group has, and whose join waker is the group's: the child's
 * end is told by the exchange that every end makes. What links it to the group lies behind its frame.
 *
 *   list      of
 *   running   children that nobody has cancelled
 *   leaving   children that were cancelled, and new ones of a cancelled group
 *   ended     results that nobody has taken yet, oldest first
 *
 * `alive` counts the first two; a child leaves them when its frame is gone, and its output too if
 * nobody is to have that. Whoever takes the last one out under the lock does not touch the group after
 * giving the lock back, but for what it has a reference for: the owner may free it from then on. */
#ifndef PIRN_TASK_GROUP_H
#define PIRN_TASK_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pirn/join.h>
#include <pirn/op.h>

#include "task/base/ref.h"
#include "task/base/ring.h"
#include "task/base/spin.h"
#include "task/op.h"
#include "task/settle.h"
#include "task/wake.h"

/* Behind the frame of a child. */
struct group_node {
    struct ring link;    /* guard: the group's lock */
    struct group *group; /* immutable */
    struct header *cell; /* immutable. NULL: no child: where somebody stands in the list */
};

enum {
    GROUP_FAIL_FAST = 1u << 0,
    GROUP_DISCARD = 1u << 1,
};

struct group {
    struct spin lock;
    /* guard of all down to `told`: lock */
    bool cancelled; /* never cleared */
    bool freed;     /* by its owner; likewise */
    bool failed;    /* `first` is a failure; else, if its id is not 0, a child that was cancelled */
    int cause;      /* of the cancel */
    pirn_result first;
    size_t alive, untaken;
    struct ring running, leaving, ended;
    struct ring waits;   /* of struct group_wait */
    struct ring subs;    /* groups that are cancelled with this one, and are not yet */
    struct ring as_sub;  /* guard: the parent's lock */
    struct settle *told; /* waits for `alive` to come to 0 */
    /* Results are dropped where they come: set late it only costs that somebody else drops them. */
    atomic_bool discard;
    struct group *next;   /* guard: who has set `cancelled`. Of those that are being cancelled */
    struct group *parent; /* immutable, with a reference */
    uint32_t flags;       /* immutable: GROUP_* */
    void (*release)(struct group *g);
    /* The user's handle until it is freed and the last child is gone; the owner's list; operations
     * that wait; groups below; whoever is at it. */
    ref_count refs;
    struct pirn_op **owner; /* immutable: that task's list of operations; NULL: no task owns it */
    /* guard, from here on: whoever polls or ends the task that owns it */
    struct op tether; /* in that list */
    struct settle record;
};

/* @release: takes the memory back. @room: for the owner's output, or NULL. One reference. */
void pirn__group_init(struct group *g, struct group *parent, uint32_t flags,
                      void (*release)(struct group *g), void *room);
void pirn__group_ref(struct group *g);
void pirn__group_unref(struct group *g);

/* ---- children ---- */

/* @h was made and not started, joined: it belongs to the group from now on. */
void pirn__group_add(struct group *g, struct group_node *n, struct header *h);
/* Takes it out again: it could not be started. */
void pirn__group_remove(struct group_node *n);

/* Cancels all children there are; with pirn__group_cancel() those to come as well, and the groups
 * below. The caller has a reference, or keeps the group otherwise. @cause: for whoever asks why. */
void pirn__group_abort_all(struct group *g);
void pirn__group_cancel(struct group *g, int cause);
/* False: no such child runs. */
bool pirn__group_abort(struct group *g, uint64_t id);

/* ---- results ---- */

/* Oldest first. Return: 0 and *@n, the caller's; -EAGAIN: none yet; PIRN_EOF: and none will come. */
int pirn__group_take(struct group *g, struct group_node **n);
/* Its result: moved out, dropped if NULL; then the cell is given up. */
void pirn__group_deliver(struct group_node *n, pirn_result *res, void *out);
/* The result of the whole: the first failure, else a child that was cancelled, else DONE. */
void pirn__group_first(struct group *g, pirn_result *first);

enum group_what {
    GROUP_NEXT, /* a result, or the end of them */
    GROUP_ALL,  /* no child is alive */
};

/* The state of an operation that waits. */
struct group_wait {
    struct ring link; /* guard: the group's lock, as the next */
    struct op_waker waker;
    struct group *group;  /* with a reference; NULL: it has not waited yet */
    enum group_what what; /* immutable once it waits */
};

/* Return: 0 (NEXT: *@n is the caller's); PIRN_EOF (NEXT): none is left; -ECANCELED: the group was freed;
 * PIRN_PENDING: @w is in the group, with a reference to it, and wakes. Not pending: it is not. */
int pirn__group_wait(struct group *g, struct group_wait *w, pirn_cx *cx, enum group_what what,
                     struct group_node **n);
/* Begins to wait for the next result, whatever there is: it looks when it is polled again. */
void pirn__group_wait_late(struct group *g, struct group_wait *w, pirn_cx *cx);
/* Out again, the reference with it; also if it is in none. */
void pirn__group_unwait(struct group_wait *w);

/* Under the lock: wakes who has no more to wait for, and one for a result (@one). Return: false: there was
 * no room for all. */
bool pirn__group_take_wakes(struct group *g, struct wake_list *l, bool *one);
/* The same and more, for a holder of a reference, without the lock. */
void pirn__group_wake(struct group *g, bool one);

/* ---- the end ---- */

/* The group is its owner's to settle: in the operations of the task that @cx polls. */
void pirn__group_tie(struct group *g, pirn_cx *cx);
/* By that task: it is not any more, if no child is alive. */
void pirn__group_untie(struct group *g);
/* Releases those among @ops that were freed earlier and have no child left. */
void pirn__groups_sweep(struct pirn_op *ops);

/* Marks the group freed: cancels everything, ends what waits, drops results. Its handle's reference goes
 * with the last child. Return: false: it was freed before. */
bool pirn__group_free(struct group *g);

/* Counts the group into @s, which is given when its last child goes; if none is alive, nothing. One at
 * a time; by the owner, or if there is none by who frees it. */
void pirn__group_tell(struct group *g, struct settle *s);
/* Drops the results that nobody has taken. */
void pirn__group_drop_results(struct group *g);

/* Of a frame's operations: the record to settle with. NULL: no group is among them. */
struct settle *pirn__groups_record(struct pirn_op *ops);
/* Cancels all of them, and counts in those with children alive. */
void pirn__groups_close(struct pirn_op *ops, struct settle *s);
/* No child is left: drops what results there are. */
void pirn__groups_drop_results(struct pirn_op *ops);

#endif
