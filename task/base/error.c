/* SPDX-License-Identifier: MIT */
/* How errors are said: codes to text, this thread's last text, and the two ways to end a process. */
#include "task/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pirn/task.h>

#include "task/base/assert.h"
#include "task/base/scope.h"

static const struct {
    int code;
    const char *text;
} own_codes[] = {
    {PIRN_EOF, "end of stream"},
    {PIRN_ECLOSED, "channel closed"},
    {PIRN_ESHUTDOWN, "runtime shut down"},
    {PIRN_ELAGGED, "receiver lagged behind"},
    {PIRN_ENORUNTIME, "no runtime on this thread"},
    {PIRN_EFAULT, "task faulted"},
};

const char *pirn_strerror(int err)
{
    const char *text;

    for (size_t i = 0; i < sizeof own_codes / sizeof *own_codes; i++)
        if (own_codes[i].code == err)
            return own_codes[i].text;
    if (err == 0)
        return "success";
    /* INT_MIN has no positive twin. */
    text = err > -4096 && err < 4096 ? strerrordesc_np(err < 0 ? -err : err) : NULL;
    return text != NULL ? text : "unknown error";
}

const char *pirn_last_error_text(void)
{
    return pirn__scope.error_text;
}

int pirn__error(int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(pirn__scope.error_text, sizeof pirn__scope.error_text, fmt, args);
    va_end(args);
    return err;
}

void pirn__assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "pirn: BUG IN PIRN: %s (%s:%d)\n", what, file, line);
    abort();
}

void pirn__client_bug(const char *call, const char *text)
{
    fprintf(stderr, "pirn: BUG IN CALLER OF %s(): %s\n", call, text);
    abort();
}
