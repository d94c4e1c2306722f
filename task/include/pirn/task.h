/* SPDX-License-Identifier: MIT */
/* pirn/task.h: what a task is: its descriptor, the context of one poll, wakers.
 *
 * A task is a poll function over a frame: the caller's struct with everything that must outlive
 * one poll. The function is called when there may be progress to make, does what it can without
 * blocking, and returns PIRN_PENDING, 0, or a negative code.
 *
 * The life of a frame: before its first poll it is bytes that may be moved. From the first poll on
 * it never moves, and one thread at a time polls it. At its end (done, abort, fault, shutdown) the
 * operations still pending in it are dropped, newest first, then `drop` is called, once.
 */
#ifndef PIRN_TASK_H
#define PIRN_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#    define PIRN_NORETURN [[noreturn]]
#else
#    define PIRN_NORETURN _Noreturn
#endif

#if defined(__GNUC__)
#    define PIRN_MUST_USE          __attribute__((warn_unused_result))
#    define PIRN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#    define PIRN_MUST_USE
#    define PIRN_PRINTF(fmt, args)
#endif
#if defined(__GNUC__) && !defined(PIRN_API)
#    define PIRN_API __attribute__((visibility("default")))
#elif !defined(PIRN_API)
#    define PIRN_API
#endif

/* What a poll returns besides 0 (done) and a negative code (done, with that code). */
enum {
    PIRN_PENDING = 1
};

/* Codes of pirn's own, below every errno. */
enum {
    PIRN_EOF = -5001,        /* the end of a stream or a group */
    PIRN_ECLOSED = -5002,    /* the other side of a channel is gone */
    PIRN_ESHUTDOWN = -5003,  /* the runtime is shutting down or has shut down */
    PIRN_ELAGGED = -5004,    /* a receiver was too slow; messages were skipped */
    PIRN_ENORUNTIME = -5005, /* no runtime given and none current on this thread */
    PIRN_EFAULT = -5006      /* the task faulted: what pirn_result_status() makes of FAULTED */
};

/**
 * pirn_strerror() - the text of a code
 * @err: a code from any pirn function, an errno of either sign, 0, or anything else
 *
 * Threads: any. Return: a constant string, never NULL.
 */
PIRN_API const char *pirn_strerror(int err);

/**
 * pirn_last_error_text() - what went wrong in this thread's last failed pirn call
 *
 * Names the argument or field for -EINVAL and -E2BIG; after taking a FAULTED result, it is the
 * fault's text. Threads: any; each has its own.
 *
 * Return: a string valid until this thread's next pirn call; "" if nothing has failed yet.
 */
PIRN_API const char *pirn_last_error_text(void);

/* ---- time ------------------------------------------------------------------------------- */

typedef int64_t pirn_time; /* a point in time: nanoseconds of CLOCK_MONOTONIC */
#define PIRN_NEVER     INT64_MAX
#define PIRN_US        INT64_C(1000) /* durations, in nanoseconds */
#define PIRN_MS        INT64_C(1000000)
#define PIRN_SEC       INT64_C(1000000000)
#define PIRN_UNLIMITED UINT32_MAX /* "no limit" in a uint32_t option, where 0 is the default */

/**
 * pirn_now() - the time
 *
 * Inside a poll the clock is read once, at the first call, so that all deadlines of one poll are
 * counted from one instant; outside it is read at every call. Threads: any.
 */
PIRN_API pirn_time pirn_now(void);

/**
 * pirn_after() - a deadline @ns nanoseconds from pirn_now()
 * @ns: nanoseconds; negative counts as 0
 *
 * Return: the deadline; PIRN_NEVER instead of an overflow.
 */
PIRN_API pirn_time pirn_after(int64_t ns);

/**
 * pirn_random() - 64 random bits
 *
 * On a thread that drives a runtime they come from the runtime's seed, so that one seed gives one
 * sequence; elsewhere from the kernel. Not for keys. Threads: any. (tokio: the runtime's FastRand)
 */
PIRN_API uint64_t pirn_random(void);

/* ---- wakers ----------------------------------------------------------------------------- */

/**
 * struct pirn_waker_vt - how to wake whoever polls: pirn's own tasks, or your executor
 * @size:        sizeof(pirn_waker_vt)
 * @clone:       returns the data of a second waker that wakes the same
 * @wake:        wakes, and consumes @data
 * @wake_by_ref: wakes
 * @drop:        consumes @data without waking
 *
 * Threads: all four from any thread, several at once. wake and wake_by_ref must give release
 * ordering to the poll they cause. (tokio: RawWakerVTable)
 */
typedef struct pirn_waker_vt {
    size_t size;
    void *(*clone)(void *data);
    void (*wake)(void *data);
    void (*wake_by_ref)(void *data);
    void (*drop)(void *data);
} pirn_waker_vt;

/* A waker owns one reference to what it wakes; all zero is the empty one: wake and drop do
 * nothing. Copying the struct does not make a second waker: that is pirn_waker_clone(). */
typedef struct pirn_waker {
    const pirn_waker_vt *vt;
    void *data;
} pirn_waker;

/* One poll's context: the waker, the budget, the runtime. Valid until that poll returns, on the
 * thread that polls. (tokio: Context) */
typedef struct pirn_cx pirn_cx;

/**
 * pirn_cx_waker() - a waker for the task being polled; the caller owns it: wake or drop it
 * Threads: the polling one. (tokio: cx.waker().clone())
 */
PIRN_API PIRN_MUST_USE pirn_waker pirn_cx_waker(pirn_cx *cx);

/**
 * pirn_cx_borrow_waker() - the same waker without a reference of its own
 *
 * For pirn_waker_will_wake(), pirn_waker_wake_by_ref() and pirn_waker_clone(), on the polling
 * thread, until the poll returns. (tokio: cx.waker())
 */
PIRN_API const pirn_waker *pirn_cx_borrow_waker(const pirn_cx *cx);

/** pirn_waker_clone() - a second waker of its own; of the empty one: empty. Threads: any. */
PIRN_API PIRN_MUST_USE pirn_waker pirn_waker_clone(const pirn_waker *w);

/**
 * pirn_waker_wake() - wake, consuming the waker
 *
 * The task is polled at least once after this call; several wakes before that poll are one.
 * Threads: any. Ordering: what the caller did before happens before that poll. Waking a finished
 * task does nothing. Never fails, never allocates. Not async-signal-safe.
 */
PIRN_API void pirn_waker_wake(pirn_waker w);

/** pirn_waker_wake_by_ref() - as pirn_waker_wake(), and the caller keeps the waker */
PIRN_API void pirn_waker_wake_by_ref(const pirn_waker *w);

/** pirn_waker_drop() - consume a waker without waking. Threads: any. */
PIRN_API void pirn_waker_drop(pirn_waker w);

/** pirn_waker_will_wake() - whether both wake the same; two empty ones do. Threads: any. */
PIRN_API bool pirn_waker_will_wake(const pirn_waker *a, const pirn_waker *b);

/* A place for one waker: one task sets, any thread wakes. Zeroed is empty and ready.
 * (tokio: AtomicWaker) */
typedef struct pirn_waker_cell {
    uint64_t _[4];
} pirn_waker_cell;

/**
 * pirn_waker_cell_set() - leave the waker of this poll in the cell
 *
 * Set first, then test the condition: then no wake is lost. Threads: one setter at a time; wakers
 * at any time. Replaces what an earlier poll left. Ordering: a wake that did not see this set is
 * seen by the test that follows it.
 */
PIRN_API void pirn_waker_cell_set(pirn_waker_cell *c, pirn_cx *cx);

/** pirn_waker_cell_wake() - wake what was set, once; nothing if nothing is set. Threads: any. */
PIRN_API void pirn_waker_cell_wake(pirn_waker_cell *c);

/** pirn_waker_cell_fini() - drop what was set; empty again. Threads: nobody else uses the cell. */
PIRN_API void pirn_waker_cell_fini(pirn_waker_cell *c);

/* ---- tasks ------------------------------------------------------------------------------ */

/* pirn_task_desc.flags */
enum {
    PIRN_TASK_BLOCKING = 1u << 0, /* poll may block: it runs once, on a thread of the blocking pool,
                                      without a budget; PIRN_PENDING from it is a fault. Aborted
                                      while queued it is dropped at once, once it runs not at all:
                                      pirn_cx_cancelled() tells it (tokio: spawn_blocking) */
    PIRN_TASK_TRY = 1u << 1,      /* with _BLOCKING: the spawn returns -EAGAIN instead of waiting
                                      behind max_blocking_queue others */
    PIRN_TASK_MANDATORY = 1u << 2, /* with _BLOCKING: queued before the runtime shuts down, it runs
                                      all the same */
    PIRN_TASK_UNCONSTRAINED = 1u << 3, /* no cooperative budget (tokio: unconstrained) */
    PIRN_TASK_LINE = 1u << 4, /* the frame starts with PIRN_FRAME, or with a uint32_t that holds the
                                 source line it waits at, which is copied after each poll, for dumps
                                 and reports */
    PIRN_TASK_FRAME =
        1u << 16 /* the same for any frame: it has no line unless it starts as PIRN_FRAME
                                 does; set by PIRN_TASK_INIT */
};

/**
 * struct pirn_task_desc - one kind of task: the future's type. Static and const, one per kind.
 * @size:        sizeof(pirn_task_desc)
 * @name:        shown in dumps, metrics and reports; NULL is "task"
 * @poll:        one step. @frame: the task's frame. @cx: valid until it returns. @out: room for
 *               @out_size bytes, written by the call that returns 0 and by no other, not kept
 *               between polls, NULL when @out_size is 0. Returns PIRN_PENDING after it has kept
 *               the waker (or woken itself), 0, or a negative code. Anything else is a fault.
 * @drop:        frees what the frame owns. Exactly once: after the last poll, or instead of the
 *               next one. May spawn and wake, cannot await. May be NULL.
 * @frame_size:  bytes; 0 is fine
 * @frame_align: a power of two up to 4,096; 0 means max_align_t
 * @out_size:    bytes of output; 0 is none
 * @out_align:   a power of two up to 4,096; 0 means max_align_t
 * @out_drop:    gets an output that nobody took; may be NULL
 * @flags:       PIRN_TASK_*
 *
 * Ownership: borrowed until the last handle and waker of its last task is gone, and walks, dumps and
 * hooks that began before have ended. (tokio: the
 * Future trait, and RawTask's vtable)
 */
typedef struct pirn_task_desc {
    size_t size;
    const char *name;
    int (*poll)(void *frame, pirn_cx *cx, void *out);
    void (*drop)(void *frame);
    size_t frame_size, frame_align;
    size_t out_size, out_align;
    void (*out_drop)(void *out);
    uint32_t flags;
} pirn_task_desc;

/**
 * pirn_yield_poll() - let everything else that is ready, and the I/O driver, go first
 * @state: 0 at first
 *
 * Return: PIRN_PENDING once, then 0, and *@state is 0 again. Dropped half-way: nothing is lost.
 * (tokio: task::yield_now)
 */
PIRN_API PIRN_MUST_USE int pirn_yield_poll(unsigned *state, pirn_cx *cx);

/**
 * pirn_pending_poll() - never done: only an abort or the shutdown ends this task
 *
 * Never reported as a forgotten wake. Return: PIRN_PENDING. (tokio: std::future::pending)
 */
PIRN_API PIRN_MUST_USE int pirn_pending_poll(pirn_cx *cx);

/**
 * pirn_cx_cancelled() - whether an abort, or the runtime's shutdown, has come while this poll runs
 *
 * Both act between polls; a long one may ask. Threads: the polling one.
 */
PIRN_API bool pirn_cx_cancelled(const pirn_cx *cx);

/** pirn_task_id() - the running task's id, in its polls and drops; 0 outside (tokio: task::id) */
PIRN_API uint64_t pirn_task_id(void);

/**
 * pirn_consume_budget_poll() - use one unit of this poll's cooperative budget
 *
 * For loops that could otherwise run for long without waiting. Return: 0; PIRN_PENDING when the
 * budget is used up, and then the task is polled again after the others had their turn.
 * (tokio: coop::consume_budget)
 */
PIRN_API PIRN_MUST_USE int pirn_consume_budget_poll(pirn_cx *cx);

/**
 * pirn_fault() - end the running task, not the process: the "panic" of C
 * @code: goes into the result
 * @fmt:  printf format of the text, cut at 255 bytes
 *
 * From any depth of a poll, a drop or a hook: unwinds to the scheduler. Skips what the frames in
 * between hold: locks, memory, C++ destructors; where that matters, pirn_cx_fault(). The frame's
 * drop runs afterwards, unless it is what faulted. Outside a task: message on stderr, abort().
 * (tokio: panic! in a task)
 */
PIRN_NORETURN PIRN_API void pirn_fault(int code, const char *fmt, ...) PIRN_PRINTF(2, 3);

/**
 * pirn_cx_fault() - the same without a jump: `return pirn_cx_fault(cx, …);` from poll
 *
 * Return: what poll must return. The task faults with @code and the text.
 */
PIRN_API PIRN_MUST_USE int pirn_cx_fault(pirn_cx *cx, int code, const char *fmt, ...)
    PIRN_PRINTF(3, 4);

/**
 * pirn_poll_with() - one poll, under a waker of your own: for executors
 * @w:     borrowed; the poll clones it if it waits. NULL: the empty one
 * @poll:  called once with @frame, a context, and @out
 *
 * Threads: any. There is no task: pirn_task_id() is 0, operations left pending are the caller's to
 * drop. The budget is the surrounding poll's, outside of one there is no limit.
 *
 * Return: what @poll returned; -EINVAL for a NULL @poll, or a waker of too small a size.
 */
PIRN_API PIRN_MUST_USE int pirn_poll_with(const pirn_waker *w,
                                          int (*poll)(void *frame, pirn_cx *cx, void *out),
                                          void *frame, void *out);

/**
 * pirn_poll_wait() - block this thread until a poll function is done: any _poll as a _wait
 * @deadline: PIRN_NEVER for none; one in the past still polls once
 *
 * Threads: any that does not run tasks; no runtime is needed. Operations left pending are the
 * caller's to drop.
 *
 * Return: what the last call of @poll returned; -ETIMEDOUT; -EDEADLK on a thread that runs tasks,
 * -ENOMEM, -EINVAL for a NULL @poll (all three: polled not once).
 */
PIRN_API PIRN_MUST_USE int pirn_poll_wait(int (*poll)(void *frame, pirn_cx *cx, void *out),
                                          void *frame, pirn_time deadline, void *out);

#ifdef __cplusplus
}
#endif
#endif
