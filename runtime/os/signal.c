/* SPDX-License-Identifier: MIT */
/* The handler of signals, and whom it passes them on to. */
#include "runtime/os/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/os/lock.h"

static struct lock install_lock = {PTHREAD_MUTEX_INITIALIZER};
static bool installed[SIGNAL_MAX + 1]; /* guard: install_lock */
/* What was there before. guard: written before the handler is there, then immutable. */
static struct sigaction replaced[SIGNAL_MAX + 1];
static _Atomic(uint32_t) counts[SIGNAL_MAX + 1];
static _Atomic(int) event_fd = -1; /* set once, before there is a handler */

static void call_replaced(int signo, siginfo_t *info, void *context)
{
    const struct sigaction *old = &replaced[signo];

    if (old->sa_flags & SA_SIGINFO)
        old->sa_sigaction(signo, info, context);
    else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN)
        old->sa_handler(signo);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    const uint64_t one = 1;
    int saved = errno;

    /* mo: release pairs with [counted] in count; what a handler may have to hand over. */
    (void)atomic_fetch_add_explicit(&counts[signo], 1, memory_order_release);
    /* mo: relaxed. It was set before this handler was installed. */
    if (write(atomic_load_explicit(&event_fd, memory_order_relaxed), &one, sizeof one) < 0)
        errno = saved; /* full after 2^64 signals */
    call_replaced(signo, info, context);
    errno = saved;
}

/* With the lock. */
static int install(int signo)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};

    action.sa_sigaction = on_signal;
    if (sigaction(signo, NULL, &replaced[signo]) != 0)
        return -errno;
    action.sa_mask = replaced[signo].sa_mask;
    return sigaction(signo, &action, NULL) == 0 ? 0 : -errno;
}

/* With the lock. */
static int open_channel(void)
{
    /* mo: relaxed, both: written with the lock, and read by handlers installed later. */
    int fd = atomic_load_explicit(&event_fd, memory_order_relaxed);

    if (fd < 0) {
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
            return -errno;
        atomic_store_explicit(&event_fd, fd, memory_order_relaxed);
    }
    return fd;
}

int pirn__signal_install(int signo, int *channel)
{
    int r;

    if (signo < 1 || signo > SIGNAL_MAX || signo == SIGKILL || signo == SIGSTOP ||
        signo == SIGILL || signo == SIGFPE || signo == SIGSEGV)
        return -EINVAL;
    lock_take(&install_lock);
    r = open_channel();
    if (r >= 0) {
        *channel = r;
        r = installed[signo] ? 0 : install(signo); /* -EINVAL: the C library's own */
        if (r == 0)
            installed[signo] = true;
    }
    lock_give(&install_lock);
    return r;
}

void pirn__signal_poke(int channel)
{
    const uint64_t one = 1;

    if (write(channel, &one, sizeof one) < 0)
        return; /* full after 2^64 signals */
}

uint32_t pirn__signal_count(int signo)
{
    /* mo: acquire pairs with [counted] in the handler. */
    return atomic_load_explicit(&counts[signo], memory_order_acquire);
}
