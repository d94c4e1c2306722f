/* SPDX-License-Identifier: MIT */
/* What a scenario includes first: its shape, and its driver for the tool it is built for.
 *
 * MODEL_GENMC   under the model checker GenMC: one execution per behaviour, exhaustively
 * MODEL_RELACY  under relacy: compiled with -fsanitize=thread, linked with relacy/engine.cpp
 * neither       an ordinary program that plays many rounds on real threads
 *
 * A scenario defines setup(), run() and check() and ends with MODEL_SCENARIO(name, threads). */
#ifndef PIRN_TESTS_MODEL_MODEL_H
#define PIRN_TESTS_MODEL_MODEL_H

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/model/scenario.h"

#if !defined(ECANCELED) /* the checker brings headers of its own */
#    define ECANCELED 125
#endif

static void setup(void);
static void run(unsigned thread);
static void check(void);

#if defined(MODEL_RELACY)

#    define MODEL_SCENARIO(text, count)                                                            \
        const struct model_scenario model_scenario = {text, count, setup, run, check};

#else
#    include <pthread.h>

static _Thread_local unsigned model_self = MODEL_MAIN;

unsigned model_me(void)
{
    return model_self;
}

void *model_alloc(size_t n)
{
    return malloc(n);
}

void model_free(void *memory)
{
    free(memory);
}

#    define MODEL_SCENARIO(text, count)                                                            \
        enum {                                                                                     \
            MODEL_THREADS = (count)                                                                \
        };                                                                                         \
        static pthread_t model_threads[count];                                                     \
        MODEL_DRIVER

#    if defined(MODEL_GENMC)
void model_relax(void)
{
    __VERIFIER_assume(0);
}

#        define MODEL_DRIVER                                                                       \
            static void *model_thread(void *arg)                                                   \
            {                                                                                      \
                model_self = (unsigned)(uintptr_t)arg;                                             \
                run(model_self);                                                                   \
                return NULL;                                                                       \
            }                                                                                      \
            int main(void)                                                                         \
            {                                                                                      \
                setup();                                                                           \
                for (uintptr_t i = 0; i < MODEL_THREADS; i++)                                      \
                    (void)pthread_create(&model_threads[i], NULL, model_thread, (void *)i);        \
                for (unsigned i = 0; i < MODEL_THREADS; i++)                                       \
                    (void)pthread_join(model_threads[i], NULL);                                    \
                check();                                                                           \
                return 0;                                                                          \
            }
#    else
#        include <sched.h>

enum {
    MODEL_ROUNDS = 2000,
    MODEL_ROUNDS_LONG = 200000
};

static pthread_barrier_t model_gate;
static unsigned model_rounds;

void model_relax(void)
{
    (void)sched_yield();
}

/* A head start for somebody else, of a different length in every round. */
static void model_stagger(unsigned thread, unsigned round)
{
    unsigned x = (round * 3 + thread) * 2654435761u;

    for (volatile unsigned n = x >> 16 & 255; n > 0; n--)
        ;
}

#        define MODEL_DRIVER                                                                       \
            static void *model_thread(void *arg)                                                   \
            {                                                                                      \
                model_self = (unsigned)(uintptr_t)arg;                                             \
                for (unsigned i = 0; i < model_rounds; i++) {                                      \
                    (void)pthread_barrier_wait(&model_gate);                                       \
                    model_stagger(model_self, i);                                                  \
                    run(model_self);                                                               \
                    (void)pthread_barrier_wait(&model_gate);                                       \
                }                                                                                  \
                return NULL;                                                                       \
            }                                                                                      \
            int main(void)                                                                         \
            {                                                                                      \
                model_rounds =                                                                     \
                    getenv("PIRN_TEST_LONG") != NULL ? MODEL_ROUNDS_LONG : MODEL_ROUNDS;           \
                (void)pthread_barrier_init(&model_gate, NULL, MODEL_THREADS + 1);                  \
                for (uintptr_t i = 0; i < MODEL_THREADS; i++)                                      \
                    if (pthread_create(&model_threads[i], NULL, model_thread, (void *)i) != 0)     \
                        abort();                                                                   \
                for (unsigned i = 0; i < model_rounds; i++) {                                      \
                    setup();                                                                       \
                    (void)pthread_barrier_wait(&model_gate);                                       \
                    (void)pthread_barrier_wait(&model_gate);                                       \
                    check();                                                                       \
                }                                                                                  \
                for (unsigned i = 0; i < MODEL_THREADS; i++)                                       \
                    (void)pthread_join(model_threads[i], NULL);                                    \
                return 0;                                                                          \
            }
#    endif
#endif
#endif
