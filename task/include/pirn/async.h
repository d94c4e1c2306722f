/* SPDX-License-Identifier: MIT */
/* pirn/async.h: poll functions that read from top to bottom.
 *
 *     struct echo { PIRN_FRAME; pirn_op op; pirn_stream *s; size_t n; char buf[4096]; };
 *
 *     static int echo_poll(void *frame, pirn_cx *cx, void *out)
 *     {
 *         struct echo *f = (struct echo *)frame;
 *
 *         PIRN_BEGIN(f);
 *         for (;;) {
 *             PIRN_TRY(f, pirn_stream_read_poll(&f->op, cx, f->s, f->buf, sizeof f->buf, &f->n));
 *             if (f->n == 0)
 *                 break;
 *             PIRN_TRY(f, pirn_stream_write_all_poll(&f->op, cx, f->s, f->buf, f->n, NULL));
 *         }
 *         PIRN_END(f);
 *     }
 *
 * It is a plain poll function: PIRN_BEGIN opens a switch over the place where the last poll stopped,
 * every await is a case of it and returns PIRN_PENDING from there. So an await stands in the function
 * itself, inside its loops and ifs, but not inside a switch of its own; what must outlive an await
 * stands in the frame, not in a local; one line has one await. docs/async.md has the rules with their
 * reasons, and which compiler finds what.
 *
 * In every macro `f` is a pointer to the frame, evaluated several times: a plain local or `this`.
 * `poll` is an expression that is evaluated at every poll until it is not PIRN_PENDING. Everything
 * here runs on the polling thread and orders nothing. */
#ifndef PIRN_ASYNC_H
#define PIRN_ASYNC_H

#include <pirn/frame.h>

/**
 * PIRN_FRAME - the first member of a frame: where its poll function goes on
 *
 * Zero is a fresh frame: the next poll begins at the top. It is zero again from the moment a poll
 * begins until it suspends, so that any `return` ends the run and leaves a fresh frame, a fault too.
 * In a C++ class with constructors: `PIRN_FRAME = 0;`.
 */
#define PIRN_FRAME uint32_t pirn_at_

/**
 * PIRN_BEGIN() - goes on where the frame stopped; once, before the first await
 *
 * What stands before it runs at every poll. A frame that is to go on at no await of this function
 * (an await inside a switch of the caller's, a frame that was not zeroed): message, abort.
 */
#define PIRN_BEGIN(f)                                                                              \
    const uint64_t pirn_case_ = pirn_frame_enter_(&(f)->pirn_at_);                                 \
    switch (pirn_case_) {                                                                          \
    default:                                                                                       \
        pirn_frame_lost((uint32_t)pirn_case_, __FILE__, __LINE__, __func__);                       \
    case PIRN_CASE_(0):

/** PIRN_END() - the end of the function: done, `return 0` */
#define PIRN_END(f)                                                                                \
    }                                                                                              \
    (void)(f);                                                                                     \
    return 0

/**
 * PIRN_AWAIT() - `PIRN_AWAIT(f, r = poll)`: wait until `poll` is done
 *
 * Afterwards r, a plain local, is 0 or the error. Cancelled half-way: what `poll` waited on is
 * dropped, and what that loses is told there. (tokio: .await)
 */
#define PIRN_AWAIT(f, ...) PIRN_AWAIT_(f, __LINE__, (__VA_ARGS__))

/** PIRN_TRY() - `PIRN_TRY(f, poll)`: the same, and an error is returned from here (Rust: .await?) */
#define PIRN_TRY(f, ...) PIRN_TRY_(f, __LINE__, (__VA_ARGS__))

/** PIRN_YIELD() - let everything else that is ready go first (tokio: task::yield_now) */
#define PIRN_YIELD(f, cx) PIRN_YIELD_(f, cx, __LINE__)

/**
 * PIRN_SELECT() - `PIRN_SELECT(f, won, r, op0, poll0, op1, poll1, …)`: wait for the first of them
 * @won: a local: receives the index of the branch that was done
 * @r:   a local: receives what its poll returned, 0 or the error
 * @op0: what poll0 waits with, dropped when another branch has won; NULL: it is left as it is, to go
 *       on later (a join, an interval, an op that another await takes up again)
 *
 * Two to eight branches, polled in this order at every poll: the first that is done wins, those
 * behind it are not polled then. A branch that is always ready keeps the others from winning.
 * Losers are dropped newest branch first, before the statement ends; what an operation loses by that
 * is told there. No two branches use one op. A frame of its own as a branch is given as NULL; abandoned,
 * its ops are dropped by hand. (tokio: select! with `biased`)
 */
#define PIRN_SELECT(f, won, r, ...)                                                                \
    PIRN_SELECT_(f, __LINE__, won, r, PIRN_COUNT_(__VA_ARGS__), __VA_ARGS__)

/**
 * PIRN_JOIN_ALL() - `PIRN_JOIN_ALL(f, f->mask, f->r0 = poll0, f->r1 = poll1, …)`: wait for all
 * @mask: an unsigned in the frame: which are done. 0 before and after
 * @r0:   in the frame: receives 0 or the error of its poll
 *
 * One to eight branches. An error of one does not end the others. The first poll goes through them in
 * this order, every later one begins one further on: so none that always has something to do keeps
 * the budget from the others. A branch that is done is not polled again. (tokio: join!)
 */
#define PIRN_JOIN_ALL(f, mask, ...)                                                                \
    PIRN_JOIN_(f, __LINE__, mask, PIRN_COUNT_(__VA_ARGS__), __VA_ARGS__)

/**
 * PIRN_TASK_INIT() - initialises a pirn_task_desc: `static const pirn_task_desc d = PIRN_TASK_INIT(…);`
 * @name: a string
 * @frame_t: the frame's type, with PIRN_FRAME as its first member or without
 */
#define PIRN_TASK_INIT(name, frame_t, poll, drop) PIRN_DESC_(name, frame_t, poll, drop, 0, 0, NULL)

/** PIRN_TASK_OUT_INIT() - the same for a task with an output; @out_drop may be NULL */
#define PIRN_TASK_OUT_INIT(name, frame_t, poll, drop, out_t, out_drop)                             \
    PIRN_DESC_(name, frame_t, poll, drop, sizeof(out_t), PIRN_ALIGN_(out_t), out_drop)

/**
 * PIRN_TYPED() - the calls that start and join one kind of task, with its types checked
 * @name:    of the task: there is a pirn_task_desc `name_task` of @frame_t and @out_t
 * @out_t:   void: it has no output
 *
 * Makes name_spawn(), name_begin(), name_group_spawn(), name_join_poll() and name_join_wait(): pirn_spawn() and
 * so on, with their errors. At file scope, without a semicolon, after <pirn.h>.
 */
#define PIRN_TYPED(name, frame_t, out_t)                                                           \
    PIRN_UNUSED_ PIRN_MUST_USE static inline int name##_spawn(                                     \
        pirn_handle *h, const frame_t *frame, pirn_join **out)                                     \
    {                                                                                              \
        return pirn_spawn(h, &name##_task, frame, out);                                            \
    }                                                                                              \
    PIRN_UNUSED_ PIRN_MUST_USE static inline int name##_begin(pirn_handle *h, frame_t **frame)     \
    {                                                                                              \
        void *p;                                                                                   \
        int r = pirn_spawn_begin(h, &name##_task, &p);                                             \
                                                                                                   \
        if (r == 0)                                                                                \
            *frame = (frame_t *)p;                                                                 \
        return r;                                                                                  \
    }                                                                                              \
    PIRN_UNUSED_ PIRN_MUST_USE static inline int name##_group_spawn(                               \
        pirn_group *g, const frame_t *frame, uint64_t *id)                                         \
    {                                                                                              \
        return pirn_group_spawn(g, &name##_task, frame, id);                                       \
    }                                                                                              \
    PIRN_UNUSED_ PIRN_MUST_USE static inline int name##_join_poll(pirn_join *j, pirn_cx *cx,       \
                                                                  pirn_result *res, out_t *out)    \
    {                                                                                              \
        return pirn_join_poll(j, cx, res, out);                                                    \
    }                                                                                              \
    PIRN_UNUSED_ PIRN_MUST_USE static inline int name##_join_wait(                                 \
        pirn_join *j, pirn_time deadline, pirn_result *res, out_t *out)                            \
    {                                                                                              \
        return pirn_join_wait(j, deadline, res, out);                                              \
    }

#endif
