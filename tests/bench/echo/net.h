/* SPDX-License-Identifier: MIT */
/* net.h: what do the C programs here share? Failing, numbers of the command line, listening, and as
 * many descriptors as there may be. */
#ifndef BENCH_ECHO_NET_H
#define BENCH_ECHO_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    BACKLOG = 4096
};

static inline _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static inline int checked(const char *what, int result)
{
    if (result < 0) {
        fail(what);
    }
    return result;
}

static inline uint16_t port_of(const char *text)
{
    long n = strtol(text, NULL, 10);

    if (n < 1 || n > UINT16_MAX) {
        fprintf(stderr, "%s is no port\n", text);
        exit(2);
    }
    return (uint16_t)n;
}

static inline struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sa;
}

static inline void allow_many_fds(void)
{
    struct rlimit r;

    checked("getrlimit", getrlimit(RLIMIT_NOFILE, &r));
    r.rlim_cur = r.rlim_max;
    checked("setrlimit", setrlimit(RLIMIT_NOFILE, &r));
}

/* Tells whoever started this server that it may connect. */
static inline void say_listening(uint16_t port)
{
    printf("listening on %u\n", port);
    fflush(stdout);
}

#endif
