/* SPDX-License-Identifier: MIT */
/* pirn/stream.h: a byte stream: a connected TCP or Unix socket, or one end of a pipe.
 *
 * Shared: tasks that use one each hold a reference. One task reads while another writes; of two that
 * wait in the same direction the second gets -EBUSY. The errors that every operation here may return
 * are listed in pirn/net.h, and only what is particular is repeated. Buffers (`buf`, `iov` and what
 * it points to) stay where they are until the operation is idle.
 */
#ifndef PIRN_STREAM_H
#define PIRN_STREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include <pirn/addr.h>
#include <pirn/io.h>
#include <pirn/op.h>
#include <pirn/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_stream pirn_stream;

/* ---- reading ---------------------------------------------------------------------------- */

/**
 * pirn_stream_read_poll() - read what there is, at least one byte
 * @buf: @n bytes; @n 0: done at once with 0
 * @got: receives how many were read; 0 is the end of the stream (or @n is 0)
 *
 * Dropped half-way: nothing is lost, no byte has been taken.
 * Return: 0; PIRN_PENDING; -ECONNRESET, -ETIMEDOUT and the like from the peer; -EBADF: the
 * descriptor was closed behind the stream's back (seen by whoever asks the kernel next: the kernel tells
 * nobody who waits already, or begins to after a read that found nothing). (tokio: AsyncRead::poll_read)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_read_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                 void *buf, size_t n, size_t *got);

/** pirn_stream_readv_poll() - the same into @n buffers, in their order; @n up to IOV_MAX, else
 * -EINVAL. (tokio: try_read_vectored) */
PIRN_API PIRN_MUST_USE int pirn_stream_readv_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                  const struct iovec *iov, size_t n, size_t *got);

/**
 * pirn_stream_read_exact_poll() - read @n bytes, however many reads that takes
 * @got: receives @n; may be NULL
 *
 * Dropped half-way, or ended by an error: what was read so far stands in @buf, and how much is not
 * known. Return: 0; PIRN_PENDING; PIRN_EOF: the stream ended first; as pirn_stream_read_poll().
 * (tokio: AsyncReadExt::read_exact)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_read_exact_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                       void *buf, size_t n, size_t *got);

/** pirn_stream_peek_poll() - as pirn_stream_read_poll(), and what was read can be read again.
 * -ENOTSOCK: a pipe. (tokio: TcpStream::peek) */
PIRN_API PIRN_MUST_USE int pirn_stream_peek_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                 void *buf, size_t n, size_t *got);

/** pirn_stream_read_try() - as pirn_stream_read_poll(), from any thread; -EAGAIN: nothing now.
 * (tokio: try_read) */
PIRN_API PIRN_MUST_USE int pirn_stream_read_try(pirn_stream *s, void *buf, size_t n, size_t *got);

/* ---- writing ---------------------------------------------------------------------------- */

/**
 * pirn_stream_write_poll() - write what fits, at least one byte
 * @sent: receives how many the kernel took, up to @n; 0 only if @n is 0
 *
 * Dropped half-way: no byte has been written.
 * Return: 0; PIRN_PENDING; -EPIPE: the stream cannot be written to any more; -ECONNRESET, -ETIMEDOUT
 * and the like from the peer; -EBADF as in reading. (tokio: AsyncWrite::poll_write)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_write_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                  const void *buf, size_t n, size_t *sent);

/** pirn_stream_writev_poll() - the same of @n buffers, in their order; @n up to IOV_MAX, else
 * -EINVAL. (tokio: AsyncWrite::poll_write_vectored) */
PIRN_API PIRN_MUST_USE int pirn_stream_writev_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                   const struct iovec *iov, size_t n, size_t *sent);

/**
 * pirn_stream_write_all_poll() - write all @n bytes, however many writes that takes
 * @sent: receives @n; may be NULL
 *
 * Dropped half-way, or ended by an error: some first part of @buf has been written, and how much is
 * not known: the stream is of no use any more but to be closed.
 * Return: as pirn_stream_write_poll(). (tokio: AsyncWriteExt::write_all)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_write_all_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                      const void *buf, size_t n, size_t *sent);

/**
 * pirn_stream_sendfile_poll() - write a part of a file, without copying it through memory
 * @file:   a descriptor of a regular file, open for reading; borrowed until the operation is idle
 * @offset: of the first byte; the file's own position is neither used nor moved
 * @n:      bytes, less than 2^40
 * @sent:   receives how many were sent: @n, or less if the file ended first
 *
 * What of the file is not in the page cache is read from the disk by the thread that polls.
 * Dropped half-way, or ended by an error: as pirn_stream_write_all_poll().
 * Return: as pirn_stream_write_poll(); -EINVAL: @file is none that can be mapped, @offset is
 * negative, or @n too large; -EIO: the disk failed. (nginx: sendfile on; tokio has none)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_sendfile_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                     int file, off_t offset, size_t n,
                                                     size_t *sent);

/** pirn_stream_write_try() - as pirn_stream_write_poll(), from any thread; -EAGAIN: no room now.
 * (tokio: try_write) */
PIRN_API PIRN_MUST_USE int pirn_stream_write_try(pirn_stream *s, const void *buf, size_t n,
                                                 size_t *sent);

/**
 * pirn_stream_shutdown() - no more will be written: the peer reads the end of the stream
 *
 * Reading goes on. A write that waits elsewhere, and every later one, is -EPIPE. Threads: any.
 * Return: 0; -ENOTCONN: the peer has reset the connection; -ENOTSOCK: a pipe, whose writing end is
 * closed with its last reference. (tokio: AsyncWrite::poll_shutdown)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_shutdown(pirn_stream *s);

/**
 * pirn_stream_ready_poll() - wait until there is something to read, or room to write
 * @interest: PIRN_READABLE or PIRN_WRITABLE, not both: -EINVAL; to wait for either, use two operations
 * @ready:    receives both that are so; a hint: the next read or write may still have to wait
 *
 * For connections that are idle and shall not keep a buffer. The end of the stream and errors count
 * as both. Waits as a read or a write does, in its place. Nothing is lost by a drop.
 * Return: 0; PIRN_PENDING; as in pirn/net.h. (tokio: TcpStream::ready)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_ready_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                  unsigned interest, unsigned *ready);

/* ---- life ------------------------------------------------------------------------------- */

/** pirn_stream_ref() - one more reference; returns @s. Threads: any. */
PIRN_API pirn_stream *pirn_stream_ref(pirn_stream *s);

/**
 * pirn_stream_unref() - give one up; NULL is fine. Threads: any, after the runtime too.
 *
 * With the last one the descriptor is closed, and operations that wait return -ECANCELED. What was
 * written still goes out, unless pirn_stream_set_reset_on_close() says otherwise.
 */
PIRN_API void pirn_stream_unref(pirn_stream *s);

/** pirn_stream_fd() - the descriptor, for getsockopt() and the like; not to be closed, made blocking,
 * or registered elsewhere edge-triggered. @s is not NULL. */
PIRN_API int pirn_stream_fd(const pirn_stream *s);

/**
 * pirn_stream_from_fd() - adopt a connected stream socket, or one end of a pipe
 * @h:  NULL: the current runtime
 * @fd: owned by the stream after success; made non-blocking
 *
 * Return: 0 and *@out; -EINVAL: a socket that listens; -ENOTCONN; -ESOCKTNOSUPPORT: a socket that is
 * no stream; -EPERM: what cannot be waited for, a file; -EBADF; -EEXIST: it belongs to a stream of
 * this runtime already. On failure @fd is as it was. (tokio: TcpStream::from_std)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_from_fd(pirn_handle *h, int fd, pirn_stream **out);

/**
 * pirn_pipe_new() - a pipe: what is written into one end comes out of the other
 * @h: NULL: the current runtime
 *
 * The ends are streams that go one way: writing to @reader is -EBADF, and so is reading from @writer.
 * Their descriptors are close-on-exec: for a child, dup2() them. Return: 0, *@reader and *@writer;
 * as in pirn/net.h. (tokio: net::unix::pipe::pipe)
 */
PIRN_API PIRN_MUST_USE int pirn_pipe_new(pirn_handle *h, pirn_stream **reader,
                                         pirn_stream **writer);

/* ---- options ---------------------------------------------------------------------------- */

/** pirn_stream_set_nodelay() - send small writes at once (TCP_NODELAY). Threads: any. Return: 0;
 * -EOPNOTSUPP: not TCP; -ENOTSOCK. (tokio: set_nodelay) */
PIRN_API PIRN_MUST_USE int pirn_stream_set_nodelay(pirn_stream *s, bool on);

/**
 * pirn_stream_set_reset_on_close() - what the last pirn_stream_unref() does with what was not sent yet
 * @on: false: the kernel sends it, the default. True: it is thrown away and the peer gets a reset
 *
 * A linger time is not offered: close() would block a worker for it. Threads: any. Return: 0;
 * -ENOTSOCK. (tokio: set_zero_linger)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_set_reset_on_close(pirn_stream *s, bool on);

/**
 * pirn_stream_set_keepalive() - have the kernel probe a silent peer
 * @idle_ns:     silence before the first probe, ns, rounded up to seconds; 0: no probes
 * @interval_ns: between probes; 0: the system's
 * @count:       probes without an answer until the connection is -ETIMEDOUT; 0: the system's
 *
 * Threads: any. Return: 0; -EINVAL: negative, or more than 32,767 s, or 127 probes; -EOPNOTSUPP: not
 * TCP; -ENOTSOCK. (socket2: set_tcp_keepalive)
 */
PIRN_API PIRN_MUST_USE int pirn_stream_set_keepalive(pirn_stream *s, int64_t idle_ns,
                                                     int64_t interval_ns, unsigned count);

/** pirn_stream_local_addr() - this end's address. Threads: any. Return: 0; -ENOTSOCK. */
PIRN_API PIRN_MUST_USE int pirn_stream_local_addr(const pirn_stream *s, pirn_addr *out);

/** pirn_stream_peer_addr() - the other end's. Threads: any. Return: 0; -ENOTCONN; -ENOTSOCK. */
PIRN_API PIRN_MUST_USE int pirn_stream_peer_addr(const pirn_stream *s, pirn_addr *out);

#ifdef __cplusplus
}
#endif
#endif
