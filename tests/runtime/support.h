/* SPDX-License-Identifier: MIT */
/* What the tests of runtime/ share: futures made of a function, a counting allocator that can fail,
 * and short forms of the calls that every test makes. */
#ifndef PIRN_TESTS_RUNTIME_SUPPORT_H
#define PIRN_TESTS_RUNTIME_SUPPORT_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include <pirn.h>

/* Checks. Criterion hears of those that fail only: its channel is not for several threads at once. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            cr_assert_fail("not true: %s", #cond);                                                 \
    } while (0)
#define CHECK_SAYS(cond, ...)                                                                      \
    do {                                                                                           \
        if (!(cond))                                                                               \
            cr_assert_fail(__VA_ARGS__);                                                           \
    } while (0)
/* Equal as 64-bit numbers; both are shown. */
#define EQ(a, b)                                                                                   \
    do {                                                                                           \
        long long a_ = (long long)(a), b_ = (long long)(b);                                        \
        CHECK_SAYS(a_ == b_, "%s is %lld, not %lld", #a, a_, b_);                                  \
    } while (0)
#define SAME_TEXT(a, b)                                                                            \
    do {                                                                                           \
        const char *s_ = (a), *t_ = (b);                                                           \
        CHECK_SAYS(s_ != NULL && t_ != NULL && strcmp(s_, t_) == 0, "%s is \"%s\", not \"%s\"",    \
                   #a, s_ != NULL ? s_ : "(null)", t_ != NULL ? t_ : "(null)");                    \
    } while (0)
/* The text of the last error names this. */
#define SAYS(word)                                                                                 \
    CHECK_SAYS(strstr(pirn_last_error_text(), word) != NULL, "\"%s\" does not name %s",            \
               pirn_last_error_text(), word)

/* ---- memory ---- */
struct tally {
    pirn_alloc alloc;
    _Atomic(int64_t) live, bytes; /* what is out now */
    _Atomic(int64_t) calls;       /* of alloc */
    _Atomic(int64_t) fail_at;     /* that call of alloc, from now on, returns NULL; 0: none */
    _Atomic(int64_t) failed;
};
extern struct tally tally;

/* ---- futures made of a function ---- */
typedef int step_fn(void *user, pirn_cx *cx, int *out);

struct closure {
    step_fn *poll;
    void (*drop)(void *user); /* NULL: none */
    void *user;
};
extern const pirn_task_desc closure_desc; /* of struct closure, with an int as output */
extern _Atomic(int) outputs_dropped;      /* of closure_desc */

/* Waits to be opened, by any thread; counts what is done to it. Zeroed is shut. */
struct gate {
    _Atomic(bool) open;
    int value; /* its output */
    _Atomic(int) polls, drops;
    uint64_t poll_id, drop_id; /* pirn_task_id() in them */
    pirn_waker_cell cell;
};
int gate_poll(void *gate, pirn_cx *cx, int *out);
void gate_drop(void *gate);
void gate_open(struct gate *g);

/* Joins a handle and frees it; the output is the task's. */
struct joining {
    pirn_join *join;
    pirn_result res;
};
int joining_poll(void *joining, pirn_cx *cx, int *out);

int ready_poll(void *user, pirn_cx *cx, int *out);   /* done at once; output 0 */
int pending_poll(void *user, pirn_cx *cx, int *out); /* never done */
void count_drop(void *counter);                      /* ++*(int *)counter */

/* A waker that counts. */
struct wakes {
    _Atomic(int) woken, clones, drops; /* by value: a wake and a drop */
};
pirn_waker wakes_waker(struct wakes *w); /* one more clone */

/* ---- short forms: anything but success fails the test ---- */
pirn_runtime *rt_new(void);
pirn_runtime *rt_new_with(pirn_runtime_opts *o); /* flavor and allocator are filled in */
void rt_free(pirn_runtime *rt);                  /* and no memory is left */
void rt_idle(pirn_runtime *rt);                  /* turns until nothing is ready */
pirn_join *spawn(pirn_handle *h, step_fn *fn, void *user);
pirn_join *spawn_dropping(pirn_handle *h, step_fn *fn, void (*drop)(void *), void *user);
pirn_join *spawn_gate(pirn_handle *h, struct gate *g);
int block_on(pirn_handle *h, step_fn *fn, void *user); /* the output */
pirn_metrics metrics_of(pirn_handle *h);
/* The result is there and is this; the handle is freed. */
void join_is(pirn_join *j, enum pirn_outcome outcome, int code);
void join_done(pirn_join *j, int output);
/* One poll of the join under @w. */
int join_poll_with(pirn_join *j, const pirn_waker *w, pirn_result *res, int *out);

/* A dump as text, to be freed; the file is in memory, so that no reader is needed. */
char *dump_of(pirn_handle *h);
void has(const char *dump, const char *text);

pthread_t start_thread(void *(*fn)(void *), void *arg);
void end_thread(pthread_t t);
void post(sem_t *s);
void await(sem_t *s);

/* Whether @fn, in a process of its own, ends by abort() with @says in its message. */
void expect_abort(void (*fn)(void), const char *says);

#endif
