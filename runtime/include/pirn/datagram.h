/* SPDX-License-Identifier: MIT */
/* pirn/datagram.h: sockets that send and receive messages: UDP and Unix datagrams.
 *
 * Shared like a stream; one operation waits to send, one to receive, a further one gets -EBUSY. A
 * message is sent and received whole or not at all. The errors that every operation here may return
 * are listed in pirn/net.h. */
#ifndef PIRN_DATAGRAM_H
#define PIRN_DATAGRAM_H

#include <pirn/addr.h>
#include <pirn/op.h>
#include <pirn/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pirn_datagram pirn_datagram; /* (tokio: UdpSocket, UnixDatagram) */

/* pirn_udp_opts.flags */
enum {
    PIRN_UDP_REUSE_PORT = 1u << 0, /* several sockets share a port, the kernel spreads over them */
    PIRN_UDP_REUSE_ADDR = 1u << 1, /* several receive the same multicast */
    PIRN_UDP_BROADCAST = 1u << 2,  /* may send to broadcast addresses */
    PIRN_UDP_V6ONLY = 1u << 3,     /* an IPv6 socket receives no IPv4 */
    PIRN_UDP_DUAL_STACK = 1u << 4  /* it does, whatever the system's default is */
};

/**
 * struct pirn_udp_opts - options of a UDP socket; zero is the default
 * @size:           sizeof(pirn_udp_opts)
 * @flags:          PIRN_UDP_*
 * @send_buffer:    bytes, SO_SNDBUF; 0: the system's
 * @receive_buffer: bytes, SO_RCVBUF; 0: the system's
 */
typedef struct pirn_udp_opts {
    size_t size;
    uint32_t flags;
    uint32_t send_buffer;
    uint32_t receive_buffer;
} pirn_udp_opts;

#ifdef __cplusplus
static inline pirn_udp_opts pirn_udp_opts_init(void)
{
    pirn_udp_opts o = pirn_udp_opts();
    o.size = sizeof o;
    return o;
}
#    define PIRN_UDP_OPTS_INIT pirn_udp_opts_init()
#else
#    define PIRN_UDP_OPTS_INIT                                                                     \
        {                                                                                          \
            .size = sizeof(pirn_udp_opts)                                                          \
        }
#endif

/**
 * pirn_udp_bind() - a UDP socket
 * @h:  NULL: the current runtime
 * @sa: IPv4 or IPv6, @n bytes; port 0: the system chooses, pirn_datagram_local_addr() tells
 * @o:  borrowed for the call; NULL: all defaults
 *
 * Threads: any. Return: as pirn_tcp_listen(). (tokio: UdpSocket::bind)
 */
PIRN_API PIRN_MUST_USE int pirn_udp_bind(pirn_handle *h, const struct sockaddr *sa, socklen_t n,
                                         const pirn_udp_opts *o, pirn_datagram **out);

/** pirn_unix_datagram_bind() - a Unix datagram socket at @path, as in pirn_unix_listen(); NULL: without
 * a name, to send only. Return: as pirn_unix_listen(). (tokio: UnixDatagram::bind, unbound) */
PIRN_API PIRN_MUST_USE int pirn_unix_datagram_bind(pirn_handle *h, const char *path,
                                                   pirn_datagram **out);

/** pirn_unix_datagram_pair() - two that are connected to each other. (tokio: UnixDatagram::pair) */
PIRN_API PIRN_MUST_USE int pirn_unix_datagram_pair(pirn_handle *h, pirn_datagram **a,
                                                   pirn_datagram **b);

/** pirn_datagram_from_fd() - adopt a datagram socket: owned after success, made non-blocking.
 * Return: 0; -ENOTSOCK; -ESOCKTNOSUPPORT: of another type; -EBADF; -EEXIST; as in pirn/net.h. On
 * failure @fd is as it was. (tokio: UdpSocket::from_std) */
PIRN_API PIRN_MUST_USE int pirn_datagram_from_fd(pirn_handle *h, int fd, pirn_datagram **out);

/**
 * pirn_datagram_connect() - fix the peer: others are not received from any more
 * @sa: @n bytes; AF_UNSPEC gives the peer up again
 *
 * Never blocks. Threads: any. Return: 0; -EAFNOSUPPORT, -EINVAL: not the socket's family;
 * -ECONNREFUSED, -ENOENT: of a Unix path; -ENETUNREACH and the like. (tokio: UdpSocket::connect)
 */
PIRN_API PIRN_MUST_USE int pirn_datagram_connect(pirn_datagram *d, const struct sockaddr *sa,
                                                 socklen_t n);

/**
 * pirn_datagram_send_poll() - send one message to the peer
 * @buf: @n bytes; 0 is a message too
 *
 * Dropped half-way: nothing was sent. Return: 0; PIRN_PENDING; -EMSGSIZE: too long for one message;
 * -EDESTADDRREQ, -ENOTCONN: no peer; -ECONNREFUSED: an earlier one was refused by the peer's host;
 * as in pirn/net.h. (tokio: UdpSocket::send)
 */
PIRN_API PIRN_MUST_USE int pirn_datagram_send_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d,
                                                   const void *buf, size_t n);

/**
 * pirn_datagram_send_to_poll() - send one message to an address
 * @sa: @len bytes; stays where it is, like @buf, until the operation is idle
 *
 * To a Unix socket whose queue is full it waits by a timer, after 1 ms, then twice as long each time up
 * to 100 ms: the kernel does not tell. Return: as pirn_datagram_send_poll(); -EAFNOSUPPORT, -EINVAL:
 * not the socket's family; -ENETUNREACH, -EACCES and the like; -EISCONN. (tokio: UdpSocket::send_to)
 */
PIRN_API PIRN_MUST_USE int pirn_datagram_send_to_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d,
                                                      const void *buf, size_t n,
                                                      const struct sockaddr *sa, socklen_t len);

/**
 * pirn_datagram_recv_poll() - the next message
 * @buf: @n bytes
 * @got: receives the message's length; more than @n: what did not fit is lost
 *
 * Dropped half-way: nothing is lost. Return: 0; PIRN_PENDING; -ECONNREFUSED: a message sent earlier was
 * refused, and this is reported once; as in pirn/net.h. (tokio: UdpSocket::recv)
 */
PIRN_API PIRN_MUST_USE int pirn_datagram_recv_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d,
                                                   void *buf, size_t n, size_t *got);

/** pirn_datagram_recv_from_poll() - the same; @from: receives the sender's address, its len 0 if it has
 * no name; may be NULL. (tokio: UdpSocket::recv_from) */
PIRN_API PIRN_MUST_USE int pirn_datagram_recv_from_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d,
                                                        void *buf, size_t n, size_t *got,
                                                        pirn_addr *from);

/** pirn_datagram_peek_from_poll() - the same, and the message can be received again.
 * (tokio: UdpSocket::peek_from) */
PIRN_API PIRN_MUST_USE int pirn_datagram_peek_from_poll(pirn_op *op, pirn_cx *cx, pirn_datagram *d,
                                                        void *buf, size_t n, size_t *got,
                                                        pirn_addr *from);

/** pirn_datagram_ref() - one more reference; returns @d. Threads: any. */
PIRN_API pirn_datagram *pirn_datagram_ref(pirn_datagram *d);

/** pirn_datagram_unref() - give one up; NULL is fine. With the last one the socket is closed, and
 * operations that wait return -ECANCELED. The path of a Unix socket stays. Threads: any. */
PIRN_API void pirn_datagram_unref(pirn_datagram *d);

/** pirn_datagram_fd() - the descriptor, as pirn_stream_fd(). */
PIRN_API int pirn_datagram_fd(const pirn_datagram *d);

/** pirn_datagram_local_addr() - its own address. Threads: any. Return: 0; an errno. */
PIRN_API PIRN_MUST_USE int pirn_datagram_local_addr(const pirn_datagram *d, pirn_addr *out);

/** pirn_datagram_peer_addr() - the peer's. Threads: any. Return: 0; -ENOTCONN. */
PIRN_API PIRN_MUST_USE int pirn_datagram_peer_addr(const pirn_datagram *d, pirn_addr *out);

#ifdef __cplusplus
}
#endif
#endif
