/* SPDX-License-Identifier: MIT */
/* pirn/net.h: sockets and pipes as operations of tasks: addresses and names here, the rest below it.
 *
 *   pirn/stream.h     what bytes flow through: TCP, Unix stream sockets, pipes
 *   pirn/tcp.h        listen, accept, connect, dial
 *   pirn/unix.h       Unix stream sockets, descriptors that are passed, credentials
 *   pirn/datagram.h   UDP and Unix datagrams
 *
 * Of every object here: it belongs to the runtime it was made on and keeps that runtime's memory, so
 * it may be freed in any order, from any thread, from a drop, and after the runtime. What its
 * operations return besides the errors of the system calls, which are passed on as they are:
 *
 *   -EINVAL          an argument is NULL, or as the call's comment says
 *   -EBUSY           another operation waits in this direction already: one reads, one writes
 *   -ECANCELED       the last reference was given up while the operation waited
 *   PIRN_ESHUTDOWN   the runtime has shut down
 *   PIRN_ENORUNTIME  a call without a handle, and this thread is in no runtime
 *   -ENOMEM          of calls that make something, as are -EMFILE and -ENFILE
 *
 * Operations are polled by one task at a time each, in any runtime, or under pirn_poll_wait(). An
 * operation that waits costs its task nothing until the kernel reports its descriptor; one that makes
 * progress takes a unit of budget. EINTR is never returned. No call raises SIGPIPE.
 */
#ifndef PIRN_NET_H
#define PIRN_NET_H

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <pirn/datagram.h>
#include <pirn/op.h>
#include <pirn/runtime.h>
#include <pirn/stream.h>
#include <pirn/tcp.h>
#include <pirn/unix.h>

#ifdef __cplusplus
extern "C" {
#endif

struct addrinfo; /* of <netdb.h>, which may hide it */

/* Bytes that hold every text of pirn_addr_format(), the 0 included. */
enum {
    PIRN_ADDR_TEXT = 128
};

/**
 * pirn_addr_parse() - an address from a text that names no host
 * @text: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/run/x" (a path), "unix:@x" (an
 *        abstract name), ":80" (any IPv6 address, and IPv4 where the socket is not v6only)
 *
 * Threads: any; never blocks. Return: 0 and *@out; -EINVAL: not an address; -ENAMETOOLONG: a path
 * that no Unix socket can have. (Rust: SocketAddr::from_str)
 */
PIRN_API PIRN_MUST_USE int pirn_addr_parse(const char *text, pirn_addr *out);

/**
 * pirn_addr_format() - the text of an address, as pirn_addr_parse() takes it
 * @buf: @n bytes; PIRN_ADDR_TEXT is always enough; what does not fit is cut
 *
 * An address without a name, of a Unix socket that is not bound, is "unix:"; one of a family that is
 * not known here is "family:N". Threads: any. Return: @buf, or "" if @n is 0.
 */
PIRN_API const char *pirn_addr_format(const pirn_addr *a, char *buf, size_t n);

/**
 * pirn_lookup_poll() - addresses of a name
 * @host:    copied; NULL: the loopback address, or with AI_PASSIVE any address
 * @service: copied: a number or a name; NULL: port 0. Not both NULL
 * @hints:   copied; NULL: TCP, IPv4 and IPv6
 * @out:     a list in the system's order; the caller's, to be freed with freeaddrinfo()
 *
 * getaddrinfo() on a thread of the blocking pool of this thread's current runtime; numbers are read
 * at once, without one. It cannot be interrupted: dropped half-way, the operation is over, the thread
 * goes on until getaddrinfo() returns, and the list is freed.
 *
 * Return: 0 and *@out; PIRN_PENDING; -ENOENT: no such host, or it has no address of that family;
 * -EAGAIN: no answer now; -EIO: the name server failed; -EINVAL: neither host nor service, an
 * unknown service, a number that is no port, hints that do not fit; -EAFNOSUPPORT; -ENAMETOOLONG;
 * -ENOMEM; PIRN_ENORUNTIME; PIRN_ESHUTDOWN; an errno of the system. pirn_last_error_text() has
 * gai_strerror()'s words.
 * (tokio: net::lookup_host)
 */
PIRN_API PIRN_MUST_USE int pirn_lookup_poll(pirn_op *op, pirn_cx *cx, const char *host,
                                            const char *service, const struct addrinfo *hints,
                                            struct addrinfo **out);

#ifdef __cplusplus
}
#endif
#endif
