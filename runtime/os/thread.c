/* SPDX-License-Identifier: MIT */
/* Making threads that take no signals, and their names. */
#include "runtime/os/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    THREAD_NAME_BYTES = 16 /* the kernel's, with the NUL */
};

struct thread_start {
    void (*fn)(void *arg);
    void *arg;
    char name[THREAD_NAME_BYTES];
};

static void *begin_thread(void *arg)
{
    struct thread_start s = *(struct thread_start *)arg;

    free(arg);
    (void)pthread_setname_np(pthread_self(), s.name);
    s.fn(s.arg);
    return NULL;
}

/* With every signal blocked from its first instruction on: it inherits the mask. */
static int create_deaf(pthread_t *id, const pthread_attr_t *attr, struct thread_start *s)
{
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(id, attr, begin_thread, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int pirn__thread_start(pthread_t *id, size_t stack_bytes, const char *name, void (*fn)(void *arg),
                       void *arg)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct thread_start *s = malloc(sizeof *s);
    pthread_attr_t attr;
    int r;

    if (s == NULL)
        return -ENOMEM;
    s->fn = fn;
    s->arg = arg;
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    r = pthread_attr_init(&attr);
    if (r == 0) {
        if (stack_bytes != 0)
            r = pthread_attr_setstacksize(&attr, (stack_bytes + page - 1) / page * page);
        if (r == 0)
            r = create_deaf(id, &attr, s);
        (void)pthread_attr_destroy(&attr);
    }
    if (r == 0)
        return 0;
    free(s);
    return r == ENOMEM ? -ENOMEM : -EAGAIN;
}

void pirn__thread_join(pthread_t id)
{
    (void)pthread_join(id, NULL); /* fails for no thread that is joined once */
}

uint64_t pirn__thread_id(void)
{
    return (uint64_t)syscall(SYS_gettid);
}
