/* SPDX-License-Identifier: MIT */
/* pirn/unix.h: Unix stream sockets, descriptors that are passed through them, credentials.
 *
 * A path is a file's, or with a leading '@' a name of Linux's abstract namespace, which no file has.
 * The errors that every operation here may return are listed in pirn/net.h. */
#ifndef PIRN_UNIX_H
#define PIRN_UNIX_H

#include <sys/types.h>

#include <pirn/op.h>
#include <pirn/runtime.h>
#include <pirn/stream.h>
#include <pirn/tcp.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * pirn_unix_listen() - bind to a path and listen
 * @h:       NULL: the current runtime
 * @path:    up to 107 bytes; must not exist, and stays when the listener is freed: unlink() is yours
 * @backlog: connections that wait to be accepted; 0: 1,024
 *
 * Accepted with pirn_listener_accept_poll(). Threads: any. Return: 0 and *@out; -EADDRINUSE: @path
 * exists; -ENOENT, -EACCES, -ENOTDIR and the like of the file system; -ENAMETOOLONG; -EINVAL: empty;
 * PIRN_ESHUTDOWN; as in pirn/net.h. (tokio: UnixListener::bind)
 */
PIRN_API PIRN_MUST_USE int pirn_unix_listen(pirn_handle *h, const char *path, uint32_t backlog,
                                            pirn_listener **out);

/**
 * pirn_unix_connect_poll() - connect to a path
 * @path: copied by the first call
 *
 * On the current runtime. While the listener's backlog is full it waits and tries again, after 1 ms,
 * then twice as long each time up to 100 ms. Dropped half-way: the attempt is given up.
 * Return: 0 and *@out; PIRN_PENDING; -ENOENT, -ECONNREFUSED: nobody listens; -EACCES; -EPROTOTYPE: a
 * datagram socket; -ENAMETOOLONG; -EINVAL; as in pirn/net.h. (tokio: UnixStream::connect)
 */
PIRN_API PIRN_MUST_USE int pirn_unix_connect_poll(pirn_op *op, pirn_cx *cx, const char *path,
                                                  pirn_stream **out);

/** pirn_unix_pair() - two streams that are connected to each other; @h NULL: the current runtime.
 * Return: 0, *@a and *@b; as in pirn/net.h. (tokio: UnixStream::pair) */
PIRN_API PIRN_MUST_USE int pirn_unix_pair(pirn_handle *h, pirn_stream **a, pirn_stream **b);

/* How many descriptors one pirn_unix_send_fds_poll() takes. */
enum {
    PIRN_UNIX_FDS = 253
};

/**
 * pirn_unix_send_fds_poll() - write bytes, and descriptors with the first of them
 * @buf:  @n bytes, at least one: descriptors cannot travel alone
 * @fds:  @count, up to PIRN_UNIX_FDS; stays where it is until the operation is idle. Still the
 *        caller's: the receiver gets duplicates
 * @sent: receives how many bytes went out; the descriptors did with the first. May be fewer than @n:
 *        go on with pirn_stream_write_all_poll()
 *
 * Dropped half-way: nothing was sent. Return: 0; PIRN_PENDING; -EINVAL: no byte, or too many
 * descriptors; -EBADF: one of them is not open; -ETOOMANYREFS: too many on their way;
 * -EOPNOTSUPP: not a Unix socket; as pirn_stream_write_poll(). (nix: sendmsg with ScmRights)
 */
PIRN_API PIRN_MUST_USE int pirn_unix_send_fds_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                   const void *buf, size_t n, const int *fds,
                                                   size_t count, size_t *sent);

/**
 * pirn_unix_recv_fds_poll() - read bytes, and the descriptors that come with them
 * @buf:   @n bytes, at least one
 * @fds:   room for @room, up to PIRN_UNIX_FDS
 * @got:   receives how many bytes were read; 0: the end of the stream
 * @count: receives how many descriptors stand in @fds: the caller's, close-on-exec
 *
 * Descriptors that find no room are closed, and so are all that came if the process can have no more:
 * then the call is -EMSGSIZE, the bytes are in @buf and lost to the next read. pirn_stream_read_poll()
 * closes those it meets. Dropped half-way: nothing is lost.
 * Return: 0; PIRN_PENDING; -EINVAL: no byte, or more room than PIRN_UNIX_FDS; -EMSGSIZE; -EOPNOTSUPP:
 * not a Unix socket; as pirn_stream_read_poll(). (nix: recvmsg with ScmRights)
 */
PIRN_API PIRN_MUST_USE int pirn_unix_recv_fds_poll(pirn_op *op, pirn_cx *cx, pirn_stream *s,
                                                   void *buf, size_t n, int *fds, size_t room,
                                                   size_t *got, size_t *count);

/* Who is at the other end, or was when it connected. */
typedef struct pirn_unix_cred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
} pirn_unix_cred;

/** pirn_unix_peer_cred() - the peer's process, user and group (SO_PEERCRED). Threads: any.
 * Return: 0 and *@out; -EOPNOTSUPP: not a Unix socket; -ENOTSOCK. (tokio: UnixStream::peer_cred) */
PIRN_API PIRN_MUST_USE int pirn_unix_peer_cred(const pirn_stream *s, pirn_unix_cred *out);

#ifdef __cplusplus
}
#endif
#endif
