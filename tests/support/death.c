/* SPDX-License-Identifier: MIT */
/* What a process says when it ends on purpose: misuse, failed assertions, reports of a sanitizer. */
#include "tests/support/death.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool done, const char *what)
{
    if (!done) {
        perror(what);
        abort();
    }
}

static void be_the_child(int out, void (*fn)(void *arg), void *arg)
{
    static const struct rlimit no_core = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)dup2(out, STDERR_FILENO);
    fn(arg);
    _exit(0);
}

void death_of(void (*fn)(void *arg), void *arg, struct death *d)
{
    size_t used = 0;
    char rest[256];
    ssize_t n;
    int ends[2], status;
    pid_t child;

    must(pipe(ends) == 0, "pipe");
    child = fork();
    must(child >= 0, "fork");
    if (child == 0)
        be_the_child(ends[1], fn, arg);
    close(ends[1]);
    memset(d, 0, sizeof *d);
    while (used < sizeof d->text - 1 &&
           (n = read(ends[0], d->text + used, sizeof d->text - 1 - used)) > 0)
        used += (size_t)n;
    while (read(ends[0], rest, sizeof rest) > 0)
        continue;
    close(ends[0]);
    must(waitpid(child, &status, 0) == child, "waitpid");
    d->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    d->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

bool dies_saying(void (*fn)(void *arg), void *arg, const char *word)
{
    struct death d;

    death_of(fn, arg, &d);
    return d.signal == SIGABRT && strstr(d.text, word) != NULL;
}
