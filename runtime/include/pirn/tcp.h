/* SPDX-License-Identifier: MIT */
/* pirn/tcp.h: TCP: listen, accept, connect, dial. The errors that every operation here may return are
 * listed in pirn/net.h. */
#ifndef PIRN_TCP_H
#define PIRN_TCP_H

#include <pirn/addr.h>
#include <pirn/op.h>
#include <pirn/runtime.h>
#include <pirn/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_listener pirn_listener; /* TCP or Unix; one owner */

/* pirn_tcp_opts.flags */
enum {
    PIRN_TCP_REUSE_PORT =
        1u << 0, /* several listeners share a port, the kernel spreads over them */
    PIRN_TCP_NO_REUSE_ADDR = 1u << 1, /* a port whose old connections linger is -EADDRINUSE; without
                                         this, listeners take it (SO_REUSEADDR) */
    PIRN_TCP_NODELAY = 1u << 2,       /* of the connection, or of all that are accepted */
    PIRN_TCP_V6ONLY = 1u << 3,        /* an IPv6 listener takes no IPv4 connections */
    PIRN_TCP_DUAL_STACK = 1u << 4,    /* it does, whatever the system's default is */
    PIRN_TCP_KEEPALIVE = 1u << 5,     /* with the times below */
    PIRN_TCP_DEFER_ACCEPT = 1u << 6,  /* a connection is accepted once it has sent something */
    PIRN_TCP_FASTOPEN = 1u << 7       /* data in the first packet, where the system allows it */
};

/**
 * struct pirn_tcp_opts - of a listener and what it accepts, or of a connection; zero is the default
 * @size:                  sizeof(pirn_tcp_opts)
 * @backlog:               connections that wait to be accepted; 1,024; the system's limit holds too
 * @flags:                 PIRN_TCP_*
 * @send_buffer:           bytes, SO_SNDBUF; 0: the system adapts it
 * @receive_buffer:        bytes, SO_RCVBUF; 0: the system adapts it
 * @keepalive_idle_ns:     as in pirn_stream_set_keepalive(), with PIRN_TCP_KEEPALIVE; 0: the system's,
 * @keepalive_interval_ns: as is this
 * @keepalive_count:       and this
 * @user_timeout_ns:       how long what was sent may stay without an answer before the connection is
 *                         -ETIMEDOUT, rounded up to ms; 0: the system's
 * @local:                 of a connection: bound to this address first; NULL: the system chooses
 * @local_len:             of @local
 */
typedef struct pirn_tcp_opts {
    size_t size;
    uint32_t backlog;
    uint32_t flags;
    uint32_t send_buffer;
    uint32_t receive_buffer;
    int64_t keepalive_idle_ns;
    int64_t keepalive_interval_ns;
    int64_t user_timeout_ns;
    uint32_t keepalive_count;
    socklen_t local_len;
    const struct sockaddr *local;
} pirn_tcp_opts;

#ifdef __cplusplus
static inline pirn_tcp_opts pirn_tcp_opts_init(void)
{
    pirn_tcp_opts o = pirn_tcp_opts();
    o.size = sizeof o;
    return o;
}
#    define PIRN_TCP_OPTS_INIT pirn_tcp_opts_init()
#else
#    define PIRN_TCP_OPTS_INIT                                                                     \
        {                                                                                          \
            .size = sizeof(pirn_tcp_opts)                                                          \
        }
#endif

/* ---- listeners -------------------------------------------------------------------------- */

/**
 * pirn_tcp_listen() - bind and listen
 * @h:  NULL: the current runtime
 * @sa: IPv4 or IPv6, @n bytes; port 0: the system chooses, pirn_listener_addr() tells
 * @o:  borrowed for the call; NULL: all defaults
 *
 * Threads: any. Return: 0 and *@out; -EAFNOSUPPORT: another family; -EINVAL: @n does not fit the
 * family, or an option (pirn_last_error_text() names it); -E2BIG: options of a later version;
 * -EADDRINUSE, -EADDRNOTAVAIL, -EACCES; PIRN_ESHUTDOWN; as in pirn/net.h. (tokio: TcpListener::bind)
 */
PIRN_API PIRN_MUST_USE int pirn_tcp_listen(pirn_handle *h, const struct sockaddr *sa, socklen_t n,
                                           const pirn_tcp_opts *o, pirn_listener **out);

/**
 * pirn_listener_accept_poll() - the next connection
 * @out: one reference, the caller's
 *
 * A connection that its peer has given up already is passed over. When descriptors or memory run out
 * (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM) it waits and tries again, after 1 ms, then twice as long each
 * time up to 1 s, and loses no connection: those that wait stay in the backlog. That wait is a timer
 * of the current runtime; on a thread in none the error is returned instead. Dropped half-way: nothing is
 * lost. One operation waits at a listener at a time: tasks that accept side by side have listeners of their
 * own, with PIRN_TCP_REUSE_PORT.
 *
 * Return: 0; PIRN_PENDING; -EINVAL: the descriptor does not listen, or was made blocking; as in
 * pirn/net.h. (tokio: TcpListener::accept)
 */
PIRN_API PIRN_MUST_USE int pirn_listener_accept_poll(pirn_op *op, pirn_cx *cx, pirn_listener *l,
                                                     pirn_stream **out);

/** pirn_listener_accept_try() - one look, from any thread; -EAGAIN: none waits; -EMFILE and the like
 * are returned. */
PIRN_API PIRN_MUST_USE int pirn_listener_accept_try(pirn_listener *l, pirn_stream **out);

/**
 * pirn_listener_from_fd() - adopt a stream socket that listens, TCP or Unix: socket activation
 * @h:  NULL: the current runtime
 * @fd: owned by the listener after success; made non-blocking
 *
 * Return: 0 and *@out; -EINVAL: it does not listen; -ENOTSOCK; -ESOCKTNOSUPPORT; -EBADF; -EEXIST: it
 * belongs to a listener of this runtime already. On failure @fd is as it was.
 * (tokio: TcpListener::from_std)
 */
PIRN_API PIRN_MUST_USE int pirn_listener_from_fd(pirn_handle *h, int fd, pirn_listener **out);

/** pirn_listener_addr() - the address it listens on. Threads: any. Return: 0; an errno. */
PIRN_API PIRN_MUST_USE int pirn_listener_addr(const pirn_listener *l, pirn_addr *out);

/** pirn_listener_fd() - the descriptor; not to be closed or made blocking. @l is not NULL. */
PIRN_API int pirn_listener_fd(const pirn_listener *l);

/** pirn_listener_free() - stop listening; NULL is fine. Threads: any. An accept that waits returns
 * -ECANCELED. The path of a Unix socket stays. */
PIRN_API void pirn_listener_free(pirn_listener *l);

/* ---- connections ------------------------------------------------------------------------ */

/**
 * pirn_tcp_connect_poll() - connect to an address
 * @sa:  IPv4 or IPv6, @n bytes; copied by the first call
 * @out: one reference, the caller's
 *
 * On the current runtime. Dropped half-way: the attempt is given up, the socket closed.
 * Return: 0; PIRN_PENDING; -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, -EHOSTUNREACH, -EADDRNOTAVAIL,
 * -EACCES; -EAFNOSUPPORT, -EINVAL as pirn_tcp_listen(); as in pirn/net.h. (tokio: TcpStream::connect)
 */
PIRN_API PIRN_MUST_USE int pirn_tcp_connect_poll(pirn_op *op, pirn_cx *cx,
                                                 const struct sockaddr *sa, socklen_t n,
                                                 pirn_stream **out);

/** pirn_tcp_connect_with_poll() - the same with options, which are borrowed by the first call; -EADDRINUSE:
 * of @o->local. (tokio: TcpSocket::connect) */
PIRN_API PIRN_MUST_USE int pirn_tcp_connect_with_poll(pirn_op *op, pirn_cx *cx,
                                                      const struct sockaddr *sa, socklen_t n,
                                                      const pirn_tcp_opts *o, pirn_stream **out);

/**
 * pirn_tcp_dial_poll() - look a name up, and connect to the first of its addresses that answers
 * @host, @service: as in pirn_lookup_poll(); copied by the first call
 *
 * One address after the other, in the system's order, each with the system's patience: put a
 * pirn_timeout_poll() around it. (Not RFC 8305: no two attempts run at once.)
 * Return: as pirn_lookup_poll(), or what the last attempt of pirn_tcp_connect_poll() gave.
 * (tokio: TcpStream::connect((host, port)))
 */
PIRN_API PIRN_MUST_USE int pirn_tcp_dial_poll(pirn_op *op, pirn_cx *cx, const char *host,
                                              const char *service, pirn_stream **out);

#ifdef __cplusplus
}
#endif
#endif
