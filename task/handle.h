/* SPDX-License-Identifier: MIT */
/* The typed handles: what holding a pointer to a cell entitles to. Each is one word and owns the
 * references it names; passing the wrong one does not compile. */
#ifndef PIRN_TASK_HANDLE_H
#define PIRN_TASK_HANDLE_H

struct header;

/* The owned list's. One reference. May shut the task down (T8). */
struct task {
    struct header *cell;
};

/* A task that is to be polled: it is in a queue, or on its way to one. One reference, and the
 * owned list's too while the task is not linked. Exclusive access to `queue_next`. */
struct notified {
    struct header *cell;
};

/* A Notified that has reached the thread that will run it. */
struct local_notified {
    struct header *cell;
};

/* A task that nobody can see yet: made, not started. The references of list and Notified. */
struct unowned_task {
    struct header *cell;
};

/* The caller's: one reference, the right to the result, and the join waker's words. */
struct join_handle {
    struct header *cell;
};

/* One reference, and the right to cancel. */
struct abort_handle {
    struct header *cell;
};

/* One reference, and the right to wake. */
struct task_waker {
    struct header *cell;
};

#endif
