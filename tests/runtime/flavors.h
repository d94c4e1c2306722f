/* SPDX-License-Identifier: MIT */
/* Scenarios that run on every flavour, and what tests of the multi-thread one share. */
#ifndef PIRN_TESTS_RUNTIME_FLAVORS_H
#define PIRN_TESTS_RUNTIME_FLAVORS_H

#include "support.h"

struct flavor {
    enum pirn_flavor flavor;
    uint32_t workers;
};

/* A test that hangs ends here, well before the program's own limit. */
#define LIMIT_S 30

#define ON(suite, scenario, name, kind, n)                                                         \
    Test(suite, scenario##_##name, .timeout = LIMIT_S)                                             \
    {                                                                                              \
        scenario((struct flavor){kind, n});                                                        \
    }
/* @scenario: void (struct flavor), once per number of workers. */
#define EACH_MT(suite, scenario)                                                                   \
    ON(suite, scenario, mt1, PIRN_MULTI_THREAD, 1)                                                 \
    ON(suite, scenario, mt2, PIRN_MULTI_THREAD, 2)                                                 \
    ON(suite, scenario, mt4, PIRN_MULTI_THREAD, 4)
/* And on the current-thread flavour. */
#define EACH_FLAVOR(suite, scenario)                                                               \
    ON(suite, scenario, ct, PIRN_CURRENT_THREAD, 1) EACH_MT(suite, scenario)

/* ---- runtimes: anything but success fails the test ---- */
pirn_runtime *rt_on(struct flavor f);
/* Flavor, workers and allocator are filled in. */
pirn_runtime *rt_on_with(struct flavor f, pirn_runtime_opts *o);
pirn_runtime *rt_mt(uint32_t workers);
/* All defaults, but for the allocator. */
pirn_runtime_opts mt_options(uint32_t workers);

/* Until every worker sleeps; fails after 10 s. */
void rt_quiet(pirn_handle *h);
pirn_worker_metrics worker_metrics_of(pirn_handle *h, uint32_t worker);

/* ---- ends of tasks, waited for: on both flavours; the handle is freed ---- */
void ends_done(pirn_handle *h, pirn_join *j, int output);
void ends_as(pirn_handle *h, pirn_join *j, enum pirn_outcome outcome, int code);
/* Until @n of @what have happened, or more: seen by a root, so that tasks go on meanwhile. */
void run_until(pirn_handle *h, _Atomic(int) *what, int n);

/* ---- tasks ---- */
/* Wakes itself until it is told to stop; counts. */
struct spinner {
    _Atomic(bool) stop;
    _Atomic(int) polls;
};
int spinner_poll(void *spinner, pirn_cx *cx, int *out);

/* Keeps its worker from the first poll on until it is let go. */
struct stopper {
    sem_t entered, go;
    _Atomic(int) worker;
    _Atomic(bool) done;
};
void stopper_init(struct stopper *s);
int stopper_poll(void *stopper, pirn_cx *cx, int *out);
/* In a poll of another kind: the same. */
void stopper_stop(struct stopper *s);

int add_poll(void *counter, pirn_cx *cx, int *out); /* ++*(_Atomic(int) *)counter; output 0 */
void add_drop(void *counter);                       /* likewise */

/* ---- the process ---- */
/* @see: gets the name of each thread's folder below /proc/self/task. */
void each_thread(void (*see)(void *user, const char *folder), void *user);
int count_threads(void);
/* Until there are @n threads: one that was joined may still be listed for a moment. */
void threads_are(int n);
/* The line of @file in @folder that begins with @key, without it; whole for "". */
void thread_line(const char *folder, const char *file, const char *key, char *line, size_t n);
/* Whether @says becomes true within 10 s. */
bool comes_true(bool (*says)(void *user), void *user);
void nap(int64_t ns); /* time passes */

#endif
