/* SPDX-License-Identifier: MIT */
/* pirn/io.h: waiting for a descriptor of any kind, and for signals.
 *
 * For sockets and pipes there is pirn/net.h. This is for descriptors of other libraries (libcurl,
 * libpq), terminals, eventfds, inotify, netlink: whatever epoll takes. */
#ifndef PIRN_IO_H
#define PIRN_IO_H

#include <pirn/op.h>
#include <pirn/runtime.h>
#include <pirn/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_fd pirn_fd; /* a descriptor that a runtime watches; one owner */

/* What to wait for, the first three; and what there is. */
enum {
    PIRN_READABLE = 1u << 0,
    PIRN_WRITABLE = 1u << 1,
    PIRN_READ_CLOSED = 1u << 2,  /* nothing will come after what is there to read */
    PIRN_WRITE_CLOSED = 1u << 3, /* nothing that is written will arrive */
    PIRN_PRIORITY = 1u << 4, /* out-of-band data, or what the descriptor takes for it: EPOLLPRI */
    PIRN_ERROR = 1u << 5     /* an error is to be read, by reading, writing or SO_ERROR */
};

/* Of pirn_fd_new(). */
enum {
    PIRN_FD_OWN = 1u << 0,     /* pirn_fd_free() closes it */
    PIRN_FD_LEVEL = 1u << 1,   /* ready means: there is something now; nothing is taken */
    PIRN_FD_NONBLOCK = 1u << 2 /* make it non-blocking, instead of refusing it if it is not */
};

/**
 * pirn_fd_new() - have a runtime watch a descriptor
 * @h:     NULL: the current runtime
 * @fd:    open, and open until pirn_fd_free(); once per runtime. A socket that is to connect does so
 *         first. Must be non-blocking, or PIRN_FD_NONBLOCK or PIRN_FD_LEVEL be given
 * @flags: PIRN_FD_*
 *
 * With PIRN_FD_LEVEL readiness is asked of the kernel at every poll, a system call each, and may be
 * left unused. Without it readiness is taken: whoever is told goes on until EAGAIN. A blocking
 * descriptor is refused then, since that would never come. (Such as standard input, which is shared
 * with others who may not want it non-blocking: PIRN_FD_LEVEL, and one read per readiness.)
 *
 * If @fd is closed too early, operations that wait on it may wait for ever; pirn_fd_free() is safe
 * still, but takes another descriptor out of the runtime's sight if one of the same number was
 * registered since.
 *
 * Threads: any. Return: 0; and with @fd untouched (PIRN_FD_NONBLOCK may have been done) and the
 * caller's: -EINVAL: NULL @out, unknown flags, or it blocks; -EBADF; -EPERM: it has no readiness (a
 * regular file, a folder); -EEXIST: registered with this runtime already; -ENOMEM, -ENOSPC
 * (/proc/sys/fs/epoll/max_user_watches); -ELOOP (an epoll descriptor that watches the runtime's);
 * PIRN_ENORUNTIME; PIRN_ESHUTDOWN. (tokio: AsyncFd::new)
 */
PIRN_API PIRN_MUST_USE int pirn_fd_new(pirn_handle *h, int fd, uint32_t flags, pirn_fd **out);

/**
 * pirn_fd_free() - the runtime looks at it no more; NULL is fine
 *
 * Operations that wait on it return -ECANCELED without touching it. With PIRN_FD_OWN it is closed
 * here, or, if there are such operations, by the last of them when it is polled or dropped. Threads:
 * any, also after the runtime's end, also in drops.
 */
PIRN_API void pirn_fd_free(pirn_fd *f);

/**
 * pirn_fd_ready_poll() - wait until a descriptor is ready
 * @interest: of PIRN_READABLE, _WRITABLE and _PRIORITY one or more
 * @ready:    receives what there is, of @interest, and the matching _CLOSED and _ERROR; never 0
 *
 * Takes the readiness it returns: go on until EAGAIN, then poll again; an end of stream or an error is
 * as good. Only then is a new one told. What is closed is told at every poll. With PIRN_FD_LEVEL
 * nothing is taken.
 *
 * Any number of operations, of one task or of several, may wait on one descriptor: all that wait for
 * what becomes ready are told. One unit of budget. Threads: polling ones, several at once.
 *
 * Dropped half-way nothing is lost. But a task that was told and ends before EAGAIN leaves others
 * waiting until something new comes: if that may happen, PIRN_FD_LEVEL.
 *
 * Return: 0; PIRN_PENDING; -ECANCELED: freed meanwhile; -EBADF: it was closed (with PIRN_FD_LEVEL);
 * -EINVAL: NULL, or a wrong @interest; PIRN_ESHUTDOWN: its runtime has shut down.
 * (tokio: AsyncFd::ready, Guard::clear_ready)
 */
PIRN_API PIRN_MUST_USE int pirn_fd_ready_poll(pirn_op *op, pirn_cx *cx, pirn_fd *f,
                                              unsigned interest, unsigned *ready);

/** pirn_fd_number() - the descriptor that was given; -EINVAL for NULL. Threads: any. */
PIRN_API int pirn_fd_number(const pirn_fd *f);

/**
 * pirn_signal_poll() - wait for a signal
 * @signo: 1 to SIGRTMAX
 *
 * The first call for @signo installs a handler, for the whole process and for good: its default
 * action does not come back. A handler that was installed before is called after ours. Every call
 * that waits when the signal comes returns, in all runtimes. One that comes to a runtime while none
 * of its calls waits is kept for the next, since the first call on that runtime; of several, one.
 *
 * The process's threads must not all block @signo: those that pirn makes block all, so leave it
 * unblocked in the thread that calls pirn_block_on(), or any other. After a fork the child's signals
 * are its own, but a handler installed by the parent stays until exec. Two copies of this library in
 * one process call each other's handlers.
 *
 * One unit of budget. Dropped half-way nothing is lost: a signal that came is kept for the next call
 * if no other one got it. Threads: polling ones.
 *
 * Return: 0; PIRN_PENDING; -EINVAL: no such signal, or one that cannot be waited for: SIGKILL,
 * SIGSTOP, SIGILL, SIGFPE, SIGSEGV; PIRN_ENORUNTIME: the poll is in no runtime; PIRN_ESHUTDOWN;
 * -ENOMEM, -EMFILE, -ENFILE, -ENOSPC at the first call. (tokio: signal::unix::signal)
 */
PIRN_API int pirn_signal_poll(pirn_op *op, pirn_cx *cx, int signo);

#ifdef __cplusplus
}
#endif
#endif
