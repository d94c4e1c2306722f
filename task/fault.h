/* SPDX-License-Identifier: MIT */
/* How a fault is contained: the recovery points, and the text that goes into a result. */
#ifndef PIRN_TASK_FAULT_H
#define PIRN_TASK_FAULT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "task/base/compiler.h"
#include "task/sched.h"

/* A place pirn_fault() unwinds to. The scheduler's loop sets one per entry; pirn__contain() one
 * per call. */
struct recovery {
    jmp_buf at;
    void *guards; /* the scope's when this was set */
};

struct fault_record {
    int code;
    char text[]; /* NUL-terminated */
};

/* Calls fn(arg) so that a fault in it ends it and nothing else. Return: false: it faulted; code and
 * text are in the scope. Puts the scope back as it was in either case. */
bool pirn__contain(void (*fn)(void *arg), void *arg);

/* As pirn__contain(), and blocking waits inside it are refused: for drops and hooks. */
bool pirn__contain_busy(void (*fn)(void *arg), void *arg);

/* Raises a fault with the code and text that lie in the scope. */
_Noreturn void pirn__fault_raise(void);

/* Leaves code and text in the scope without raising. */
COLD void pirn__fault_note(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What lies in the scope, as a record; NULL: no memory. */
struct fault_record *pirn__fault_record_new(const pirn_alloc *a);
void pirn__fault_record_free(const pirn_alloc *a, struct fault_record *f);

int pirn__fault_code(void);
const char *pirn__fault_text(void);

#endif
