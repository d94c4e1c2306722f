/* SPDX-License-Identifier: MIT */
/* The state word of a task: what may happen to it next, and what the caller of each transition
 * owes afterwards. Every row of the table: docs/design/task-state.md
 *
 *    63   62   61                6   5    4    3    2    1    0
 *   +----+----+--------------------+----+----+----+----+----+----+
 *   | WR | SE | references         | CA | JW | JI | NO | CO | RU |
 *   +----+----+--------------------+----+----+----+----+----+----+
 *
 * A transition changes the word and nothing else; its result is an order to the caller.
 * T1 to T18 are the names of the design table. Some functions stand for two of them in one
 * exchange, or hand a reference over instead of counting it up and down.
 */
#ifndef PIRN_TASK_STATE_H
#define PIRN_TASK_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "task/base/compiler.h"

#define STATE_RUNNING       ((size_t)1 << 0) /* its setter alone may touch the stage */
#define STATE_COMPLETE      ((size_t)1 << 1) /* result stored; never cleared; excludes RUNNING */
#define STATE_NOTIFIED      ((size_t)1 << 2) /* queued once, or owed a requeue by the runner */
#define STATE_JOIN_INTEREST ((size_t)1 << 3) /* a join handle exists */
#define STATE_JOIN_WAKER    ((size_t)1 << 4) /* the join waker is set: read-only to the handle */
#define STATE_CANCELLED     ((size_t)1 << 5) /* whoever runs it next drops the frame instead */
#define STATE_REF(n)        ((size_t)(n) << 6)
#define STATE_REFS(word)    (((word) & ~(STATE_REPLACED | STATE_SETTLING)) >> 6)
/* The join waker was taken back once (T12); never cleared. While it is clear, JOIN_WAKER seen twice
 * means the same words: the completer may read them before its exchange, and give everything up in
 * it. */
#define STATE_REPLACED ((size_t)1 << 63)
/* The poll is over, the end is not: with RUNNING, children are alive that may point into the frame;
 * while idle they are gone, and whoever runs it next ends it. */
#define STATE_SETTLING ((size_t)1 << 62)

/* The owned list's reference, the Notified's, and the join handle's. */
#define STATE_INITIAL (STATE_REF(3) | STATE_JOIN_INTEREST | STATE_NOTIFIED)
/* Spawned detached: there is no join handle and never will be. */
#define STATE_INITIAL_DETACHED (STATE_REF(2) | STATE_NOTIFIED)
/* Spawned into a group, which has the join handle, and is told of the end by the join waker. */
#define STATE_INITIAL_CHILD (STATE_INITIAL | STATE_JOIN_WAKER)
/* A cell that holds no task. */
#define STATE_VACANT ((size_t)0)

/* `word` is private to state.c. After init only read-modify-writes change it, so every release
 * heads a release sequence that all later transitions continue: an acquire on any of them sees
 * what every earlier release published. */
struct state {
    atomic_size_t word;
};

/* Before the cell is shared. */
void pirn__state_init(struct state *s, size_t word);

/* A snapshot, acquire: what the setters of the bits seen did before setting them is visible. */
size_t pirn__state_load(const struct state *s);
/* A snapshot for statistics and dumps: orders nothing. */
size_t pirn__state_peek(const struct state *s);

static inline bool pirn__state_is_idle(size_t word)
{
    return !(word & (STATE_RUNNING | STATE_COMPLETE));
}

enum run_act {
    RUN_POLL,   /* caller holds RUNNING: poll */
    RUN_CANCEL, /* caller holds RUNNING: drop the frame, then complete */
    RUN_END,    /* caller holds RUNNING: the task has settled; go on with its end */
    RUN_SKIP,   /* another thread runs it, or it is complete; the reference is consumed */
    RUN_FREE,   /* as RUN_SKIP, and it was the last reference: free the cell */
};

/* T1. The caller gives up the notification and, unless it gets RUNNING, its reference. *@word
 * receives what the word is now: the next transition's guess, which spares it a load of a word that
 * was just exchanged. A guess is confirmed by the exchange it is for; a wrong one costs a retry. */
MUST_USE enum run_act pirn__state_to_running(struct state *s, size_t *word);

enum idle_act {
    IDLE_DONE,      /* RUNNING and the runner's reference are gone; never touch the cell again */
    IDLE_FORGOTTEN, /* as IDLE_DONE, and at that moment nothing existed that could wake the task */
    IDLE_FREE,      /* as IDLE_DONE, and it was the last reference: free the cell */
    IDLE_REQUEUE,   /* woken meanwhile: the runner's reference is now that of a new Notified */
    IDLE_CANCEL,    /* cancelled meanwhile: RUNNING is still held; drop the frame, then complete */
};

/* T2, after a poll that returned pending. @self_woken: the poll woke its own task, which is not
 * yet in the word. @word: T1's. */
MUST_USE enum idle_act pirn__state_to_idle(struct state *s, bool self_woken, size_t word);

enum complete_act {
    COMPLETE_DONE,      /* T3 and T4 done; never touch the cell again */
    COMPLETE_WAKE,      /* T3 and T13 done: the caller owns the join waker; wake it, then T4 */
    COMPLETE_WAKE_DONE, /* T3, T13 and T4 done: the caller owns the waker it has read; wake that */
    COMPLETE_UNJOINED, /* no write: nobody will take the output; drop it, then to_complete_unjoined */
};

/* T3, with T4 for @refs references when there is no waker to wake. The result is stored. @word: a
 * guess, T1's or an acquired snapshot. @read: it has JOIN_WAKER and not REPLACED, and the caller has
 * read the waker's words since. */
MUST_USE enum complete_act pirn__state_to_complete(struct state *s, size_t refs, size_t word,
                                                   bool read);

/* T3 and T4 without a join handle. Return: true: the last references; free the cell (and then
 * the word may still say RUNNING: nobody is left to read it). */
MUST_USE bool pirn__state_to_complete_unjoined(struct state *s, size_t refs);

/* T4, and T15 for one or more. Return: true: these were the last; free the cell. */
MUST_USE bool pirn__state_ref_dec(struct state *s, size_t refs);

/* One more reference, by a holder of one, or by who keeps the list from giving its up. */
void pirn__state_ref_inc(struct state *s);

enum waker_drop_act {
    WAKER_DROP_DONE,
    WAKER_DROP_FREE, /* it was the last reference: free the cell */
    WAKER_DROP_LAST, /* no write: the task is idle, and without this waker nothing can wake it */
};

/* T15 by a waker that goes unused. After WAKER_DROP_LAST: ref_dec. */
MUST_USE enum waker_drop_act pirn__state_drop_waker(struct state *s);

enum wake_act {
    WAKE_NONE,   /* nothing to do; a waker given by value is consumed */
    WAKE_FREE,   /* as WAKE_NONE, and it was the last reference: free the cell */
    WAKE_SUBMIT, /* caller owns a new Notified: schedule it */
};

/* T5, counting: on WAKE_SUBMIT the caller still has its own reference as well, which keeps the
 * runtime's memory alive while it schedules; T15 afterwards. For wakes from outside. */
MUST_USE enum wake_act pirn__state_wake_by_val(struct state *s);

/* T5, handing over: on WAKE_SUBMIT the caller's reference has become the Notified's. For wakes
 * on a thread that keeps the scheduler alive itself. */
MUST_USE enum wake_act pirn__state_wake_hand_over(struct state *s);

/* T6. Never WAKE_FREE. */
MUST_USE enum wake_act pirn__state_wake_by_ref(struct state *s);

/* T7. Return: true: caller owns a new Notified: schedule it. */
MUST_USE bool pirn__state_cancel(struct state *s);

enum shutdown_act {
    SHUTDOWN_SKIP,   /* another thread runs it, or it is complete: drop the reference */
    SHUTDOWN_CANCEL, /* caller holds RUNNING: drop the frame, then complete */
    SHUTDOWN_END,    /* caller holds RUNNING: the task has settled; go on with its end */
};

/* T8, by the closer of the list, which owns a reference. */
MUST_USE enum shutdown_act pirn__state_to_shutdown(struct state *s);

/* T16, holding RUNNING, which stays and is nobody's until the last child is gone: the poll is over. */
void pirn__state_to_settling(struct state *s);

/* T17, by who saw the last child go: gives RUNNING up, and has a new Notified, whose reference was the
 * runner's. */
void pirn__state_to_settled(struct state *s);

/* T18, by the same, where no queue is left: it keeps RUNNING, and goes on with the end itself. */
void pirn__state_end_settling(struct state *s);

/* Set CANCELLED: before T1, by who holds the Notified (how a queue is drained), or before T2, by who
 * holds RUNNING (the list is closed). */
void pirn__state_cancel_queued(struct state *s);

enum join_drop_act {
    JOIN_DROP_DONE,     /* the handle and its reference are gone */
    JOIN_DROP_WAKER,    /* as JOIN_DROP_DONE, and the waker that was set is the caller's to drop */
    JOIN_DROP_COMPLETE, /* no write: the result is the caller's; then ref_dec_join */
};

/* T9, T10 with T15 by the join handle. The caller has copied the waker's words beforehand. */
MUST_USE enum join_drop_act pirn__state_drop_join(struct state *s);

/* T10 with T15 after completion. Return: true: the last reference; free the cell. */
MUST_USE bool pirn__state_ref_dec_join(struct state *s);

/* T11: the waker's words are written; publish them. False: complete; they are the caller's. */
MUST_USE bool pirn__state_set_join_waker(struct state *s);

/* T12: take the right to write them back. False: complete; the completer has them. */
MUST_USE bool pirn__state_unset_join_waker(struct state *s);

#endif
