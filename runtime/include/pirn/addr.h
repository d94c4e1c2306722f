/* SPDX-License-Identifier: MIT */
/* pirn/addr.h: an address of a socket, of any family, as a value. */
#ifndef PIRN_ADDR_H
#define PIRN_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

/**
 * struct pirn_addr - an address
 * @len: bytes of it that count; 0: none
 *
 * `&a.sa, a.len` is what the calls take that want a struct sockaddr. To be read as `storage`, and as
 * struct sockaddr_un too, which fits.
 */
typedef struct pirn_addr {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
    };
} pirn_addr;

#endif
