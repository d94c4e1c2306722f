/* SPDX-License-Identifier: MIT */
/* A scheduler that runs nothing by itself: it keeps what it is given, counts, and writes down. */
#ifndef PIRN_TESTS_SUPPORT_FAKE_SCHED_H
#define PIRN_TESTS_SUPPORT_FAKE_SCHED_H

#include <stdbool.h>
#include <stddef.h>

#include "task/cx.h"
#include "task/handle.h"
#include "task/owned.h"
#include "task/sched.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/trace.h"

enum fake_event {
    FAKE_SCHEDULE,
    FAKE_REQUEUE,
    FAKE_YIELD, /* a requeue that wants to go last */
    FAKE_LINK,
    FAKE_REFUSE, /* a link to a closed list */
    FAKE_UNLINK,
    FAKE_MISS, /* an unlink of what a closer has taken */
    FAKE_FREE,
    FAKE_FAULTED,
    FAKE_CONTAINED,
    FAKE_FORGOTTEN,
    FAKE_TERMINATED,
    FAKE_BEFORE_POLL,
    FAKE_AFTER_POLL,
    FAKE_FD_FREE,
    FAKE_RESUME,
    FAKE_END_HERE,
    FAKE_EVENTS
};

struct fake_sched {
    struct sched base; /* first */
    struct owned owned;
    struct poller poller;
    struct fail_alloc memory;    /* of cells and fault texts */
    struct trace trace;          /* one word per event, in lower case: "schedule", "link", ... */
    struct header *first, *last; /* the queue, by queue_next */
    size_t queued;
    size_t cells; /* live: neither freed nor in limbo */
    uint64_t last_id;
    bool here;     /* what `here` answers; true at first */
    bool stopping; /* what `stopping` answers */
    unsigned count[FAKE_EVENTS];
    /* Of the last event that had any. */
    struct task_facts facts;
    int fault_code;
    char fault_text[256];
};

void fake_init(struct fake_sched *f);

/* Return: true: no cell, no block of memory, nothing queued is left. */
bool fake_is_empty(struct fake_sched *f);

/* A task in a cell of its own, queued nowhere: the caller has its references. @frame is copied. NULL:
 * no memory. */
struct header *fake_new(struct fake_sched *f, const pirn_task_desc *d, const void *frame,
                        bool joined);

/* As fake_new(), and its Notified is queued. */
struct header *fake_spawn(struct fake_sched *f, const pirn_task_desc *d, const void *frame,
                          bool joined);

/* Takes the oldest Notified. */
struct local_notified fake_pop(struct fake_sched *f);

/* Runs one, as a scheduler does: with a recovery point, in the poller's scope. */
void fake_run(struct fake_sched *f, struct local_notified n);
/* The oldest queued one. */
void fake_step(struct fake_sched *f);
/* Until nothing is queued. Return: how many ran. */
unsigned fake_drain(struct fake_sched *f);

/* Closes the list; pops and shuts down what is in it; cancels what is queued. */
void fake_shutdown(struct fake_sched *f);

/* The word of the task, as references * 64 + bits. */
size_t fake_word(const struct header *h);

#endif
