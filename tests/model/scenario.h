/* SPDX-License-Identifier: MIT */
/* One scenario as its drivers see it, and what a driver lends it. */
#ifndef PIRN_TESTS_MODEL_SCENARIO_H
#define PIRN_TESTS_MODEL_SCENARIO_H

#include <stddef.h>

enum {
    MODEL_THREADS_MAX = 3,
    MODEL_MAIN = MODEL_THREADS_MAX, /* model_me() in setup and check */
};

struct model_scenario {
    const char *name;
    unsigned threads;
    void (*setup)(void);          /* alone, before: initialises all that the threads share */
    void (*run)(unsigned thread); /* at once, by each */
    void (*check)(void);          /* alone, after */
};

extern const struct model_scenario model_scenario;

/* Which thread runs this. */
unsigned model_me(void);

/* Memory whose misuse and whose loss is noticed. */
void *model_alloc(size_t n);
void model_free(void *memory);

/* This thread cannot go on before another one has done something. */
void model_relax(void);

#endif
