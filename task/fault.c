/* SPDX-License-Identifier: MIT */
/* The "panic" of C: pirn_fault() and the recovery points it unwinds to.
 *
 * A fault leaves its code and text in the thread's scope and jumps to the innermost recovery point.
 * The poll path has one for the whole loop of a scheduler, because setting one costs as much as a
 * small poll; what is cold, or nested in somebody else's poll, gets its own from pirn__contain(),
 * so that a child's drop never faults its parent. */
#include "task/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/base/scope.h"
#include "task/cx.h"

static bool contain(void (*fn)(void *arg), void *arg, unsigned busy)
{
    struct recovery here;
    /* volatile: read after the jump. */
    struct recovery *volatile outer = pirn__scope.recovery;
    struct pirn_cx *volatile cx = pirn__scope.cx;
    volatile uint64_t id = pirn__scope.task_id;
    volatile unsigned was_busy = pirn__scope.busy;
    void *volatile runtime = pirn__scope.runtime;
    void *volatile guards = pirn__scope.guards;
    struct pirn_op **volatile dropping = pirn__scope.dropping;
    volatile bool whole = false;

    here.guards = pirn__scope.guards;
    if (_setjmp(here.at) == 0) {
        pirn__scope.recovery = &here;
        pirn__scope.busy += busy;
        fn(arg);
        whole = true;
    }
    pirn__scope.recovery = outer;
    pirn__scope.cx = cx;
    pirn__scope.task_id = id;
    pirn__scope.busy = was_busy;
    pirn__scope.runtime = runtime;
    pirn__scope.guards = guards;
    pirn__scope.dropping = dropping;
    return whole;
}

bool pirn__contain(void (*fn)(void *arg), void *arg)
{
    return contain(fn, arg, 0);
}

bool pirn__contain_busy(void (*fn)(void *arg), void *arg)
{
    return contain(fn, arg, 1);
}

static void note(int code, const char *fmt, va_list args)
{
    pirn__scope.fault_code = code;
    (void)vsnprintf(pirn__scope.fault_text, sizeof pirn__scope.fault_text, fmt, args);
}

void pirn__fault_note(int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    note(code, fmt, args);
    va_end(args);
}

void pirn__fault_raise(void)
{
    if (pirn__scope.recovery == NULL) {
        fprintf(stderr, "pirn: fault %d outside of a task: %s\n", pirn__scope.fault_code,
                pirn__scope.fault_text);
        abort();
    }
    /* While the stack that has them is still there. */
    if (pirn__scope.guards != pirn__scope.recovery->guards)
        pirn__scope.leave_guards(pirn__scope.recovery->guards);
    _longjmp(pirn__scope.recovery->at, 1);
}

void pirn_fault(int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    note(code, fmt, args);
    va_end(args);
    pirn__fault_raise();
}

int pirn_cx_fault(pirn_cx *cx, int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    note(code, fmt, args);
    va_end(args);
    if (cx->root == NULL)
        pirn__fault_raise(); /* no task to end by returning: the executor's own fault */
    cx->root->faulted = true;
    return PIRN_EFAULT;
}

struct fault_record *pirn__fault_record_new(const pirn_alloc *a)
{
    size_t n = strlen(pirn__scope.fault_text) + 1;
    struct fault_record *f = a->alloc(a->user, sizeof *f + n, _Alignof(struct fault_record));

    if (f == NULL)
        return NULL;
    f->code = pirn__scope.fault_code;
    memcpy(f->text, pirn__scope.fault_text, n);
    return f;
}

void pirn__fault_record_free(const pirn_alloc *a, struct fault_record *f)
{
    a->free(a->user, f, sizeof *f + strlen(f->text) + 1);
}

int pirn__fault_code(void)
{
    return pirn__scope.fault_code;
}

const char *pirn__fault_text(void)
{
    return pirn__scope.fault_text;
}
