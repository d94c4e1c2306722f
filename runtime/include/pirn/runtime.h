/* SPDX-License-Identifier: MIT */
/* pirn/runtime.h: make a runtime, run tasks on it, look into it, shut it down.
 *
 * After a fork the child may use nothing of the parent's runtimes, not even free them: it goes on to
 * exec or _exit, or makes runtimes of its own. errno is not kept by any call. */
#ifndef PIRN_RUNTIME_H
#define PIRN_RUNTIME_H

#include <pirn/alloc.h>
#include <pirn/join.h>
#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_runtime pirn_runtime; /* owns the scheduler; one owner */
typedef struct pirn_handle pirn_handle;   /* spawns on it and looks at it; shared, outlives it */

/* ---- options ---------------------------------------------------------------------------- */

enum pirn_flavor {
    PIRN_MULTI_THREAD = 0,  /* tasks run on worker threads of the runtime's own, which steal from
                               each other */
    PIRN_CURRENT_THREAD = 1 /* tasks run on the thread that is inside pirn_block_on() or _turn() */
};

enum pirn_unhandled_fault {
    PIRN_UNHANDLED_IGNORE = 0, /* the join handle tells; nothing else happens */
    PIRN_UNHANDLED_SHUTDOWN,   /* the runtime cancels all tasks; block_on returns PIRN_ESHUTDOWN */
    PIRN_UNHANDLED_ABORT,      /* message on stderr, abort() */
    PIRN_UNHANDLED_CALLBACK    /* hooks->on_fault decides; it must be given */
};

/* pirn_runtime_opts.flags */
enum {
    PIRN_RT_LOCAL = 1u << 0, /* current-thread only: belongs to the thread that makes it. block_on,
                               turn and shutdown elsewhere: -EPERM; free elsewhere: message, abort.
                               pirn_spawn_local() works. (tokio: LocalRuntime) */
    PIRN_RT_NO_LIFO = 1u << 1, /* multi-thread: a woken task goes behind the others of its worker,
                                  instead of next. (tokio: disable_lifo_slot) */
    PIRN_RT_POLL_HISTOGRAM = 1u << 2, /* poll times are kept: pirn_runtime_histogram(). Costs a */
    PIRN_RT_LATENCY_HISTOGRAM = 1u << 3, /* reading of the clock per poll; and times from wake to
                                            poll: one more per wake */
    PIRN_RT_PAUSED = 1u << 4 /* current-thread: its clock is paused from the start, as by
                                pirn_clock_pause(), pirn/time.h. (tokio: start_paused) */
};

/* Where a worker's index is told: the thread is none. */
#define PIRN_NO_WORKER UINT32_MAX

/* What hooks and walkers are told of a task. Pointers are valid during the call. */
typedef struct pirn_task_info {
    size_t size;
    uint64_t id;
    const char *name;
    uint64_t state;         /* bits: 1 running, 2 complete, 4 notified, 8 join interest,
                                 16 join waker, 32 cancelled; from 64 on the references, up to
                                 2^61; 2^62 with 1: its last poll is over, its groups' children are
                                 not, and it waits for them */
    const void *spawn_site; /* return address of the spawn call */
    uint32_t await_line;    /* where it waits, if PIRN_TASK_LINE; else 0 */
    uint32_t polls;         /* saturates at 2^28 - 1 */
    pirn_time spawned_at;   /* both by the tick's clock, to about a millisecond; */
    pirn_time last_poll_at; /* 0 before the first poll */
    uint32_t worker;        /* that polled it last, or polls it; 0 on the current-thread flavour;
                               PIRN_NO_WORKER on the blocking pool, and in pirn_block_in_place() */
} pirn_task_info;

/**
 * struct pirn_hooks - callbacks on the way of tasks and threads; all may be NULL
 *
 * Called on the thread where it happens, holding nothing; they may spawn and wake, not block. A
 * fault inside a hook is contained and counted. park and unpark are called by the thread that
 * drives a runtime, or by a worker, around its sleep; start and stop by threads that pirn makes:
 * workers with their index, those of the blocking pool with PIRN_NO_WORKER; pirn_block_in_place()
 * moves workers from thread to thread without a call. These threads block all
 * signals; a handler for crashes, SIGSEGV say, wants its signal unblocked in on_thread_start.
 *
 * on_task_spawn: the task is not running yet. on_task_terminate: joiners may see it finished
 * already. on_fault: a task faulted, under every policy. on_forgotten_wake: a task waits and
 * nothing is left that could wake it, besides an abort through its join handle; at most one call a
 * second (metrics count all). on_stuck_poll: a poll has run for longer than
 * pirn_runtime_opts.stuck_poll_ns; once per poll, on the watchdog's thread. @info has all but the
 * await line, and of the state that it runs; @since is when the watchdog first saw the poll.
 * (tokio: Builder::on_*, all stable here)
 */
typedef struct pirn_hooks {
    size_t size;
    void *user;
    void (*on_thread_start)(void *user, uint32_t worker);
    void (*on_thread_stop)(void *user, uint32_t worker);
    void (*on_thread_park)(void *user, uint32_t worker);
    void (*on_thread_unpark)(void *user, uint32_t worker);
    void (*on_task_spawn)(void *user, const pirn_task_info *info);
    void (*on_task_terminate)(void *user, const pirn_task_info *info);
    void (*before_poll)(void *user, const pirn_task_info *info);
    void (*after_poll)(void *user, const pirn_task_info *info);
    void (*on_fault)(void *user, const pirn_task_info *info, int code, const char *text);
    void (*on_forgotten_wake)(void *user, const pirn_task_info *info);
    void (*on_stuck_poll)(void *user, const pirn_task_info *info, pirn_time since);
} pirn_hooks;

/**
 * struct pirn_runtime_opts - every option of a runtime; zero is the default
 * @size:                  sizeof(pirn_runtime_opts)
 * @flavor:                enum pirn_flavor
 * @worker_threads:        up to 65,535; 0: as many as the environment's PIRN_WORKER_THREADS says,
 *                         or else as CPUs may be used (affinity mask and cgroup quota). On the
 *                         current-thread flavour 0 or 1
 * @max_blocking_threads:  threads of the blocking pool, and pirn_block_in_place() calls that have
 *                         passed their worker on; beside the workers; 512
 * @thread_keep_alive_ns:  how long an idle one of those stays, ns; 10 s; PIRN_NEVER
 * @thread_stack_bytes:    of workers and blocking threads; 0: the system's default
 * @name:                  of the runtime, shown in dumps; not blank, up to 255 bytes. Copied
 * @thread_name:           of workers and blocking threads, as the kernel shows it: 15 bytes count;
 *                         not blank. "pirn-worker" and "pirn-blocking" if NULL. Copied
 * @event_interval:        polls between two looks at the I/O driver; 61; no more than 65,536 count
 * @global_queue_interval: every so many polls, remote spawns and wakes go first; 31 on the
 *                         current-thread flavour; tuned by the time polls take, 2 to 127, on the
 *                         other
 * @coop_budget:           units per poll; 128; PIRN_UNLIMITED
 * @io_events_per_tick:    events taken in at one look at the I/O driver; 1,024; no more than 65,536 count
 * @flags:                 PIRN_RT_*
 * @unhandled_fault:       what a fault of any task does to the runtime
 * @seed:                  of pirn_random(); 0: from the kernel
 * @alloc:                 NULL: malloc and free. Copied
 * @hooks:                 NULL: none. Copied
 * @stuck_poll_ns:         a watchdog thread looks for polls that take longer than this, ns: tells
 *                         hooks->on_stuck_poll, and sees to it that what waits behind such a poll
 *                         goes on elsewhere. 0: 100 ms if that hook is set, else no watchdog.
 *                         PIRN_NEVER: none. Without one, a task that waits alone behind a long poll is
 *                         taken by a worker that searches, but wakes none that sleeps
 * @max_blocking_queue:    how many blocking tasks may wait for a thread before a spawn with
 *                         PIRN_TASK_TRY returns -EAGAIN; 0 and PIRN_UNLIMITED: any number
 */
typedef struct pirn_runtime_opts {
    size_t size;
    enum pirn_flavor flavor;
    uint32_t worker_threads;
    uint32_t max_blocking_threads;
    int64_t thread_keep_alive_ns;
    size_t thread_stack_bytes;
    const char *name;
    const char *thread_name;
    uint32_t event_interval;
    uint32_t global_queue_interval;
    uint32_t coop_budget;
    uint32_t io_events_per_tick;
    uint32_t flags;
    enum pirn_unhandled_fault unhandled_fault;
    uint64_t seed;
    const pirn_alloc *alloc;
    const pirn_hooks *hooks;
    int64_t stuck_poll_ns;
    uint32_t max_blocking_queue;
} pirn_runtime_opts;

#ifdef __cplusplus
static inline pirn_runtime_opts pirn_runtime_opts_init(void)
{
    pirn_runtime_opts o = pirn_runtime_opts();
    o.size = sizeof o;
    return o;
}
#    define PIRN_RUNTIME_OPTS_INIT pirn_runtime_opts_init()
#else
#    define PIRN_RUNTIME_OPTS_INIT                                                                 \
        {                                                                                          \
            .size = sizeof(pirn_runtime_opts)                                                      \
        }
#endif

/* ---- life of a runtime ------------------------------------------------------------------ */

/**
 * pirn_runtime_new() - make a runtime
 * @o: borrowed for the call. NULL means all defaults: the multi-thread flavour
 *
 * Threads: any. Return: 0 and *@out; -EINVAL or -E2BIG (pirn_last_error_text() names the field);
 * -ENOMEM, -EMFILE, -ENFILE; -EAGAIN: a thread could not be made, and those
 * that were are gone again. (tokio: Builder::build)
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_new(const pirn_runtime_opts *o, pirn_runtime **out);

/**
 * pirn_runtime_shutdown() - cancel every task and stop
 * @deadline: PIRN_NEVER for none
 *
 * Waits for polls that are running elsewhere, then for blocking tasks that run; queued ones are
 * cancelled, unless PIRN_TASK_MANDATORY: those are run. Callers of pirn_block_on() drop their
 * frames on their own threads and return PIRN_ESHUTDOWN. Afterwards the runtime only answers:
 * spawns give a join that resolves cancelled. Tasks of a local set end with their set.
 *
 * Threads: any that does not run tasks. Return: 0, also when it was shut down before; -ETIMEDOUT
 * (call again to go on); -EDEADLK on a thread that runs tasks; -EPERM (PIRN_RT_LOCAL); -EINVAL
 * for NULL.
 * (tokio: Runtime::shutdown_timeout)
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_shutdown(pirn_runtime *rt, pirn_time deadline);

/**
 * pirn_runtime_free() - shut down without limit, then free; NULL is fine
 *
 * Handles, joins and wakers of it stay valid. On a thread that runs tasks: message, abort.
 */
PIRN_API void pirn_runtime_free(pirn_runtime *rt);

/**
 * pirn_run() - for main(): make a runtime, block on a task, free it
 *
 * Return: what pirn_runtime_new() or pirn_block_on() returned; -EDEADLK on a thread that runs tasks. (tokio: #[tokio::main])
 */
PIRN_API PIRN_MUST_USE int pirn_run(const pirn_runtime_opts *o, const pirn_task_desc *d,
                                    void *frame, pirn_result *res, void *out);

/** pirn_runtime_handle() - the runtime's handle, borrowed; pirn_handle_ref() keeps it longer */
PIRN_API pirn_handle *pirn_runtime_handle(pirn_runtime *rt);

/** pirn_handle_current() - the handle of the runtime this thread is in, borrowed; NULL in none */
PIRN_API pirn_handle *pirn_handle_current(void);

/** pirn_handle_ref() - one more reference; returns @h. Threads: any. */
PIRN_API pirn_handle *pirn_handle_ref(pirn_handle *h);

/** pirn_handle_unref() - give one up; NULL is fine. Threads: any. */
PIRN_API void pirn_handle_unref(pirn_handle *h);

/* Opaque; in the caller's frame, zeroed or uninitialised before pirn_handle_enter(). */
typedef struct pirn_enter {
    uint64_t _[4];
} pirn_enter;

/**
 * pirn_handle_enter() - make @h this thread's current runtime until pirn_enter_exit()
 *
 * Runs nothing. The guard holds a reference. Guards end in reverse order, on their thread, each inside
 * the task or callback that began it; else: message, abort. A fault in between ends them too.
 * Return: 0; -EINVAL for NULL. (tokio: Handle::enter)
 */
PIRN_API PIRN_MUST_USE int pirn_handle_enter(pirn_handle *h, pirn_enter *guard);
PIRN_API void pirn_enter_exit(pirn_enter *guard);

/* ---- spawn and run ---------------------------------------------------------------------- */

/**
 * pirn_spawn() - start a task
 * @h:     NULL: the current runtime
 * @d:     borrowed, see pirn_task_desc
 * @frame: copied in, @d->frame_size bytes; NULL: zeroed. Not polled inside this call
 * @out:   receives the join handle; NULL: detached
 *
 * On success the frame's contents are the task's. On failure they are still the caller's and no
 * drop is called. On a runtime that has shut down: 0, the frame is dropped before this returns,
 * the join resolves CANCELLED. Threads: any. Ordering: what the caller did happens before the
 * first poll.
 *
 * Return: 0; -EINVAL, -E2BIG (the text names the field); -ENOMEM; PIRN_ENORUNTIME.
 * (tokio: spawn, Handle::spawn)
 */
PIRN_API PIRN_MUST_USE int pirn_spawn(pirn_handle *h, const pirn_task_desc *d, const void *frame,
                                      pirn_join **out);

/**
 * pirn_spawn_begin() - the same in two steps: *@frame receives zeroed memory where it will stay
 *
 * Build the frame in place, then commit or cancel, from any thread. Return: as pirn_spawn().
 */
PIRN_API PIRN_MUST_USE int pirn_spawn_begin(pirn_handle *h, const pirn_task_desc *d, void **frame);

/**
 * pirn_spawn_commit() - start it; never fails: 0
 *
 * A blocking task for which there is no thread and none can be made, or which PIRN_TASK_TRY finds no
 * room for, is cancelled: its frame is dropped before this returns, the join resolves CANCELLED.
 */
PIRN_API int pirn_spawn_commit(void *frame, pirn_join **out);

/** pirn_spawn_cancel() - take the memory back; no drop is called; NULL is fine */
PIRN_API void pirn_spawn_cancel(void *frame);

/**
 * pirn_spawn_local() - start a task that never leaves this thread
 *
 * In a task or root of a PIRN_RT_LOCAL runtime, or entered on its thread; or in a task of a local
 * set, and then it joins that set. Anywhere else: -EINVAL. Otherwise as pirn_spawn().
 * (tokio: spawn_local)
 */
PIRN_API PIRN_MUST_USE int pirn_spawn_local(const pirn_task_desc *d, const void *frame,
                                            pirn_join **out);

/**
 * pirn_spawn_blocking() - start a task that may block: pirn_spawn() as if PIRN_TASK_BLOCKING were set
 *
 * It runs on a thread of the pool: an idle one, a new one while there are fewer than
 * max_blocking_threads, or else the first to become free, in order. On that thread the runtime is
 * current, waiting (pirn_join_wait() and the like) is allowed, and pirn_now() reads the clock at
 * every call. pirn_join_abort() takes it back while it waits for a thread: the frame is dropped at
 * once by who runs the runtime's tasks, or, while nobody drives a current-thread runtime, by the next
 * thread of the pool that becomes free.
 *
 * On a runtime that has shut down: 0, the frame is dropped before this returns, the join resolves
 * CANCELLED. Return: as pirn_spawn(); -EAGAIN: no thread could be made and there is none, or
 * PIRN_TASK_TRY and the queue is full. (tokio: spawn_blocking)
 */
PIRN_API PIRN_MUST_USE int pirn_spawn_blocking(pirn_handle *h, const pirn_task_desc *d,
                                               const void *frame, pirn_join **out);

/**
 * pirn_block_in_place() - call @fn, which may block, on this thread
 *
 * On a worker, the other tasks go on: another thread takes over as that worker. If there is none to
 * be had, or blocking tasks and such calls number max_blocking_threads already, @fn runs all the same,
 * and what waits on this worker goes to the other workers (metrics: block_in_place_kept). Inside
 * pirn_block_on() of a multi-thread runtime, on a blocking thread, and outside of any runtime, @fn is
 * simply called. In @fn waiting is allowed, pirn_block_on() included. The task goes on to be polled
 * by this thread until its poll returns.
 *
 * Return: what @fn returned. -EINVAL for NULL; -EDEADLK, and @fn is not called: on a current-thread
 * runtime, in a local set, in a drop or a hook. (tokio: block_in_place)
 */
PIRN_API int pirn_block_in_place(int (*fn)(void *arg), void *arg);

/** pirn_worker_index() - of the worker this thread is: 0 up to the metrics' workers - 1; else -1 */
PIRN_API int pirn_worker_index(void);

/**
 * pirn_spawn_fn() - run a plain function as a task
 * @flags:    PIRN_TASK_*
 * @fn:       called once; returns 0 or a negative code, the task's
 * @arg_drop: called on @arg after @fn, or instead of it; may be NULL
 *
 * Return: as pirn_spawn(); on failure @arg is still the caller's.
 */
PIRN_API PIRN_MUST_USE int pirn_spawn_fn(pirn_handle *h, uint32_t flags, int (*fn)(void *arg),
                                         void *arg, void (*arg_drop)(void *), pirn_join **out);

/**
 * pirn_block_on() - run a root future on this thread, and with it the runtime
 * @frame: stays in place and is polled here; the caller's again afterwards, its drop was called
 * @res:   how it went, with task id 0; may be NULL. A root is no task: metrics do not count it
 * @out:   the root's output; NULL drops it
 *
 * One caller at a time drives a current-thread runtime; others wait for their root or for their
 * turn. Tasks that are still alive afterwards stay, and go on at the next call. On the multi-thread
 * flavour the root alone runs here; the workers run everything else, whoever blocks.
 *
 * Threads: any that does not run tasks. Return: 0; PIRN_ESHUTDOWN (the frame was dropped); and
 * with the frame untouched: -EDEADLK inside a runtime, -EINVAL, -E2BIG, -ENOMEM, PIRN_ENORUNTIME,
 * -EPERM (PIRN_RT_LOCAL). (tokio: Runtime::block_on)
 */
PIRN_API PIRN_MUST_USE int pirn_block_on(pirn_handle *h, const pirn_task_desc *d, void *frame,
                                         pirn_result *res, void *out);

/* ---- local sets ------------------------------------------------------------------------- */

typedef struct pirn_local_set pirn_local_set; /* tasks polled inside one task or root, in place */

/**
 * pirn_local_set_new() - an empty set, owned by this thread
 * @h: whose memory and options it uses; NULL: the current runtime
 *
 * Return: 0; -ENOMEM; -EINVAL for a NULL @out; PIRN_ENORUNTIME. (tokio: LocalSet::new)
 */
PIRN_API PIRN_MUST_USE int pirn_local_set_new(pirn_handle *h, pirn_local_set **out);

/**
 * pirn_local_set_spawn() - start a task in the set; on its thread, polled or not
 * Return: as pirn_spawn(); -EPERM on another thread. (tokio: LocalSet::spawn_local)
 */
PIRN_API PIRN_MUST_USE int pirn_local_set_spawn(pirn_local_set *s, const pirn_task_desc *d,
                                                const void *frame, pirn_join **out);

/**
 * pirn_local_set_poll() - run the set's ready tasks, up to 61, each with a budget of its own
 *
 * Return: 0 when the set is empty (it may be filled and polled again), PIRN_PENDING, -EPERM on
 * another thread than its own, -EDEADLK from a task of the set itself. (tokio: LocalSet::poll)
 */
PIRN_API PIRN_MUST_USE int pirn_local_set_poll(pirn_local_set *s, pirn_cx *cx);

/** pirn_local_set_free() - cancel its tasks, on its thread; NULL is fine; elsewhere: abort */
PIRN_API void pirn_local_set_free(pirn_local_set *s);

/* ---- in a foreign event loop ------------------------------------------------------------ */

/**
 * pirn_runtime_fd() - readable, level-triggered, when a turn has something to do
 *
 * For the poll set of another loop; the runtime owns it: never read or close it. Threads: any.
 * Return: the descriptor; -EINVAL for NULL and on the multi-thread flavour.
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_fd(pirn_runtime *rt);

/**
 * pirn_runtime_turn() - run what is ready, without blocking
 * @until:         stop when past; 0: one pass over what is ready now
 * @next_deadline: receives the next timer's deadline, PIRN_NEVER for none, which the caller waits
 *                 for; NULL: the fd becomes readable for timers too
 *
 * Return: 1 if work is left (the fd is readable), else 0; -EDEADLK on a thread that runs tasks;
 * -EBUSY while another thread drives; -EINVAL for NULL and on the multi-thread flavour; -EPERM (PIRN_RT_LOCAL);
 * PIRN_ESHUTDOWN.
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_turn(pirn_runtime *rt, pirn_time until,
                                             pirn_time *next_deadline);

/* ---- looking inside --------------------------------------------------------------------- */

/* Counters since the start, exact once the runtime is quiet; figures marked * are as of now. Tasks of
 * local sets count. */
typedef struct pirn_metrics {
    size_t size;      /* in: sizeof(pirn_metrics) of the caller; out: bytes filled */
    uint32_t workers; /* * threads that run tasks; 1 on the current-thread flavour */
    uint32_t reserved;
    uint64_t tasks_alive; /* * spawned and not finished, uncommitted ones included */
    uint64_t tasks_spawned;
    uint64_t remote_schedules; /* spawns and wakes from other threads than those that run tasks,
                                * taken in */
    uint64_t polls;
    uint64_t parks;                 /* times a worker, or the driving thread, went to sleep */
    uint64_t budget_yields;         /* polls that used their budget up */
    uint64_t faults;                /* tasks that faulted */
    uint64_t contained_faults;      /* faults in drops, hooks and other callbacks */
    uint64_t forgotten_wakes;       /* tasks found that nothing can wake */
    uint64_t local_queue_depth;     /* * */
    uint64_t inject_queue_depth;    /* * remote spawns and wakes taken in and not run yet, and 1 for
                                   * any not taken in: those cannot be counted */
    uint64_t cell_bytes;            /* * memory held for task cells, in use or cached */
    uint64_t retired_cells;         /* * freed cells that wait for a walker to move on */
    uint32_t blocking_threads;      /* * of the blocking pool, workers not among them */
    uint32_t idle_blocking_threads; /* * and of those, waiting for something to do */
    uint64_t blocking_queue_depth;  /* * blocking tasks that wait for a thread */
    uint64_t block_in_place_kept;   /* calls that found no thread to take over as worker */
    uint64_t stuck_polls;           /* that the watchdog found */
    uint64_t
        fds_registered; /* with the I/O driver: descriptors, sockets and pipes of the caller's */
    uint64_t fds_deregistered;
    uint64_t io_events; /* that the kernel has told of, one per descriptor and look */
} pirn_metrics;

/**
 * pirn_runtime_metrics() - fill @m
 *
 * Threads: any. Return: 0; -EINVAL; PIRN_ENORUNTIME. (tokio: RuntimeMetrics)
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_metrics(pirn_handle *h, pirn_metrics *m);

/* Of one worker, since the start; figures marked * are as of now. Kept plainly by the worker, and so
 * a moment behind. On the current-thread flavour parks, polls, queue_depth and global_queue_interval are
 * kept, the others 0. (tokio: RuntimeMetrics::worker_*) */
typedef struct pirn_worker_metrics {
    size_t size;        /* as in pirn_metrics */
    uint64_t thread_id; /* * the kernel's, of the thread that is this worker; 0: none yet */
    uint64_t busy_ns;   /* time not parked */
    uint64_t parks, parks_unparks; /* the second is odd while it sleeps */
    uint64_t noops;                /* woke, found nothing to do and slept again */
    uint64_t polls;
    uint64_t mean_poll_ns;     /* * weighted towards the last ones */
    uint64_t local_schedules;  /* spawns and wakes on it */
    uint64_t overflows;        /* times its queue was full and part of it went to the shared one */
    uint64_t steals;           /* tasks taken from other workers */
    uint64_t steal_operations; /* times it took some */
    uint64_t queue_depth;      /* * of its own queue */
    uint32_t global_queue_interval; /* * in use */
    uint32_t reserved;
} pirn_worker_metrics;

/**
 * pirn_runtime_worker_metrics() - fill @m
 * @worker: 0 up to pirn_metrics.workers - 1
 *
 * Threads: any. Return: 0; -EINVAL, also for a worker there is not; PIRN_ENORUNTIME.
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_worker_metrics(pirn_handle *h, uint32_t worker,
                                                       pirn_worker_metrics *m);

enum pirn_histogram_kind {
    PIRN_HISTOGRAM_POLL_TIME = 0, /* ns in poll; needs PIRN_RT_POLL_HISTOGRAM */
    PIRN_HISTOGRAM_SCHEDULE_LATENCY =
        1 /* ns from wake or spawn to poll; PIRN_RT_LATENCY_HISTOGRAM */
};

/* Four buckets to a power of two, from 32 ns on: each is at most a quarter wider than its begin. */
enum {
    PIRN_HISTOGRAM_BUCKETS = 128
};
typedef struct pirn_histogram {
    size_t size;    /* as in pirn_metrics */
    uint64_t count; /* of all buckets */
    uint64_t buckets[PIRN_HISTOGRAM_BUCKETS];
} pirn_histogram;

/**
 * pirn_runtime_histogram() - fill @out
 * @worker: one worker's; PIRN_NO_WORKER: the sum of all
 *
 * Threads: any. Return: 0; -ENODATA: the runtime was made without it; -EINVAL; PIRN_ENORUNTIME.
 * (tokio: RuntimeMetrics::poll_time_histogram_*, schedule_latency_histogram_*)
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_histogram(pirn_handle *h, enum pirn_histogram_kind kind,
                                                  uint32_t worker, pirn_histogram *out);

/** pirn_histogram_begin() - ns from which on @bucket counts; of bucket + 1: its end; of the last: INT64_MAX */
PIRN_API int64_t pirn_histogram_begin(uint32_t bucket);

/**
 * pirn_runtime_each_task() - call @see for every live task, while everything keeps running
 * @see: returns 0 to go on; anything else ends the walk. Called holding nothing: it may spawn,
 *       wake, take as long as it likes
 *
 * Sees every task that lives throughout the call, none twice; those of local sets and of the
 * blocking pool too. Tasks not polled yet are listed by the workers, or the thread that drives, at
 * their next poll; if that does not come within 100 ms (one long poll), they are left out:
 * pirn_runtime_dump() says how many. Threads: any, not in a read section of
 * liburcu's memb flavour.
 *
 * Return: 0; what @see returned; -EINVAL; -ENOMEM; PIRN_ENORUNTIME.
 */
PIRN_API PIRN_MUST_USE int
pirn_runtime_each_task(pirn_handle *h, int (*see)(void *user, const pirn_task_info *t), void *user);

/**
 * pirn_runtime_dump() - write every live task to @fd, a line each, as text
 *
 * First line: the runtime. Then its tasks, newest first along each worker's list, those of the
 * blocking pool and of local sets, and tasks in their first poll; last, counts. Blocks as @fd does. Threads: any. Return: 0; -EINVAL; -ENOMEM; PIRN_ENORUNTIME; write's error.
 * (tokio: Handle::dump)
 */
PIRN_API PIRN_MUST_USE int pirn_runtime_dump(pirn_handle *h, int fd);

#ifdef __cplusplus
}
#endif
#endif
